"""Pipelines and the stage of a lead, decisions 14 and 15."""

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from crm_core.model.entities import Lead, Pipeline, Stage
from crm_core.model.events import Event
from crm_core.model.plain_values import plain
from crm_core.model.records import Key
from crm_core.resources import LEADS, PIPELINES
from crm_core.rules.pipelines import name_of_stage_now
from tests.core.knowledge import NOW, Knowledge, answered, made, refused, uid, written

UNIQUE = ["This field must be unique."]
OPEN, WON = made(Stage, 1, name="Open", order=1), made(Stage, 2, name="Won", order=2)
SALES = made(Pipeline, 10, name="Sales", stages=(OPEN, WON))
TALKS = made(Pipeline, 11, name="Talks", stages=(made(Stage, 3, name="First"), made(Stage, 4, name="Won")))
EMPTY = made(Pipeline, 12, name="Empty")
PIPELINES_KNOWN = (SALES, TALKS, EMPTY)


def lead(stage: str | None, number: int = 20, *, pipeline: Pipeline | None = SALES) -> Lead:
    found: Lead = made(Lead, number, name="Jane", pipeline=pipeline and pipeline.id, stage=stage)
    return found


def sent_stage(stage: Stage, **change: object) -> dict[str, object]:
    return {"id": str(stage.id), "name": stage.name, "order": stage.order} | change


def test_stages_come_out_by_order_with_an_id_each() -> None:
    sent = {"name": "New", "stages": [{"name": "b", "order": 2}, {"name": "a", "order": 1, "color": "#FF00ff"}]}
    stages = answered(Knowledge().create(PIPELINES, sent)).stages

    assert [(s.id, s.name, s.color, s.order) for s in stages] == [
        (uid(1002), "a", "#FF00ff", 1),
        (uid(1001), "b", "#6c6f73", 2),
    ]


def test_stages_of_the_same_order_stay_as_they_were_sent() -> None:
    sent = {"name": "New", "stages": [{"name": "b"}, {"name": "a"}]}

    assert [stage.name for stage in answered(Knowledge().create(PIPELINES, sent)).stages] == ["b", "a"]


@pytest.mark.parametrize(
    ("stages", "problems"),
    [
        ([{"name": "a"}, {"name": "b"}, {"name": " a "}], {"2": {"name": UNIQUE}}),
        ([sent_stage(OPEN), sent_stage(WON, id=str(OPEN.id))], {"1": {"id": UNIQUE}}),
        ([sent_stage(OPEN)] * 2, {"1": {"id": UNIQUE, "name": UNIQUE}}),
        ([{"name": "a", "color": "red"}], {"0": {"color": ["This value does not match the required pattern."]}}),
    ],
)
def test_ids_and_names_of_stages_are_unique_and_colors_are_colors(stages: object, problems: object) -> None:
    assert refused(Knowledge(SALES).patch, PIPELINES, 10, {"stages": stages}) == {"stages": problems}


def test_a_pipeline_s_other_fields_change_without_its_stages() -> None:
    assert answered(Knowledge(SALES).patch(PIPELINES, 10, {"name": "B2B"})) == evolve(
        SALES, name="B2B", updated_at=NOW, updated_by=2
    )


def test_a_renamed_stage_takes_its_leads_along_in_the_same_commit() -> None:
    leads = lead("Open", 20), lead("Won", 21), lead("Open", 22), lead(None, 23), lead("Open", 24, pipeline=TALKS)
    stages = [sent_stage(OPEN, name="Fresh"), sent_stage(WON)]
    changes = Knowledge(SALES, *leads).patch(PIPELINES, 10, {"stages": stages})

    assert written(changes).keys() == {Key("pipeline", uid(10)), Key("lead", uid(20)), Key("lead", uid(22))}
    event = written(changes)["lead", uid(20)].event
    assert (event.kind, event.version, event.changes) == ("updated", 4, {"stage": {"from": "Open", "to": "Fresh"}})


def test_stages_can_swap_their_names() -> None:
    stages = [sent_stage(OPEN, name="Won"), sent_stage(WON, name="Open")]
    changes = Knowledge(SALES, lead("Open", 20), lead("Won", 21)).patch(PIPELINES, 10, {"stages": stages})

    assert written(changes)["lead", uid(20)].value.stage == "Won"
    assert written(changes)["lead", uid(21)].value.stage == "Open"


def test_a_stage_with_a_new_id_or_without_a_new_name_renames_nothing() -> None:
    for stages in ([{"name": "Fresh"}], [sent_stage(OPEN, order=7), sent_stage(WON)], []):
        changes = Knowledge(SALES, lead("Open")).patch(PIPELINES, 10, {"stages": stages})
        assert [put.key.resource for put in changes.writes] == ["pipeline"]


def created(**sent: object) -> Any:
    return answered(Knowledge(*PIPELINES_KNOWN).create(LEADS, {"name": "Jane", **sent})).stage


@pytest.mark.parametrize(
    ("sent", "stage"),
    [
        ({}, None),
        ({"stage": "Any text"}, "Any text"),
        ({"pipeline": str(SALES.id)}, "Open"),
        ({"pipeline": str(SALES.id), "stage": None}, "Open"),
        ({"pipeline": str(SALES.id), "stage": ""}, "Open"),
        ({"pipeline": str(SALES.id), "stage": "Won"}, "Won"),
        ({"pipeline": str(SALES.id), "stage": " Won "}, "Won"),
        ({"pipeline": str(EMPTY.id)}, None),
    ],
)
def test_a_new_lead_starts_in_the_stage_that_is_sent_or_the_pipeline_s_first(sent: Any, stage: str | None) -> None:
    assert created(**sent) == stage


