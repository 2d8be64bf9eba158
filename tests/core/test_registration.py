"""Registering resources of one's own: what is refused, and what grows with them."""

import datetime as dt
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NewType, Optional
from uuid import UUID

import attrs
import pytest

from crm_core.archives.parts import Manifest, Part, manifest_text, names_of, read_manifest
from crm_core.bulk.operations import BULK_RESOURCES
from crm_core.embedding.any_records import AnyRecordCalls
from crm_core.engine.agendas import TASK_RESOURCES
from crm_core.engine.feed_cursors import hidden_from, read_feed_cursor, write_feed_cursor
from crm_core.engine.parameters import CONTROLS
from crm_core.errors import ArchiveError, CursorGoneError, RegistrationError
from crm_core.fields import (
    attribute_values,
    boolean,
    choice,
    date_value,
    datetime_value,
    identity,
    integer,
    items,
    json_value,
    last_change,
    reference,
    text,
    texts,
    user,
)
from crm_core.input.fields import fields_of
from crm_core.model.entities import ENTITIES, Note, Task
from crm_core.model.feed import Position
from crm_core.model.permissions import GROUPS, PERMISSIONS
from crm_core.model.registered import own_registration, registered, use_resources
from crm_core.registration import completed_sample, register
from crm_core.resources import CLIENTS, RESOURCES, Resource
from crm_core.use_cases.exports import ExportOptions
from crm_core.webhooks.entity import MODELS, Webhook


@attrs.frozen(kw_only=True, slots=False)
class Invoice:
    """A bill."""

    id: UUID = identity()
    number: str = text()
    client: UUID = reference("client")
    due: dt.date | None = date_value()
    cents: int = integer(default=0)
    attributes: Mapping[str, object] = attribute_values()
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True, slots=False)
class Line:
    """A line of a bill."""

    id: UUID = identity()
    invoice: UUID = reference("invoice")
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True, slots=False)
class Job:
    """A record with tasks alone."""

    id: UUID = identity()
    list_of_tasks: tuple[Task, ...] = items(Task, max_items=10)
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True)
class Slotted:
    """A record in slots."""

    id: UUID = identity()


@attrs.frozen(kw_only=True, slots=False)
class Bare:
    """A record that says nothing of its changes."""

    name: str = text()


@attrs.frozen(kw_only=True, slots=False)
class Entry:
    """An entry of a list, with a name that Python reserves."""

    from_: str = text()


SAMPLE = {"number": "1"}


def with_field(name: str, field: Any, bases: tuple[type, ...] = (Invoice,)) -> type:
    """Return the class of invoices with one more field."""
    return attrs.make_class(bases[0].__name__, {name: field}, bases=bases, frozen=True, kw_only=True)


def row(entity: type = Invoice, **differing: Any) -> Resource:
    usual: dict[str, Any] = {"name": "invoice", "path": "invoices", "model_name": "invoice"}
    return Resource(entity=entity, label=("invoice", "invoices"), **usual | differing)


@pytest.fixture(autouse=True)
def _own() -> Iterator[None]:
    with own_registration():
        yield


def parameters_of(call: Any) -> list[str]:
    """Return the names of the parameters of a call that are beside the fields or filters."""
    named = inspect.signature(call).parameters.values()
    return [each.name for each in named if each.kind is inspect.Parameter.KEYWORD_ONLY]


def reasons(resource: Resource, sample: Mapping[str, Any] = SAMPLE) -> str:
    with pytest.raises(RegistrationError) as refused:
        register(resource, sample=sample)
    assert resource.name not in [each.name for each in registered()]
    return "; ".join(refused.value.reasons)


def test_a_registered_resource_is_in_every_table_and_gone_after_the_block() -> None:
    tables = (RESOURCES, PERMISSIONS, ENTITIES, MODELS, BULK_RESOURCES, fields_of(Webhook)["model"].limits["enum"])
    before = [list(table) for table in tables]
    with own_registration():
        invoices = register(row(), sample=SAMPLE)
        assert register(invoices, sample=SAMPLE) is invoices
        assert list(RESOURCES)[-1] == "invoice"
        assert "app.view_invoice" in PERMISSIONS
        assert list(ENTITIES)[-1] == "invoice"
        assert MODELS["Invoice"] == ("invoice", Invoice)
        assert BULK_RESOURCES["invoices"] is invoices
        assert fields_of(Webhook)["model"].limits["enum"][-1] == "Invoice"
        assert not [group for group, permissions in GROUPS.items() if "app.view_invoice" in permissions]
        assert "invoice" not in TASK_RESOURCES

    tables = (RESOURCES, PERMISSIONS, ENTITIES, MODELS, BULK_RESOURCES, fields_of(Webhook)["model"].limits["enum"])
    assert [list(table) for table in tables] == before


def test_a_resource_is_registered_before_what_has_all_resources() -> None:
    use_resources("a database")
    use_resources("an app")

    assert reasons(row()) == "it comes too late: a database was made before"


def test_another_resource_of_the_same_name_is_refused() -> None:
    register(row(), sample=SAMPLE)

    with pytest.raises(
        RegistrationError, match=r"there is another resource with the name invoice; .*the path invoices"
    ):
        register(row(), sample=SAMPLE)


