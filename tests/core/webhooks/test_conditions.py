"""What a webhook's conditions may say, and when they hold, decision 28."""

import operator
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.webhooks.conditions import OPERATORS, Logic, OperatorName, field_of, holds, required_value, value_problems
from crm_core.webhooks.entity import Condition
from tests.core.knowledge import texts

OF_THE_DOCUMENTATION = ["=", "!=", ">", "<", ">=", "<=", "in", "contains"]


def problems_of(field: str, operator: Any, value: object) -> Any:
    return texts(value_problems(Condition(field=field, operator=operator, value=value)))


def test_the_operators_are_those_of_the_documentation_and_two_more() -> None:
    assert list(OPERATORS) == [*OF_THE_DOCUMENTATION, "changed", "changed_to"]


@pytest.mark.parametrize("operator", [name for name in OPERATORS if name != "in"])
@pytest.mark.parametrize("value", [None, True, 1, 1.5, "Moodle", ["a"], {"a": 1}])
def test_operators_take_any_value(operator: str, value: object) -> None:
    assert not problems_of("stage", operator, value)


@pytest.mark.parametrize("value", [[], ["a", 1, None], ("a",)])
def test_in_takes_a_list(value: object) -> None:
    assert not problems_of("attributes.size", "in", value)


@pytest.mark.parametrize("value", [None, "abc", 1, {"a": 1}])
def test_in_takes_nothing_else(value: object) -> None:
    assert problems_of("stage", "in", value) == {"value": ["The operator in takes a list."]}


def test_a_value_has_at_most_10_000_characters_as_json() -> None:
    assert not problems_of("stage", "=", "x" * 9_998)
    assert problems_of("stage", "=", "x" * 9_999) == {"value": ["Ensure this field has no more than 10000 characters."]}


@pytest.mark.parametrize(
    ("logic", "operator", "value", "text"),
    [
        ("AND", "=", "Won", "Won"),
        ("AND", "changed_to", "Won", "Won"),
        ("AND", "!=", "Won", None),
        ("AND", "contains", "Won", None),
        ("AND", "changed", "Won", None),
        ("OR", "=", "Won", None),
        ("AND", "=", "", None),
        ("AND", "=", 1, None),
        ("AND", "=", None, None),
        ("AND", "=", "2025-01-05", None),
        ("AND", "=", "2025-01-05T10:00:00Z", None),
        ("AND", "=", "20250105", "20250105"),
    ],
)
def test_a_value_is_required_where_only_that_text_can_meet_all_conditions(
    logic: Logic, operator: OperatorName, value: object, text: str | None
) -> None:
    rules = [
        Condition(field="name", operator="changed", value=None),
        Condition(field="stage", operator=operator, value=value),
    ]

    assert required_value(rules, logic) == (None if text is None else ("stage", text))


def is_met(name: Any, now: object, value: object, before: object = None) -> bool:
    """Whether one condition holds for a record that was there before; the order of the arguments is that of reading."""
    return holds([Condition(field="f", operator=name, value=value)], "AND", {"f": before}, {"f": now})


@pytest.mark.parametrize(
    ("now", "value", "are_equal"),
    [
        ("Moodle", "Moodle", True),
        ("Moodle", "moodle", False),
        ("Moodle", "Moodle ", False),
        ("\u00e9", "e\u0301", False),
        ("", None, False),
        (None, None, True),
        (None, False, False),
        (None, 0, False),
        (1, 1.0, True),
        (2**53, 2.0**53, True),
        (2**53 + 1, 2.0**53, False),
        (10**400, 1e308, False),
        (0, -0.0, True),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        (1, "1", False),
        ("true", True, False),
        ("20250115", 20250115, False),
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["b", "a"], False),
        ([1], [True], False),
        ([], None, False),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ("2025-01-15", "2025-01-15", True),
        ("2025-01-15", "2025-01-15T00:00:00Z", True),
        ("2025-01-15", "2025-01-15T01:00:00+01:00", True),
        ("2025-01-15T10:00:00Z", "2025-01-15T10:00:00", True),
        ("2025-01-15T10:00:00Z", "2025-01-15 10:00", True),
        ("2025-01-15T10:00:00Z", "2025-01-15T10:00:00.000000+00:00", True),
        ("2025-01-15T10:00:00Z", "2025-01-14T22:30:00-11:30", True),
        ("2025-01-15T10:00:00Z", "2025-01-15T10:00:00+01:00", False),
        ("2025-01-15T10:00:00.500000Z", "2025-01-15T10:00:00.5Z", True),
        ("2025-01-15T10:00:00.500000Z", "2025-01-15T10:00:00Z", False),
        ("2025-01-15", "2025-1-15", False),
        ("2025-01-15", "20250115", False),
        ("2025-13-01", "2025-13-01", True),
        ("0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00+23:59", True),
    ],
)
def test_equal_is_the_same_json_value_or_the_same_time(*, now: object, value: object, are_equal: bool) -> None:
    assert is_met("=", now, value) is are_equal
    assert is_met("=", value, now) is are_equal
    assert is_met("!=", now, value) is not are_equal


ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


