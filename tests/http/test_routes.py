"""Every route of the app says whom it lets in, and few let in anybody: to log in, to ask for health, to see images,
to read what the API is."""

import re
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from crm_adapters.image_headers import read_header
from crm_adapters.memory import MemoryAccounts, MemoryDatabase, MemoryFileStore
from crm_adapters.tables.reader import ChildTableReader
from crm_core.model.permissions import PERMISSIONS
from crm_core.use_cases.import_requests import Imports
from crm_core.use_cases.import_stores import ImportStores
from crm_core.use_cases.uploads import Images
from crm_http.api.auth import PERMISSION, Access
from crm_http.app import create_app
from tests.http.conftest import Api, on_memory

#: The only answers that anybody gets: a method and a path.
FOR_ANYBODY = {
    ("POST", "/api-token-auth"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/schema/openapi.json"),  # without what users defined
    ("GET", "/"),  # leads to /docs/
    ("GET", "/docs"),
    ("GET", "/docs/{name:str}"),
    ("GET", "/ical/{secret:str}"),  # nobody can guess these secrets (decision 139)
    ("GET", "/files/clients/{id:str}/{name:str}"),  # nobody can guess these names (decision 18)
    ("GET", "/files/services/{id:str}/{name:str}"),
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class NoPasswords:
    """Passwords of an app that nobody logs in to."""

    async def hash(self, _: str) -> str:
        raise NotImplementedError

    async def verify(self, _: str, __: str | None) -> bool:
        raise NotImplementedError

    def is_outdated(self, _: str) -> bool:
        raise NotImplementedError


def _handlers() -> Iterator[tuple[str, HTTPRouteHandler]]:
    """Every path with its handlers."""
    images = Images(files=MemoryFileStore(), read_header=read_header)
    database = MemoryDatabase()
    imports = Imports(ImportStores(database, database.imports, ChildTableReader()))
    app = create_app(
        database, MemoryAccounts(), NoPasswords(), database.outbox, database.feed, images, imports=imports
    )._app
    assert isinstance(app, Litestar)
    for route in app.routes:
        assert isinstance(route, HTTPRoute), f"{route.path} is no HTTP route"
        for handler in route.route_handlers:
            yield route.path, handler


HANDLERS = list(_handlers())
#: Every path with each of its methods and what is declared for it.
ROUTES = [
    (method, path, handler.opt.get(PERMISSION, {}).get(method))
    for path, handler in HANDLERS
    for method in handler.http_methods
]
PATHS = sorted({path for _, path, _ in ROUTES})


def test_every_method_of_every_path_belongs_to_a_handler() -> None:
    assert len(PATHS) >= 40
    assert {(method, path) for method, path, _ in ROUTES} == {(method, path) for path in PATHS for method in METHODS}


def test_every_handler_declares_whom_it_lets_in() -> None:
    undeclared = [
        (method, path)
        for method, path, needed in ROUTES
        if not isinstance(needed, Access) and needed not in PERMISSIONS
    ]

    assert undeclared == []


def test_the_guard_runs_before_every_answer() -> None:
    """What runs before a request can be another one for a route of its own, and there must be none."""
    guards = {handler.resolve_before_request() for _, handler in HANDLERS}

    assert len(guards) == 1
    assert None not in guards


@pytest.fixture(scope="module")
def anybody() -> Iterator[Api]:
    with on_memory() as api:
        yield api.anonymous()


def test_only_logins_health_images_and_the_description_are_for_anybody(anybody: Api) -> None:
    public = {path for _, path in FOR_ANYBODY}
    let_in = set()
    for method, path, _ in ROUTES:
        real = re.sub(r"{\w+:str}", "01890000-0000-7000-8000-000000000000", path)
        for each in (real, real + "/"):
            answer = anybody.request(method, each)
            if answer.status_code == 401:
                assert answer.headers["WWW-Authenticate"] == "Token"
            # The public paths tell anybody which methods they have, too.
            elif path not in public or answer.status_code not in {204, 405}:
                let_in.add((method, path))

    assert let_in == FOR_ANYBODY


def test_methods_that_no_path_has_are_refused_to_anybody_too(anybody: Api) -> None:
    for path in {path for path in PATHS if path not in {p for _, p in FOR_ANYBODY}}:
        for method in ("HEAD", "BREW", "TRACE"):
            assert anybody.request(method, path).status_code == 401, (method, path)
