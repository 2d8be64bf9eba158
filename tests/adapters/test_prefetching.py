"""Facts about prefetching."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from crm_core.use_cases.prefetching import prefetched


class Items:
    """Yields numbers, and notes what it does."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.done: list[str] = []

    async def make(self) -> AsyncIterator[int]:
        try:
            for number in range(self.count):
                self.done.append(f"made {number}")
                yield number
            raise ZeroDivisionError
        except asyncio.CancelledError:
            self.done.append("cancelled")
            raise


def test_the_next_item_is_made_while_one_is_worked_on() -> None:
    items = Items(3)

    async def work() -> None:
        async with prefetched(items.make()) as each:
            async for number in each:
                await asyncio.sleep(0)
                items.done.append(f"worked on {number}")

    with pytest.raises(ZeroDivisionError):
        asyncio.run(work())
    assert items.done == ["made 0", "made 1", "worked on 0", "made 2", "worked on 1", "worked on 2"]


def test_an_iterator_without_errors_ends() -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def work() -> list[int]:
        async with prefetched(numbers()) as each:
            return [number async for number in each]

    assert asyncio.run(work()) == [1, 2]


def test_what_is_being_made_is_cancelled_when_the_consumer_stops() -> None:
    gone = []

    async def slow() -> AsyncIterator[int]:
        yield 1
        try:
            await asyncio.Event().wait()
        finally:
            gone.append("ended")

    async def work() -> None:
        async with prefetched(slow()) as each:
            async for _ in each:
                await asyncio.sleep(0)
                break

    asyncio.run(work())
    assert gone == ["ended"]
