"""Translates errors of PostgreSQL into those of the core."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from crm_core.errors import (
    ACROSS_FIELDS,
    CrmError,
    InUseError,
    InvalidError,
    NotAuthenticatedError,
    Problem,
    UnavailableError,
)
from crm_core.resources import RESOURCES

logger: Final = logging.getLogger("crm.postgres")

#: The names of indexes of unique attributes begin with it; the attribute's id follows.
UNIQUE_PREFIX: Final = "unique_"

#: Errors of a commit after which the decision is run again: other transactions change or changed what was read.
_STALE: Final = (
    errors.UniqueViolation,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.LockNotAvailable,
)

#: The ends of foreign keys that an actor without an account violates; another run would not help.
_ACTOR_KEYS: Final = ("event_actor_fkey", "_created_by_fkey", "receipt_user_id_fkey")

#: The key of the table of receipts.
_RECEIPT_KEY: Final = "receipt_pkey"

#: The constraint by which a record has one event of each version.
_EVENT_KEY: Final = "event_record_version_key"

_REFUSED: Final = (errors.DataError, errors.NotNullViolation, errors.CheckViolation, errors.ProgramLimitExceeded)


#: The errors of a wait for a connection, a lock or an answer that took too long.
_WAITED: Final = (
    PoolTimeout,
    TooManyRequests,
    errors.ConnectionTimeout,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    TimeoutError,
)


class StaleError(Exception):
    """Something that a decision was based on has changed: run it again.

    Attributes:
        is_taken: the value of a unique attribute is taken.
        is_answered: there is a receipt of a request with the same idempotency key, maybe an expired one.
        has_event: a record that was deleted has a later event than was known before the decision; another run cannot
            find that out.
    """

    def __init__(self, *, is_taken: bool = False, is_answered: bool = False, has_event: bool = False) -> None:
        super().__init__()
        self.is_taken = is_taken
        self.is_answered = is_answered
        self.has_event = has_event


def is_from_waiting(error: UnavailableError) -> bool:
    """Return whether a wait took too long, so that others who wait for the same can fail too."""
    return isinstance(error.__cause__, _WAITED)


@contextmanager
def staleness() -> Iterator[None]:
    """Raise StaleError for errors of a commit after which the decision is run again."""
    try:
        yield
    except (errors.ForeignKeyViolation, errors.RestrictViolation) as error:  # the latter of PostgreSQL 18 on
        if (error.diag.constraint_name or "").endswith(_ACTOR_KEYS):
            raise NotAuthenticatedError("User inactive or deleted.") from None
        if (table := error.diag.table_name) and table not in RESOURCES:  # no decision can know of its rows
            raise InUseError.by_table(table) from None
        raise StaleError from None
    except _STALE as error:
        name = error.diag.constraint_name or ""
        is_taken = name.startswith(UNIQUE_PREFIX)
        raise StaleError(is_taken=is_taken, is_answered=name == _RECEIPT_KEY, has_event=name == _EVENT_KEY) from None


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors of the core for those of the driver; log only codes, because texts may hold values of records."""
    try:
        yield
    except CrmError:
        raise
    except (PoolTimeout, TooManyRequests) as error:
        raise UnavailableError from error
    except _REFUSED as error:
        # The core's checks accepted a value that the database refuses, so a check is missing: refuse the request.
        logger.error("refused by the database: %s %s", _code(error), error.diag.constraint_name)  # noqa: TRY400
        problem = Problem("invalid", "A value cannot be stored.")
        raise InvalidError({ACROSS_FIELDS: (problem,)}) from None
    except psycopg.Error as error:
        logger.warning("database unavailable: %s %s", type(error).__name__, _code(error))
        raise UnavailableError from error


def _code(error: psycopg.Error) -> str:
    return error.sqlstate or "no code"
