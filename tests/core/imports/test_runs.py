import pytest
from attrs import evolve

from crm_core.imports.options import read_options
from crm_core.imports.runs import ACTIVE_STATES, ImportRun, State


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
