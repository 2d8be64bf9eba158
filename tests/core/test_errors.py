"""What errors hold and say."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core import errors
from crm_core.errors import (
    BulkRefusedError,
    CrmError,
    InUseError,
    InvalidError,
    NotFoundError,
    Problems,
    RestoreRefusedError,
    SameFileError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
    UndoRefusedError,
    UnknownUserError,
    UnreadableTableError,
    UsernameTakenError,
    VersionConflictError,
    WrongCredentialsError,
    column_letters,
    flatten,
    invalid,
    too_many_elements,
)

DETAILS = {
    errors.NotFoundError: "Not found.",
    errors.ErasedError: "This record was erased.",
    errors.RequestInProgressError: "A request with this idempotency key is still in progress.",
    errors.IdempotencyKeyReusedError: "This idempotency key was used for another request.",
    errors.CursorGoneError: "This cursor is too old, or of another database. Read everything again.",
    errors.NotAuthenticatedError: "Authentication credentials were not provided.",
    errors.PermissionDeniedError: "You do not have permission to perform this action.",
    errors.UnavailableError: "Service temporarily unavailable, try again later.",
}


@pytest.mark.parametrize(("error", "detail"), DETAILS.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_an_error_has_a_sentence_unless_it_gets_another_one(error: type[CrmError], detail: str) -> None:
    assert str(error()) == detail
    assert str(error("Another one.")) == "Another one."


def test_a_wrong_login_does_not_say_what_is_wrong() -> None:
    assert list(flatten(WrongCredentialsError().problems)) == [
        "non_field_errors: Unable to log in with provided credentials."
    ]


def test_a_taken_name_is_a_problem_of_the_username() -> None:
    error = UsernameTakenError()

    assert isinstance(error, InvalidError)
    assert str(error) == "username: A user with that username already exists."


def test_a_refused_bulk_has_the_problems_of_each_operation_by_index() -> None:
    refusals = {0: invalid("name", "blank", "This field may not be blank."), 3: InUseError("1 lead refers to it.")}
    error = BulkRefusedError(refusals)

    assert error.errors == refusals
    assert list(flatten(error.problems)) == [
        "0.name: This field may not be blank.",
        "3.detail: 1 lead refers to it.",
    ]


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [(0, None, ""), (0, 4, ""), (7, None, "Row 7: "), (7, 0, "Row 7, column A: "), (7, 27, "Row 7, column AB: ")],
)
def test_an_unreadable_table_says_where(row: int, column: int | None, place: str) -> None:
    error = UnreadableTableError("It ends in a quoted cell.", row=row, column=column)

    assert (error.row, error.column) == (row, column)
    assert str(error) == f"file: {place}It ends in a quoted cell."


@given(st.integers(0, 10**9))
def test_the_letters_of_a_column_are_its_number_in_base_26_without_a_zero(index: int) -> None:
    number = 0
    for letter in column_letters(index):
        number = number * 26 + ord(letter) - ord("A") + 1

    assert number == index + 1


def test_a_file_that_is_too_large_says_how_large_it_may_be() -> None:
    assert str(TooLargeError(10 * 2**20)) == "The file is too large: at most 10,485,760 bytes are taken."


def test_an_unknown_user_is_not_found() -> None:
    assert isinstance(UnknownUserError("eve"), NotFoundError)
    assert str(UnknownUserError("eve")) == "There is no user eve."


def test_a_conflict_has_the_version_and_the_changed_fields() -> None:
    error = VersionConflictError(4, ["name"])

    assert (error.version, error.fields) == (4, ["name"])
    assert str(error) == "The record was changed by somebody else."
    assert VersionConflictError(0).fields == ()


def test_a_refused_restoration_has_its_reasons() -> None:
    reasons = {"client": (errors.IS_REQUIRED,)}
    error = RestoreRefusedError(reasons)

    assert error.reasons == reasons
    assert str(error) == "This version cannot be restored as it was."


def test_a_file_that_was_imported_before_names_that_run() -> None:
    run = UUID(int=7)

    assert SameFileError(run).run == run
    assert f"by the run {run}." in str(SameFileError(run))


def test_a_run_that_is_undone_already_names_the_undo() -> None:
    run = UUID(int=7)

    assert UndoRefusedError("It is.", run=run).run == run
    assert UndoRefusedError("It is.").run is None


@pytest.mark.parametrize(("wait", "text"), [(1, "1 second."), (2, "2 seconds."), (900, "900 seconds.")])
def test_a_throttled_caller_learns_how_long_to_wait(wait: int, text: str) -> None:
    assert ThrottledError(wait).wait == wait
    assert str(ThrottledError(wait)) == f"Request was throttled. Expected available in {text}"


def test_an_unavailable_store_is_tried_again_after_a_second_or_later() -> None:
    assert UnavailableError().retry_after == 1
    assert UnavailableError(retry_after=30).retry_after == 30


def test_problems_of_fields_and_items_have_their_path() -> None:
    problems: Problems = {"stages": {"0": {"name": (errors.BLANK, errors.NOT_UNIQUE)}}, "name": (too_many_elements(3),)}

    assert list(flatten(problems)) == [
        "stages.0.name: This field may not be blank.",
        "stages.0.name: This field must be unique.",
        "name: Ensure this field has no more than 3 elements.",
    ]
