"""Facts about the runners of calls for programs without an event loop, whatever the calls wait for."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from crm_core.embedding import CallingThread, Portal, Runner

PLACE: ContextVar[str] = ContextVar("place", default="nowhere")


@pytest.fixture(params=["calling thread", "portal", "busy portal", "portal in debug mode"])
def runner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    if request.param == "calling thread":
        yield CallingThread()
        return
    if request.param == "portal in debug mode":
        monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    with Portal() as portal:
        if request.param == "busy portal":
            portal.run(turning())
        yield portal


async def turning() -> None:
    """Keep the loop busy, so that it makes all steps itself."""

    def again() -> None:
        asyncio.get_running_loop().call_soon(again)

    again()


def test_a_call_that_never_waits_returns_its_result_or_raises(runner: Runner) -> None:
    async def five() -> int:
        return 5

    async def fails() -> None:
        raise LookupError("gone")

    assert runner.run(five()) == 5
    with pytest.raises(LookupError, match="gone"):
        runner.run(fails())


def test_a_call_that_waits_is_in_one_task_from_its_first_step(runner: Runner) -> None:
    async def tasks() -> set[object]:
        found: set[object] = {asyncio.current_task()}
        await asyncio.sleep(0)
        found.add(asyncio.current_task())
        await asyncio.sleep(0.001)
        return found | {asyncio.current_task()}

    async def fails() -> None:
        await asyncio.to_thread(int, "x")

    first, second = runner.run(tasks()), runner.run(tasks())
    assert (len(first), len(second), len(first | second)) == (1, 1, 2)
    with pytest.raises(ValueError, match="'x'"):
        runner.run(fails())


@pytest.mark.parametrize("seconds", [0, 0.001])
def test_time_limits_hold_what_a_call_waits_for(runner: Runner, seconds: float) -> None:
    async def late() -> str:
        waiting = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await waiting
        except TimeoutError:
            return f"late, {waiting.cancelled()}"
        return "in time"

    assert [runner.run(late()) for _ in range(2)] == ["late, True"] * 2


def test_calls_may_have_tasks_of_their_own(runner: Runner) -> None:
    async def both() -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0, number)) for number in range(2)]
        return [task.result() for task in tasks]

    assert runner.run(both()) == [0, 1]


def test_calls_have_the_context_of_their_caller_and_leave_it_as_it_is(runner: Runner) -> None:
    async def places() -> list[str]:
        found = [PLACE.get()]
        PLACE.set("inside")
        await asyncio.sleep(0)
        return [*found, PLACE.get()]

    token = PLACE.set("outside")
    assert runner.run(places()) == ["outside", "inside"]
    assert PLACE.get() == "outside"
    PLACE.reset(token)


def test_generators_that_a_call_leaves_unfinished_are_ended_in_the_loop(runner: Runner) -> None:
    ended = threading.Event()

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            ended.set()

    async def first() -> int:
        async for number in numbers():
            return number
        return 0

    assert runner.run(first()) == 1
    gc.collect()
    runner.run(asyncio.sleep(0.001))
    assert ended.wait(10)


def test_a_call_cannot_be_made_inside_another_one(runner: Runner) -> None:
    async def outer() -> object:
        return runner.run(asyncio.sleep(0))

    with pytest.raises(RuntimeError):
        runner.run(outer())


def test_what_a_call_puts_into_the_loop_of_a_portal_is_done_without_another_call() -> None:
    done = [threading.Event(), threading.Event()]
    news = asyncio.Event()

    async def wait_for_news() -> None:
        await news.wait()
        done[0].set()

    async def begin() -> "asyncio.Task[None]":
        return asyncio.create_task(wait_for_news())

    async def announce() -> None:
        news.set()
        asyncio.get_running_loop().call_later(0.001, done[1].set)

    with Portal() as portal:
        task = portal.run(begin())
        portal.run(announce())
        assert [each.wait(10) for each in done] == [True, True]
        assert task.done()


def test_threads_share_a_portal_whether_their_calls_wait_or_not() -> None:
    inside: set[int] = set()

    async def alone(number: int) -> int:
        inside.add(number)
        assert inside == {number}  # nothing else runs between two waits
        inside.remove(number)
        if number % 3:
            await asyncio.sleep(0)
        return number

    with Portal() as portal, ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda number: portal.run(alone(number)), range(400))) == list(range(400))


def test_the_interrupt_of_a_thread_that_waits_cancels_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = threading.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with Portal() as portal:
        portal.run(asyncio.sleep(0))
        monkeypatch.setattr("concurrent.futures.Future.result", interrupt)
        with pytest.raises(KeyboardInterrupt):
            portal.run(endless())
        monkeypatch.undo()
        assert cancelled.wait(10)


def test_runners_leave_nothing_behind() -> None:
    ended: list[str] = []

    async def nothing() -> None:
        pass

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    async def leave_a_task() -> None:
        _left.add(asyncio.create_task(endless()))
        await asyncio.sleep(0)

    _left: set[object] = set()

    def run_and_forget() -> None:
        runner = CallingThread()
        runner.run(nothing())
        runner.run(asyncio.sleep(0))
        runner.run(leave_a_task())

    thread = threading.Thread(target=run_and_forget)
    thread.start()
    thread.join()
    with Portal() as portal:
        portal.run(nothing())
        portal.run(leave_a_task())
    assert ended == ["ended"] * 2
    gc.collect()  # a loop that is not closed, or a task that was dropped, would warn, which is an error here


def test_a_portal_says_why_it_runs_no_call() -> None:
    with Portal() as portal:

        async def within() -> object:
            return portal.run(asyncio.sleep(0))

        with pytest.raises(RuntimeError, match="the portal's own thread"):
            portal.run(within())
    with pytest.raises(RuntimeError, match="this portal is closed"):
        portal.run(asyncio.sleep(0))
