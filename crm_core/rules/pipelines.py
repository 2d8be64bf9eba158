"""Pipelines: their stages, and the stage of a lead (rulings 14 and 15)."""

from collections.abc import Mapping, Sequence

import attrs

from crm_core.errors import InvalidError, Problem, Problems, invalid
from crm_core.model.entities import Lead, Pipeline, Stage
from crm_core.rules.needs import Key, Known, Needs, Proposal, Search

_TWICE = (Problem("unique", "This field must be unique."),)


def validate_pipeline(proposal: Proposal, _: Known) -> Mapping[str, object]:
    """Stages have unique ids and names and are kept in their order."""
    if not proposal.touches("stages"):
        return {}
    stages: Sequence[Stage] = proposal.sent["stages"]
    if problems := _repeated(stages):
        raise InvalidError({"stages": problems})
    return {"stages": tuple(sorted(stages, key=lambda stage: stage.order))}


def _repeated(stages: Sequence[Stage]) -> Mapping[str, Problems]:
    problems: dict[str, Problems] = {}
    for index, stage in enumerate(stages):
        earlier = stages[:index]
        twice = {
            name: _TWICE
            for name in ("id", "name")
            if any(getattr(stage, name) == getattr(other, name) for other in earlier)
        }
        if twice:
            problems[str(index)] = twice
    return problems


def cascade_stage_names(before: Pipeline | None, after: Pipeline | None, known: Known) -> Needs | Mapping[Key, object]:
    """A stage that keeps its id and changes its name takes the pipeline's leads with it."""
    if before is None or after is None:
        return {}
    names = {stage.id: stage.name for stage in after.stages}
    renamed = {s.name: names[s.id] for s in before.stages if s.id in names and names[s.id] != s.name}
    if not renamed:
        return {}
    search = Search("lead", (("pipeline", after.id), ("stage", tuple(sorted(renamed)))))
    if lacking := known.lacks(Needs(children=frozenset({search}))):
        return lacking
    leads = {child.key: child.value for child in known.children[search]}
    return {
        key: attrs.evolve(lead, stage=renamed[lead.stage])
        for key, lead in leads.items()
        if isinstance(lead, Lead) and lead.stage is not None
    }


def validate_lead(proposal: Proposal, known: Known) -> Needs | Mapping[str, object]:
    """With a pipeline, a stage that is being set must be one of its stages; without one named, a lead is given one."""
    pipeline_id = proposal.value("pipeline")
    if pipeline_id is None or not proposal.touches("pipeline", "stage"):
        return {}
    key = Key("pipeline", pipeline_id)
    if lacking := known.lacks(Needs(records=frozenset({key}))):
        return lacking
    pipeline = known.value(key)
    if not isinstance(pipeline, Pipeline):
        return {}  # reported as a reference to nothing
    return {"stage": _stage(proposal, [stage.name for stage in pipeline.stages])}


def _stage(proposal: Proposal, names: Sequence[str]) -> str | None:
    before: Lead | None = proposal.before
    wanted = proposal.sent.get("stage")
    stays = before is not None and before.pipeline == proposal.value("pipeline")
    if wanted:
        if wanted in names or (stays and before is not None and wanted == before.stage):
            return str(wanted)
        raise invalid("stage", "invalid_choice", f'"{wanted}" is not a valid choice.')
    current = before.stage if before is not None and not proposal.touches("stage") else None
    if current is not None and (stays or current in names):
        return current
    return names[0] if names else None
