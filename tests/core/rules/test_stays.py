"""The stays of leads in stages, decisions 125 to 127."""

from datetime import timedelta
from uuid import UUID

import pytest

from crm_core.model.entities import Lead
from crm_core.model.events import Event, RecordedKind
from crm_core.model.summaries import Leavings, StageQuery
from crm_core.rules.stays import NO_STAGE, Place, Present, Stay, figures, moved, place_of
from tests.core.knowledge import NOW, made, uid

A, B, ELSEWHERE = Place(uid(1), uid(10)), Place(uid(1), uid(11)), Place(uid(2), uid(10))
LEAD = uid(5)
SECOND = 1_000_000


def event(second: int, kind: RecordedKind = "updated") -> Event:
    return Event(
        resource="lead",
        record=LEAD,
        version=1,
        kind=kind,
        actor=None,
        actor_name="",
        request_id="",
        at=NOW + timedelta(seconds=second),
        changes={},
    )


def lived(*places: tuple[int, Place | None], begin: tuple[Stay, ...] = ()) -> list[Stay]:
    stays = list(begin)
    for second, place in places:
        stays = list(moved(stays, event(second), place))
    return stays


def asked(**more: object) -> StageQuery:
    values = {"pipeline": uid(1), "stages": (uid(10), uid(11)), **more}
    return StageQuery(**values)  # type: ignore[arg-type]  # a table of its fields


@pytest.mark.parametrize(
    ("pipeline", "stage", "stage_id"),
    [
        (None, "A", uid(10)),
        (uid(1), None, uid(10)),
        (uid(1), "", uid(10)),
        (uid(1), "A", None),
        (uid(1), "A", NO_STAGE),
    ],
)
def test_a_lead_without_a_pipeline_a_stage_or_its_id_is_in_no_place(
    pipeline: UUID | None, stage: str | None, stage_id: object
) -> None:
    assert place_of(made(Lead, 5, name="l", pipeline=pipeline, stage=stage), stage_id) is None
    assert place_of(made(Lead, 5, name="l", pipeline=uid(1), stage="A"), uid(10)) == A


def test_a_stay_ends_where_the_next_one_begins() -> None:
    first, second = lived((0, A), (0, A), (7, B))

    assert (first.left_at, first.to, first.spent) == (second.entered_at, B.stage, 7 * SECOND)
    assert (second.left_at, second.spent) == (None, None)


def test_a_change_without_a_move_leaves_the_stays() -> None:
    stays = lived((0, A))

    assert moved(stays, event(5), A) is stays
    assert moved((), event(5), None) == ()


def test_stays_in_one_place_add_up_and_name_the_next_leaving() -> None:
    stays = lived((0, A), (10, ELSEWHERE), (15, A), (16, None), (20, A), (24, B))
    of_a = [stay for stay in stays if stay.place == A]

    assert [stay.spent for stay in of_a] == [10 * SECOND, 11 * SECOND, 15 * SECOND]
    assert [stay.left_again_at for stay in of_a] == [of_a[1].left_at, of_a[2].left_at, None]
    assert [stay.to for stay in of_a] == [None, None, B.stage]


def test_a_time_whose_beginning_is_not_known_stays_unknown() -> None:
    before = (Stay(lead=LEAD, place=A, entered_at=None),)

    assert [stay.spent for stay in lived((3, B), (4, A), (9, B), begin=before)] == [None, 1 * SECOND, None, None]


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    assert [stay.spent for stay in lived((100, A), (50, B), (110, None))] == [0, 10 * SECOND]


def test_of_an_erased_lead_no_stay_is_left() -> None:
    assert moved(lived((0, A), (5, B)), event(9, "erased"), None) == ()


def test_figures_count_each_lead_once_and_each_move() -> None:
    stays = lived((0, A), (10, B), (15, A), (21, B))
    leads = [Present(LEAD, uid(1), B, 7), Present(uid(6), uid(1), None, None), Present(uid(8), uid(2), ELSEWHERE, 7)]
    found = figures(asked(), leads, stays)

    assert found.present == {(uid(11), 7): 1, (None, None): 1}
    assert found.left[uid(10)] == Leavings(1, 1, 16 * SECOND, 16 * SECOND, 16 * SECOND)
    assert found.moves == {(uid(10), uid(11)): 2, (uid(11), uid(10)): 1}
    assert found.open_since == {uid(11): NOW + timedelta(seconds=21)}
    others = figures(asked(responsible=8), leads, stays)
    assert (others.present, others.left, others.moves, others.open_since) == ({}, {}, {}, {})


def test_a_period_begins_with_since_and_ends_before_until() -> None:
    stays = lived((0, A), (10, B), (15, A), (21, B))

    def left(since: int, until: int) -> int:
        period = {"since": NOW + timedelta(seconds=since), "until": NOW + timedelta(seconds=until)}
        found = figures(asked(**period), [], stays).left.get(uid(10))
        return found.total // SECOND if found else 0

    assert [left(0, 10), left(10, 11), left(10, 22), left(11, 21), left(21, 22)] == [0, 10, 16, 0, 16]


def test_quantiles_are_times_that_leads_had() -> None:
    def leavings(*seconds: int) -> Leavings:
        stays = [stay for second in seconds for stay in lived((0, A), (second, B))]
        return figures(asked(), [], stays).left[uid(10)]

    assert leavings(5)[3:] == (5 * SECOND, 5 * SECOND)
    assert leavings(4, 2, 3, 1)[3:] == (2 * SECOND, 4 * SECOND)
    assert leavings(*range(1, 11))[3:] == (5 * SECOND, 9 * SECOND)
