"""Sums up the leads of a pipeline (decision 125)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import attrs

from crm_core.engine.query_strings import NOT_A_CHOICE
from crm_core.errors import InvalidError, invalid
from crm_core.input.declarations import datetime_value, user
from crm_core.input.drafts import read_parameters
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller, require
from crm_core.model.entities import Pipeline, Stage
from crm_core.model.records import Key
from crm_core.model.summaries import (
    NOBODY,
    Leavings,
    PipelineSummary,
    StageFigures,
    StageQuery,
    StageSummary,
    StageTime,
)
from crm_core.ports import Database
from crm_core.resources import LEADS, PIPELINES
from crm_core.rules.needs import Needs
from crm_core.use_cases.records import look_up

_SECOND: Final = 1_000_000
_NOBODY_LEFT: Final = Leavings(0, 0, 0, None, None)


@attrs.frozen
class SummaryOptions:
    """The query parameters of a summary.

    Attributes:
        since: Only stays that ended at or after this time count for times and moves.
        until: Only stays that ended before this time count for times and moves.
        responsible: Only leads of this user.
    """

    since: datetime | None = datetime_value(nullable=True)
    until: datetime | None = datetime_value(nullable=True)
    responsible: int | None = user()


async def summary(
    db: Database, who: Caller, id_: UUID, params: Mapping[str, str], *, strict: bool = True
) -> PipelineSummary:
    """Return where the leads of a pipeline are, how long they were in each stage, and where they went.

    Args:
        db: the store of records.
        who: the caller, who may view pipelines and leads.
        id_: the id of the pipeline.
        params: the query parameters (``SummaryOptions``).
        strict: refuse unknown parameters instead of ignoring them.

    Raises PermissionDeniedError, NotFoundError, InvalidError for bad parameters.
    """
    for resource in (PIPELINES, LEADS):
        require(who.actor, resource.permission("view"))
    try:
        options = await _read_options(db, params, ReadContext(who.new_id, strict))
    except InvalidError:
        await look_up(db, PIPELINES, id_)  # 404 comes before 400 (decision 2)
        raise
    await look_up(db, PIPELINES, id_)
    key = Key(PIPELINES.name, id_)
    pipeline = (await db.known(Needs(records=frozenset({key})))).value(key)
    assert isinstance(pipeline, Pipeline)  # noqa: S101  # it was found just now
    asked = StageQuery(pipeline=id_, stages=tuple(stage.id for stage in pipeline.stages), **attrs.asdict(options))
    return _summed_up(pipeline, asked, await db.stage_figures(asked, reader=who.actor.user.id), who.now)


async def _read_options(db: Database, params: Mapping[str, str], context: ReadContext) -> SummaryOptions:
    options = SummaryOptions(**read_parameters(SummaryOptions, params, context))
    if options.since and options.until and options.until < options.since:
        raise invalid("until", "invalid", "This is before `since`.")
    if options.responsible is not None:
        key = Key("user", options.responsible)
        if not (await db.known(Needs(references=frozenset({key})))).exists(key):
            raise InvalidError({"responsible": (NOT_A_CHOICE,)})
    return options


def _summed_up(pipeline: Pipeline, asked: StageQuery, figures: StageFigures, now: datetime) -> PipelineSummary:
    stages = tuple(_of_stage(stage, figures, now) for stage in pipeline.stages)
    return PipelineSummary(
        pipeline=pipeline.id,
        name=pipeline.name,
        since=asked.since,
        until=asked.until,
        responsible=asked.responsible,
        stages=stages,
        without_stage=sum(figures.present.values()) - sum(stage.leads for stage in stages),
    )


def _of_stage(stage: Stage, figures: StageFigures, now: datetime) -> StageSummary:
    present = {user_: count for (id_, user_), count in figures.present.items() if id_ == stage.id}
    to = {str(other): count for (from_, other), count in figures.moves.items() if from_ == stage.id}
    by_name = {NOBODY if user_ is None else str(user_): count for user_, count in present.items()}
    return StageSummary(
        id=stage.id,
        name=stage.name,
        leads=sum(present.values()),
        by_responsible=dict(sorted(by_name.items())),
        time=_time(figures.left.get(stage.id, _NOBODY_LEFT), figures.open_since.get(stage.id), now),
        to=dict(sorted(to.items())),
    )


def _time(left: Leavings, open_since: datetime | None, now: datetime) -> StageTime:
    return StageTime(
        leads=left.leads,
        unknown=left.leads - left.known,
        median_s=_seconds(left.median),
        p90_s=_seconds(left.p90),
        mean_s=left.total // left.known // _SECOND if left.known else None,
        open_oldest_s=None if open_since is None else max(0, (now - open_since) // timedelta(seconds=1)),
    )


def _seconds(microseconds: int | None) -> int | None:
    return None if microseconds is None else microseconds // _SECOND
