"""KeyedLocks: changes of one record wait for each other within a process, and not for longer than is of use."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec
from uuid import UUID

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from crm_adapters.postgres.records import keyed_locks
from crm_adapters.postgres.records.keyed_locks import KeyedLocks
from crm_core.errors import UnavailableError
from crm_core.model.records import Key

P = ParamSpec("P")
A, B = Key("lead", UUID(int=1)), Key("lead", UUID(int=2))


def on_a_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 30))

    return run


class Change:
    """A change that takes its locks and ends when it is told to."""

    def __init__(self, locks: KeyedLocks, *keys: Key) -> None:
        self.begun, self.end = asyncio.Event(), asyncio.Event()
        self.error: BaseException | None = None
        self.task = asyncio.ensure_future(self._run(locks, keys))

    async def _run(self, locks: KeyedLocks, keys: tuple[Key, ...]) -> None:
        async with locks.acquire(keys):
            self.begun.set()
            await self.end.wait()
            if self.error is not None:
                raise self.error

    async def finish(self, error: BaseException | None = None) -> None:
        self.error = error
        self.end.set()
        await asyncio.gather(self.task, return_exceptions=True)
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def unavailable(cause: BaseException) -> UnavailableError:
    error = UnavailableError()
    error.__cause__ = cause
    return error


@on_a_loop
async def test_changes_of_one_record_are_made_one_after_the_other_as_they_came() -> None:
    locks = KeyedLocks()
    changes = [Change(locks, A) for _ in range(3)]

    for number, change in enumerate(changes):
        await change.begun.wait()
        await settle()
        assert [each.begun.is_set() for each in changes] == [True] * (number + 1) + [False] * (2 - number)
        await change.finish()
    assert not locks._queues


@on_a_loop
async def test_changes_of_different_records_do_not_wait() -> None:
    locks = KeyedLocks()
    first, second = Change(locks, A), Change(locks, B)

    await asyncio.gather(first.begun.wait(), second.begun.wait())
    await first.finish()
    await second.finish()


@on_a_loop
async def test_changes_that_name_the_same_records_in_another_order_do_not_block_each_other() -> None:
    locks = KeyedLocks()
    first, second = Change(locks, A, B), Change(locks, B, A)

    await first.begun.wait()
    await first.finish()
    await second.begun.wait()
    await second.finish()
    assert not locks._queues


@on_a_loop
async def test_a_cancelled_change_leaves_its_place_to_the_next() -> None:
    locks = KeyedLocks()
    first, second, third = (Change(locks, A) for _ in range(3))
    await first.begun.wait()
    second.task.cancel()
    await settle()

    await first.finish()
    await third.begun.wait()
    await third.finish()
    assert not locks._queues


@on_a_loop
async def test_a_change_cancelled_as_the_lock_is_handed_to_it_hands_it_on() -> None:
    locks = KeyedLocks()
    async with locks.acquire([A]):
        second, third = Change(locks, A), Change(locks, A)
        await settle()
    second.task.cancel()  # the lock is its by now, but it has not gone on yet

    await third.begun.wait()
    assert not second.begun.is_set()
    await third.finish()
    assert not locks._queues


@pytest.mark.parametrize(
    "cause",
    [PoolTimeout(), psycopg.errors.LockNotAvailable(), psycopg.errors.QueryCanceled(), TimeoutError()],
    ids=lambda cause: type(cause).__name__,
)
@on_a_loop
async def test_changes_behind_one_that_waited_in_vain_are_refused_with_it(cause: BaseException) -> None:
    locks = KeyedLocks()
    first, second, third = (Change(locks, A) for _ in range(3))
    await first.begun.wait()
    await settle()
    await first.finish(unavailable(cause))

    refused = await asyncio.gather(second.task, third.task, return_exceptions=True)
    assert [type(each) for each in refused] == [UnavailableError] * 2
    assert not locks._queues
    later = Change(locks, A)
    await later.begun.wait()
    await later.finish()


@pytest.mark.parametrize("error", [unavailable(psycopg.OperationalError()), ValueError()], ids=repr)
@on_a_loop
async def test_changes_behind_one_that_failed_otherwise_are_made(error: Exception) -> None:
    locks = KeyedLocks()
    first, second = Change(locks, A), Change(locks, A)
    await first.begun.wait()
    await settle()
    await first.finish(error)

    await second.begun.wait()
    await second.finish()


@on_a_loop
async def test_changes_behind_one_that_does_not_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed_locks, "MAX_TURN_WITHOUT_END", 0.05)
    locks = KeyedLocks()
    first, second = Change(locks, A), Change(locks, A)

    with pytest.raises(UnavailableError):
        await second.task
    third = Change(locks, A)
    with pytest.raises(UnavailableError):
        await third.task
    await first.finish()
    assert not locks._queues


@on_a_loop
async def test_a_change_that_waited_for_too_many_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed_locks, "MAX_TURN_WAIT", 0.05)
    locks = KeyedLocks()
    first, second = Change(locks, A), Change(locks, A)

    with pytest.raises(UnavailableError):
        await second.task
    await first.finish()
    assert not locks._queues