@pytest.mark.parametrize("pipeline", [SALES, EMPTY])
def test_a_new_lead_s_stage_must_be_one_of_its_pipeline_s(pipeline: Pipeline) -> None:
    assert refused(created, pipeline=str(pipeline.id), stage="Lost") == {"stage": ['"Lost" is not a valid choice.']}


def test_a_pipeline_that_does_not_exist_is_the_only_problem() -> None:
    assert refused(created, pipeline=str(uid(99)), stage="Lost") == {
        "pipeline": [f'Invalid pk "{uid(99)}" - object does not exist.']
    }


@pytest.mark.parametrize(
    ("before", "sent", "stage"),
    [
        (lead("Open"), {"stage": "Won"}, "Won"),
        (lead("Won"), {"stage": ""}, "Open"),
        (lead("Open"), {"pipeline": str(EMPTY.id)}, None),
        (lead("Gone"), {"name": "New"}, "Gone"),
        (lead("Gone"), {"name": "New", "stage": "Gone"}, "Gone"),
        (lead("Gone"), {"name": "New", "pipeline": str(SALES.id)}, "Gone"),
        (lead("Gone"), {"name": "New", "pipeline": str(SALES.id), "stage": "Gone"}, "Gone"),
        (lead("Won"), {"pipeline": str(TALKS.id)}, "Won"),
        (lead("Open"), {"pipeline": str(TALKS.id)}, "First"),
        (lead("Gone"), {"pipeline": str(TALKS.id)}, "First"),
        (lead("Open"), {"pipeline": str(TALKS.id), "stage": "Won"}, "Won"),
        (lead("Open"), {"pipeline": None}, "Open"),
        (lead("Open"), {"pipeline": None, "stage": "Any text"}, "Any text"),
        (lead("Any text", pipeline=None), {"stage": "Other text"}, "Other text"),
        (lead("Any text", pipeline=None), {"pipeline": str(SALES.id)}, "Open"),
        (lead("Won", pipeline=None), {"pipeline": str(SALES.id)}, "Won"),
    ],
)
def test_a_lead_keeps_its_stage_where_it_can(before: Lead, sent: Any, stage: str | None) -> None:
    assert answered(Knowledge(before, *PIPELINES_KNOWN).patch(LEADS, 20, sent)).stage == stage


def test_a_blank_stage_is_the_same_as_none() -> None:
    assert not written(Knowledge(lead(None), *PIPELINES_KNOWN).patch(LEADS, 20, {"stage": ""}))


@pytest.mark.parametrize(
    ("before", "sent"),
    [
        (lead("Open"), {"stage": "Lost"}),
        (lead("Gone"), {"stage": "Lost"}),
        (lead("Gone"), {"pipeline": str(TALKS.id), "stage": "Gone"}),
        (lead("Any text", pipeline=None), {"pipeline": str(SALES.id), "stage": "Any text"}),
    ],
)
def test_a_stage_that_is_set_must_be_one_of_the_pipeline_s(before: Lead, sent: Any) -> None:
    problems = {"stage": [f'"{sent["stage"]}" is not a valid choice.']}

    assert refused(Knowledge(before, *PIPELINES_KNOWN).patch, LEADS, 20, sent) == problems


def changed(**change: object) -> Event:
    more = {"actor": 1, "actor_name": "Ann Lee", "request_id": "r-1", "at": NOW}
    return Event(resource="pipeline", record=uid(10), version=2, kind="updated", changes=change, **more)  # type: ignore[arg-type]


def renamed(*pairs: tuple[str, str]) -> Event:
    """The event of stages with new names, as changes of single items are recorded."""
    items = [{"from": {"id": old, "name": old}, "to": {"id": old, "name": new}} for old, new in pairs]
    return changed(stages={"added": [], "removed": [], "changed": items})


def test_a_stage_has_the_name_that_the_events_of_its_pipeline_lead_to() -> None:
    events = [
        renamed(("Open", "Fresh")),
        changed(name={"from": "Sales", "to": "B2B"}),
        renamed(("Fresh", "New"), ("Won", "Done")),
    ]

    assert name_of_stage_now("Open", events) == "New"
    assert name_of_stage_now("Open", events[:1]) == "Fresh"
    assert name_of_stage_now("Won", iter(events)) == "Done"
    assert name_of_stage_now("Lost", events) == "Lost"
    assert name_of_stage_now("Open", ()) == "Open"


def test_stages_that_swapped_their_names_are_told_apart() -> None:
    swap = renamed(("Open", "Won"), ("Won", "Open"))

    assert [name_of_stage_now(name, [swap]) for name in ("Open", "Won")] == ["Won", "Open"]
    assert [name_of_stage_now(name, [swap, swap]) for name in ("Open", "Won")] == ["Open", "Won"]


def test_events_that_hold_all_stages_name_them_by_their_ids() -> None:
    before = [sent_stage(OPEN), sent_stage(WON)]
    after = [sent_stage(WON, name="Done"), sent_stage(OPEN, id=str(uid(5)))]
    event = changed(stages={"from": before, "to": after})

    assert [name_of_stage_now(name, [event]) for name in ("Open", "Won", "Lost")] == ["Open", "Done", "Lost"]


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_events_of_a_real_change_lead_from_each_old_name_to_the_new_one(names: list[str]) -> None:
    stages = tuple(made(Stage, number, name=name) for number, name in enumerate("abcd"))
    known = Knowledge(evolve(SALES, stages=stages))
    sent = [sent_stage(stage, name=name) for stage, name in zip(stages, names, strict=True)]
    writes = known.patch(PIPELINES, 10, {"stages": sent}).writes
    events = [evolve(write.event, changes=plain(write.event.changes)) for write in writes]

    assert [name_of_stage_now(stage.name, events) for stage in stages] == names
