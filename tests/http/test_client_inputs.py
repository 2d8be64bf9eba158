"""What the client's operations take is what the entities say, for type checkers and for people."""

import inspect
import pydoc
import re
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, get_type_hints
from uuid import UUID

import httpx
import pytest

from crm_adapters.memory import MemoryDatabase
from crm_core.embedding import Crm, SyncCrm
from crm_core.embedding.calls import CallGroup
from crm_core.engine.parameters import is_known, known_parameters
from crm_core.errors import InvalidError
from crm_core.model.accounts import SYSTEM
from crm_core.resources import RESOURCES, Resource
from crm_http.client import AsyncClient, AsyncListing, Client, Lead, Listing, resources, version_of
from crm_http.client.operations import OperationGroup
from tests.generate_client import generated


def test_the_files_that_are_made_are_what_the_entities_say() -> None:
    outdated = [path.name for path, text in generated().items() if path.read_text("utf-8") != text]

    assert outdated == [], "run `python -m tests.generate_client`"


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
def test_every_field_that_can_be_sent_can_be_typed(resource: Resource) -> None:
    name = resource.entity.__name__
    create, update, merge = (getattr(resources, f"{name}{kind}") for kind in ("Create", "Update", "Merge"))
    sendable = [name for name, field in resource.fields.items() if not field.output_only]

    assert list(get_type_hints(create)) == list(get_type_hints(update)) == list(get_type_hints(merge)) == sendable
    assert create.__required_keys__ == {name for name in sendable if resource.fields[name].required}
    assert update.__required_keys__ == merge.__required_keys__ == frozenset()


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
def test_filters_are_those_of_the_server_but_for_how_pages_are_asked_for(resource: Resource) -> None:
    typed = get_type_hints(getattr(resources, f"{resource.entity.__name__}Filters"))
    unordered = set() if resource.ordering else {"ordering"}
    known = {name.partition(".")[0] for name in known_parameters(resource)} - {"limit", "cursor"} - unordered

    assert {name.partition("__")[0] for name in typed} >= known
    assert all(is_known(resource, "attributes.x" if name == "attributes" else name) for name in typed)


def test_help_shows_what_an_operation_takes() -> None:
    crm = Client("http://crm.example")

    create = pydoc.plain(pydoc.render_doc(crm.clients.create))
    assert "create(*, idempotency_key: str | None = None, name: str, attributes: " in create
    assert "list_of_images: list[str] | tuple[str, ...] = ..." in create
    assert create.split("-> ")[1].startswith("crm_core.model.entities.Client\n    Create a client; return it.")
    assert inspect.signature(crm.leads.merge).parameters["stage"].annotation == str | None
    listed = inspect.signature(crm.leads.list)
    assert list(listed.parameters)[:4] == ["limit", "page_size", "name", "stage"]
    assert listed.return_annotation == Listing[Lead]
    assert inspect.getdoc(crm.leads.delete)
    assert "create(self, /, *, " in pydoc.plain(pydoc.render_doc(resources.LeadOperations))


#: What is called in process in another way: users and tokens are yours, outcomes have errors where results have
#: statuses, and entries of the agenda and calendars have no paths.
ELSEWHERE = {
    f"{name}{part}"
    for name in (".me", ".users", ".log_out", ".tokens.list", ".tokens.revoke")
    for part in ("", ".return")
} | {".*.bulk.return", ".tasks.list.return", ".calendars.create.return"}
EVERYWHERE = re.compile(r"^\.[^.]+\.(?=bulk)")


def test_calls_in_process_have_the_shape_of_the_client_s_operations() -> None:
    over_http, in_process = shape(Client("http://crm.example")), shape(SyncCrm(MemoryDatabase()).as_(SYSTEM))
    other = {name for name, taken in over_http.items() if in_process.get(name) != taken}

    assert {EVERYWHERE.sub(".*.", name) for name in other} == ELSEWHERE
    assert shape(Crm(MemoryDatabase()).as_(SYSTEM)).keys() == in_process.keys()


