"""How each kind of field reads what clients send: Django REST Framework's conversions and texts, word for word."""

import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, get_args
from uuid import UUID

import attrs
import pytest

from crm_core.input.dates import iso
from crm_core.input.declarations import texts as texts_field
from crm_core.input.declarations import uuid_by_name, uuids
from crm_core.input.drafts import read_draft, with_defaults
from crm_core.input.fields import FieldKind, fields_of
from crm_core.input.readers import text_problems
from crm_core.model.entities import (
    Attribute,
    Client,
    Cohort,
    FollowUp,
    Lead,
    Note,
    Pipeline,
    Service,
    Stage,
    Task,
    TeachingAssistant,
)
from crm_core.resources import RESOURCES
from crm_core.webhooks.entity import Condition, Webhook
from tests.core.invoices import Invoice
from tests.core.knowledge import context, texts

ENTITIES = [resource.entity for resource in RESOURCES.values()]
MAX_BIGINT = 2**63 - 1
SPELT = UUID("0189f7ea-ae2c-7809-8aeb-b819cf5e9e7f")
NOT_A_TEXT = "Not a valid string."
BLANK = "This field may not be blank."
NULL = "This field may not be null."
NOT_WHOLE = "A valid integer is required."
NOT_BOOLEAN = "Must be a valid boolean."
NOT_A_DAY = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."
NOT_A_MOMENT = (
    "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
)


