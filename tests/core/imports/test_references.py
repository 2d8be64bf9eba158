"""Which record a text names."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from crm_core.errors import Problem
from crm_core.imports.references import Named, by_attribute, field_and_attribute, not_one, reference_of
from crm_core.model.entities import Attribute
from crm_core.rules.uniqueness import unique_value


def attribute(name: str, type_: str, *, is_unique: bool = True) -> Attribute:
    return Attribute(id=UUID(int=1), name=name, label=name, type=type_, entity="client", is_unique=is_unique)


CATALOGS = {
    "client": {
        each.name: each
        for each in (
            attribute("email", "text"),
            attribute("size", "number"),
            attribute("since", "date"),
            attribute("city", "text", is_unique=False),
        )
    }
}
ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize("text", ["", " ", str(ONE), f" {ONE} "])
def test_an_id_and_a_blank_name_nothing(text: str) -> None:
    assert reference_of("client", text, CATALOGS) is None


@pytest.mark.parametrize("text", ["Ann", " Ann ", "by:", "by:email"])
def test_other_texts_are_names(text: str) -> None:
    assert reference_of("client", text, CATALOGS) == Named("client", text.strip())


def test_where_records_have_no_names_only_ids_are_taken() -> None:
    assert reference_of("follow_up", "x", CATALOGS) is None


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("by:email=a@x", "email", "a@x"),
        ("by: email = a=b", "email", "a=b"),
        ("by:size=1.50", "size", Decimal("1.50")),
        ("by:since=2026-01-31", "since", "2026-01-31"),
    ],
)
def test_a_unique_attribute_finds_a_record_by_its_value(text: str, name: str, value: Any) -> None:
    expected = unique_value(CATALOGS["client"][name], value)
    assert reference_of("client", text, CATALOGS) == Named("client", text.partition("=")[2].strip(), expected)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("by:city=Rome", "not_unique"),
        ("by:none=1", "not_unique"),
        ("by:size=many", "invalid"),
        ("by:size=", "invalid"),
        ("by:since=31.01.2026", "invalid"),
        ("by:email=", "invalid"),
        (f"by:email={'x' * 300}", "invalid"),
    ],
)
def test_what_no_unique_attribute_can_have_is_a_problem(text: str, code: str) -> None:
    found = reference_of("client", text, CATALOGS)
    assert isinstance(found, Problem)
    assert found.code == code


def test_a_column_names_a_field_and_an_attribute() -> None:
    assert field_and_attribute("Client . BY: email") == ("Client", "email")
    assert field_and_attribute("by:email") is None
    assert by_attribute("size", Decimal("1.50")) == "by:size=1.50"


def test_none_and_several_are_told_by_name_or_value() -> None:
    named = Named("client", "a@x", unique_value(CATALOGS["client"]["email"], "a@x"))
    assert not_one(named, ()).message == 'No client has the email "a@x".'
    assert not_one(Named("client", "Ann"), (ONE, TWO)).message == (
        f'Several clients have the name "Ann", as {ONE} and {TWO}: write the id.'
    )
