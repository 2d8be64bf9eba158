"""What look-ups that travel together promise each of their callers."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import wraps
from typing import Any

import pytest

from crm_adapters.postgres.records.loader import Loader, Loaders
from crm_core.errors import UnavailableError


def on_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), 10))

    return run


class Store:
    """A store of squares whose every query waits until it is let go, and that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self._answers: list[asyncio.Future[None]] = []
        self._sent = asyncio.Event()

    async def load_many(self, keys: list[int]) -> Mapping[int, int]:
        self.asked.append(keys)
        answer = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self._sent.set()
        await answer
        return {key: key * key for key in keys if key >= 0}

    async def sent(self, count: int) -> None:
        """Wait until so many queries were sent."""
        while len(self.asked) < count:
            self._sent.clear()
            await self._sent.wait()

    def answer(self, index: int) -> None:
        self._answers[index].set_result(None)

    def fail(self, index: int, error: BaseException) -> None:
        self._answers[index].set_exception(error)


async def at_once(keys: list[int]) -> Mapping[int, int]:
    return {key: key * key for key in keys if key >= 0}


async def settle() -> None:
    """Let everything that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


def ask(loader: Loader[int, int], *keys: int) -> list[asyncio.Task[int | None]]:
    return [asyncio.create_task(loader.load(key)) for key in keys]


@on_a_loop
async def test_look_ups_of_one_moment_are_one_query() -> None:
    store = Store()
    asked = ask(Loader(store.load_many), *range(50))

    await store.sent(1)
    store.answer(0)

    assert await asyncio.gather(*asked) == [key * key for key in range(50)]
    assert store.asked == [list(range(50))]


@on_a_loop
async def test_a_key_that_many_ask_for_is_queried_once() -> None:
    store = Store()
    asked = ask(Loader(store.load_many), *[3] * 20, 4)

    await store.sent(1)
    store.answer(0)

    assert await asyncio.gather(*asked) == [9] * 20 + [16]
    assert store.asked == [[3, 4]]


@on_a_loop
async def test_a_key_without_a_value_is_none_for_its_callers_alone() -> None:
    loader: Loader[int, int] = Loader(at_once)

    assert list(await asyncio.gather(loader.load(-1), loader.load(2), loader.load(-1))) == [None, 4, None]


@on_a_loop
async def test_a_look_up_never_joins_a_query_already_sent() -> None:
    store = Store()
    loader: Loader[int, int] = Loader(store.load_many)
    first = ask(loader, 3)
    await store.sent(1)

    second = ask(loader, 3)
    await store.sent(2)
    store.answer(1)

    assert await second[0] == 9
    assert not first[0].done()
    store.answer(0)
    assert await first[0] == 9
    assert store.asked == [[3], [3]]


@on_a_loop
async def test_whoever_asks_while_all_queries_are_under_way_travels_together_afterwards() -> None:
    store = Store()
    loader: Loader[int, int] = Loader(store.load_many, max_concurrency=2)
    first = ask(loader, 1)
    await store.sent(1)
    second = ask(loader, 2)
    await store.sent(2)

    waiting = ask(loader, 3, 4, 1)
    await settle()
    assert store.asked == [[1], [2]]
    store.answer(1)
    await store.sent(3)
    store.answer(2)

    assert await asyncio.gather(*waiting) == [9, 16, 1]
    assert store.asked == [[1], [2], [3, 4, 1]]
    store.answer(0)
    assert await asyncio.gather(*first, *second) == [1, 4]


@pytest.mark.parametrize("max_concurrency", [1, 2, 3])
def test_no_more_queries_are_under_way_than_may_be(max_concurrency: int) -> None:
    under_way, most = 0, 0

    async def load_many(keys: list[int]) -> Mapping[int, int]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await at_once(keys)

    async def run() -> list[int | None]:
        loader: Loader[int, int] = Loader(load_many, max_concurrency=max_concurrency)
        return await asyncio.gather(*(loader.load(key) for key in range(2_000)))

    assert asyncio.run(run()) == [key * key for key in range(2_000)]
    assert most == max_concurrency


@on_a_loop
async def test_a_query_is_of_bounded_size_and_nobody_is_forgotten() -> None:
    sizes = []

    async def load_many(keys: list[int]) -> Mapping[int, int]:
        sizes.append(len(keys))
        return await at_once(keys)

    loader: Loader[int, int] = Loader(load_many)

    assert await asyncio.gather(*(loader.load(key) for key in range(1_001))) == [key * key for key in range(1_001)]
    assert sizes == [200] * 5 + [1]


@on_a_loop
async def test_a_cancelled_caller_leaves_the_others_alone() -> None:
    store = Store()
    loader: Loader[int, int] = Loader(store.load_many)
    asked = ask(loader, 3, 3, 4)
    await store.sent(1)

    asked[0].cancel()
    await settle()
    store.answer(0)

    assert await asyncio.gather(*asked[1:]) == [9, 16]
    assert asked[0].cancelled()


@on_a_loop
async def test_callers_cancelled_before_the_query_is_sent_leave_the_others_alone() -> None:
    store = Store()
    loader: Loader[int, int] = Loader(store.load_many, max_concurrency=1)
    first = ask(loader, 1)
    await store.sent(1)
    waiting = ask(loader, 3, 4)
    await settle()

    waiting[0].cancel()
    await settle()
    store.answer(0)
    await store.sent(2)
    store.answer(1)

    assert await asyncio.gather(*first, waiting[1]) == [1, 16]


@on_a_loop
async def test_a_query_whose_callers_all_left_makes_room_for_the_next() -> None:
    store = Store()
    loader: Loader[int, int] = Loader(store.load_many, max_concurrency=1)
    left = ask(loader, 1, 2)
    await store.sent(1)

    for each in left:
        each.cancel()
    await settle()
    store.fail(0, ValueError("too late for anybody"))
    later = ask(loader, 3)
    await store.sent(2)
    store.answer(1)

    assert await later[0] == 9


@on_a_loop
async def test_an_error_reaches_every_caller_of_its_query_and_no_other() -> None:
    store = Store()
    loader: Loader[int, int] = Loader(store.load_many)
    failing = ask(loader, 1, 2, 2)
    await store.sent(1)
    others = ask(loader, 2, 3)
    await store.sent(2)

    store.fail(0, ValueError("no"))
    found = await asyncio.gather(*failing, return_exceptions=True)
    store.answer(1)

    assert [(type(each), str(each)) for each in found] == [(ValueError, "no")] * 3
    assert await asyncio.gather(*others) == [4, 9]


@on_a_loop
async def test_the_query_after_a_failed_one_works() -> None:
    failures = [ValueError("first"), ValueError("second")]

    async def load_many(keys: list[int]) -> Mapping[int, int]:
        if failures:
            raise failures.pop(0)
        return await at_once(keys)

    loader: Loader[int, int] = Loader(load_many, max_concurrency=1)
    for text in ("first", "second"):
        with pytest.raises(ValueError, match=text):
            await loader.load(5)

    assert await loader.load(5) == 25


@on_a_loop
async def test_those_who_waited_for_a_query_that_failed_are_answered() -> None:
    store = Store()
    loader: Loader[int, int] = Loader(store.load_many, max_concurrency=1)
    failing = ask(loader, 1)
    await store.sent(1)
    waiting = ask(loader, 1, 2)
    await settle()

    store.fail(0, ValueError("no"))
    await store.sent(2)
    store.answer(1)

    assert await asyncio.gather(*waiting) == [1, 4]
    assert isinstance(await asyncio.gather(*failing, return_exceptions=True), list)


@on_a_loop
async def test_a_caller_reads_what_was_written_before_it_asked() -> None:
    """The promise that a client relies on who writes and then reads, whatever others read meanwhile."""
    written = {"value": 0}

    async def load_many(keys: list[str]) -> Mapping[str, int]:
        found = {key: written[key] for key in keys}
        await asyncio.sleep(0)
        return found

    loader: Loader[str, int] = Loader(load_many)

    async def client(number: int) -> list[int]:
        stale = []
        for _ in range(20):
            written["value"] += 1
            least = written["value"]
            for _ in range(number % 3):
                await asyncio.sleep(0)
            found = await loader.load("value")
            if found is None or found < least:
                stale.append(least)
        return stale

    clients: list[Awaitable[list[int]]] = [client(number) for number in range(30)]
    assert await asyncio.gather(*clients) == [[]] * 30


@on_a_loop
async def test_nobody_piles_up_behind_a_query_that_hangs() -> None:
    store = Store()
    loader: Loader[int, int] = Loader(store.load_many, max_concurrency=1)
    hanging = ask(loader, 1)
    await store.sent(1)

    refused = await asyncio.gather(*ask(loader, 2, 3, 2), return_exceptions=True)
    late = ask(loader, 4)
    await settle()
    store.answer(0)
    await store.sent(2)
    store.answer(1)

    assert [type(each) for each in refused] == [UnavailableError] * 3
    assert await asyncio.gather(*hanging, *late) == [1, 16]
    assert store.asked == [[1], [4]]


@on_a_loop
async def test_loaders_that_nothing_uses_are_forgotten_and_others_are_not() -> None:
    store = Store()
    made: list[str] = []

    def loader_for(group: str) -> Loader[int, int]:
        made.append(group)
        return Loader(store.load_many if group == "used" else at_once)

    loaders: Loaders[str, int, int] = Loaders(loader_for)
    used = asyncio.create_task(loaders.load("used", 3))
    await store.sent(1)
    for number in range(200):
        assert await loaders.load(f"idle {number}", number) == number * number
    used_again = asyncio.create_task(loaders.load("used", 4))
    await store.sent(2)
    store.answer(0)
    store.answer(1)

    assert list(await asyncio.gather(used, used_again, loaders.load("idle 0", 2))) == [9, 16, 4]
    assert made.count("idle 0") == 2
    assert made.count("used") == 1
