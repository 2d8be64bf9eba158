"""When two values are the same, and what keeps an attribute from being unique (decisions 84 and 85)."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import InvalidError, Problem
from crm_core.input.texts import unique_form
from crm_core.model.entities import BUILDING, Attribute, Client
from crm_core.resources import ATTRIBUTES, CLIENTS
from crm_core.rules.needs import MAX_GROUP_IDS, MAX_GROUPS, Duplicates, Holder, UniqueAttribute, UniqueValue
from crm_core.rules.uniqueness import (
    MAX_FORM_BYTES,
    MAX_UNIQUE_LENGTH,
    UNIQUE_TYPES,
    duplicate_problems,
    duplicates_among,
    holder_among,
    is_same_value,
    is_too_long,
    unique_attribute,
    unique_key,
    unique_value,
)
from tests.core.knowledge import JSON_LIKE, Knowledge, answered, made, refused, uid

TAG = made(Attribute, 1, entity="client", name="tag", label="Tag", type="text", is_unique=True)
SIZE = made(Attribute, 2, entity="client", name="size", label="Size", type="number", is_unique=True)
PLAIN = made(Attribute, 3, entity="client", name="plain", label="Plain", type="text")
TAGS = UniqueAttribute("client", "tag", "text")
TAKEN = ["This field must be unique."]
TOO_LONG = [f"Ensure this field has no more than {MAX_UNIQUE_LENGTH} characters."]
NOT_OF_TYPE = ["Only attributes of these types can be unique: text, number, date."]
#: A letter that becomes 18.
LONG_LETTER = "\ufdfa"


def client(number: int, **attributes: object) -> Client:
    found: Client = made(Client, number, name="Acme", attributes=attributes)
    return found


def created(known: Knowledge, **attributes: object) -> Any:
    return answered(known.create(CLIENTS, {"name": "New", "attributes": attributes})).attributes


@pytest.mark.parametrize(
    ("type_", "one", "other"),
    [
        ("text", "Straße 7", "  STRASSE \u2003 7 "),
        ("text", "ﬁn", "FIN"),
        ("number", Decimal("1.0"), 1),
        ("number", 1.5, Decimal("1.50")),
        ("date", "2025-01-15", "2025-01-15"),
    ],
)
def test_values_are_the_same_in_another_spelling(type_: str, one: object, other: object) -> None:
    assert is_same_value(type_, one, other)
    assert unique_key(type_, one) == unique_key(type_, other)


@pytest.mark.parametrize(
    ("type_", "one", "other"),
    [
        ("text", "Zoe", "Zoé"),
        ("text", "", ""),
        ("text", "\u2003", "\u2003"),
        ("text", 7, 7),
        ("text", None, None),
        ("text", "x" * (MAX_UNIQUE_LENGTH + 1), "x" * (MAX_UNIQUE_LENGTH + 1)),
        ("number", "1", "1"),
        ("number", True, True),
        ("number", 1, Decimal("1.01")),
        ("date", "2025-01-15", "2025-01-16"),
        ("date", 20250115, 20250115),
    ],
)
def test_other_values_are_not_the_same_nor_are_absent_blank_long_and_foreign_ones(
    type_: str, one: object, other: object
) -> None:
    assert not is_same_value(type_, one, other)


@given(st.sampled_from(UNIQUE_TYPES), JSON_LIKE, JSON_LIKE)
def test_values_are_the_same_if_their_keys_are(type_: str, one: object, other: object) -> None:
    keys = unique_key(type_, one), unique_key(type_, other)

    assert is_same_value(type_, one, other) is (None not in keys and keys[0] == keys[1])
    assert is_same_value(type_, one, other) is is_same_value(type_, other, one)
    assert is_same_value(type_, one, one) is (keys[0] is not None)


@given(st.text(max_size=MAX_UNIQUE_LENGTH + 5))
def test_a_text_that_can_be_compared_has_a_form_that_fits_an_index(text: str) -> None:
    key = unique_key("text", text)

    assert key is None or isinstance(key, str)
    if key is None:
        assert is_too_long(text) or not unique_form(text)
    else:
        assert key == unique_form(text)
        assert len(key.encode()) <= MAX_FORM_BYTES


def test_a_text_is_too_long_by_its_characters_or_by_the_bytes_of_its_form() -> None:
    assert not is_too_long("x" * MAX_UNIQUE_LENGTH)
    assert is_too_long("x" * (MAX_UNIQUE_LENGTH + 1))
    form = len(unique_form(LONG_LETTER).encode())
    assert not is_too_long(LONG_LETTER * (MAX_FORM_BYTES // form))
    assert is_too_long(LONG_LETTER * (MAX_FORM_BYTES // form + 1))
    assert is_too_long("\ud800" * MAX_UNIQUE_LENGTH) is (3 * MAX_UNIQUE_LENGTH > MAX_FORM_BYTES)


@pytest.mark.parametrize(("is_unique", "is_building"), [(True, False), (BUILDING, True)])
def test_needs_name_an_attribute_by_its_entity_name_and_type(*, is_unique: object, is_building: bool) -> None:
    definition = made(Attribute, 1, entity="client", name="tag", label="Tag", type="text", is_unique=is_unique)

    assert unique_attribute(definition) == TAGS
    assert unique_value(definition, "a") == UniqueValue(TAGS, "a", is_building)


def test_a_value_that_another_record_has_is_refused() -> None:
    known = Knowledge(TAG, SIZE, client(9, tag="A-1", size=Decimal("1.0")))

    assert refused(created, known, tag=" a-1", size=1) == {"attributes": {"tag": TAKEN, "size": TAKEN}}
    assert created(known, tag="A-2", size=2) == {"tag": "A-2", "size": 2}


def test_another_attribute_may_have_the_value() -> None:
    known = Knowledge(TAG, PLAIN, client(9, tag="A-1", plain="A-2"))

    assert created(known, tag="A-2", plain="A-2") == {"tag": "A-2", "plain": "A-2"}


def test_blank_and_absent_values_are_those_of_many_records() -> None:
    known = Knowledge(TAG, client(9, tag=" "), client(10))

    assert created(known, tag=" ") == {"tag": " "}
    assert created(known) == {}


@pytest.mark.parametrize("tag", ["x" * (MAX_UNIQUE_LENGTH + 1), LONG_LETTER * MAX_UNIQUE_LENGTH])
def test_a_unique_text_can_be_compared(tag: str) -> None:
    assert refused(created, Knowledge(TAG), tag=tag) == {"attributes": {"tag": TOO_LONG}}


def test_a_record_may_spell_its_own_value_in_another_way() -> None:
    known = Knowledge(TAG, client(9, tag="A-1"), client(10, tag="A-2"))

    for tag in ("A-1", "a-1", "A-3"):
        changed = known.patch(CLIENTS, 9, {"name": "New", "attributes": {"tag": tag}})
        assert answered(changed).attributes == {"tag": tag}
    assert refused(known.patch, CLIENTS, 9, {"attributes": {"tag": "a-2"}}) == {"attributes": {"tag": TAKEN}}


def test_a_value_that_several_records_had_before_the_attribute_was_unique_stays_in_them() -> None:
    long = "x" * (MAX_UNIQUE_LENGTH + 1)
    for tag in ("A-1", long):
        known = Knowledge(TAG, client(9, tag=tag), client(10, tag=tag))
        changed = known.patch(CLIENTS, 10, {"name": "New", "attributes": {"tag": tag}})
        assert answered(changed).attributes == {"tag": tag}


def defined(known: Knowledge, **sent: object) -> Any:
    values = {"name": "new", "label": "New", "type": "text", "is_unique": True, **sent}
    return answered(known.create(ATTRIBUTES, values, parent="client")).is_unique


@pytest.mark.parametrize("type_", UNIQUE_TYPES)
def test_a_new_unique_attribute_is_building_its_index(type_: str) -> None:
    assert defined(Knowledge(), type=type_) == BUILDING


@pytest.mark.parametrize("type_", ["boolean", "list", "file"])
def test_attributes_of_other_types_cannot_be_unique(type_: str) -> None:
    assert refused(defined, Knowledge(), type=type_) == {"is_unique": NOT_OF_TYPE}
    assert defined(Knowledge(), type=type_, is_unique=False) is False


def test_an_attribute_without_a_name_or_a_good_one_is_not_looked_for_in_records() -> None:
    assert refused(defined, Knowledge(), name=[]) == {"name": ["Not a valid string."]}
    assert refused(defined, Knowledge(), name="a__b") == {"name": ["This value does not match the required pattern."]}
    assert refused(defined, Knowledge(), name="a__b", type="list").keys() == {"name", "is_unique"}


@pytest.mark.parametrize("is_unique", [True, BUILDING])
def test_a_unique_attribute_stays_as_it_is_when_it_is_sent_back(is_unique: object) -> None:
    tag = made(Attribute, 1, entity="client", name="tag", label="Tag", type="text", is_unique=is_unique)
    known = Knowledge(tag, client(9, tag="a"), client(10, tag="a"))

    for sent in ({"is_unique": True}, {"is_unique": BUILDING}, {}):
        after = answered(known.patch(ATTRIBUTES, 1, {"label": "New", **sent}, merge=True))
        assert after.is_unique == is_unique
    assert answered(known.patch(ATTRIBUTES, 1, {"is_unique": False})).is_unique is False


def test_an_attribute_whose_values_differ_becomes_unique() -> None:
    known = Knowledge(PLAIN, client(9, plain="a"), client(10, plain="b"), client(11), client(12, plain=" "))

    assert answered(known.patch(ATTRIBUTES, 3, {"is_unique": True})).is_unique == BUILDING


def test_an_attribute_does_not_become_unique_while_records_have_the_same_value_or_one_too_long() -> None:
    long = client(11, plain="x" * (MAX_UNIQUE_LENGTH + 1))
    known = Knowledge(PLAIN, client(9, plain="A"), client(10, plain="a "), long)

    with pytest.raises(InvalidError) as caught:
        known.patch(ATTRIBUTES, 3, {"is_unique": True})

    assert caught.value.problems == {
        "is_unique": [
            Problem("duplicates", "1 value is in more than one record."),
            Problem("duplicate", f"The same value: {uid(9)}, {uid(10)}."),
            Problem("max_length", "1 record has a value of more than 200 characters, which is too long."),
        ]
    }


def test_problems_of_duplicates_are_counted() -> None:
    assert not duplicate_problems(Duplicates())
    assert duplicate_problems(Duplicates(groups=21, too_long=2)) == [
        Problem("duplicates", "21 values are in more than one record."),
        Problem("max_length", "2 records have a value of more than 200 characters, which is too long."),
    ]


def test_the_first_groups_of_records_are_listed_by_id() -> None:
    groups = [[uid(100 * group + number) for number in range(2)] for group in range(MAX_GROUPS + 1)]
    records = [made(Client, each.int, name="x", attributes={"tag": str(ids[0])}) for ids in groups for each in ids]
    found = duplicates_among(TAGS, reversed(records))

    assert found == Duplicates(MAX_GROUPS + 1, tuple(map(tuple, groups[:MAX_GROUPS])))


def test_of_a_large_group_the_first_records_are_listed() -> None:
    found = duplicates_among(TAGS, [client(number, tag="a") for number in range(MAX_GROUP_IDS + 5, 0, -1)])

    assert found == Duplicates(1, (tuple(map(uid, range(1, MAX_GROUP_IDS + 1))),))


@given(st.lists(st.sampled_from(["a", "A ", "b", "", 1, None, "x" * 201]), max_size=12))
def test_there_is_a_holder_of_a_value_if_and_only_if_a_record_has_it(values: list[object]) -> None:
    records = [client(number, tag=value) for number, value in enumerate(values)]
    holder = holder_among(UniqueValue(TAGS, "a"), records)
    same: list[UUID] = [uid(number) for number, value in enumerate(values) if is_same_value("text", value, "a")]

    assert holder == (Holder(same[0]) if same else None)
    assert (duplicates_among(TAGS, records).first[:1] == (tuple(same),)) is (len(same) > 1)
