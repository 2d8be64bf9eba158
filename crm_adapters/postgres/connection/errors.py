"""The one place where PostgreSQL's errors become the core's."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from crm_core.errors import ACROSS_FIELDS, CrmError, InvalidError, NotAuthenticatedError, Problem, UnavailableError

logger = logging.getLogger("crm.postgres")

#: Errors at a commit that deciding again cures: other transactions changed, or are changing, what was read.
_STALE: Final = (
    errors.UniqueViolation,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.LockNotAvailable,
)

#: Foreign keys that an actor without an account violates; deciding again would not help.
_ACTOR_KEYS: Final = frozenset({"event_actor_fkey", "client_created_by_fkey"})

_REFUSED: Final = (errors.DataError, errors.NotNullViolation, errors.CheckViolation, errors.ProgramLimitExceeded)


#: What ends a wait for a connection, a lock or an answer.
_WAITED: Final = (
    PoolTimeout,
    TooManyRequests,
    errors.ConnectionTimeout,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    TimeoutError,
)


class StaleError(Exception):
    """What a decision was based on has changed: decide again."""


def is_from_waiting(error: UnavailableError) -> bool:
    """Return whether something was waited for in vain, so that others who wait for it need not try."""
    return isinstance(error.__cause__, _WAITED)


@contextmanager
def staleness() -> Iterator[None]:
    """Raise StaleError for errors of a commit that deciding again cures."""
    try:
        yield
    except errors.ForeignKeyViolation as error:
        if error.diag.constraint_name in _ACTOR_KEYS:
            raise NotAuthenticatedError("User inactive or deleted.") from None
        raise StaleError from None
    except _STALE:
        raise StaleError from None


@contextmanager
def translated() -> Iterator[None]:
    """Raise the core's errors for the driver's, and log only their codes: their texts may hold values of records."""
    try:
        yield
    except CrmError:
        raise
    except (PoolTimeout, TooManyRequests) as error:
        raise UnavailableError from error
    except _REFUSED as error:
        # A value got past the core's checks, so one is missing there: refuse the request.
        logger.error("refused by the database: %s %s", _code(error), error.diag.constraint_name)  # noqa: TRY400
        problem = Problem("invalid", "A value cannot be stored.")
        raise InvalidError({ACROSS_FIELDS: (problem,)}) from None
    except psycopg.Error as error:
        logger.warning("database unavailable: %s %s", type(error).__name__, _code(error))
        raise UnavailableError from error


def _code(error: psycopg.Error) -> str:
    return error.sqlstate or "no code"