def at(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[misc,arg-type]


def read(entity: type, name: str, value: object) -> Any:
    """The value as it is kept, or the texts of its problems."""
    draft = read_draft(entity, {name: value}, context(), require_all=False)
    return texts(draft.problems[name]) if name in draft.problems else draft.values[name]


@pytest.mark.parametrize(
    ("entity", "name", "value", "kept"),
    [
        (Client, "name", "Acme", "Acme"),
        (Client, "name", " \t Acme\u2003Corp \n", "Acme\u2003Corp"),
        (Client, "name", 5, "5"),
        (Client, "name", 1.5, "1.5"),
        (Client, "name", " " + "x" * 255 + " ", "x" * 255),
        (Client, "name", "\U0001f600", "\U0001f600"),
        (Lead, "stage", "", ""),
        (Lead, "stage", None, None),
        (Lead, "moodle_course_id", 17, "17"),
        (Pipeline, "description", "  ", ""),
        (Pipeline, "description", None, None),
        (Stage, "color", "#00aAfF", "#00aAfF"),
        (Stage, "order", 1, 1),
        (Stage, "order", "1", 1),
        (Stage, "order", "1.0", 1),
        (Stage, "order", 1.0, 1),
        (Stage, "order", " 7 ", 7),
        (Stage, "order", "-3", -3),
        (Stage, "order", MAX_BIGINT, MAX_BIGINT),
        (Stage, "order", -MAX_BIGINT - 1, -MAX_BIGINT - 1),
        (Cohort, "start_date", "2025-06-01", date(2025, 6, 1)),
        (Cohort, "start_date", "2025-6-1", date(2025, 6, 1)),
        (Cohort, "start_date", "20250601", date(2025, 6, 1)),
        (Cohort, "start_date", date(2025, 6, 1), date(2025, 6, 1)),
        (Cohort, "start_date", None, None),
        (FollowUp, "follow_up_date", "2025-01-15T10:00:00Z", at(2025, 1, 15, 10)),
        (FollowUp, "follow_up_date", "2025-01-15T10:00:00.000001Z", at(2025, 1, 15, 10, 0, 0, 1)),
        (FollowUp, "follow_up_date", "2025-01-15T10:00", at(2025, 1, 15, 10)),
        (FollowUp, "follow_up_date", "2025-01-15 10:00", at(2025, 1, 15, 10)),
        (FollowUp, "follow_up_date", "2025-01-15T10:00+02:00", at(2025, 1, 15, 8)),
        (FollowUp, "follow_up_date", "2025-01-15", at(2025, 1, 15)),
        (FollowUp, "follow_up_date", "2025-1-5", at(2025, 1, 5)),
        (FollowUp, "follow_up_date", datetime(2025, 1, 15, 1, tzinfo=timezone(timedelta(hours=1))), at(2025, 1, 15)),
        (Note, "date", "2025-01-20", "2025-01-20"),
        (Note, "date", "2025-1-5", "2025-01-05"),
        (Note, "date", "2025-01-20T10:00:00+02:00", "2025-01-20T08:00:00Z"),
        (Note, "date", None, None),
        (Webhook, "method", "PATCH", "PATCH"),
        (Service, "client", str(SPELT), SPELT),
        (Service, "client", SPELT.hex.upper(), SPELT),
        (Service, "client", f"{{{SPELT}}}", SPELT),
        (Service, "client", SPELT.urn, SPELT),
        (Service, "client", SPELT, SPELT),
        (Service, "client", SPELT.int, SPELT),
        (Service, "actual_cohort", "", None),
        (Service, "actual_cohort", None, None),
        (Task, "id", SPELT.int, SPELT),
        (Task, "id", 5.0, UUID(int=5)),  # JSON has one kind of number
        (Task, "id", "", None),
        (Lead, "responsible", 1, 1),
        (Lead, "responsible", "1", 1),
        (Lead, "responsible", "", None),
        (Lead, "responsible", None, None),
        (Client, "attributes", {}, {}),
        (Client, "list_of_images", ["https://a.example/x.png", "/files/y.png"],
         ("https://a.example/x.png", "/files/y.png")),
        (Attribute, "list_values", ["a", "b"], ("a", "b")),
        (Webhook, "events", ["created"], ("created",)),
        (Condition, "value", {"any": [None, True, 1.5, "json"]}, {"any": [None, True, 1.5, "json"]}),
    ],
)  # fmt: skip
def test_a_good_value_is_kept_as_its_field_means_it(entity: type, name: str, value: object, kept: object) -> None:
    found = read(entity, name, value)

    assert found == kept
    assert type(found) is type(kept)


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", "t", "y", "yes", "true", "on", "TRUE", " Yes "])
def test_true_has_many_spellings(value: object) -> None:
    assert read(Task, "completed", value) is True


@pytest.mark.parametrize("value", [False, 0, 0.0, "0", "f", "n", "no", "false", "off", "False", " OFF "])
def test_false_has_many_spellings(value: object) -> None:
    assert read(Task, "completed", value) is False


@pytest.mark.parametrize(
    ("entity", "name", "value", "problems"),
    [
        (Client, "name", None, [NULL]),
        (Client, "name", True, [NOT_A_TEXT]),
        (Client, "name", ["Acme"], [NOT_A_TEXT]),
        (Client, "name", {"name": "Acme"}, [NOT_A_TEXT]),
        (Client, "name", "", [BLANK]),
        (Client, "name", " \t\u2003", [BLANK]),
        (Client, "name", "x" * 256, ["Ensure this field has no more than 255 characters."]),
        (Client, "name", "a\x00b", ["Null characters are not allowed."]),
        (Client, "name", "a\ud800", ["Surrogate characters are not allowed: U+D800."]),
        (Client, "name", "\x00" * 256,
         ["Ensure this field has no more than 255 characters.", "Null characters are not allowed."]),
        (Task, "task", "x" * 10_001, ["Ensure this field has no more than 10000 characters."]),
        (Stage, "color", "blue", ["This value does not match the required pattern."]),
        (Stage, "color", "#12345g", ["This value does not match the required pattern."]),
        (Stage, "order", None, [NULL]),
        (Stage, "order", True, [NOT_WHOLE]),
        (Stage, "order", 1.5, [NOT_WHOLE]),
        (Stage, "order", "1.5", [NOT_WHOLE]),
        (Stage, "order", "", [NOT_WHOLE]),
        (Stage, "order", "one", [NOT_WHOLE]),
        (Stage, "order", float("nan"), [NOT_WHOLE]),
        (Stage, "order", float("inf"), [NOT_WHOLE]),
        (Stage, "order", [1], [NOT_WHOLE]),
        (Stage, "order", "1" * 1_001, ["String value too large."]),
        (Stage, "order", MAX_BIGINT + 1, [f"Ensure this value is less than or equal to {MAX_BIGINT}."]),
        (Stage, "order", -MAX_BIGINT - 2, [f"Ensure this value is greater than or equal to {-MAX_BIGINT - 1}."]),
        (TeachingAssistant, "id", "x", [NOT_WHOLE]),
        (Task, "completed", None, [NULL]),
        (Task, "completed", "maybe", [NOT_BOOLEAN]),
        (Task, "completed", "", [NOT_BOOLEAN]),
        (Task, "completed", 2, [NOT_BOOLEAN]),
        (Task, "completed", [], [NOT_BOOLEAN]),
        (Task, "date", "01.02.2025", [NOT_A_DAY]),
        (Task, "date", "", [NOT_A_DAY]),
        (Task, "date", "2025-02-30", [NOT_A_DAY]),
        (Task, "date", "2025-1-32", [NOT_A_DAY]),
        (Task, "date", "2025-01-15T10:00:00Z", [NOT_A_DAY]),
        (Task, "date", 20250115, [NOT_A_DAY]),
        (FollowUp, "follow_up_date", None, [NULL]),
        (FollowUp, "follow_up_date", "soon", [NOT_A_MOMENT]),
        (FollowUp, "follow_up_date", "", [NOT_A_MOMENT]),
        (FollowUp, "follow_up_date", 1736935200, [NOT_A_MOMENT]),
        (FollowUp, "follow_up_date", date(2025, 1, 15), [NOT_A_MOMENT]),
        (FollowUp, "follow_up_date", "0001-01-01T00:00:00+23:59", ["Datetime value out of range."]),
        (FollowUp, "follow_up_date", "9999-12-31T23:59:59-00:01", ["Datetime value out of range."]),
        (Note, "date", "soon", [NOT_A_MOMENT]),
        (Webhook, "method", "HEAD", ['"HEAD" is not a valid choice.']),
        (Webhook, "method", "post", ['"post" is not a valid choice.']),
        (Webhook, "method", 5, ['"5" is not a valid choice.']),
        (Webhook, "method", None, [NULL]),
        (Attribute, "type", "", ['"" is not a valid choice.']),
        (Task, "id", "abc", ["Must be a valid UUID."]),
        (Task, "id", True, ["Must be a valid UUID."]),
        (Task, "id", -1, ["Must be a valid UUID."]),
        (Task, "id", 2**128, ["Must be a valid UUID."]),
        (Service, "client", None, [NULL]),
        (Service, "client", "", [NULL]),
        (Service, "client", "abc", ["“abc” is not a valid UUID."]),
        (Service, "client", 1.5, ["“1.5” is not a valid UUID."]),
        (Service, "client", True, ["Incorrect type. Expected pk value, received bool."]),
        (Lead, "responsible", "ann", ["Incorrect type. Expected pk value, received str."]),
        (Lead, "responsible", True, ["Incorrect type. Expected pk value, received bool."]),
        (Lead, "responsible", [1], ["Incorrect type. Expected pk value, received list."]),
        (Client, "attributes", "x", ['Expected a dictionary of items but got type "str".']),
        (Client, "attributes", [], ['Expected a dictionary of items but got type "list".']),
        (Client, "attributes", None, [NULL]),
        (Client, "list_of_tasks", "x", ['Expected a list of items but got type "str".']),
        (Client, "list_of_tasks", {}, ['Expected a list of items but got type "dict".']),
        (Client, "list_of_tasks", None, [NULL]),
        (Client, "list_of_notes", [{}] * 1_001, ["Ensure this field has no more than 1000 elements."]),
        (Client, "list_of_images", ["https://a.example/", "javascript:alert(1)"], {"1": ["Enter a valid URL."]}),
        (Client, "list_of_images", ["/files/../secret", "ftp://a.example"],
         {"0": ["Enter a valid URL."], "1": ["Enter a valid URL."]}),
        (Client, "list_of_images", [None, 5.5j], {"0": [NULL], "1": [NOT_A_TEXT]}),
        (Attribute, "list_values", ["a", True], {"1": [NOT_A_TEXT]}),
        (Attribute, "list_values", ["x" * 256], {"0": ["Ensure this field has no more than 255 characters."]}),
        (Webhook, "events", ["read"], {"0": ['"read" is not a valid choice.']}),
        (Condition, "value", [{"a": "\x00"}], ["Null characters are not allowed."]),
        (Condition, "value", {"\ud800": 1}, ["Surrogate characters are not allowed: U+D800."]),
        (Condition, "value", float("nan"), ["Value must be valid JSON."]),
        (Condition, "value", [float("inf")], ["Value must be valid JSON."]),
        (Condition, "value", {1: 2}, ["Value must be valid JSON."]),
        (Condition, "value", object, ["Value must be valid JSON."]),
    ],
)  # fmt: skip
def test_a_bad_value_has_the_texts_that_clients_know(entity: type, name: str, value: object, problems: object) -> None:
    assert read(entity, name, value) == problems


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (at(2025, 1, 15, 10), "2025-01-15T10:00:00Z"),
        (at(2025, 1, 15, 10, 0, 0, 120_000), "2025-01-15T10:00:00.120000Z"),
        (at(1, 1, 1), "0001-01-01T00:00:00Z"),
    ],
)
def test_times_come_out_in_utc_with_microseconds_only_if_there_are_any(value: datetime, shown: str) -> None:
    assert iso(value) == shown


