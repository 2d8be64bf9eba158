"""Which of the core's errors every error of the driver and its pool becomes; none of theirs gets out."""

import inspect
import logging

import psycopg
import psycopg_pool
import pytest
from psycopg import errors

from crm_adapters.postgres.connection.errors import StaleError, staleness, translated
from crm_core.errors import CrmError, InvalidError, NotFoundError, UnavailableError

CODES = sorted(
    {
        each.sqlstate
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, psycopg.Error) and each.sqlstate
    }
)
#: The classes without a code of their own: those of the standard, and those of the pool.
BASES = [
    each
    for module in (psycopg, psycopg_pool, errors)
    for _, each in inspect.getmembers(module, inspect.isclass)
    if issubclass(each, psycopg.Error) and not each.sqlstate
]

#: What a value that got past the core's checks runs into: the request is refused.
REFUSED = ("22", "23502", "23514", "54000")
#: What others did at the same moment: the decision is made again.
STALE = ("23001", "23503", "23505", "40001", "40P01", "55P03")
#: What passes by itself, which safety.md names: overload, time-outs, restarts, a failover, a full disk.
UNAVAILABLE = (
    "55P03",
    "57014",
    "53000",
    "53100",
    "53200",
    "53300",
    "57P01",
    "57P02",
    "57P03",
    "08006",
    "25P03",
    "25006",
)


def raise_through(error: BaseException) -> BaseException:
    with pytest.raises(BaseException) as caught, translated():  # noqa: PT011  # which one it is is looked at below
        raise error
    return caught.value


def raise_at_commit(error: BaseException) -> BaseException:
    with pytest.raises(BaseException) as caught, translated(), staleness():  # noqa: PT011
        raise error
    return caught.value


def test_all_codes_of_the_driver_are_looked_at() -> None:
    assert len(CODES) > 200
    assert set(STALE) | set(UNAVAILABLE) | {"23502", "23514", "54000"} <= set(CODES)
    assert all(errors.lookup(code).sqlstate == code for code in CODES)


@pytest.mark.parametrize("code", CODES)
def test_no_error_with_a_code_gets_out(code: str) -> None:
    expected = InvalidError if code.startswith(REFUSED) else UnavailableError

    assert type(raise_through(errors.lookup(code)("a text"))) is expected


@pytest.mark.parametrize("code", CODES)
def test_at_a_commit_what_others_did_is_decided_again(code: str) -> None:
    raised = raise_at_commit(errors.lookup(code)("a text"))

    assert isinstance(raised, StaleError) is (code in STALE)
    assert isinstance(raised, StaleError | CrmError)


@pytest.mark.parametrize("error", BASES, ids=lambda each: f"{each.__module__}.{each.__name__}")
def test_no_error_without_a_code_gets_out(error: type[psycopg.Error]) -> None:
    expected = InvalidError if issubclass(error, psycopg.DataError) else UnavailableError

    assert type(raise_through(error("a text"))) is expected
    assert type(raise_at_commit(error("a text"))) is expected


@pytest.mark.parametrize("code", UNAVAILABLE)
def test_what_passes_by_itself_is_worth_another_try(code: str) -> None:
    raised = raise_through(errors.lookup(code)("a text"))

    assert isinstance(raised, UnavailableError)
    assert raised.retry_after >= 1
    assert isinstance(raised.__cause__, psycopg.Error)


@pytest.mark.parametrize("error", [psycopg_pool.PoolTimeout, psycopg_pool.TooManyRequests, psycopg_pool.PoolClosed])
def test_a_pool_that_lends_no_connection_is_worth_another_try(error: type[psycopg.Error]) -> None:
    assert isinstance(raise_through(error("a text")), UnavailableError)


def test_a_data_error_of_the_driver_itself_is_a_refusal() -> None:
    """As with U+0000 in a text, which the driver refuses before any server sees it."""
    raised = raise_through(psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"))

    assert isinstance(raised, InvalidError)
    assert list(raised.problems) == ["non_field_errors"]


def test_errors_that_are_not_the_databases_pass_as_they_are() -> None:
    for error in (NotFoundError(), KeyError("x"), ValueError("x"), AssertionError(), KeyboardInterrupt(), StaleError()):
        assert raise_through(error) is error


@pytest.mark.parametrize("code", ["22001", "23514", "55P03", "08006"])
def test_neither_log_nor_answer_shows_the_values_of_a_record(code: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    raised = raise_through(errors.lookup(code)("Failing row contains (canary-value)"))

    assert "canary-value" not in str(raised)
    assert "canary-value" not in caplog.text
    assert code in caplog.text