def shape(crm: Any) -> dict[str, object]:
    """What can be called of a client or a session: parameters and results, by path."""
    groups = {name: getattr(crm, name) for name in dir(crm) if not name.startswith("_")}
    groups |= {"": crm, "attributes()": crm.attributes("lead"), "follow_ups()": crm.follow_ups(str(UUID(int=1)))}
    found: dict[str, object] = {}
    for path, group in groups.items():
        for name in dir(group) if isinstance(group, OperationGroup | CallGroup) else ():
            if not name.startswith("_") and hasattr(called := getattr(group, name), "__signature__"):
                signature = called.__signature__
                found[f".{path}.{name}".replace("..", ".")] = [str(each) for each in signature.parameters.values()]
                found[f".{path}.{name}.return".replace("..", ".")] = str(signature.return_annotation)
    return found


def test_help_says_what_each_argument_of_an_operation_means() -> None:
    crm = Client("http://crm.example")
    parts = {name: part for name, part in vars(crm).items() if isinstance(part, OperationGroup)}
    parts |= {"attributes": crm.attributes("client"), "follow_ups": crm.follow_ups("0")}
    unsaid = [
        f"{part}.{name}({argument})"
        for part, group in parts.items()
        for name in dir(group)
        if inspect.isfunction(operation := getattr(group, name)) and hasattr(operation, "__signature__")
        for argument in inspect.signature(operation).parameters
        if f"\n    {argument}: " not in said(operation)
    ]

    assert unsaid == []
    assert "\n    name: the name of the company or person.\n" in said(crm.clients.create)
    assert "\n    values: " not in said(crm.clients.create)
    assert "method: the HTTP method of the call; GET sends no body. Default: ``POST``." in said(crm.webhooks.create)
    assert "stage__isnull: only those without ``stage``, or with ``False`` those that have one." in said(crm.leads.list)
    assert "None removes one" in " ".join(said(crm.leads.merge).split())
    assert said(AsyncClient("http://crm.example").leads.create) == said(crm.leads.create)


def said(operation: object) -> str:
    """The docstring of an operation."""
    return inspect.getdoc(operation) or ""


def test_help_says_what_has_to_be_awaited() -> None:
    crm = AsyncClient("http://crm.example")

    assert inspect.signature(crm.leads.create).return_annotation == Awaitable[Lead]
    assert inspect.signature(crm.leads.list).return_annotation == AsyncListing[Lead]


def test_a_connection_and_its_parts_say_where_they_lead_without_the_token() -> None:
    crm = Client("https://crm.example/sub", token="secret-token")

    assert repr(crm) == "Client('https://crm.example/sub/')"
    assert "'/api/leads'" in repr(crm.leads)
    assert "secret-token" not in repr(crm) + repr(crm.leads)


def test_what_was_never_read_has_no_version() -> None:
    assert version_of(1) is None


NOT_SENT = httpx.MockTransport(lambda request: pytest.fail(f"{request.url} was asked for"))
OPERATIONS: Mapping[str, tuple[Callable[[Client, Any], object], str]] = {
    "create": (lambda crm, size: crm.clients.create(name="x", attributes={"size": size}), "attributes.size"),
    "change": (lambda crm, size: crm.clients.change(UUID(int=1), name=size), "name"),
    "bulk": (
        lambda crm, size: crm.clients.bulk([{"op": "create", "data": {"attributes": {"size": [size]}}}]),
        "operations.0.data.attributes.size.0",
    ),
}


@pytest.mark.parametrize("call", OPERATIONS)
@pytest.mark.parametrize("number", [float("nan"), -float("inf"), *map(Decimal, ("NaN", "sNaN", "Infinity", "1E400"))])
def test_a_number_that_is_none_in_json_is_refused_before_it_is_sent(call: str, number: object) -> None:
    make, place = OPERATIONS[call]
    with Client("http://crm.example", transport=NOT_SENT) as crm, pytest.raises(InvalidError) as refused:
        make(crm, number)
    assert str(refused.value) == f"{place}: A valid number is required."


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "localhost:8000", "crm.example.com", "//crm", "ftp://crm", "https://", "http://crm:x", ""]
)
@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(
    client: type[Client | AsyncClient], url: str
) -> None:
    with pytest.raises(ValueError, match=r"the address of a server is like https://crm\.example\.com, and not"):
        client(url, token="t")
