"""Numbers keep their digits, or are refused (decision 4)."""

import copy
import enum
import json
import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.arguments.values import sendable
from crm_core.engine.parameters import parameter_text
from crm_core.errors import InvalidError
from crm_core.input.json_values import read_plain
from crm_core.input.numbers import MAX_DIGITS, Number, exact_number, parse_decimal
from crm_core.input.readers import (
    RefusedError,
    read_boolean,
    read_integer,
    read_list,
    read_several,
    read_text,
    read_uuid,
)
from crm_core.model.entities import Attribute, Client
from crm_core.model.events import same
from crm_core.model.plain_values import json_text, parse_json
from crm_core.resources import CLIENTS
from crm_core.rules.attributes import validate_values
from tests.core.knowledge import Knowledge, answered, made, refused

SIZE = made(Attribute, 9, name="size", label="Size", type="number", entity="client")

KEPT = ["123456789123456.12345", "1.10", "0.1", "-0.0", "1E2", "1e-7", "1e-400", "1e308", f"0.{'9' * MAX_DIGITS}"]
NOT_KEPT = [
    "1e309",
    "-1e400",
    "1e-401",
    "1e999999999999999999999",
    f"1.{'0' * MAX_DIGITS}",
    f"0.{'9' * (MAX_DIGITS + 1)}",
]


@pytest.mark.parametrize("text", KEPT)
def test_a_number_keeps_its_digits_from_json_to_json(text: str) -> None:
    number = parse_json(text)

    assert number == Decimal(text)
    assert json_text(number) == text
    assert copy.deepcopy(pickle.loads(pickle.dumps(number))).as_tuple() == Decimal(text).as_tuple()  # noqa: S301  # ours


@pytest.mark.parametrize("text", NOT_KEPT)
def test_a_number_that_cannot_be_kept_is_refused_where_it_is_read(text: str) -> None:
    with pytest.raises(ValueError, match="Number out of range"):
        parse_decimal(text)


@pytest.mark.parametrize(
    "value",
    [
        *(float(name) for name in ("nan", "inf", "-inf")),
        *map(Decimal, ("NaN", "sNaN", "Infinity", "1e309", "1e-401", "1e999999999", "-1e-999999999")),
        10**309,
        True,
        "1",
        None,
    ],
)
def test_what_is_no_number_that_can_be_kept_is_none(value: object) -> None:
    assert exact_number(value) is None
    assert validate_values({"size": SIZE}, {}, {"size": value})[1].keys() == ({"size"} if value is not None else set())


@pytest.mark.parametrize(
    "value", [Decimal("NaN"), Decimal("Infinity"), [Decimal("1e999999999")], {"a": Decimal("1e309")}]
)
def test_plain_values_hold_no_number_that_cannot_be_kept(value: object) -> None:
    with pytest.raises(RefusedError):
        read_plain(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_binary_fraction_is_read_as_the_digits_that_it_shows(value: float) -> None:
    number = exact_number(value)

    assert isinstance(number, Decimal)
    assert number == Decimal(repr(value))
    assert float(number) == value


def test_numbers_inside_plain_values_are_exact() -> None:
    assert read_plain({"a": [0.1, (1.5, {"b": 2.5})]}) == {
        "a": [Decimal("0.1"), [Decimal("1.5"), {"b": Decimal("2.5")}]]
    }


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("1.10", "1.10"),
        ("1E2", "100"),
        ("1e-7", "0.0000001"),
        ("-0.0", "-0.0"),
        ("123456789123456.12345", "123456789123456.12345"),
        ("12345678901234567890123", "12345678901234567890123"),
    ],
)
def test_a_number_sent_for_a_text_keeps_its_digits(sent: str, text: str) -> None:
    assert read_text(parse_json(sent)) == text


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("1e999999999"), pytest.param(10**5_000, id="long")]
)
def test_no_text_is_made_of_a_number_that_cannot_be_kept(value: object) -> None:
    with pytest.raises(RefusedError):
        read_text(value)