@pytest.mark.parametrize(
    ("now", "value", "sign"),
    [
        (10, 9, 1),
        (9, 10.5, -1),
        (1, 1.0, 0),
        (-1, 0, -1),
        (2**53 + 1, 2.0**53, 1),
        (10**400, 1e308, 1),
        ("10", "9", -1),
        ("a", "b", -1),
        ("Z", "a", -1),
        ("a", "a", 0),
        ("", "a", -1),
        ("z", "\u00e9", -1),
        ("\uffff", "\U00010000", -1),
        ("2025-01-15", "2025-01-14", 1),
        ("2025-01-15", "2025-01-15T00:00:00Z", 0),
        ("2025-01-15T00:30:00+01:00", "2025-01-15", -1),
        ("2025-01-15T10:00:00Z", "2025-01-15T10:30:00+01:00", 1),
        ("2025-01-15T10:00:00Z", "2025-01-15 10:00", 0),
        ("2025-01-15T10:00:00.000001Z", "2025-01-15T10:00:00Z", 1),
        ("2025-01-15", "soon", -1),
        ("20250115", "2025-01-14", 1),
    ],
)
def test_numbers_times_and_texts_have_an_order(now: object, value: object, sign: int) -> None:
    assert [name for name in ORDER if is_met(name, now, value)] == [
        n for n, holds_for in ORDER.items() if holds_for(sign, 0)
    ]
    assert [name for name in ORDER if is_met(name, value, now)] == [
        n for n, holds_for in ORDER.items() if holds_for(0, sign)
    ]


@pytest.mark.parametrize("name", ORDER)
@pytest.mark.parametrize(
    ("now", "value"),
    [
        (None, None),
        (None, 1),
        (None, "a"),
        ("a", 1),
        ("2025-01-15", 20250115),
        (True, False),
        (True, 0),
        (True, True),
        (["a"], ["a"]),
        (["b"], "a"),
        ({"a": 1}, {"a": 1}),
        ({}, 0),
    ],
)
def test_unlike_types_null_and_what_has_no_order_never_hold(name: str, now: object, value: object) -> None:
    assert not is_met(name, now, value)
    assert not is_met(name, value, now)


@pytest.mark.parametrize(
    ("now", "value", "met"),
    [
        ("a", ["a", "b"], True),
        ("A", ["a", "b"], False),
        ("a", [], False),
        (1, ["1", True], False),
        (1, [True, 1.0], True),
        (None, [None], True),
        (None, [], False),
        ("2025-01-15T00:00:00Z", ["2025-01-14", "2025-01-15"], True),
        (["a"], ["a"], False),
        (["a"], [["a"]], True),
        ("a", "abc", False),
        ("a", {"a": 1}, False),
        ("a", None, False),
    ],
)
def test_in_looks_for_the_value_in_a_list(*, now: object, value: object, met: bool) -> None:
    assert is_met("in", now, value) is met


@pytest.mark.parametrize(
    ("now", "value", "met"),
    [
        ("Moodle course", "course", True),
        ("Moodle course", "Course", False),
        ("Moodle", "", True),
        ("10", 1, False),
        ("None", None, False),
        ("2025-01-15T10:00:00Z", "2025-01", True),
        (["a", "b"], "a", True),
        (["ab"], "a", False),
        ([1.0], 1, True),
        ([1], True, False),
        ([None], None, True),
        ([], None, False),
        (["2025-01-15"], "2025-01-15T00:00:00Z", True),
        ([["a"]], ["a"], True),
        ([{"task": "Call", "completed": False}], {"completed": False, "task": "Call"}, True),
        ({"a": 1}, "a", False),
        (None, None, False),
        (10, 1, False),
    ],
)
def test_contains_works_on_text_and_lists(*, now: object, value: object, met: bool) -> None:
    assert is_met("contains", now, value) is met