@attrs.frozen
class _Ids:
    some: tuple[UUID, ...] = uuids(max_items=2)
    named: Mapping[str, UUID] = uuid_by_name()


def test_a_time_without_a_zone_is_utc_wherever_the_server_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert read(FollowUp, "follow_up_date", "2025-01-15T10:00") == at(2025, 1, 15, 10)
    time.tzset()


def test_a_long_refused_value_is_not_echoed_whole() -> None:
    assert len(read(Webhook, "method", "x" * 10_000)[0]) < 200
    assert len(read(Service, "client", "x" * 10_000)[0]) < 200


def test_a_sound_text_has_no_problems() -> None:
    assert not text_problems("\U0010ffff é", 9)


def test_every_kind_of_field_is_that_of_a_field() -> None:
    fields = [field for entity in ENTITIES for field in fields_of(entity).values()]
    items = [field for outer in fields if outer.item for field in fields_of(outer.item).values()]

    others = (*fields_of(_Ids).values(), *fields_of(Invoice).values())

    assert {field.kind for field in (*fields, *items, *others)} == set(get_args(FieldKind))


@attrs.frozen
class Choices:
    """An entity with each kind of list of texts."""

    names: tuple[str, ...] = texts_field(min_items=1, max_items=2, max_length=5)
    days: tuple[str, ...] = texts_field(max_items=3, options=("mon", "tue"), all_by_default=True)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("names", ["a", "a"], ("a", "a")),
        ("names", [], ["This list may not be empty."]),
        ("names", ["a", "b", "c"], ["Ensure this field has no more than 2 elements."]),
        ("names", ["abcdef"], {"0": ["Ensure this field has no more than 5 characters."]}),
        ("names", "a", ['Expected a list of items but got type "str".']),
        ("days", ["tue", "mon", "tue"], ("tue", "mon")),
        ("days", [], ["This selection may not be empty."]),
        ("days", ["mon", "sun"], {"1": ['"sun" is not a valid choice.']}),
    ],
)
def test_a_list_of_texts_has_as_many_as_it_must_and_may(name: str, value: object, kept: object) -> None:
    assert read(Choices, name, value) == kept


