"""Which records are alike, by keys, names and values; and in which groups they are shown."""

from collections.abc import Sequence

import pytest

from crm_core.model.duplicates import DuplicateGroup
from crm_core.model.entities import Client
from crm_core.rules.likeness import (
    MAX_ALIKE,
    Lookalike,
    contact_key,
    groups_alike,
    likeness_keys,
    name_key,
    page_alike,
    similarity,
)
from tests.core.knowledge import made, uid


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jon Smyth", "SMITH, John"),
        ("Carl Meyer", "Karl  Maier"),
        ("Müller GmbH & Co. KG", "Mueller"),
        ("Stephen Philips", "Steven Phillips"),
        ("Zoë", "zoe"),
        ("The Company", "the company"),
    ],
)
def test_names_that_sound_alike_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other) != ""


@pytest.mark.parametrize(("one", "other"), [("Anna", "Hanna"), ("Smith", "Smits"), ("Acme", "Acme Solutions")])
def test_other_names_have_others(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (" Ann@Example.COM ", "ann@example.com"),
        ("a@b", None),
        ("ann at example.com", None),
        (f"{'a' * 200}@example.com", None),
        ("+49 (151) 234-567", "49151234567"),
        ("0049 151 234567", "49151234567"),
        ("123456", None),
        ("1" * 16, None),
        ("2026-01-31", None),
        ("call 1234567", None),
    ],
)
def test_addresses_and_numbers_have_a_key_and_other_texts_none(value: str, key: str | None) -> None:
    assert contact_key(value) == key


def test_names_without_letters_are_not_similar() -> None:
    assert (similarity("%", "&"), similarity("", "a"), similarity("a", "A")) == (0, 0, 1)


def alike(number: int, name: str, **attributes: object) -> Lookalike:
    return Lookalike(uid(number), name, likeness_keys(name, attributes))


def shown(*records: Lookalike) -> Sequence[tuple[list[str], list[tuple[str, str]], float]]:
    """All groups among records, by all of their keys."""
    keys = sorted({key for record in records for key in record.keys})
    groups: list[DuplicateGroup] = [group for key in keys for group in groups_alike(key, records)]
    return [
        ([each.name for each in group.records], [(each.field, each.match) for each in group.reasons], group.score)
        for group in groups
    ]


def test_a_group_comes_once_with_all_that_its_records_have_in_common() -> None:
    mail, phone = {"email": "a@example.com"}, {"phone": "+49 1234567"}
    one, same = alike(1, "Ann Lee", **mail), alike(2, "ann lee", **mail)
    assert shown(one, same) == [(["Ann Lee", "ann lee"], [("name", "equal"), ("attributes.email", "equal")], 0.98)]
    other, both = alike(3, "Bob", **mail, **phone), alike(4, "Eve", **mail, **phone)
    values = [("attributes.email", "equal"), ("attributes.phone", "equal")]
    assert shown(other, both) == [(["Bob", "Eve"], values, 0.99)]
    assert shown(one, other) == [(["Ann Lee", "Bob"], [("attributes.email", "equal")], 0.9)]
    assert shown(one, alike(5, "Bob", mail="a@example.com")) == []


def test_names_of_one_key_that_are_spelt_too_differently_are_apart() -> None:
    assert name_key("Xeno Quay") == name_key("Xanu Koya")
    assert shown(alike(1, "Xeno Quay"), alike(2, "Xanu Koya")) == []
    [(names, reasons, score)] = shown(alike(1, "Meier"), alike(2, "Meyer"), alike(3, "Mauro"))
    assert (names, reasons, score) == (["Meier", "Meyer"], [("name", "similar")], 0.27)


def test_a_page_of_all_records_has_keys_that_several_have() -> None:
    values = [made(Client, number, name=name) for number, name in enumerate(["Bob", "Ann", "Zed", "ann", "bob"])]
    first = page_alike(values, "", 1)
    assert [(key, [each.name for each in records]) for key, records in first.alike] == [("nan", ["Ann", "ann"])]
    second = page_alike(values, first.next or "", 1)
    assert [[each.name for each in records] for _, records in second.alike] == [["Bob", "bob"]]
    assert second.next is None
    many = page_alike([made(Client, number, name="Test") for number in range(MAX_ALIKE + 5)], "", 9)
    assert [len(records) for _, records in many.alike] == [MAX_ALIKE]
