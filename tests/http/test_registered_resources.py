"""A resource of a package of its own over HTTP, on the typed clients, and in the document."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import httpx
import pytest
from openapi_spec_validator import validate

from crm_adapters.memory import MemoryDatabase
from crm_core import Actor, RegistrationError, Resource, User, register
from crm_core.embedding import SyncCrm
from crm_core.fields import identity, items, last_change, text, texts
from crm_core.testing import own_registration
from crm_http.client import Client
from tests.examples.invoices.crm_invoices import INVOICES, Invoice, register_invoices
from tests.http.conftest import Api, on_memory

PATH = "/api/invoices/"
REQUIRED = ["This field is required."]


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    with own_registration():
        register_invoices()
        yield


@pytest.fixture
def api() -> Iterator[Api]:
    with on_memory(of_app={"calendars": None}) as api:
        yield api


def invoice(api: Api, number: str = "1", **values: object) -> dict[str, Any]:
    usual = {"number": number, "amount": "119.00", "client": api.make("/api/clients/", name="Acme")["id"]}
    return api.make(PATH, **usual | values)


def test_a_record_is_created_listed_changed_and_deleted(api: Api) -> None:
    made = invoice(api, due_date="2026-12-24")
    place = f"{PATH}{made['id']}/"

    assert list(made) == list(INVOICES.fields)
    assert api.get(place).json() == made
    assert api.get(f"{PATH}?number=1&state=draft&client={made['client']}&ordering=-due_date").json() == [made]
    assert api.get(f"{PATH}?search=nothing").json() == []
    assert api.get(f"{PATH}?amount__gte=20.5&amount__lt=1000&due_date__lt=2027-01-01").json() == [made]
    assert api.get(f"{PATH}?amount__gt=119").json() == []
    assert api.patch(place, {"state": "sent"}).json()["state"] == "sent"
    assert [entry["version"] for entry in api.get(f"{place}history/").json()] == [2, 1]
    assert api.delete(f"/api/clients/{made['client']}/").json() == {
        "detail": "This client is referred to by 1 invoice."
    }
    assert api.delete(place).status_code == 204


def test_what_is_wrong_is_said_as_of_every_resource(api: Api) -> None:
    made = invoice(api)

    assert api.post(PATH, {}).json() == {"number": REQUIRED, "client": REQUIRED, "amount": REQUIRED}
    again = api.post(PATH, {"number": "1", "client": made["client"], "state": "lost", "amount": "1.005"})
    assert again.json() == {
        "number": ["Another invoice has this number."],
        "state": ['"lost" is not a valid choice.'],
        "amount": ["Ensure that there are no more than 2 decimal places."],
    }
    assert api.get(f"{PATH}?state=lost").status_code == 400


def test_its_permissions_are_those_of_every_resource(api: Api) -> None:
    assert {f"app.{action}_invoice" for action in ("view", "add", "change", "delete")} <= set(
        api.get("/api/me/").json()["permissions"]
    )
    api.people.add("ann", "Sales")
    ann = api.as_user("ann")
    assert ann.get(PATH).status_code == 403
    api.people.grant("Sales", "app.view_invoice")
    assert ann.get(PATH).json() == []
    assert ann.post(PATH, {}).status_code == 403


def test_users_define_attributes_and_webhooks_for_it(api: Api) -> None:
    attribute = api.make("/api/attributes/invoice/", name="cost_center", label="Cost center", type="text")
    hook = api.make("/api/webhooks/", name="h", model="Invoice", url="https://example.com/{number}")
    made = invoice(api, attributes={"cost_center": "A"})

    assert attribute["entity"] == "invoice"
    assert api.get(f"{PATH}?attributes.cost_center=A").json() == [made]
    [delivery] = api.get(f"/api/webhooks/{hook['id']}/deliveries/").json()
    assert delivery["type"] == "invoice.created"


def test_it_is_in_the_feed_in_bulk_and_in_exports(api: Api) -> None:
    made = invoice(api)
    [changed] = api.get("/api/changes/?resource=invoice").json()["events"]
    sent = {"operations": [{"op": "update", "id": made["id"], "data": {"note": "n"}}]}

    assert (changed["resource"], changed["record"]) == ("invoice", made["id"])
    assert api.post(f"{PATH}bulk/", sent).json()["succeeded"] == 1
    assert api.get(f"{PATH}export/").text.splitlines()[1].split(",")[1] == "1"


def test_the_document_describes_it(api: Api) -> None:
    document = api.get("/schema/openapi.json").json()

    assert {"get", "post"} <= document["paths"][PATH].keys()
    assert document["components"]["schemas"]["InvoiceCreate"]["required"] == ["number", "client", "amount"]
    example = document["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]["examples"]["working"]
    assert example["value"]["client"] == document["x-example-ids"]["clients"]
    assert "invoice.created" in document["webhooks"]
    assert "Invoices" in [tag["name"] for tag in document["tags"]]


def test_the_typed_client_takes_its_entity(api: Api) -> None:
    client = api.make("/api/clients/", name="Acme")["id"]

    def send(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        answer = api.request(request.method, path, content=request.content, headers=dict(request.headers))
        return httpx.Response(
            answer.status_code,
            content=answer.content,
            headers={"ETag": answer.headers["ETag"]} if "ETag" in answer.headers else {},
        )

    with Client("http://127.0.0.1", token=api.token, transport=httpx.MockTransport(send)) as crm:
        crm.attributes(Invoice).create(name="size", label="Size", type="number")
        made = crm.records(Invoice).create(number="7", client=client, amount="0.50", attributes={"size": 1})
        assert (made.number, made.client, made.amount) == ("7", UUID(client), Decimal("0.5"))
        assert crm.records(Invoice).change(made.id, state="paid", if_match=made).state == "paid"
        assert [each.number for each in crm.records(Invoice).list(state="paid", amount__lte="0.5")] == ["7"]


def test_calls_in_process_take_its_row() -> None:
    database = MemoryDatabase()
    asyncio.run(database.accounts.add_user("ann", "!"))
    crm = SyncCrm(database).as_(Actor(user=User(id=1, username="ann"), is_superuser=True))
    client = crm.clients.create(name="Acme")
    invoices = crm.records(INVOICES)

    made = invoices.create(number="7", client=client.id, amount=Decimal("12.30"))
    assert made.client == client.id
    assert invoices.change(made.id, state="sent").state == "sent"
    assert [each.number for each in invoices.list(number="7")] == ["7"]
    assert crm.attributes(INVOICES).create(name="size", label="Size", type="number").entity == "invoice"


@attrs.frozen(kw_only=True, slots=False)
class Change:
    """A record of a resource that has the path of the change feed."""

    id: UUID = identity()
    name: str = text()
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


def test_a_path_of_another_endpoint_is_refused() -> None:
    names: dict[str, Any] = {"name": "own_change", "path": "changes", "model_name": "ownchange"}
    row = Resource(entity=Change, label=("change", "changes"), **names)
    with own_registration():
        register(row, sample={"name": "x"})
        with (
            pytest.raises(RegistrationError, match="another endpoint has the path /api/changes"),
            on_memory(of_app={"calendars": None}),
        ):
            pass


def thing(entity: type) -> Resource:
    return Resource(name="thing", path="things", model_name="thing", label=("thing", "things"), entity=entity)


@attrs.frozen(kw_only=True, slots=False)
class Line:
    """A line of a list.

    Attributes:
        article: what it is about.
    """

    article: str = text()


@attrs.frozen(kw_only=True, slots=False)
class Task(Line):
    """An item that is named like another one."""


@attrs.frozen(kw_only=True, slots=False)
class Order(Change):
    """A record with a list."""

    lines: tuple[Line, ...] = items(Line, max_items=9)


@attrs.frozen(kw_only=True, slots=False)
class Job(Change):
    """A record whose items are named like those of others."""

    tasks: tuple[Task, ...] = items(Task, max_items=9)


@attrs.frozen(kw_only=True, slots=False)
class Optional(Change):
    """A record without required fields, whose annotations are texts."""

    name: "str" = text(default="")


@attrs.frozen(kw_only=True, slots=False)
class Odd(Change):
    """A record with an annotation that has no schema."""

    words: list[str] = texts(max_items=9, max_length=9)


@pytest.mark.parametrize(
    ("entity", "schema"),
    [
        (attrs.make_class("Bulk", {}, bases=(Change,), frozen=True), "BulkCreate"),
        (attrs.make_class("ClientAttributes", {}, bases=(Change,), frozen=True), "ClientAttributesMerge"),
        (Job, "TaskItem"),
    ],
)
def test_a_schema_of_the_name_of_another_one_is_refused(entity: type, schema: str) -> None:
    with own_registration():
        register(thing(entity), sample={"name": "x"})
        with (
            pytest.raises(RegistrationError, match=f"another schema has the name {schema}"),
            on_memory(of_app={"calendars": None}),
        ):
            pass


def test_the_document_has_the_items_of_its_lists() -> None:
    with own_registration():
        register(thing(Order), sample={"name": "x", "lines": [{"article": "y"}]})
        with on_memory(of_app={"calendars": None}) as api:
            document = api.get("/schema/openapi.json").json()

    assert document["components"]["schemas"]["LineItem"]["required"] == ["article"]
    assert document["components"]["schemas"]["LineInput"]["required"] == ["article"]
    validate(document)


def test_an_annotation_that_the_document_cannot_describe_is_refused() -> None:
    with own_registration():
        register(thing(Odd), sample={"name": "x"})
        with pytest.raises(RegistrationError, match="cannot describe words"), on_memory(of_app={"calendars": None}):
            pass


def test_a_sample_without_fields_is_enough_where_none_is_required() -> None:
    with own_registration():
        register(thing(Optional), sample={})
        with on_memory(of_app={"calendars": None}) as api:
            assert api.post("/api/things/", {}).status_code == 201
            [example] = (
                api.get("/schema/openapi.json")
                .json()["paths"]["/api/things/"]["post"]["requestBody"]["content"]["application/json"]["examples"]
                .values()
            )
            assert example["value"] == {}
