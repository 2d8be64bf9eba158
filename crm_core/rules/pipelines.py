"""Pipelines: their stages, and the stage of a lead (decisions 14 and 15)."""

from collections.abc import Mapping, Sequence

import attrs

from crm_core.errors import NOT_UNIQUE, InvalidError, Problems, not_a_choice
from crm_core.model.entities import Lead, Pipeline, Stage
from crm_core.rules.needs import Key, Needs, Proposal, Record, Search, Steps, without_needs


@without_needs
def validate_pipeline(proposal: Proposal) -> Mapping[str, object]:
    """Require that ids and names of stages are unique; return the stages in their order."""
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
        repeated = {
            name: (NOT_UNIQUE,)
            for name in ("id", "name")
            if any(getattr(stage, name) == getattr(other, name) for other in earlier)
        }
        if repeated:
            problems[str(index)] = repeated
    return problems


def cascade_stage_names(before: Pipeline | None, after: Pipeline | None) -> Steps[Sequence[tuple[Record, object]]]:
    """Return the pipeline's leads in renamed stages with the new name; a renamed stage is one that keeps its id."""
    if before is None or after is None:
        return ()
    names = {stage.id: stage.name for stage in after.stages}
    renamed = {s.name: names[s.id] for s in before.stages if s.id in names and names[s.id] != s.name}
    if not renamed:
        return ()
    search = Search("lead", (("pipeline", after.id), ("stage", tuple(sorted(renamed)))))
    known = yield Needs(children=frozenset({search}))
    return [(lead, attrs.evolve(lead.value, stage=renamed[lead.value.stage])) for lead in known.children[search]]


def validate_lead(proposal: Proposal) -> Steps[Mapping[str, object]]:
    """Require that the stage is one of the lead's pipeline's; return the stage, the first one where none is named."""
    pipeline_id = proposal.value("pipeline")
    if pipeline_id is None or not proposal.touches("pipeline", "stage"):
        return {}
    known = yield Needs(records=frozenset({key := Key("pipeline", pipeline_id)}))
    pipeline = known.value(key)
    if not isinstance(pipeline, Pipeline):
        return {}  # reported as a reference to nothing
    return {"stage": _stage(proposal, [stage.name for stage in pipeline.stages])}


def _stage(proposal: Proposal, names: Sequence[str]) -> str | None:
    before: Lead | None = proposal.before
    sent = proposal.sent.get("stage")
    stays = before is not None and before.pipeline == proposal.value("pipeline")
    if sent:
        if sent in names or (stays and before is not None and sent == before.stage):
            return str(sent)
        raise InvalidError({"stage": (not_a_choice(sent),)})
    current = before.stage if before is not None and not proposal.touches("stage") else None
    if current is not None and (stays or current in names):
        return current
    return names[0] if names else None