@pytest.mark.parametrize(
    ("differing", "reason"),
    [
        ({"name": "Invoice"}, "its name 'Invoice' is not of the form"),
        ({"name": "client"}, "another resource with the name client"),
        ({"name": "user"}, "another resource with the name user"),
        ({"path": "a/b"}, "its path 'a/b' is not of the form"),
        ({"path": "leads"}, "another resource with the path leads"),
        ({"model_name": "lead"}, "another resource with the model_name lead"),
        ({"entity": CLIENTS.entity}, "another entity with the name Client"),
        ({"entity": attrs.make_class("Größe", {})}, "the name of its entity 'Größe' is not of the form"),
        ({"entity": Slotted}, "Slotted is not made by attrs.frozen(kw_only=True, slots=False)"),
        ({"entity": Bare}, "its first field is not `id: UUID = identity()`"),
        ({"entity": Bare}, 'it lacks updated_at = last_change("datetime")'),
        ({"entity": Line}, "invoice refers to invoice, which is not registered"),
        ({"entity": Job}, "a record with tasks needs name, attributes, list_of_notes, too"),
        ({"parent": "client"}, "it has a parent"),
        ({"search": ("nothing",)}, "it names nothing, which is not one of its fields"),
        ({"search": ("due",)}, "due cannot be used for search: its kind is date"),
        ({"filters": {"cents": "contains"}}, "cents cannot be used for contains"),
        ({"filters": {"number": "near"}}, "a filter is exact or contains, not near"),
        ({"ordering": ("attributes",)}, "attributes cannot be used for ordering"),
    ],
)
def test_a_row_that_cannot_work_is_refused(differing: dict[str, Any], reason: str) -> None:
    assert reason in reasons(row(**differing))


@pytest.mark.parametrize("name", ["class_", "note_", "_note", "__note__", "due__gt"])
def test_a_field_whose_name_is_another_one_in_json_or_in_filters_is_refused(name: str) -> None:
    refused = reasons(row(with_field(name, text(default=""))))

    assert refused == f"Invoice.{name} has an underscore at an end, or two in a row"


def test_a_name_that_a_database_would_cut_off_is_refused() -> None:
    assert "has a name of more than 50 bytes" in reasons(row(with_field("ä" * 26, text(default=""))))
    register(row(with_field("ä" * 25, text(default=""))), sample=SAMPLE)


def test_the_names_of_fields_in_lists_are_checked_too() -> None:
    entity = with_field("entries", items(Entry, max_items=3))

    assert reasons(row(entity)) == "Entry.from_ has an underscore at an end, or two in a row"


def test_a_member_that_is_no_field_is_refused() -> None:
    refused = reasons(row(with_field("note", attrs.field(default=""))))

    assert refused == "Invoice.note is not declared by a function of crm_core.fields"


@pytest.mark.parametrize("call", ["create", "change", "merge", "upsert"])
def test_a_field_that_calls_would_take_for_a_parameter_is_refused(call: str) -> None:
    for name in parameters_of(getattr(AnyRecordCalls, call)):
        assert f"{name} cannot be a field" in reasons(row(with_field(name, text(default=""))))


def test_a_field_can_have_the_name_of_a_parameter_that_only_upserts_have() -> None:
    register(row(), sample=SAMPLE)
    line = with_field("value", text(default=""), bases=(Line,))
    register(row(line, name="line", path="lines", model_name="line"), sample={})


@pytest.mark.parametrize("name", [*CONTROLS, *parameters_of(AnyRecordCalls.list), *fields_of(ExportOptions)])
def test_a_filter_that_lists_would_take_for_a_parameter_is_refused(name: str) -> None:
    entity = with_field(name, text(default=""))

    assert f"lists have another parameter of the name {name}" in reasons(row(entity, filters={name: "exact"}))
    register(row(entity), sample=SAMPLE)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("created_by", text(default="")),
        ("list_of_notes", text(default="")),
        ("list_of_tasks", items(Entry, max_items=3)),
        ("list_of_images", items(Task, max_items=3)),
    ],
)
def test_a_field_that_the_core_knows_by_its_name_is_what_it_is_elsewhere(name: str, field: Any) -> None:
    assert f"{name} is not declared like the {name} of clients" in reasons(row(with_field(name, field)))


def test_attributes_are_in_the_field_of_this_name() -> None:
    assert "others has attributes" in reasons(row(with_field("others", attribute_values())))


def typed_row(annotation: Any, field: Any, **differing: Any) -> Resource:
    """Return a resource with one more field, ``x``."""
    entity = with_field("x", field)
    entity.__annotations__ = {"x": annotation}
    return row(entity, **differing)


