"""How one change of a run is undone, and what stays of it."""

from functools import partial
from typing import Any

import pytest
from attrs import evolve

from crm_core.engine.changes import Put, Remove
from crm_core.engine.restorations import Returning
from crm_core.engine.undo import PastChange, Undone, ends_of, undo
from crm_core.model.entities import Attribute, Client, Service, TransferRequest
from crm_core.model.events import Event
from crm_core.model.plain_values import json_text, parse_json, plain
from crm_core.model.recorded_changes import record_changes
from crm_core.resources import CLIENTS, RESOURCES, TRANSFER_REQUESTS
from tests.core.knowledge import NOW, Knowledge, calling, made, refused, uid

CITY = made(Attribute, 20, entity="client", name="city", label="City", type="text")
ANN = made(Client, 1, name="Ann", attributes={"city": "Rome"}, created_at=NOW)


def event(kind: Any, before: Any, after: Any, version: int = 3, definitions: Any = None) -> Event:
    """The event of a change, with plain values, as stores read it."""
    value = before if after is None else after
    resource = next(each for each in RESOURCES.values() if each.entity is type(value))
    changes = record_changes(before, after, {"city": CITY} if definitions is None else definitions)
    return Event(
        resource=resource.name,
        record=value.id,
        version=version,
        kind=kind,
        actor=None,
        actor_name="",
        request_id="import x",
        at=NOW,
        changes=parse_json(json_text(plain(changes))),
    )


def undone(known: Knowledge, past: Event, **options: Any) -> Undone:
    resource = RESOURCES[past.resource]
    change = PastChange(event=past, ends=ends_of(resource, past), **options)
    found = known.run(partial(undo, resource, calling(), change))
    assert isinstance(found, Undone)
    return found


def values(found: Undone) -> list[Any]:
    """What records become."""
    return [write.value for write in found.writes if isinstance(write, Put)]


def reasons(found: Undone) -> list[tuple[str, str]]:
    return [(each.column, each.code) for each in found.kept]


CREATED = event("created", None, ANN)


def test_a_record_that_was_created_is_deleted() -> None:
    found = undone(Knowledge(ANN, CITY), CREATED)

    [write] = found.writes
    assert isinstance(write, Remove)
    assert (write.event.kind, write.event.version, found.kept) == ("deleted", 4, ())


@pytest.mark.parametrize(
    ("now", "edited"),
    [
        (evolve(ANN, name="Eve"), ["name"]),
        (evolve(ANN, attributes={"city": "Oslo"}), ["attributes.city"]),
        (evolve(ANN, attributes={}), ["attributes.city"]),
        (evolve(ANN, attributes={"city": "Rome", "size": 1}), ["attributes.size"]),
        (evolve(ANN, list_of_images=("/x.png",)), ["list_of_images"]),
    ],
)
def test_a_record_that_was_created_and_edited_since_is_kept_unless_it_is_asked_for(now: Any, edited: list[str]) -> None:
    known, past = Knowledge(now, CITY), evolve(CREATED, version=2)

    assert reasons(undone(known, past)) == [(name, "edited") for name in edited]
    assert undone(known, past).writes == ()
    assert len(undone(known, past, even_edited=True).writes) == 1


def test_a_record_that_was_edited_back_counts_as_not_edited() -> None:
    assert undone(Knowledge(ANN, CITY), evolve(CREATED, version=1)).kept == ()


def test_a_record_to_which_others_refer_is_kept() -> None:
    services = [made(Service, number, name="s", client=uid(1), created_at=NOW) for number in (4, 5)]
    found = undone(Knowledge(ANN, CITY, *services), CREATED, even_edited=True)

    [kept] = found.kept
    assert (kept.code, kept.message) == ("referred_to", "The record is referred to by 2 services.")


@pytest.mark.parametrize("past", [CREATED, event("updated", evolve(ANN, name="A"), ANN)])
def test_of_a_record_that_is_gone_nothing_is_undone(past: Event) -> None:
    assert reasons(undone(Knowledge(CITY), past)) == [("", "deleted")]


def test_fields_go_back_that_have_the_values_of_the_run_and_the_others_are_kept() -> None:
    before = evolve(ANN, name="A", attributes={})
    past = event("updated", before, ANN, version=2)

    [value] = values(undone(Knowledge(ANN, CITY), past))
    assert evolve(value, updated_at=None, updated_by=None) == before
    found = undone(Knowledge(evolve(ANN, name="by hand"), CITY), past)
    assert reasons(found) == [("name", "edited")]
    assert [value.attributes for value in values(found)] == [{}]
    assert undone(Knowledge(evolve(ANN, name="by hand", attributes={"city": "x"}), CITY), past).writes == ()


def test_what_others_have_undone_already_is_not_kept() -> None:
    past = event("updated", evolve(ANN, name="A"), ANN, version=2)
    found = undone(Knowledge(evolve(ANN, name="A"), CITY), past)

    assert (found.writes, found.kept) == ((), ())


def test_an_attribute_goes_back_under_the_name_that_it_has_by_now() -> None:
    past = event("updated", evolve(ANN, attributes={"city": "Oslo"}), ANN, version=2)
    now = evolve(ANN, attributes={"town": "Rome"})
    [value] = values(undone(Knowledge(now, evolve(CITY, name="town")), past))
    assert value.attributes == {"town": "Oslo"}


def test_a_value_that_a_rule_refuses_is_not_undone() -> None:
    past = event("updated", evolve(ANN, attributes={}), ANN, version=2)
    change = PastChange(event=past, ends=ends_of(CLIENTS, past))
    known = Knowledge(ANN, evolve(CITY, is_required=True))

    assert refused(known.run, partial(undo, CLIENTS, calling(), change)) == {
        "attributes": {"city": ["This field is required."]}
    }


def test_a_deleted_record_comes_back_unless_it_is_there_or_was_erased() -> None:
    past = event("deleted", ANN, None)
    returning = Returning(CLIENTS, ANN, 2, 3)

    [put] = undone(Knowledge(CITY), past, returning=returning).writes
    assert (put.event.kind, put.event.version, put.event.cause) == ("created", 4, {"restored_from": 2})
    assert reasons(undone(Knowledge(ANN, CITY), past, returning=returning)) == [("", "exists")]
    assert reasons(undone(Knowledge(CITY), past)) == [("", "erased")]


def test_what_the_history_does_not_tell_any_more_is_kept() -> None:
    assert reasons(undone(Knowledge(ANN, CITY), evolve(CREATED, kind="baseline"))) == [("", "folded")]
    past = event("updated", evolve(ANN, name="A"), ANN)
    assert reasons(undone(Knowledge(ANN, CITY), past, is_folded=True)) == [("", "folded")]


def test_what_the_server_sets_and_copies_of_names_are_not_compared() -> None:
    request = made(TransferRequest, 7, student=uid(4), student_name="Jane", cohort_request="c")
    past = event("created", None, request, definitions={})

    assert "id" not in ends_of(TRANSFER_REQUESTS, past)
    assert "student_name" not in ends_of(TRANSFER_REQUESTS, past)
    renamed = evolve(request, student_name="Joan")
    assert undone(Knowledge(renamed), evolve(past, version=2)).kept == ()
