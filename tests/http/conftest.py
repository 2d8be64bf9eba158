"""The running app: in process on memory, and as ``crm serve`` on PostgreSQL, behind one small client."""

import asyncio
import contextlib
import functools
import operator
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import httpx
import psycopg
import pytest
from argon2 import PasswordHasher

from crm_adapters.calendars import IcsCalendarWriter
from crm_adapters.image_headers import read_header
from crm_adapters.memory import MemoryAccounts, MemoryDatabase, MemoryFileStore
from crm_adapters.passwords import Argon2Passwords
from crm_adapters.tables.workbooks import ChildWorkbookWriter
from crm_core.ports import FileStore
from crm_core.use_cases.accounts import PREFIX_LENGTH, hash_token
from crm_core.use_cases.import_requests import MAX_IMPORT_BYTES, Imports
from crm_core.use_cases.import_stores import ImportStores
from crm_core.use_cases.uploads import Images
from crm_core.use_cases.users import disable_user
from crm_http.app import create_app
from crm_http.middleware import RequestMiddleware
from tests.near_tables import NearTableReader
from tests.postgresql import empty_on

PASSWORD = "an-admin-password"
_CRM = pathlib.Path(sys.executable).parent / "crm"


class MemoryPeople:
    """Manages the users of an app on memory; what ``PostgresPeople`` does on PostgreSQL."""

    def __init__(self, run: Callable[..., Any], accounts: MemoryAccounts, password_hash: str) -> None:
        self._run, self._accounts, self._hash = run, accounts, password_hash

    def add(self, username: str, *groups: str, **names: Any) -> int:
        """A new user's id; the password is ``PASSWORD``."""
        added: int = self._run(self._accounts.add_user(username, self._hash, groups=groups, **names))
        return added

    def disable(self, username: str) -> None:
        """Lock a user out, whose tokens stay."""
        self._run(disable_user(self._accounts, username))

    def grant(self, group: str, *permissions: str) -> None:
        """Give a group permissions; a group that is new is made."""
        self._run(self._accounts.grant(group, permissions))

    @contextlib.contextmanager
    def without(self, group: str, permission: str) -> Iterator[None]:
        """Take a permission from a group for a while."""
        self._run(self._accounts.revoke(group, [permission]))
        yield
        self._run(self._accounts.grant(group, [permission]))


class PostgresPeople:
    """The same in the tables, beside the app that runs on them."""

    def __init__(self, database_url: str, password_hash: str) -> None:
        self._url, self._hash = database_url, password_hash

    def add(self, username: str, *groups: str, first_name: str = "", last_name: str = "", email: str = "") -> int:
        with psycopg.connect(self._url) as connection:
            insert = (
                b"insert into app_user (username, password_hash, first_name, last_name, email)"
                b" values (%s, %s, %s, %s, %s) returning id"
            )
            [[id_]] = connection.execute(insert, (username, self._hash, first_name, last_name, email)).fetchall()
            connection.execute("insert into membership select %s, unnest(%s::text[])", (id_, list(groups)))
        return int(id_)

    def disable(self, username: str) -> None:
        self._execute("update app_user set is_active = false where username = %s", username)

    def grant(self, group: str, *permissions: str) -> None:
        self._execute("insert into app_group (name) values (%s) on conflict do nothing", group)
        for permission in permissions:
            insert = "insert into group_permission (group_name, permission) values (%s, %s) on conflict do nothing"
            self._execute(insert, group, permission)

    @contextlib.contextmanager
    def without(self, group: str, permission: str) -> Iterator[None]:
        self._execute("delete from group_permission where group_name = %s and permission = %s", group, permission)
        try:
            yield
        finally:
            self._execute("insert into group_permission (group_name, permission) values (%s, %s)", group, permission)

    def _execute(self, statement: str, *values: str) -> None:
        with psycopg.connect(self._url) as connection:
            connection.execute(statement.encode(), values)


