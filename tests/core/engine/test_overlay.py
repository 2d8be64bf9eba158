"""What is known, as it will be after writes that are decided and not yet committed."""

import pytest

from crm_core.engine.changes import Changes, Remove
from crm_core.engine.overlay import Overlay
from crm_core.engine.writing import event_by
from crm_core.model.entities import Attribute, Client, Lead
from crm_core.model.records import Key, Record
from crm_core.resources import ATTRIBUTES, CLIENTS, LEADS
from crm_core.rules.needs import Catalog, Holder, Known, Needs, Search, UniqueAttribute, UniqueValue
from tests.core.knowledge import Knowledge, calling, made, uid

CODE = made(Attribute, 20, entity="lead", name="code", label="Code", type="text", is_unique=True)
JANE = made(Lead, 10, name="Jane", attributes={"code": "x"})
JOHN = made(Lead, 11, name="John", possible_client=uid(1), attributes={"code": "y"})
ACME = made(Client, 1, name="Acme")
STORED = Knowledge(CODE, JANE, JOHN, ACME)
JANE_KEY, JOHN_KEY, ACME_KEY = Key("lead", uid(10)), Key("lead", uid(11)), Key("client", uid(1))
X = UniqueValue(UniqueAttribute("lead", "code", "text"), "x")


def overlay(*several: Changes) -> Overlay:
    """The overlay of changes of stored records, each in a step of its own."""
    found = Overlay()
    for step, changes in enumerate(several):
        keys = frozenset(write.key for write in changes.writes)
        found.add(changes, STORED.answer(Needs(records=keys)), step)
    return found


def answer(found: Overlay, needs: Needs) -> Known:
    return found.answer(needs, STORED.answer(found.base_of(needs)))


RENAMED = overlay(STORED.patch(LEADS, 10, {"name": "John"}))
REMOVED = overlay(STORED.remove(LEADS, 10))


def test_a_written_record_is_not_read_from_the_store() -> None:
    needs = Needs(records=frozenset({JANE_KEY, JOHN_KEY}), references=frozenset({JANE_KEY, ACME_KEY}))

    assert RENAMED.has(JANE_KEY)
    assert not RENAMED.has(JOHN_KEY)
    assert RENAMED.base_of(needs) == Needs(records=frozenset({JOHN_KEY}), references=frozenset({ACME_KEY}))


def test_a_written_record_is_known_as_it_will_be_and_others_as_they_are_stored() -> None:
    needs = Needs(records=frozenset({JANE_KEY, JOHN_KEY}), references=frozenset({JANE_KEY, ACME_KEY}))
    renamed, removed = answer(RENAMED, needs), answer(REMOVED, needs)

    assert renamed.records[JOHN_KEY] == Record(JOHN_KEY, 3, JOHN)
    assert (jane := renamed.records[JANE_KEY]) is not None
    assert (jane.version, jane.value.name) == (4, "John")
    assert renamed.references == {JANE_KEY: True, ACME_KEY: True}
    assert removed.records == {JANE_KEY: None, JOHN_KEY: Record(JOHN_KEY, 3, JOHN)}
    assert removed.references == {JANE_KEY: False, ACME_KEY: True}


@pytest.mark.parametrize(
    ("search", "renamed", "removed"),
    [
        (Search("lead", (("name", "John"),)), [10, 11], [11]),
        (Search("lead", (("name", "Jane"),)), [], []),
        (Search("lead", (("name", ("Jane", "John")),)), [10, 11], [11]),
        (Search("lead", (("name", "John"), ("possible_client", uid(1))), any_field=True), [10, 11], [11]),
        (Search("lead", (("id", uid(10)), ("possible_client", uid(1))), any_field=True), [10, 11], [11]),
        (Search("lead", (("name", "John"), ("possible_client", None))), [10], []),
        (Search("client", (("name", "Acme"),)), [1], [1]),
    ],
)
def test_a_search_finds_and_counts_the_records_that_there_will_be(
    search: Search, renamed: list[int], removed: list[int]
) -> None:
    needs = Needs(children=frozenset({search}), counts=frozenset({search}))
    for found, numbers in ((RENAMED, renamed), (REMOVED, removed)):
        known = answer(found, needs)
        assert [record.key.id for record in known.children[search]] == list(map(uid, numbers))
        assert known.counts[search] == len(numbers)


def test_a_decision_follows_the_latest_write_that_it_depends_on() -> None:
    lead, client = STORED.patch(LEADS, 10, {"name": "John"}), STORED.patch(CLIENTS, 1, {"name": "New"})
    found = overlay(lead, client)

    assert found.step_after([Needs(records=frozenset({JANE_KEY}))]) == 1
    assert found.step_after([Needs(references=frozenset({ACME_KEY})), Needs(records=frozenset({JANE_KEY}))]) == 2
    assert found.step_after([Needs(counts=frozenset({Search("lead", (("name", "Jane"),))}))]) == 1
    assert found.step_after([Needs(counts=frozenset({Search("lead", (("name", "Ann"),))}))]) is None
    assert found.step_after([Needs(records=frozenset({JOHN_KEY}), catalogs={"lead": None})]) is None
    assert found.step_after([Needs(holders=frozenset({X}))]) == 1
    assert found.step_after([Needs(holders=frozenset({X._replace(value="y")}))]) is None


def test_a_unique_value_is_held_by_the_record_that_will_have_it() -> None:
    needs = Needs(holders=frozenset({X, X._replace(value="y"), X._replace(value="z")}))
    freed = overlay(STORED.patch(LEADS, 10, {"attributes": {"code": "z"}}))

    assert answer(Overlay(), needs).holders == {
        X: Holder(uid(10)),
        X._replace(value="y"): Holder(uid(11)),
        X._replace(value="z"): None,
    }
    assert answer(freed, needs).holders == {
        X: None,
        X._replace(value="y"): Holder(uid(11)),
        X._replace(value="z"): Holder(uid(10)),
    }


def test_writes_count_for_unique_values_that_were_asked_for_before_them() -> None:
    found, needs = Overlay(), Needs(holders=frozenset({X}))
    assert answer(found, needs).holders == {X: Holder(uid(10))}

    client = STORED.patch(CLIENTS, 1, {"name": "New"})
    found.add(client, STORED.answer(Needs(records=frozenset({ACME_KEY}))), 0)
    assert answer(found, needs).holders == {X: Holder(uid(10))}
    found.add(STORED.remove(LEADS, 10), STORED.answer(Needs(records=frozenset({JANE_KEY}))), 1)
    assert answer(found, needs).holders == {X: None}


def test_the_catalog_has_an_attribute_as_it_will_be() -> None:
    needs = Needs(catalogs={"lead": None, "client": None})
    labelled, removed = overlay(STORED.patch(ATTRIBUTES, 20, {"label": "New"})), overlay(STORED.remove(ATTRIBUTES, 20))

    changed = answer(labelled, needs).catalogs
    assert changed["lead"].definitions["code"].label == "New"
    assert changed["client"] == Catalog(1, {}, ())
    assert answer(removed, needs).catalogs == {"lead": Catalog(1, {}, ()), "client": Catalog(1, {}, ())}


def test_a_record_that_was_gone_before_it_is_erased_stays_unknown() -> None:
    key = Key("lead", uid(12))
    found = Overlay()
    erased = Remove(key, event_by(calling(), key, 5, "erased", {}), is_stored=False)
    found.add(Changes(writes=(erased,)), STORED.answer(Needs(records=frozenset({key}))), 0)

    assert answer(found, Needs(references=frozenset({key}))).references == {key: False}
    assert Changes(writes=(erased,)).erasures == [erased.event]