@pytest.mark.parametrize(
    ("before", "now", "changed", "changed_to_b"),
    [
        ("a", "b", True, True),
        ("b", "b", False, False),
        ("b", "a", True, False),
        (None, "b", True, True),
        ("b", None, True, False),
        (None, None, False, False),
        (1, 1.0, False, False),
        (1, True, True, False),
        (["a"], ["a", "b"], True, False),
        ({"a": 1}, {"a": 1}, False, False),
    ],
)
def test_changed_compares_with_what_was(*, before: object, now: object, changed: bool, changed_to_b: bool) -> None:
    assert is_met("changed", now, None, before) is changed
    assert is_met("changed", now, "ignored", before) is changed
    assert is_met("changed_to", now, "b", before) is changed_to_b


def test_changed_to_null_takes_a_value_that_was_there() -> None:
    assert is_met("changed_to", None, None, "a")
    assert not is_met("changed_to", None, None, None)


@pytest.mark.parametrize("name", ["changed", "changed_to"])
def test_in_a_new_record_what_has_a_value_has_changed(name: OperatorName) -> None:
    rules = [Condition(field="stage", operator=name, value="Open")]

    assert holds(rules, "AND", None, {"stage": "Open"})
    assert not holds(rules, "AND", None, {"stage": None})


@pytest.mark.parametrize("name", ["changed", "changed_to"])
def test_in_a_deleted_record_nothing_has_changed(name: OperatorName) -> None:
    was = {"stage": "Open"}

    assert not holds([Condition(field="stage", operator=name, value="Open")], "AND", was, was)


def test_attributes_are_named_by_their_whole_name() -> None:
    record = {"size": "S", "attributes": {"size": "L", "a.b": 1, "größe": 2}}

    assert field_of(record, "attributes.size") == "L"
    assert field_of(record, "attributes.a.b") == 1
    assert field_of(record, "attributes.größe") == 2
    assert field_of(record, "attributes") == record["attributes"]
    assert field_of(record, "size") == "S"
    assert field_of(record, "attributes.ghost") is None
    assert field_of(record, "ghost") is None
    assert field_of({}, "attributes.size") is None
    assert field_of(None, "size") is None


def test_an_attribute_that_was_not_there_was_null() -> None:
    rules = [Condition(field="attributes.size", operator="changed", value=None)]

    assert holds(rules, "AND", {"attributes": {}}, {"attributes": {"size": "L"}})
    assert holds(rules, "AND", {"attributes": {"size": "L"}}, {"attributes": {}})
    assert not holds(rules, "AND", {"attributes": {"hat": 1}}, {"attributes": {}})


@pytest.mark.parametrize(
    ("values", "for_all", "for_one"),
    [
        ([], True, True),
        (["x"], True, True),
        (["y"], False, False),
        (["x", "y"], False, True),
        (["y", "x"], False, True),
        (["x", "x"], True, True),
        (["y", "z"], False, False),
    ],
)
def test_and_asks_for_all_conditions_and_or_for_one_and_none_always_hold(
    *, values: list[str], for_all: bool, for_one: bool
) -> None:
    rules = [Condition(field="f", operator="=", value=value) for value in values]

    assert holds(rules, "AND", None, {"f": "x"}) is for_all
    assert holds(iter(rules), "OR", None, {"f": "x"}) is for_one


# The same once more, as plainly as it can be said, to compare with.

TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(?:Z|([+-])(\d\d):(\d\d))?)?")


def plain_time(value: object) -> int | None:
    """Microseconds since the beginning of year 1, UTC."""
    found = TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    hours, minutes, seconds = (int(found[group] or 0) for group in (2, 3, 4))
    offset = int(found[7] or 0) * 60 + int(found[8] or 0)
    minutes += hours * 60 - (-offset if found[6] == "-" else offset)
    try:
        days = date.fromisoformat(found[1]).toordinal() * 86_400
    except ValueError:  # there is no such day
        return None
    return (days + minutes * 60 + seconds) * 1_000_000 + int((found[5] or "").ljust(6, "0"))


def kind_of(value: object) -> str:
    kinds = {"truth": (bool,), "number": (int, float), "text": (str,), "list": (list,), "object": (dict,)}
    for kind, types in kinds.items():
        if isinstance(value, types):
            return kind
    return "null"


def plainly_same(one: Any, other: Any) -> bool:
    if kind_of(one) != kind_of(other):
        return False
    if kind_of(one) == "list":
        return len(one) == len(other) and all(map(plainly_same, one, other))
    if kind_of(one) == "object":
        return one.keys() == other.keys() and all(plainly_same(one[key], other[key]) for key in one)
    return bool(one == other)


def plainly_equal(one: object, other: object) -> bool:
    if plain_time(one) is not None and plain_time(other) is not None:
        return plain_time(one) == plain_time(other)
    return plainly_same(one, other)


