"""Those who wait for changes or follow them in a process: how many there are, who may go on, and how all are ended."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeAlias

from crm_core.errors import CrmError
from crm_core.model.accounts import Caller

#: Callers that may wait at once in a process.
MAX_WAITERS: Final = 1_000
#: Seconds between two looks whether those who wait or follow may still do so.
CHECK_INTERVAL: Final = 3.0
#: Callers that are looked up at once, so that requests beside them need not wait long.
_CHECKED_AT_ONCE: Final = 100

#: Authenticates a caller again. Raises NotAuthenticatedError. Those that are equal are of the same caller.
Renew: TypeAlias = Callable[[], Awaitable[Caller]]


class Check:
    """Whether a caller may go on.

    Args:
        judge: raises a CrmError if this caller may not go on.
    """

    def __init__(self, judge: Callable[[Caller], None]) -> None:
        self._judge = judge
        self._problem: Exception | None = None
        self.wait: asyncio.Timeout | None = None

    @property
    def has_problem(self) -> bool:
        """Return whether the caller may no longer go on."""
        return self._problem is not None

    def raise_problem(self) -> None:
        """Raise the problem that was found, if there is one."""
        if self._problem:
            raise self._problem

    def take(self, who: Caller) -> None:
        """Look whether the caller, as they are now, may go on."""
        try:
            self._judge(who)
        except CrmError as error:
            self.refuse(error)

    def refuse(self, problem: Exception) -> None:
        """Keep a problem, and end the wait."""
        self._problem = problem
        if self.wait:
            _end(self.wait)


class Waiters:
    """Counts, checks and ends the waits of a process.

    Args:
        most: how many callers may wait at once.
    """

    def __init__(self, most: int = MAX_WAITERS) -> None:
        self._free = most
        self._timeouts: set[asyncio.Timeout] = set()
        self._checks: dict[Renew, set[Check]] = {}
        self._checking: asyncio.Task[None] | None = None
        self.is_stopping: bool = False

    @contextmanager
    def admit(self) -> Iterator[bool]:
        """Take a place for the block; yields whether there was one."""
        is_free = self._free > 0 and not self.is_stopping
        self._free -= is_free
        try:
            yield is_free
        finally:
            self._free += is_free

    @contextmanager
    def checked(self, renew: Renew, judge: Callable[[Caller], None]) -> Iterator[Check]:
        """Look every CHECK_INTERVAL whether a caller may go on, while the block runs; yields what was found.

        One task looks for all, and once for those with equal ``renew``: whoever may go on is not even woken.
        """
        check = Check(judge)
        self._checks.setdefault(renew, set()).add(check)
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._check_all())
        try:
            yield check
        finally:
            self._checks[renew].discard(check)
            if not self._checks[renew]:
                del self._checks[renew]
            if not self._checks and self._checking is not None:
                self._checking.cancel()
                self._checking = None

    async def wait(self, news: Awaitable[None], until: float, check: Check | None = None) -> bool:
        """Wait for news until a time of the event loop, `stop` or a check that fails; return whether they came."""
        with suppress(TimeoutError):
            is_over = self.is_stopping or (check is not None and check.has_problem)
            async with asyncio.timeout_at(0 if is_over else until) as timeout:
                with self._ending(timeout, check or Check(_pass)):
                    await news
                return True
        return False

    @contextmanager
    def _ending(self, timeout: asyncio.Timeout, check: Check) -> Iterator[None]:
        """Let `stop` and a check that fails end the block, by its timeout."""
        self._timeouts.add(timeout)
        check.wait = timeout
        try:
            yield
        finally:
            self._timeouts.discard(timeout)
            check.wait = None

    def stop(self) -> None:
        """End all waits now, and those that begin later at once."""
        self.is_stopping = True
        for timeout in self._timeouts:
            _end(timeout)

    async def _check_all(self) -> None:
        while self._checks:
            await asyncio.sleep(CHECK_INTERVAL)
            renewals = list(self._checks)
            for start in range(0, len(renewals), _CHECKED_AT_ONCE):
                await asyncio.gather(*map(self._renew, renewals[start : start + _CHECKED_AT_ONCE]))

    async def _renew(self, renew: Renew) -> None:
        try:
            who = await renew()
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait raise it
            for check in self._checks.get(renew, ()):
                check.refuse(error)
        else:
            for check in self._checks.get(renew, ()):
                check.take(who)


def _pass(_: Caller) -> None:
    """Let everybody go on."""


def _end(timeout: asyncio.Timeout) -> None:
    if not timeout.expired():
        timeout.reschedule(0)
