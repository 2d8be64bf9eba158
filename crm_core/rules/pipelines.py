"""Pipelines: their stages, and the stage of a lead (decisions 14 and 15)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import attrs

from crm_core.errors import NOT_UNIQUE, InvalidError, Problems, not_a_choice
from crm_core.model.entities import Lead, Pipeline, Stage
from crm_core.model.events import Event
from crm_core.model.records import Key, Record
from crm_core.rules.needs import Needs, Proposal, Search, Steps, without_needs


@without_needs
def validate_pipeline(proposal: Proposal) -> Mapping[str, object]:
    """Require that ids and names of stages are unique; return the stages in their order."""
    if not proposal.touches("stages"):
        return {}
    stages: Sequence[Stage] = proposal.sent["stages"]
    before: Pipeline | None = proposal.before
    if problems := _repeated(stages, before.stages if before else ()):
        raise InvalidError({"stages": problems})
    return {"stages": tuple(sorted(stages, key=lambda stage: stage.order))}


def _repeated(stages: Sequence[Stage], before: Sequence[Stage]) -> Mapping[str, Problems]:
    problems: dict[str, Problems] = {}
    names = {stage.id: stage.name for stage in before}
    for index, stage in enumerate(stages):
        # Two that had the same name already, from before names had one form, may keep it.
        earlier = [other for other in stages[:index] if not _keep_names((stage, other), names)]
        repeated = {
            name: (NOT_UNIQUE,)
            for name in ("id", "name")
            if any(getattr(stage, name) == getattr(other, name) for other in earlier)
        }
        if repeated:
            problems[str(index)] = repeated
    return problems


def _keep_names(pair: tuple[Stage, Stage], names: Mapping[UUID, str]) -> bool:
    return pair[0].id != pair[1].id and all(names.get(stage.id) == stage.name for stage in pair)


def cascade_stage_names(before: Pipeline | None, after: Pipeline | None) -> Steps[Sequence[tuple[Record, object]]]:
    """Return the leads in renamed stages with the new name; a renamed stage is one that keeps its id.

    A lead may have the name of a stage and not be in it: its own stage is gone, and another got the name since.
    """
    if before is None or after is None:
        return ()
    names = {stage.id: stage.name for stage in after.stages}
    renamed = [stage for stage in before.stages if names.get(stage.id, stage.name) != stage.name]
    if not renamed:
        return ()
    searches = {_leads_in(after, stage): names[stage.id] for stage in renamed}
    known = yield Needs(children=frozenset(searches))
    return [
        (lead, attrs.evolve(lead.value, stage=name)) for each, name in searches.items() for lead in known.children[each]
    ]


def _leads_in(pipeline: Pipeline, stage: Stage) -> Search:
    # Of a lead that was written past the rules no id is known: it is in the stage of that name.
    return Search("lead", (("pipeline", pipeline.id), ("stage", stage.name), ("stage_id", (stage.id, None))))


def name_of_stage_now(name: str, events: Iterable[Event]) -> str:
    """Return the name that a stage has after events of its pipeline, in their order, with plain values."""
    for event in events:
        change: Any = event.changes.get("stages", {})
        if "changed" in change:
            pairs = {each["from"]["name"]: each["to"]["name"] for each in change["changed"]}
        else:
            ids = {stage["id"]: stage["name"] for stage in change.get("to", ())}
            pairs = {stage["name"]: ids.get(stage["id"], stage["name"]) for stage in change.get("from", ())}
        name = pairs.get(name, name)
    return name


def validate_lead(proposal: Proposal) -> Steps[Mapping[str, object]]:
    """Require that the stage is one of the lead's pipeline's; return the stage, the first one where none is named.

    Return also its id, which is kept with the lead, so that a rename moves the leads that were in that stage.
    """
    pipeline_id = proposal.value("pipeline")
    if pipeline_id is None or not proposal.touches("pipeline", "stage"):
        return {}
    known = yield Needs(records=frozenset({key := Key("pipeline", pipeline_id)}))
    pipeline = known.value(key)
    if not isinstance(pipeline, Pipeline):
        return {}  # reported as a reference to nothing
    if _stays(proposal):
        return {"stage": proposal.before.stage}
    ids = {stage.name: stage.id for stage in pipeline.stages}
    name = _stage(proposal, list(ids))
    return {"stage": name, "stage_id": ids[name]} if name in ids else {"stage": name}


def _stays(proposal: Proposal) -> bool:
    """Return whether a lead stays in its pipeline and stage, which may be gone."""
    before: Lead | None = proposal.before
    if before is None or before.pipeline != proposal.value("pipeline"):
        return False
    return (proposal.value("stage") or None) == (before.stage or None)


def _stage(proposal: Proposal, names: Sequence[str]) -> str | None:
    before: Lead | None = proposal.before
    if sent := proposal.sent.get("stage"):
        if sent in names:
            return str(sent)
        raise InvalidError({"stage": (not_a_choice(sent),)})
    current = before.stage if before is not None and not proposal.touches("stage") else None
    if current in names:
        return current
    return names[0] if names else None
