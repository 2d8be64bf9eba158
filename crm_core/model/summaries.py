"""The summary of a pipeline: where its leads are, how long they were in each stage, and their moves (decision 125)."""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

import attrs

#: The key of leads without a responsible user in ``by_responsible``.
NOBODY = "none"


@attrs.frozen(kw_only=True, slots=False)
class StageTime:
    """How long leads were in a stage, in whole seconds, all of a lead's stays in it together.

    Attributes:
        leads: how many leads left the stage in the period; the figures are about those whose time is known.
        unknown: how many of them entered it before the history begins, so that their time is not known.
        median_s: the time that half of them took at most; null if there are none.
        p90_s: the time that nine of ten took at most.
        mean_s: the mean of their times.
        open_oldest_s: for how long that lead has been in the stage that entered it first of those in it now.
    """

    leads: int
    unknown: int
    median_s: int | None
    p90_s: int | None
    mean_s: int | None
    open_oldest_s: int | None


@attrs.frozen(kw_only=True, slots=False)
class StageSummary:
    """The leads of one stage.

    Attributes:
        id: the id of the stage.
        name: its name.
        leads: how many leads are in it now.
        by_responsible: how many of them each user is responsible for, by the user's id; ``none`` for nobody.
        time: how long leads were in it.
        to: how many moves in the period went from it to each other stage, by the id of that stage, which may be gone.
    """

    id: UUID
    name: str
    leads: int
    by_responsible: Mapping[str, int]
    time: StageTime
    to: Mapping[str, int]


@attrs.frozen(kw_only=True, slots=False)
class PipelineSummary:
    """The leads of a pipeline by stage.

    Attributes:
        pipeline: the id of the pipeline.
        name: its name.
        since: the beginning of the period; null for all that is known.
        until: the end of the period, which is not part of it; null for now.
        responsible: the id of the user whose leads alone are summed up; null for those of all.
        stages: its stages, in their order.
        without_stage: how many of its leads are in none of these stages.
    """

    pipeline: UUID
    name: str
    since: dt.datetime | None
    until: dt.datetime | None
    responsible: int | None
    stages: tuple[StageSummary, ...]
    without_stage: int


@attrs.frozen(kw_only=True)
class StageQuery:
    """What is asked about the leads of a pipeline.

    Attributes:
        pipeline: the id of the pipeline.
        stages: the ids of its stages.
        since: leave out stays that ended before.
        until: leave out stays that ended at that time or later.
        responsible: leave out leads of other users; None for the leads of all.
    """

    pipeline: UUID
    stages: tuple[UUID, ...]
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    responsible: int | None = None


class Leavings(NamedTuple):
    """The leads that left a stage in a period.

    Attributes:
        leads: how many.
        known: how many of them have a known time in the stage.
        total: the sum of the known times, in microseconds.
        median: the least time that at least half of the known ones do not exceed; None if there are none.
        p90: the same for nine of ten.
    """

    leads: int
    known: int
    total: int
    median: int | None
    p90: int | None


@attrs.frozen(kw_only=True)
class StageFigures:
    """What a store knows about the leads of a pipeline.

    Attributes:
        present: how many leads are in each stage, by the stage and the responsible user, each None for none.
        left: the leads that left each stage.
        moves: how many moves there were between two stages, also such as are gone.
        open_since: when the lead entered each stage that is in it for the longest time.
    """

    present: Mapping[tuple[UUID | None, int | None], int]
    left: Mapping[UUID, Leavings]
    moves: Mapping[tuple[UUID, UUID], int]
    open_since: Mapping[UUID, dt.datetime]