def test_a_whole_number_may_be_written_with_a_point_or_an_exponent() -> None:
    assert read_integer(Decimal("5.0")) == 5
    assert read_integer(Decimal("5E2")) == 500
    assert read_uuid(Decimal("5.0")).int == 5
    assert read_boolean(Decimal("1.0")) is True
    for huge in (Decimal("5.5"), Decimal("1e999999999")):
        with pytest.raises(RefusedError):
            read_integer(huge)


def test_messages_name_the_type_that_json_has() -> None:
    with pytest.raises(RefusedError) as caught:
        read_list(Decimal("1.5"), 9)

    assert "float" in str(caught.value.problems)


def test_numbers_are_the_same_by_value() -> None:
    assert same(Decimal("1.10"), Decimal("1.1"))
    assert same(1, Decimal("1.0"))
    assert not same(Decimal("1.0"), True)  # noqa: FBT003  # a value


def test_an_attribute_keeps_its_digits_in_the_record_and_in_the_event() -> None:
    known = Knowledge(made(Client, 1, name="a", attributes={"size": Decimal("1.5")}), SIZE)
    changes = known.patch(CLIENTS, 1, {"attributes": {"size": 0.1}})

    assert answered(changes).attributes == {"size": Decimal("0.1")}
    assert changes.writes[0].event.changes["attributes.size"] == {
        "from": Decimal("1.5"),
        "to": Decimal("0.1"),
        "attribute": SIZE.id,
    }
    assert not known.patch(CLIENTS, 1, {"attributes": {"size": Decimal("1.50")}}).writes


def test_an_attribute_that_is_no_number_is_refused() -> None:
    known = Knowledge(SIZE)

    assert refused(known.create, CLIENTS, {"name": "a", "attributes": {"size": Decimal("NaN")}}) == {
        "attributes": {"size": ["A valid number is required."]}
    }


_SCALARS: Any = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


@given(st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)))
def test_json_text_is_what_the_json_module_writes(value: object) -> None:
    assert json_text(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("text", KEPT)
def test_a_number_prints_as_it_was_sent(text: str) -> None:
    assert str(parse_decimal(text)) == text


def test_a_copy_of_a_number_is_the_number_itself() -> None:
    number = Number("1E2")

    assert copy.copy(number) is number
    assert copy.deepcopy([number])[0] is number


def test_a_signaling_nan_is_no_boolean_and_equals_nothing() -> None:
    signaling = Decimal("sNaN")

    with pytest.raises(RefusedError):
        read_boolean(signaling)
    assert [same(signaling, Decimal("sNaN")), same(1, signaling), same([signaling], [1])] == [False] * 3
    assert [read_boolean(Decimal("1.0")), read_boolean(0.0)] == [True, False]


def test_enums_that_are_texts_or_numbers_are_read_as_these() -> None:
    class Kind(str, enum.Enum):  # noqa: UP042  # its str() is not the text
        NEW = "New"

    class One(enum.IntEnum):
        ONE = 1

    assert read_text(Kind.NEW) == "New"
    assert (type(read_integer(One.ONE)), read_uuid(One.ONE).int) == (int, 1)
    assert sendable({"kind": Kind.NEW}) == {"kind": "New"}
    assert parameter_text(Kind.NEW) == "New"


def test_a_collection_is_no_text_and_no_single_value() -> None:
    assert list(read_several({"a": 1}, "names")) == ["a"]
    for value in ("abc", b"abc", 5, None):
        with pytest.raises(InvalidError) as caught:
            read_several(value, "names")
        assert caught.value.problems.keys() == {"names"}


def test_what_is_nested_without_an_end_is_sent_to_a_depth() -> None:
    endless: list[object] = []
    endless.append(endless)

    assert str(sendable(endless)).endswith("[Ellipsis]" + "]" * 40)
    for value in (endless, [[1]], 10**5_000, float("nan"), {1}):
        with pytest.raises(RefusedError):
            parameter_text(value)
