"""A check: one line of the doctor's report; and how one is made by looking at something that may not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Final

import attrs

from crm_http.server.errors import FailedError, command_errors

#: How long one look may take.
_MAX_SECONDS: Final = 30.0
#: What is looked at elsewhere than in the database, and the settings that name it.
_STORES: Final = {
    "files": ("The file store", "CRM_S3_BUCKET and CRM_DATA_DIR"),
    "replica": ("The replica", "CRM_DATABASE_REPLICA_URL"),
}


class State(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@attrs.frozen
class Check:
    """The result of looking at one thing.

    Attributes:
        name: what was looked at.
        state: the result.
        found: what there is.
        advice: what to do about it; empty if nothing.
    """

    name: str
    state: State
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Check:
    """Return a check that found all in order."""
    return Check(name, State.OK, found)


def warning(name: str, found: str, advice: str) -> Check:
    """Return a check of what works, but not as it should."""
    return Check(name, State.WARNING, found, advice)


def failed(name: str, found: str, advice: str = "") -> Check:
    """Return a check of what does not work; the text of a `FailedError` already says what to do."""
    return Check(name, State.FAILED, found, advice)


async def looked(name: str, look: Callable[[], Awaitable[Sequence[Check]]]) -> Sequence[Check]:
    """Return the checks that a look made, or a failed one if it failed or took too long.

    Args:
        name: what is looked at.
        look: looks at it.
    """
    store, setting = _STORES.get(name, ("The database", "CRM_DATABASE_URL"))
    try:
        with command_errors(store, setting):
            async with asyncio.timeout(_MAX_SECONDS):
                return await look()
    except FailedError as error:
        return [failed(name, str(error))]
    except TimeoutError:
        return [failed(name, f"{store} does not answer in {_MAX_SECONDS:.0f} s.", f"Check the server, or {setting}.")]
