"""How records become one, and how one of them becomes its own again."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from crm_core.engine.changes import Changes, Put
from crm_core.engine.decisions import change
from crm_core.engine.merging import Merger, combine, id_of_moved, merge, united
from crm_core.engine.restorations import ReappearedError, Returning
from crm_core.engine.together import Together
from crm_core.engine.unmerging import Unmerger, unmerge
from crm_core.errors import NotFoundError, VersionConflictError
from crm_core.input.drafts import Draft
from crm_core.model.entities import MAX_ENTRIES, Attribute, Client, Lead, Note, Pipeline, Service, Stage, Task
from crm_core.model.records import Key
from crm_core.resources import CLIENTS, LEADS, Resource
from tests.core.knowledge import NOW, Knowledge, calling, made, refused, uid, written

TASK, NOTE = made(Task, 41, task="Call"), made(Note, 42, note="Hello", user_id=9, user_name="Gone")
ACME = made(Client, 1, name="Acme", created_at=NOW, list_of_tasks=(TASK,))
TWIN = made(Client, 2, name="ACME Ltd", created_at=NOW, list_of_notes=(NOTE,), list_of_images=("/files/a.png",))
JANE = made(Service, 4, name="Jane", client=uid(2), created_at=NOW)
CODE = made(Attribute, 20, entity="client", name="code", label="Code", type="text", is_unique=True)


def merged(known: Knowledge, *losers: int, winner: int = 1, expected: Any = None, **take: int) -> Changes:
    keys = tuple(Key("client", uid(loser)) for loser in losers)
    merger = Merger(CLIENTS, Key("client", uid(winner)), keys, {name: uid(source) for name, source in take.items()})
    return known.run(partial(merge, calling(), merger, expected))


def test_references_move_then_the_loser_goes_then_the_winner_takes() -> None:
    changes = merged(Knowledge(ACME, TWIN, JANE), 2)
    moved, taken, gone = (
        written(changes)[Key(*key)] for key in (("service", uid(4)), ("client", uid(1)), ("client", uid(2)))
    )

    assert [write.event.kind for write in changes.writes].index("deleted") > changes.writes.index(moved)
    assert moved.value.client == uid(1)
    assert (taken.value.list_of_tasks, taken.value.list_of_notes) == ((TASK,), (NOTE,))
    assert taken.value.list_of_images == ("/files/a.png",)
    assert taken.event.cause == {"merged_from": [uid(2)], "taken": {}}
    followed = {"resource": "client", "record": uid(1), "version": 4}
    assert (moved.event.cause, gone.event.cause) == (followed, {"merged_into": uid(1), **followed})
    assert changes.answer == Key("client", uid(1))


def test_a_unique_value_is_free_before_the_winner_takes_it() -> None:
    twin = evolve(TWIN, attributes={"code": "x"})
    changes = merged(Knowledge(ACME, twin, CODE), 2)
    last = changes.writes[-1]

    assert isinstance(last, Put)
    assert (last.key.id, last.value.attributes) == (uid(1), {"code": "x"})  # type: ignore[attr-defined]
    assert changes.steps == (1,)
    assert last.event.cause["taken"] == {"attributes.code": uid(2)}


def test_the_order_of_a_merge_holds_among_other_decisions() -> None:
    twin = evolve(TWIN, attributes={"code": "x"})
    merger = Merger(CLIENTS, Key("client", uid(1)), (Key("client", uid(2)),), {})
    rename = partial(change, CLIENTS, calling(), Key("client", uid(1)), lambda _: Draft({"name": "New"}), None, None)
    together = Together([partial(merge, calling(), merger, None), rename])
    changes = Knowledge(ACME, twin, CODE).run(together)

    assert [(write.event.kind, write.key.id) for write in changes.writes] == [
        ("deleted", uid(2)),
        ("updated", uid(1)),
        ("updated", uid(1)),
    ]
    assert changes.steps == (1, 2)


def test_a_merge_needs_its_records_as_they_are_expected() -> None:
    with pytest.raises(NotFoundError):
        merged(Knowledge(TWIN), 2)
    with pytest.raises(VersionConflictError):
        merged(Knowledge(ACME, TWIN), 2, expected=frozenset({2}))
    missing = {"0": [f'Invalid pk "{uid(5)}" - object does not exist.']}
    assert refused(merged, Knowledge(ACME, TWIN), 5, 2, expected=frozenset({3})) == {"from": missing}


def test_lists_have_no_more_items_than_they_may() -> None:
    tasks = tuple(made(Task, 1_000 + number, task="t") for number in range(MAX_ENTRIES))
    known = Knowledge(ACME, evolve(TWIN, list_of_tasks=tasks))

    assert refused(merged, known, 2) == {"list_of_tasks": ["Ensure this field has no more than 1000 elements."]}


def test_a_name_to_take_is_an_attribute_or_one_that_a_record_holds() -> None:
    town = evolve(CODE, name="town", is_unique=False, former_names=("city",))
    known = Knowledge(evolve(TWIN, attributes={"old": 1}), ACME, town)

    take = {"attributes.twon": 2, "attributes.city": 2, "attributes.old": 2}
    assert refused(merged, known, 2, **take)["take"] == {
        "attributes.twon": ["This attribute is not defined."],
        "attributes.city": ["This attribute was renamed to `town`."],
    }
    assert written(merged(known, 2, **{"attributes.town": 2}))[Key("client", uid(1))]


def test_items_are_kept_once_and_others_of_the_same_id_get_one_of_their_own() -> None:
    changed = evolve(TASK, completed=True)
    again = evolve(changed, id=id_of_moved(uid(2), TASK.id))

    assert united([(uid(1), (TASK,)), (uid(2), (TASK,))]) == (TASK,)
    assert united([(uid(1), (TASK,)), (uid(2), (changed,))]) == (TASK, again)


def combined(resource: Resource, *records: Any, **take: UUID) -> tuple[Any, Any]:
    values, taken = combine(resource, records, take, {"city"})
    return dict(values), dict(taken)


def test_the_stage_comes_with_its_pipeline() -> None:
    plain, other = made(Lead, 10, name="a", stage="Q"), made(Lead, 12, name="c", pipeline=uid(9))
    staged = made(Lead, 11, name="b", pipeline=uid(8), stage="Won")

    taken = {"pipeline": uid(11), "stage": uid(11)}
    assert combined(LEADS, plain, staged, other) == ({"pipeline": uid(8), "stage": "Won"}, taken)
    assert combined(LEADS, plain, staged, stage=uid(10)) == ({"pipeline": uid(8)}, {"pipeline": uid(11)})
    assert combined(LEADS, other, staged) == ({}, {})
    assert combined(LEADS, made(Lead, 13, name="d"), plain) == ({"stage": "Q"}, {"stage": uid(10)})


def test_of_attributes_only_defined_ones_are_taken_without_being_named() -> None:
    one = made(Client, 1, name="a", attributes={"size": 0})
    two = made(Client, 2, name="b", attributes={"city": "Bonn", "old": "x", "size": 3})

    values, taken = combined(CLIENTS, one, two)
    assert (values, taken) == ({"attributes": {"size": 0, "city": "Bonn"}}, {"attributes.city": uid(2)})
    values, taken = combined(CLIENTS, two, one, **{"attributes.city": uid(1)})
    assert values == {"attributes": {"old": "x", "size": 3}}


def unmerged(known: Knowledge, *, partly: bool = False, **parts: Any) -> Changes:
    nothing: dict[str, Any] = {"children": (), "moves": {}, "taken": {}, "items": {}}
    unmerger = Unmerger(
        Returning(CLIENTS, TWIN, 2, 3), winner=Key("client", uid(1)), partly=partly, **{**nothing, **parts}
    )
    return known.run(partial(unmerge, calling(), unmerger))


TAKEN = {"name": {"from": "Old", "to": "Acme"}}
MOVES = {Key("service", uid(4)): "client"}


def test_a_winner_gives_back_what_it_took() -> None:
    acme = evolve(ACME, list_of_images=("/files/a.png", "/files/b.png"))
    jane = evolve(JANE, client=uid(1))
    items = {"list_of_images": ["/files/a.png"]}
    changes = unmerged(Knowledge(acme, jane), taken=TAKEN, moves=MOVES, items=items)
    writes = written(changes)

    winner = writes[Key("client", uid(1))]
    assert (winner.value.name, winner.value.list_of_images) == ("Old", ("/files/b.png",))
    followed = {"resource": "client", "record": uid(2), "version": 4}
    assert winner.event.cause == {"unmerged": uid(2), **followed}
    assert writes[Key("service", uid(4))].value.client == uid(2)
    assert writes[changes.answer].event.cause == {"restored_from": 2}


def test_what_cannot_go_back_is_named() -> None:
    acme = evolve(ACME, name="New")
    known = Knowledge(acme, made(Client, 3, name="c"), evolve(JANE, client=uid(3)))
    changed = ["It was changed after the merge."]
    moved = {str(uid(4)): ["It does not belong to the other record any longer."]}

    assert refused(unmerged, known, taken=TAKEN, moves=MOVES) == {"winner": {"name": changed}, "moved": moved}
    keys = set(written(unmerged(known, taken=TAKEN, moves=MOVES, partly=True)))
    assert keys == {Key("client", uid(1)), Key("client", uid(2))}
    gone = ["The record that it was merged into is not there. Restore that first."]
    assert refused(unmerged, Knowledge(), taken=TAKEN) == {"winner": gone}
    with pytest.raises(ReappearedError):
        unmerged(Knowledge(ACME, TWIN))


def test_values_that_the_winner_may_not_have_again_are_left_only_if_asked() -> None:
    sales = made(Pipeline, 9, name="Sales", stages=(made(Stage, 11, name="Open"),))
    lead = made(Lead, 1, name="a", pipeline=uid(9), stage="Open", created_at=NOW)
    loser = Returning(LEADS, made(Lead, 2, name="b", created_at=NOW), 2, 3)
    taken = {"stage": {"from": "Gone", "to": "Open"}}

    def undone(*, partly: bool) -> Changes:
        unmerger = Unmerger(loser, (), Key("lead", uid(1)), {}, taken, {}, partly=partly)
        return Knowledge(sales, lead).run(partial(unmerge, calling(), unmerger))

    assert refused(undone, partly=False) == {"winner": {"stage": ['"Gone" is not a valid choice.']}}
    assert written(undone(partly=True))[Key("lead", uid(1))].value.stage == "Open"
