"""Check, a line of the report of `crm doctor`; and the run of a probe of something that may not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Final

import attrs

from crm_http.server.errors import FailedError, command_errors

#: Seconds that one probe may take.
_MAX_SECONDS: Final = 30.0
#: The probes of other things than the database, and the settings that name them.
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
    """The result of checking one thing.

    Attributes:
        name: what was checked.
        state: the result.
        found: what was found, as a sentence.
        advice: what to do about it; empty if nothing.
    """

    name: str
    state: State
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Check:
    """Return a check that found no problem."""
    return Check(name, State.OK, found)


def warning(name: str, found: str, advice: str) -> Check:
    """Return a check of something that works, but not well."""
    return Check(name, State.WARNING, found, advice)


def failed(name: str, found: str, advice: str = "") -> Check:
    """Return a check of something that does not work; the text of a `FailedError` has the advice already."""
    return Check(name, State.FAILED, found, advice)


async def run_probe(name: str, probe: Callable[[], Awaitable[Sequence[Check]]]) -> Sequence[Check]:
    """Run a probe and return its checks, or a failed check if it failed or took too long.

    Args:
        name: what is checked.
        probe: fetches values and judges them.
    """
    store, setting = _STORES.get(name, ("The database", "CRM_DATABASE_URL"))
    try:
        with command_errors(store, setting):
            async with asyncio.timeout(_MAX_SECONDS):
                return await probe()
    except FailedError as error:
        return [failed(name, str(error))]
    except TimeoutError:
        return [failed(name, f"{store} does not answer in {_MAX_SECONDS:.0f} s.", f"Check the server, or {setting}.")]
