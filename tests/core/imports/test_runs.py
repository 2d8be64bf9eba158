from uuid import UUID

import pytest
from attrs import evolve

from crm_core.imports.options import read_options
from crm_core.imports.runs import ACTIVE_STATES, ImportRun, Report, State, Undo, plain_undo, undo_of
from crm_core.model.events import EventPlace


@pytest.mark.parametrize(
    ("state", "is_active"),
    [
        ("checking", True),
        ("writing", True),
        ("done", False),
        ("refused", False),
        ("stopped", False),
        ("cancelled", False),
    ],
)
def test_a_run_is_active_until_it_is_finished(run: ImportRun, state: State, *, is_active: bool) -> None:
    assert evolve(run, state=state).is_active is is_active
    assert (state in ACTIVE_STATES) is is_active


@pytest.mark.parametrize(
    ("state", "row", "bars"),
    [
        ("checking", 0, True),
        ("writing", 5, True),
        ("refused", 0, False),
        ("cancelled", 0, False),
        ("cancelled", 5, True),
        ("stopped", 5, True),
        ("done", 5, True),
    ],
)
def test_a_run_bars_the_same_file_while_it_is_active_and_once_it_has_written_rows(
    run: ImportRun, state: State, row: int, *, bars: bool
) -> None:
    assert evolve(run, state=state, row=row).bars_the_same is bars


@pytest.mark.parametrize(("state", "row"), [("checking", 0), ("writing", 5), ("done", 5)])
def test_a_dry_run_bars_no_other(run: ImportRun, state: State, row: int) -> None:
    dry = evolve(run, options=read_options({"format": "csv", "dry_run": True}), state=state, row=row)
    assert not dry.bars_the_same


@pytest.mark.parametrize(("state", "row", "bars"), [("writing", 0, True), ("done", 5, True), ("cancelled", 5, False)])
def test_an_undo_bars_another_one_until_it_ends_early(run: ImportRun, state: State, row: int, *, bars: bool) -> None:
    undo = Undo(run=run.id, actions=("delete",))
    assert evolve(run, undo=undo, state=state, row=row).bars_the_same is bars


@pytest.mark.parametrize("after", [None, EventPlace(UUID(int=7), 3)])
def test_what_a_run_undoes_is_read_back(after: EventPlace | None) -> None:
    undo = Undo(run=UUID(int=1), actions=("delete", "change"), even_edited=True, is_queued=True, after=after)
    assert undo_of(plain_undo(undo)) == undo


def test_a_run_may_do_what_its_options_say_and_an_undo_what_it_was_given(run: ImportRun) -> None:
    assert run.actions == ("add",)
    upsert = evolve(run, options=read_options({"format": "csv", "upsert_by": "id"}))
    assert upsert.actions == ("add", "change")
    assert evolve(upsert, undo=Undo(run=run.id, actions=("delete", "change"))).actions == ("delete", "change")


def test_a_report_counts_what_is_undone_and_what_is_kept() -> None:
    report = Report().counting(["reversed", "kept", "reversed", "refused"], ())
    assert (report.rows, report.reversed, report.kept, report.refused) == (4, 2, 1, 1)