@pytest.mark.parametrize(
    ("annotation", "field", "reason"),
    [
        (str, integer(), "Invoice.x is of the kind integer, and its annotation is not int"),
        (int | None, text(default=None), "Invoice.x is of the kind text, and its annotation is not str"),
        (
            str | None,
            reference("client", default=None),
            "Invoice.x is of the kind uuid",
        ),
        (str, texts(max_items=3), "Invoice.x is of the kind texts, and its annotation is not tuple[str, ...]"),
        (dict, json_value(), "Invoice.x is of the kind json, and its annotation is not object"),
        (tuple[Note, ...], items(Task, max_items=1), "Invoice.x is of the kind items"),
        (dt.date, date_value(), "Invoice.x can be null, and its annotation is without None"),
        (dt.datetime, datetime_value(), "Invoice.x can be null, and its annotation is without None"),
        (int, user(), "Invoice.x can be null, and its annotation is without None"),
        (str, text(nullable=True), "Invoice.x can be null, and its annotation is without None"),
    ],
)
def test_a_field_that_could_not_be_read_back_is_refused(annotation: Any, field: Any, reason: str) -> None:
    assert reason in reasons(typed_row(annotation, field), {**SAMPLE, "x": None})


@pytest.mark.parametrize(
    ("annotation", "field"),
    [
        (Literal["a", "b"], choice("a", "b", default="a")),
        (Optional[int], integer(default=None)),  # noqa: UP045  # as older code has it
        (object, json_value()),
        (list[str], texts(max_items=3)),
        (tuple[Note, ...], items(Note, max_items=3)),
        (NewType("Cents", int), integer(default=0)),
    ],
)
def test_types_that_have_the_values_of_a_field_are_taken(annotation: Any, field: Any) -> None:
    invoices = register(typed_row(annotation, field), sample=SAMPLE)

    assert RESOURCES["invoice"] is invoices


def test_a_time_of_creation_needs_no_none() -> None:
    invoices = register(typed_row(dt.datetime, datetime_value(), defaults_to_now=("x",)), sample=SAMPLE)

    assert RESOURCES["invoice"] is invoices


@pytest.mark.parametrize(
    ("annotation", "field", "reason"),
    [
        (str, choice(("a", "b"), default="a"), "Invoice.x has the option ('a', 'b'), which is not a text"),  # type: ignore[arg-type]
        (str, choice("a", "b", default="c"), 'the default of Invoice.x: "c" is not a valid choice.'),
        (str, text(default=5), "the default of Invoice.x is 5, and it is read as '5'"),
        (
            int,
            integer(default=0, minimum=1),
            "the default of Invoice.x: Ensure this value is",
        ),
        (bool, boolean(default="yes"), "the default of Invoice.x is 'yes', and it is read as True"),
        (dt.date, date_value(default="2026-01-31"), "the default of Invoice.x is '2026-01-31'"),
    ],
)
def test_a_default_that_could_not_be_sent_is_refused(annotation: Any, field: Any, reason: str) -> None:
    assert reason in reasons(typed_row(annotation, field))


def test_values_that_no_two_records_have_the_same_are_of_a_kind_that_searches_compare() -> None:
    assert "x cannot be used for once: its kind is texts" in reasons(
        typed_row(tuple[str, ...], texts(max_items=3), once=("x",))
    )


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        ({}, "its sample is refused: number: This field is required."),
        ({"number": "1", "paid": True}, "its sample is refused: paid: This field is not known."),
    ],
)
def test_a_sample_that_cannot_be_created_is_refused(sample: dict[str, Any], reason: str) -> None:
    assert reason in reasons(row(), sample)


def test_a_sample_gets_the_references_that_it_lacks() -> None:
    invoices = register(row(), sample=SAMPLE)

    assert completed_sample(invoices, SAMPLE, {"client": 1}) == {"client": 1, "number": "1"}
    assert completed_sample(invoices, {"client": 2}, {"client": 1}) == {"client": 2}


def test_a_cursor_means_the_same_when_resources_are_registered() -> None:
    position = Position(7, b"abcd", (1, 2))
    before = {everything: write_feed_cursor(position, hidden_from(everything)) for everything in [frozenset(RESOURCES)]}
    register(row(), sample=SAMPLE)
    now = frozenset(RESOURCES)

    for visible, cursor in before.items():
        assert read_feed_cursor(cursor, visible) == read_feed_cursor(cursor, now) == position
    without = write_feed_cursor(position, hidden_from(now - {"invoice"}))
    assert read_feed_cursor(without, now - {"invoice"}) == position
    with pytest.raises(CursorGoneError):
        read_feed_cursor(without, now)
    register(attrs.evolve(row(Line), name="line", path="lines", model_name="line"), sample={})
    assert read_feed_cursor(without, frozenset(RESOURCES) - {"invoice"}) == position


def test_an_archive_of_before_is_read_and_one_of_after_needs_the_package() -> None:
    def text() -> bytes:
        names = names_of(has_history=True)
        return manifest_text(Manifest(True, False, tuple(Part(name, 1, 2, "0" * 64) for name in names)))  # noqa: FBT003

    before = text()
    with own_registration():
        register(row(), sample=SAMPLE)
        after = text()
        assert [len(read_manifest(each).parts) for each in (before, after)] == [16, 17]

    with pytest.raises(ArchiveError, match=r"No package registers the resource of invoices\.jsonl here"):
        read_manifest(after)
