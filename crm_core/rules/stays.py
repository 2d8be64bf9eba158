"""The stays of leads in the stages of pipelines (decisions 125 to 127).

A stay is known by the id of its stage, so a renamed stage is no move. Stores keep stays in the commit of each lead; the
functions here say what they keep, and what they tell of it.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.model.entities import Lead
from crm_core.model.events import Event
from crm_core.model.summaries import Leavings, StageFigures, StageQuery

#: The id of the stage of a lead whose stage was gone when ids came.
NO_STAGE: Final = UUID(int=0)
_MICROSECOND: Final = timedelta(microseconds=1)


class Place(NamedTuple):
    """Where a lead is: the ids of a pipeline and of one of its stages, which may be gone by now."""

    pipeline: UUID
    stage: UUID


class Present(NamedTuple):
    """A lead as it is now: its id, its pipeline, its place if it has one, and its responsible user."""

    lead: UUID
    pipeline: UUID | None
    place: Place | None
    responsible: int | None


@attrs.frozen(kw_only=True)
class Stay:
    """The stay of a lead in a stage.

    Attributes:
        lead: the id of the lead.
        place: the place.
        entered_at: when it began; None if that was before the history begins.
        left_at: when it ended; None if the lead is there.
        to: the stage of the same pipeline to which the lead went.
        spent: microseconds of all stays of the lead in this place up to the end of this one; None if it is not known.
        left_again_at: when the next stay of the lead in this place ended; None if there was none.
    """

    lead: UUID
    place: Place
    entered_at: datetime | None
    left_at: datetime | None = None
    to: UUID | None = None
    spent: int | None = None
    left_again_at: datetime | None = None


def place_of(lead: Lead, stage_id: object) -> Place | None:
    """Return the place of a lead, given the id that is kept beside it (``Resource.hidden``); None if it is in none."""
    if lead.pipeline is None or not lead.stage or not isinstance(stage_id, UUID) or stage_id == NO_STAGE:
        return None
    return Place(lead.pipeline, stage_id)


def moved(stays: Sequence[Stay], event: Event, place: Place | None) -> Sequence[Stay]:
    """Return the stays of a lead after it was written or deleted; there are none of one that is erased.

    Args:
        stays: its stays until then, the present one last.
        event: the change.
        place: where the lead is now; None if it is in no stage, or gone.
    """
    if event.kind == "erased":
        return ()
    lead, at = event.record, event.at
    present = stays[-1] if stays and stays[-1].left_at is None else None
    if present is None:
        return stays if place is None else [*stays, Stay(lead=lead, place=place, entered_at=at)]
    if present.place == place:
        return stays
    at = max(at, present.entered_at or at)  # a clock may have been set back
    earlier = [stay for stay in stays[:-1] if stay.place == present.place and stay.left_again_at is None]
    ended = attrs.evolve(
        present,
        left_at=at,
        to=place.stage if place and place.pipeline == present.place.pipeline else None,
        spent=_spent(present, earlier, at),
    )
    kept = [attrs.evolve(stay, left_again_at=at) if stay in earlier else stay for stay in stays[:-1]]
    return [*kept, ended, *([Stay(lead=lead, place=place, entered_at=at)] if place else [])]


def _spent(stay: Stay, earlier: Sequence[Stay], at: datetime) -> int | None:
    before = [each.spent for each in earlier]
    if stay.entered_at is None or None in before:
        return None
    return (at - stay.entered_at) // _MICROSECOND + sum(each or 0 for each in before)


def figures(query: StageQuery, leads: Iterable[Present], stays: Iterable[Stay]) -> StageFigures:
    """Return the figures of a pipeline, from all leads and all stays."""
    own = [lead for lead in leads if query.responsible in (None, lead.responsible)]
    ids = {lead.lead for lead in own}
    asked = [
        stay
        for stay in stays
        if stay.place.pipeline == query.pipeline and (query.responsible is None or stay.lead in ids)
    ]
    ended = [stay for stay in asked if stay.left_at is not None and _is_in(stay.left_at, query)]
    return StageFigures(
        present=Counter(
            (lead.place.stage if lead.place else None, lead.responsible)
            for lead in own
            if lead.pipeline == query.pipeline
        ),
        left=_leavings(stay for stay in ended if not _ends_later_again(stay, query)),
        moves=Counter((stay.place.stage, stay.to) for stay in ended if stay.to is not None),
        open_since=_open_since(stay for stay in asked if stay.place.stage in query.stages),
    )


def _is_in(moment: datetime, query: StageQuery) -> bool:
    return (query.since is None or query.since <= moment) and (query.until is None or moment < query.until)


def _ends_later_again(stay: Stay, query: StageQuery) -> bool:
    """Return whether a later stay in the place ended in the period, too: the time of a lead counts once."""
    again = stay.left_again_at
    return again is not None and (query.until is None or again < query.until)


def _leavings(stays: Iterable[Stay]) -> Mapping[UUID, Leavings]:
    spent: defaultdict[UUID, list[int | None]] = defaultdict(list)
    for stay in stays:
        spent[stay.place.stage].append(stay.spent)
    found: dict[UUID, Leavings] = {}
    for stage, times in spent.items():
        known = sorted(time for time in times if time is not None)
        found[stage] = Leavings(len(times), len(known), sum(known), _quantile(known, 0.5), _quantile(known, 0.9))
    return found


def _quantile(times: Sequence[int], fraction: float) -> int | None:
    """Return the least of some sorted times that at least this fraction of them do not exceed."""
    return times[math.ceil(fraction * len(times)) - 1] if times else None


def _open_since(stays: Iterable[Stay]) -> Mapping[UUID, datetime]:
    oldest: dict[UUID, datetime] = {}
    for stay in stays:
        if stay.left_at is None and stay.entered_at is not None:
            oldest[stay.place.stage] = min(stay.entered_at, oldest.get(stay.place.stage, stay.entered_at))
    return oldest
