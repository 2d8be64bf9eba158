"""Needs and what is known of them are put together and taken apart without a loss."""

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.model.entities import Client
from crm_core.model.records import Key, Record
from crm_core.rules.needs import (
    Catalog,
    Duplicates,
    Holder,
    Known,
    Needs,
    Search,
    UniqueAttribute,
    UniqueValue,
)
from crm_core.webhooks.entity import Webhook
from tests.core.knowledge import made, uid

KEYS = [Key("client", uid(number)) for number in range(4)]
SEARCHES = [Search("lead", (("pipeline", uid(number)),)) for number in range(3)]
ATTRIBUTES = [UniqueAttribute("client", name, "text") for name in "abc"]
VALUES = [UniqueValue(attribute, "x") for attribute in ATTRIBUTES]
CATALOG = Catalog(1, {}, ())
EXISTING = {key: Record(key, 3, made(Client, number, name="Acme")) for number, key in enumerate(KEYS[:2])}
AHEAD = dict.fromkeys(KEYS)


def some(values: list[Any]) -> Any:
    return st.frozensets(st.sampled_from(values))


NEEDS = st.builds(
    Needs,
    records=some(KEYS),
    references=some(KEYS),
    children=some(SEARCHES),
    counts=some(SEARCHES),
    catalogs=st.dictionaries(st.sampled_from(["client", "lead"]), st.none() | st.integers(1, 3)),
    holders=some(VALUES),
    duplicates=some(ATTRIBUTES),
    ahead=some(KEYS).map(dict.fromkeys),
)


def answer(needs: Needs) -> Known:
    """An answer to all needs."""
    return Known(
        records={key: EXISTING.get(key) for key in needs.records},
        references={key: key in EXISTING for key in needs.references},
        children=dict.fromkeys(needs.children, ()),
        counts=dict.fromkeys(needs.counts, 0),
        catalogs=dict.fromkeys(needs.catalogs, CATALOG),
        holders=dict.fromkeys(needs.holders, Holder(uid(1))),
        duplicates=dict.fromkeys(needs.duplicates, Duplicates()),
    )


@given(st.lists(NEEDS, max_size=4))
def test_the_union_of_several_needs_is_that_of_one_after_the_other(several: list[Needs]) -> None:
    joined = Needs()
    for needs in several:
        joined |= needs

    assert Needs.union(iter(several)) == joined


@given(NEEDS, NEEDS)
def test_needs_are_wanting_as_long_as_they_are_not_known(one: Needs, other: Needs) -> None:
    both, known = one | other, answer(one)

    assert known.lacks(Needs()) == Needs()
    assert not known.lacks(one)
    assert Known().lacks(one) == one
    assert (known | answer(known.lacks(both))).lacks(both) == Needs(ahead=both.ahead)
    assert known | answer(other) == answer(both)


@pytest.mark.parametrize("field", [field.name for field in attrs.fields(Needs) if field.name != "ahead"])
def test_each_need_alone_is_a_need(field: str) -> None:
    everything: dict[str, Any] = {
        "records": frozenset(KEYS),
        "references": frozenset(KEYS),
        "children": frozenset(SEARCHES),
        "counts": frozenset(SEARCHES),
        "catalogs": {"client": None},
        "holders": frozenset(VALUES),
        "duplicates": frozenset(ATTRIBUTES),
    }

    assert Needs(**{field: everything[field]})
    assert not Needs(ahead=AHEAD)


@given(NEEDS)
def test_a_reference_exists_if_its_record_or_the_answer_says_so(needs: Needs) -> None:
    known = answer(needs)

    for key in needs.records | needs.references:
        assert known.exists(key) is (key in EXISTING)
    for key in needs.records:
        assert known.value(key) == (EXISTING[key].value if key in EXISTING else None)


def test_a_reference_that_is_known_as_a_record_is_not_needed_again() -> None:
    known = answer(Needs(records=frozenset({KEYS[0]})))

    assert not known.lacks(Needs(references=frozenset({KEYS[0]})))
    assert known.lacks(Needs(references=frozenset({KEYS[1]}))) == Needs(references=frozenset({KEYS[1]}))


def test_the_index_of_a_catalog_s_webhooks_is_built_once() -> None:
    webhook = made(Webhook, 2, name="Notify", model="Lead", url="https://a.example/")
    catalog = Catalog(1, {}, (webhook,))

    assert catalog.webhook_index is catalog.webhook_index
