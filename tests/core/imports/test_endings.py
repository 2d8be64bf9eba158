import pytest
from attrs import evolve

from crm_core.errors import InUseError, PermissionDeniedError, UnreadableTableError, UnregisteredError, invalid
from crm_core.imports.endings import EndingError, ended
from crm_core.imports.runs import ImportRun


@pytest.mark.parametrize(("row", "state"), [(0, "refused"), (5, "stopped")])
def test_a_run_that_ends_is_stopped_if_it_has_written_rows_and_else_refused(
    run: ImportRun, row: int, state: str
) -> None:
    assert ended(evolve(run, state="writing", row=row), PermissionDeniedError()).state == state


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (PermissionDeniedError(), "permission_denied", "may not do it any longer"),
        (UnregisteredError("invoice"), "unregistered", "no package registers"),
        (InUseError.by_table("bills"), "in_use", "by the table bills"),
        (invalid("map", "unknown", "There is no such column."), "unknown", "There is no such column."),
        (UnreadableTableError("It has no header.", row=7), "unreadable", "Row 7"),
    ],
)
def test_the_report_of_a_run_that_ends_says_why(run: ImportRun, error: EndingError, code: str, text: str) -> None:
    [problems] = ended(run, error).report.problems

    assert (problems.column, problems.code) == ("", code)
    [(_, sentence)] = problems.examples
    assert text in sentence


def test_the_report_names_the_row_that_cannot_be_read(run: ImportRun) -> None:
    [problems] = ended(run, UnreadableTableError("It has no header.", row=7)).report.problems

    assert [row for row, _ in problems.examples] == [7]