def test_all_options_are_the_default_where_a_field_says_so() -> None:
    assert with_defaults(Choices, {}) == {"names": (), "days": ("mon", "tue")}


@pytest.mark.parametrize("name", ["id", "updated_at", "updated_by", "list_of_notes"])
def test_a_field_that_is_not_read_alone_has_no_reader_of_its_own(name: str) -> None:
    with pytest.raises(AssertionError, match="not read by itself"):
        fields_of(Client)[name].read("x", context())


@pytest.mark.parametrize("value", [{1: "a"}, {"a": 1, None: 2}])
def test_an_object_whose_names_are_no_texts_is_not_json(value: object) -> None:
    assert read(Client, "attributes", value) == ["Value must be valid JSON."]


def test_lists_and_objects_of_ids_are_read_whole() -> None:
    draft = read_draft(
        _Ids, {"some": [str(SPELT), SPELT.hex.upper()], "named": {"a": str(SPELT)}}, context(), require_all=True
    )
    assert draft.values == {"some": (SPELT, SPELT), "named": {"a": SPELT}}
    draft = read_draft(
        _Ids, {"some": [str(SPELT), "x"], "named": {"a": "x", "b": None, "c": str(SPELT)}}, context(), require_all=True
    )
    bad = ["Must be a valid UUID."]
    assert {name: texts(problems) for name, problems in draft.problems.items()} == {
        "some": {"1": bad},
        "named": {"a": bad, "b": bad},
    }
    assert texts(read_draft(_Ids, {"some": []}, context(), require_all=True).problems) == {
        "some": ["This list may not be empty."]
    }
    assert texts(read_draft(_Ids, {}, context(), require_all=True).problems) == {"some": ["This field is required."]}