class Api:
    """Sends requests as one user, whichever way the app runs."""

    def __init__(self, send: Callable[..., httpx.Response], token: str = "", people: Any = None) -> None:
        self._send = send
        self.token = token
        self.people: MemoryPeople | PostgresPeople = people

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Token {self.token}"} if self.token else {}
        return self._send(method, path, **options | {"headers": headers | dict(options.get("headers") or {})})

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return self.request("POST", path, **(options if json is None else options | {"json": json}))

    def put(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return self.request("PUT", path, json=json, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, **(options if json is None else options | {"json": json}))

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def upload(self, path: str, content: bytes, name: str = "a.png") -> httpx.Response:
        """Send a file to a record, as the documentation says."""
        return self.request("POST", f"{path}files/", files={"file": (name, content)})

    def make(self, path: str, **values: Any) -> dict[str, Any]:
        """Create a record that must succeed."""
        answer = self.post(path, values)
        assert answer.status_code == 201, answer.text
        record: dict[str, Any] = answer.json()
        return record

    def as_user(self, username: str, password: str = PASSWORD) -> "Api":
        answer = Api(self._send).post("/api-token-auth/", {"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        return self.with_token(answer.json()["token"])

    def with_token(self, token: str) -> "Api":
        return Api(self._send, token, self.people)

    def anonymous(self) -> "Api":
        return self.with_token("")


class Server:
    """A ``crm serve`` of the test's own."""

    def __init__(self, database_url: str, data_dir: pathlib.Path, *options: str, **settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
        environment |= {
            "CRM_DATABASE_URL": database_url,
            "CRM_DATA_DIR": str(data_dir),
            "CRM_ADMIN_PASSWORD": PASSWORD,
            "CRM_WEBHOOK_ALLOW": "127.0.0.0/8",
            "CRM_WEBHOOK_RETRY_DELAYS": "0.1,0.1,0.1",
        }
        self.process = subprocess.Popen(
            [_CRM, "serve", "--port", str(self.port), *options], env=environment | settings, start_new_session=True
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        self._wait()

    def _wait(self) -> None:
        for _ in range(1_500):
            assert self.process.poll() is None, "crm serve ended early"
            with contextlib.suppress(httpx.TransportError):
                if self.client.get("/readyz").status_code == 200:
                    return
            time.sleep(0.02)  # another process has no event to wait for
        raise AssertionError("crm serve did not get ready")

    def api(self, people: PostgresPeople | None = None) -> Api:
        return Api(self.client.request, people=people).as_user("admin")

    def kill(self) -> None:
        """End it with all its workers at once, as a power cut would."""
        self.client.close()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def stop(self) -> int:
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextlib.contextmanager
def serving(database_url: str, data_dir: pathlib.Path, *options: str, **settings: str) -> Iterator[Server]:
    server = Server(database_url, data_dir, *options, **settings)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def database_url(migrated_database: Callable[[], str]) -> str:
    return migrated_database()


@pytest.fixture(scope="session")
def server(database_url: str, place: pathlib.Path) -> Iterator[Server]:
    with serving(database_url, place / "served") as running:
        yield running


@pytest.fixture(scope="session")
def password_hash() -> str:
    passwords = Argon2Passwords()
    with contextlib.closing(passwords):
        return asyncio.run(passwords.hash(PASSWORD))


@pytest.fixture(scope="session")
def emptied(server: Server, database_url: str) -> Iterator[Callable[[], str]]:
    """Takes all away from the server's database but the administrator, and gives the only token.

    Its connection stays open, as a new one must read about all tables first; nor does the administrator log in: both
    took longer than most tests.
    """
    assert server.port
    token = "0123456789" * 4
    with psycopg.connect(database_url, autocommit=True) as connection:

        def empty() -> str:
            empty_on(connection)
            connection.execute(_EMPTY_USERS)
            values = (hash_token(token), token[:PREFIX_LENGTH])
            connection.execute("insert into token (hash, user_id, prefix) values (%s, 1, %s)", values)
            return token

        yield empty


_EMPTY_USERS = b"""
    delete from failed_login; delete from token; delete from app_user where username <> 'admin';
    alter table app_user alter column id restart with 2"""


@pytest.fixture
def postgres_api(server: Server, database_url: str, password_hash: str, emptied: Callable[[], str]) -> Api:
    """The administrator of ``crm serve`` on an empty database."""
    return Api(server.client.request, emptied(), PostgresPeople(database_url, password_hash))


class Stores(NamedTuple):
    """What an app of the tests stands on."""

    records: Any
    accounts: MemoryAccounts
    passwords: Argon2Passwords
    files: FileStore


class Standing:
    """Stands for a store of the test that runs, which it finds at each use."""

    def __init__(self, app: "UsualApp", path: str) -> None:
        self._find = functools.partial(operator.attrgetter(path), app)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._find(), name)


class UsualApp:
    """An app with nothing special, made once for all tests, as that takes a tenth of a second."""

    stores: Stores

    def __init__(self) -> None:
        records, *others = (Standing(self, f"stores.{name}") for name in Stores._fields)
        for name in ("outbox", "feed", "imports"):
            setattr(records, name, Standing(self, f"stores.records.{name}"))
        self._app = new_app(Stores(records, *others), {}, MAX_IMPORT_BYTES)._app  # type: ignore[arg-type]

    def on(self, stores: Stores) -> RequestMiddleware:
        """The app on these stores, until others are given; its middleware is new, and knows nobody."""
        self.stores = stores
        return RequestMiddleware(self._app)


usual_app = functools.cache(UsualApp)


def new_app(stores: Stores, of_app: Mapping[str, Any], max_import_bytes: int, **of_images: Any) -> RequestMiddleware:
    records, accounts, passwords, files = stores
    images = Images(files=files, read_header=read_header, **of_images)
    imports = Imports(ImportStores(records, records.imports, NearTableReader()), max_import_bytes)
    usual: dict[str, Any] = {"workbooks": ChildWorkbookWriter(), "imports": imports, "calendars": IcsCalendarWriter()}
    return create_app(records, accounts, passwords, records.outbox, records.feed, images, **{**usual, **of_app})


@contextlib.contextmanager
def on_memory(
    database: Callable[[MemoryAccounts], Any] = MemoryDatabase,
    files: FileStore | None = None,
    of_app: Mapping[str, Any] | None = None,
    mounted: str = "",
    max_import_bytes: int = MAX_IMPORT_BYTES,
    **of_images: Any,
) -> Iterator[Api]:
    """The administrator of an app in this process, on memory or what else keeps records, all of the test's own."""
    with asyncio.Runner() as runner:
        # The administrator logs in for each test, which need not wait for hashes that are slow on purpose.
        accounts, passwords = MemoryAccounts(), Argon2Passwords(PasswordHasher(1, 8, 1))
        password_hash = runner.run(passwords.hash(PASSWORD))
        runner.run(accounts.add_user("admin", password_hash, is_superuser=True))
        stores = Stores(database(accounts), accounts, passwords, files or MemoryFileStore())
        is_usual = not of_app and not of_images and max_import_bytes == MAX_IMPORT_BYTES
        app = usual_app().on(stores) if is_usual else new_app(stores, of_app or {}, max_import_bytes, **of_images)
        transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False, root_path=mounted)
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        people = MemoryPeople(runner.run, accounts, password_hash)
        yield Api(lambda *given, **named: runner.run(client.request(*given, **named)), people=people).as_user("admin")
        runner.run(client.aclose())
        passwords.close()


@pytest.fixture
def memory_api() -> Iterator[Api]:
    with on_memory() as api:
        yield api


@pytest.fixture(params=["memory", "postgres"])
def api(request: pytest.FixtureRequest) -> Api:
    """The administrator, once on memory and once on PostgreSQL."""
    api: Api = request.getfixturevalue(f"{request.param}_api")
    return api
