"""The error that ends a command with one line."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from crm_adapters.postgres.sql.migrations import UnfitDatabaseError
from crm_core.errors import CrmError, UnavailableError
from crm_http.failures import CommandError


class FailedError(CommandError):
    """A command failed; one line that says why and what to do."""


@contextmanager
def command_errors(store: str = "The database", setting: str = "CRM_DATABASE_URL") -> Iterator[None]:
    """Raise FailedError for the errors of the core inside, and keep the log quiet about them.

    Args:
        store: what is unavailable if something is.
        setting: the setting that names it.
    """
    logger = logging.getLogger("crm")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    except UnavailableError as error:
        reason = str(error.__cause__ or error).partition("\n")[0].rstrip(".")
        raise FailedError(f"{store} cannot be used: {reason}. Check the server, or {setting}.") from error
    except (CrmError, UnfitDatabaseError) as error:
        raise FailedError(str(error)) from error
    finally:
        logger.setLevel(level)
