"""How deleted records come back, with what was deleted together with them."""

from functools import partial
from typing import Any

import pytest
from attrs import evolve

from crm_core.engine.changes import Changes, Put
from crm_core.engine.restorations import ReappearedError, Returning, bring_back
from crm_core.model.entities import Attribute, Client, FollowUp, Lead, Note, Pipeline, Service, Stage
from crm_core.model.records import Key
from crm_core.resources import FOLLOW_UPS, LEADS, SERVICES
from tests.core.knowledge import NOW, Knowledge, answered, calling, made, refused, uid

ACME = made(Client, 1, name="Acme")
NOTE = made(Note, 40, note="Hello", user_id=9, user_name="Gone")
JANE = made(Service, 4, name="Jane", client=uid(1), list_of_notes=(NOTE,), created_at=NOW)
VISIT = made(FollowUp, 6, service=uid(4), follow_up_date=NOW)
STUDENT, CHILD = Returning(SERVICES, JANE, 2, 5), Returning(FOLLOW_UPS, VISIT, 3, 4)


def returned(known: Knowledge, record: Returning, *children: Returning) -> Changes:
    return known.run(partial(bring_back, calling(), record, children))


def puts(changes: Changes) -> list[Put]:
    found = [write for write in changes.writes if isinstance(write, Put)]
    assert len(found) == len(changes.writes)
    return found


def test_a_record_comes_back_as_it_was_with_the_next_version() -> None:
    changes = returned(Knowledge(ACME), STUDENT)
    [put] = puts(changes)

    assert answered(changes) == evolve(JANE, updated_at=NOW, updated_by=1)
    assert changes.answer == Key("service", uid(4))
    assert (put.event.kind, put.event.version, put.event.cause) == ("created", 6, {"restored_from": 2})


def test_children_come_back_after_their_parent_and_name_it_as_the_cause() -> None:
    parent, child = puts(returned(Knowledge(ACME), STUDENT, CHILD))

    assert (parent.key, child.key) == (Key("service", uid(4)), Key("follow_up", uid(6)))
    assert child.event.version == 5
    assert child.event.cause == {"restored_from": 3, "resource": "service", "record": uid(4), "version": 6}


def test_a_lead_comes_back_in_the_stage_of_its_name() -> None:
    sales = made(Pipeline, 9, name="Sales", stages=(made(Stage, 11, name="Open"), made(Stage, 12, name="Won")))
    lead = made(Lead, 10, name="John", pipeline=uid(9), stage="Won")
    [put] = puts(returned(Knowledge(sales), Returning(LEADS, lead, 1, 2)))

    assert put.hidden == {"stage_id": uid(12)}


@pytest.mark.parametrize("there", [JANE, VISIT])
def test_what_is_there_does_not_come_back(there: Any) -> None:
    with pytest.raises(ReappearedError):
        returned(Knowledge(ACME, there), STUDENT, CHILD)


def test_the_problems_of_all_that_comes_back_are_named() -> None:
    lost, size = (
        evolve(VISIT, service=uid(99)),
        made(Attribute, 20, entity="service", name="size", label="Size", type="text", is_required=True),
    )
    known, child = Knowledge(size), Returning(FOLLOW_UPS, lost, 3, 4)
    missing = {"client": [f'Invalid pk "{uid(1)}" - object does not exist.']}
    of_child = {"children": {str(uid(6)): {"service": [f'Invalid pk "{uid(99)}" - object does not exist.']}}}

    assert refused(returned, Knowledge(), STUDENT) == missing
    assert refused(returned, Knowledge(ACME), STUDENT, child) == of_child
    assert refused(returned, known, STUDENT, child) == (
        missing | {"attributes": {"size": ["This field is required."]}} | of_child
    )
