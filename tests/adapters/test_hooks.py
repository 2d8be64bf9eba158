"""Hooks of embedders: over the feed, durably and in order; and directly after a commit."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from crm_adapters.memory import MemoryDatabase
from crm_core import CLIENTS, LEADS, CursorGoneError, Event
from crm_core.testing.scene import Scene
from crm_core.use_cases import Hooks
from tests.markdown import blocks


async def running(hooks: Hooks, until: Callable[[], bool]) -> None:
    """Run hooks until a condition holds."""
    task = asyncio.create_task(hooks.run())
    async with asyncio.timeout(10):
        while not until():  # the hooks tell nobody
            assert not task.done()
            await asyncio.sleep(0.001)
    hooks.stop()
    await task


def hooks_of(db: MemoryDatabase, call: Callable[[Event], Awaitable[None]], name: str = "mine") -> Hooks:
    hooks = Hooks(db.feed, name, first_retry=0.001)
    hooks.on(LEADS, ("created", "updated"), call)
    return hooks


class Recorder:
    """A call that keeps what it was called with, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.kinds: list[str] = []
        self.failures = failures

    async def __call__(self, event: Event) -> None:
        if self.failures:
            self.failures -= 1
            raise ValueError("not now")
        self.kinds.append(f"{event.resource} {event.kind} {event.version}")


async def begun(db: MemoryDatabase) -> Scene:
    """A scene whose hooks have a cursor."""
    await Hooks(db.feed, "mine").restart()
    return Scene(db)


def test_a_hook_is_called_with_the_changes_that_it_asked_for_in_order() -> None:
    async def state() -> None:
        scene = await begun(db := MemoryDatabase())
        await scene.create(CLIENTS, name="a")
        lead = await scene.create(LEADS, name="b")
        await scene.patch(LEADS, lead, name="c")
        await scene.delete(LEADS, lead)
        await running(hooks_of(db, call := Recorder()), lambda: len(call.kinds) == 2)
        assert call.kinds == ["lead created 1", "lead updated 2"]

    asyncio.run(state())


def test_a_hook_goes_on_where_it_was_and_gets_what_came_in_between() -> None:
    async def state() -> None:
        scene = await begun(db := MemoryDatabase())
        lead = await scene.create(LEADS, name="a")
        await running(hooks_of(db, call := Recorder()), lambda: len(call.kinds) == 1)
        await scene.patch(LEADS, lead, name="while nobody followed")
        await running(hooks_of(db, other := Recorder()), lambda: len(other.kinds) == 1)
        assert (call.kinds, other.kinds) == (["lead created 1"], ["lead updated 2"])

    asyncio.run(state())


def test_a_call_that_fails_is_made_again_and_later_changes_wait(caplog: pytest.LogCaptureFixture) -> None:
    async def state() -> None:
        scene = await begun(db := MemoryDatabase())
        for name in "ab":
            await scene.create(LEADS, name=name)
        await running(hooks_of(db, call := Recorder(failures=3)), lambda: len(call.kinds) == 2)

    with caplog.at_level(logging.CRITICAL, "crm.hooks"):
        asyncio.run(state())


def test_a_call_that_was_stopped_before_it_returned_is_made_again_by_the_next_run() -> None:
    async def state() -> None:
        scene = await begun(db := MemoryDatabase())
        await scene.create(LEADS, name="a")
        failing = Recorder(failures=10**9)
        await running(hooks_of(db, failing), lambda: failing.failures < 10**9)
        await running(hooks_of(db, call := Recorder()), lambda: len(call.kinds) == 1)

    logging.getLogger("crm.hooks").disabled = True
    try:
        asyncio.run(state())
    finally:
        logging.getLogger("crm.hooks").disabled = False


def test_a_hook_waits_for_the_next_change() -> None:
    async def state() -> None:
        scene = await begun(db := MemoryDatabase())
        task = asyncio.create_task((hooks := hooks_of(db, call := Recorder())).run())
        await asyncio.sleep(0.01)  # it has caught up
        await scene.create(LEADS, name="a")
        async with asyncio.timeout(1):
            while not call.kinds:  # noqa: ASYNC110  # the hooks tell nobody
                await asyncio.sleep(0.001)
        hooks.stop()
        await task

    asyncio.run(state())


def test_a_hook_that_followed_too_late_says_so_and_can_begin_again() -> None:
    async def state() -> None:
        scene = await begun(db := MemoryDatabase())
        await scene.create(LEADS, name="a")
        await db.feed.forget(datetime.now(UTC) + timedelta(minutes=1))
        hooks = hooks_of(db, call := Recorder())
        with pytest.raises(CursorGoneError):
            await hooks.run()
        await hooks.restart()
        await scene.create(LEADS, name="b")
        await running(hooks, lambda: len(call.kinds) == 1)

    asyncio.run(state())


def test_the_hook_after_a_commit_gets_its_events_and_none_of_a_refused_change() -> None:
    called: list[Sequence[Event]] = []

    async def state() -> None:
        scene = Scene(MemoryDatabase(after_commit=called.append))
        lead = await scene.create(LEADS, name="a")
        await scene.patch(LEADS, lead, name="a")  # changes nothing
        with pytest.raises(Exception, match="name"):
            await scene.create(LEADS, name="")
        await scene.delete(LEADS, lead)

    asyncio.run(state())
    assert [[event.kind for event in events] for events in called] == [["created"], ["deleted"]]


def test_a_hook_after_a_commit_that_raises_does_not_undo_it(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Sequence[Event]) -> None:
        raise ValueError("no")

    async def state() -> None:
        scene = Scene(MemoryDatabase(after_commit=fail))
        client = await scene.create(CLIENTS, name="a")
        assert await scene.found(CLIENTS) == [client]

    asyncio.run(state())
    assert "the hook after a commit failed" in caplog.text


def test_the_example_of_the_page_is_called() -> None:
    text = blocks("docs/how-to/follow-changes.md")["In your own process 1"].text
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.stdout == "committed 1\nwelcome {'to': 'Ann'}\n", done.stderr