def plainly_met(name: str, before: Any, now: Any, value: Any) -> bool:
    if name in ORDER:
        if plain_time(now) is not None and plain_time(value) is not None:
            return ORDER[name](plain_time(now), plain_time(value))
        return kind_of(now) == kind_of(value) and kind_of(now) in {"number", "text"} and ORDER[name](now, value)
    answers = {
        "=": plainly_equal(now, value),
        "!=": not plainly_equal(now, value),
        "in": kind_of(value) == "list" and [each for each in value if plainly_equal(each, now)] != [],
        "contains": (kind_of(now) == kind_of(value) == "text" and now.find(value) >= 0)
        or (kind_of(now) == "list" and [each for each in now if plainly_equal(each, value)] != []),
        "changed": not plainly_same(before, now),
        "changed_to": not plainly_same(before, now) and plainly_equal(now, value),
    }
    return answers[name]


def plainly_found(record: dict[str, Any] | None, name: str) -> object:
    head, _, tail = name.partition(".")
    found = (record or {}).get(head)
    return (found or {}).get(tail) if tail else found


DAYS = st.dates(date(1900, 1, 1), date(2200, 1, 1))
MOMENTS = st.builds(
    datetime,
    st.sampled_from([1999, 2000]),
    st.sampled_from([1, 12]),
    st.sampled_from([1, 31]),
    st.sampled_from([0, 1, 23]),
    st.sampled_from([0, 30]),
    tzinfo=st.sampled_from([None, UTC, timezone(timedelta(hours=1)), timezone(timedelta(hours=-11, minutes=-30))]),
)
SPELLINGS = st.sampled_from(
    [("T", "auto"), (" ", "auto"), ("T", "minutes"), ("T", "milliseconds"), (" ", "microseconds")]
)
TIMES = st.builds(lambda moment, spelling: moment.isoformat(*spelling), MOMENTS, SPELLINGS) | DAYS.map(str)
SCALARS = (
    st.sampled_from([None, True, False, 0, 1, 2, 1.0, 0.5, -1, "", "a", "ab", "b", "1", "é", "20000101", "2000-99-99"])
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | TIMES
    | MOMENTS.filter(lambda moment: moment.tzinfo is UTC).map(lambda moment: moment.isoformat().replace("+00:00", "Z"))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=4,
)
RECORDS = st.fixed_dictionaries(
    {"f": VALUES, "g": VALUES, "attributes": st.dictionaries(st.sampled_from(["x", "y"]), VALUES)},
)
RULES = st.lists(
    st.builds(
        Condition,
        field=st.sampled_from(["f", "g", "attributes", "attributes.x", "attributes.y"]),
        operator=st.sampled_from(list(OPERATORS)),
        value=VALUES | st.lists(VALUES, max_size=3),
    ),
    max_size=3,
)


@settings(max_examples=300)
@given(st.sampled_from(list(OPERATORS)), VALUES, VALUES, st.data())
def test_every_operator_decides_as_if_said_plainly(name: str, before: Any, now: Any, data: st.DataObject) -> None:
    # Values that have nothing to do with each other would hardly ever be equal.
    value = data.draw(VALUES | st.just(now) | st.just(before) | st.just([before, now]))

    assert is_met(name, now, value, before) is plainly_met(name, before, now, value)


@settings(max_examples=200)
@given(RULES, st.sampled_from(["AND", "OR"]), st.none() | RECORDS, RECORDS)
def test_conditions_hold_as_if_said_plainly(rules: Any, logic: Logic, before: Any, now: Any) -> None:
    met = [
        plainly_met(each.operator, plainly_found(before, each.field), plainly_found(now, each.field), each.value)
        for each in rules
    ]
    expected = (False not in met) if logic == "AND" else (not met or True in met)

    assert holds(rules, logic, before, now) is expected


@given(MOMENTS, SPELLINGS, SPELLINGS, st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]))
def test_a_time_is_the_same_in_every_spelling(moment: datetime, one: Any, other: Any, zone: timezone) -> None:
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    now, value = moment.isoformat(*one), moment.astimezone(zone).isoformat(*other)
    later = (moment + timedelta(minutes=1)).astimezone(zone).isoformat(*other)

    assert is_met("=", now, value)
    assert is_met(">=", now, value)
    assert is_met("<", now, later)
    assert is_met(">", later, now)


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is in New York."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
def test_a_time_without_an_offset_is_utc_wherever_the_server_is() -> None:
    assert is_met("=", "2025-01-05T10:00:00", "2025-01-05T10:00:00Z")
    assert is_met("=", "2025-01-05", "2025-01-05T00:00:00Z")
