"""OptimisticChanges: decides and commits changes without locks, and under locks if that fails repeatedly."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from crm_adapters.postgres.connection.errors import StaleError, staleness
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.connection.session import transaction
from crm_adapters.postgres.connection.timeouts import ANSWER_TIMEOUT, MAX_CONTENTION, WIDE_ANSWER_TIMEOUT
from crm_adapters.postgres.imports import make_step
from crm_adapters.postgres.records.changes_under_locks import change_under_locks
from crm_adapters.postgres.records.commits import Commits, Group, answer_of, commit_groups, groups_of, unchanged_records
from crm_adapters.postgres.records.decision_runs import complete, start
from crm_adapters.postgres.records.holds import allow_time, hold_all, hold_known
from crm_adapters.postgres.records.keyed_locks import KeyedLocks
from crm_adapters.postgres.records.receipts import keep_receipt
from crm_adapters.postgres.records.shared_reader import SharedReader
from crm_core.engine.changes import Changes
from crm_core.engine.decision_runs import Decide, Decision, size_of
from crm_core.engine.receipts import Document
from crm_core.errors import NOT_UNIQUE, InvalidError, UnavailableError
from crm_core.model.events import Event
from crm_core.model.records import Record
from crm_core.rules.needs import Known

logger: Final = logging.getLogger("crm.postgres")

_ROUNDS_WITHOUT_LOCKS: Final = 3
_ROUNDS_WITH_LOCKS: Final = 10

#: Is called after each commit with its changes, and with the events of records that changed with an attribute.
AfterChanges: TypeAlias = Callable[[Changes, Sequence[Event]], None]


class OptimisticChanges:
    """Decides changes on data that was read without locks, and commits them if the data is still current.

    If that fails repeatedly, or if children matter, a change is decided under locks.

    Args:
        pool: the connections.
        reader: reads what decisions need.
        after: is called after each commit.
        on_taken: is called if a value is taken that no record has, maybe by an index that is still to be dropped.
        collects_rewritten: whether ``after`` needs the events of records that changed with an attribute.
    """

    def __init__(
        self,
        pool: Pool,
        reader: SharedReader,
        after: AfterChanges,
        on_taken: Callable[[], None],
        *,
        collects_rewritten: bool,
    ) -> None:
        self._pool = pool
        self._reader = reader
        self._after = after
        self._on_taken = on_taken
        self._collects_rewritten = collects_rewritten
        self._commits = Commits(pool)
        self._locks = KeyedLocks()

    async def make(self, decide: Decide) -> Document | None:
        """Read, decide and commit; repeat if the data has changed in between, the last time under locks."""
        deadline = asyncio.get_running_loop().time() + MAX_CONTENTION
        decision = await start(decide)
        async with self._locks.acquire(decision.needs.records) as has_waited:
            return await self._make(decide, decision, deadline, use_ahead=not has_waited)

    async def _make(self, decide: Decide, decision: Decision, deadline: float, *, use_ahead: bool) -> Document | None:
        seen, size = Known(), size_of(decide)
        for round_ in range(_ROUNDS_WITHOUT_LOCKS):
            is_again = round_ > 0
            await complete(self._reader, decision, size=size, refresh=is_again, use_ahead=use_ahead and not is_again)
            # What is read under locks only, and what may take long: an erasure, which rewrites all events of a record,
            # and a change of all records with an attribute.
            if decision.needs or decision.changes.erasures or decision.changes.rewrite:
                break
            groups = groups_of(decision.changes)
            if await self._commit(decision, groups):
                return answer_of(decision, groups)
            _check_deadline(deadline)
            self._reader.forget(decision.known)
            seen, decision = decision.known, await start(decide)
        return await self._make_under_locks(decide, seen | decision.known, deadline)

    async def _commit(self, decision: Decision, groups: Sequence[Group]) -> bool:
        """Commit, and return whether everything that was known was still true."""
        changes, known = decision.changes, decision.known
        unchanged = unchanged_records(changes, known)
        try:
            if len(changes.writes) == 1 and not changes.advance and _answers_with_write(changes):
                await self._commit_one(decision, groups, unchanged)
            elif groups or changes.advance:
                await self._commit_many(decision, groups, unchanged)
            elif changes.receipt:
                await self._keep_receipt(decision)
        except StaleError:
            return False
        self._after(changes, ())
        if len(changes.writes) == 1:
            [write] = groups[0].writes
            self._reader.last_written.keep(write.change.key, write.document, write.value)
        return True

    async def _commit_one(self, decision: Decision, groups: Sequence[Group], unchanged: Sequence[Record]) -> None:
        """Commit one write, and its receipt, by one statement, which is its own transaction."""
        receipt = decision.changes.receipt
        group = groups[0]._replace(receipts=[receipt] if receipt else ())
        try:
            await self._commits.commit(group, unchanged, decision.known.catalogs)
        except StaleError as error:
            if not error.is_answered:
                raise
            await self._commit_many(decision, groups, unchanged)  # the earlier receipt may have expired

    async def _keep_receipt(self, decision: Decision) -> None:
        async with self._pool.connect() as connection:
            with staleness():
                await keep_receipt(connection, decision.changes, answer_of(decision, ()))

    async def _commit_many(self, decision: Decision, groups: Sequence[Group], unchanged: Sequence[Record]) -> None:
        changes, known = decision.changes, decision.known
        is_many = len(changes.writes) > 1
        async with self._pool.connect(WIDE_ANSWER_TIMEOUT if is_many else ANSWER_TIMEOUT) as connection:
            with staleness():
                async with transaction(connection):
                    if is_many:
                        await allow_time(connection)
                        await hold_all(connection, changes, known, unchanged)
                    await commit_groups(connection, groups, () if is_many else unchanged, known.catalogs)
                    await keep_receipt(connection, changes, answer_of(decision, groups))
                    await make_step(connection, changes.advance)

    async def _make_under_locks(self, decide: Decide, seen: Known, deadline: float) -> Document | None:
        taken = False
        for _ in range(_ROUNDS_WITH_LOCKS):
            try:
                changes, answer, rewritten = await self._commit_under_locks(decide, seen)
            except StaleError as error:
                if error.has_event:
                    raise UnavailableError from error
                if error.is_taken and not taken:  # maybe by an index of an attribute that is not unique any more
                    self._on_taken()
                taken = error.is_taken
                _check_deadline(deadline)
                longest = 0.2 if taken else 0.02
                await asyncio.sleep(random.uniform(0.001, longest))  # noqa: S311  # so that two changes do not collide again
            else:
                self._after(changes, rewritten)
                return answer
        if taken:  # the index is still being dropped
            raise InvalidError({"attributes": (NOT_UNIQUE,)})
        logger.error("a change was stale %d times under locks", _ROUNDS_WITH_LOCKS)
        raise UnavailableError

    async def _commit_under_locks(
        self, decide: Decide, seen: Known
    ) -> tuple[Changes, Document | None, Sequence[Event]]:
        """Commit a change; return it with its answer, and the events of records that changed with an attribute."""
        rewritten: list[Event] = []
        on_rewritten = rewritten.extend if self._collects_rewritten else lambda _: None
        async with self._pool.connect(WIDE_ANSWER_TIMEOUT) as connection:
            with staleness():
                async with transaction(connection):
                    await allow_time(connection)
                    if size_of(decide) > 1:
                        await hold_known(connection, seen)
                    changes, answer = await change_under_locks(connection, decide, on_rewritten)
        return changes, answer, rewritten


def _answers_with_write(changes: Changes) -> bool:
    """Return whether the answer that a receipt keeps, if there is one, is the record that is written."""
    return changes.receipt is None or changes.answer == changes.writes[0].key


def _check_deadline(deadline: float) -> None:
    """Raise UnavailableError if a change has conflicted with others for too long."""
    if asyncio.get_running_loop().time() > deadline:
        raise UnavailableError from TimeoutError("others changed it for too long")
