"""The worker on the memory's outbox: what is sent, when, and what stops it from nothing."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest

from crm_adapters.memory import MemoryAccounts, MemoryDatabase, MemoryOutbox, RecordingSender
from crm_core.errors import UnavailableError
from crm_core.ports import Outbox, WebhookSender
from crm_core.resources import LEADS, WEBHOOKS
from crm_core.testing.machine import USERS
from crm_core.testing.outboxes import Opened, Post
from crm_core.use_cases.delivery_worker import DeliveryWorker
from crm_core.webhooks.attempts import LEASE, Attempt, Claim, Outcome
from crm_core.webhooks.circuit_breaker import Health
from crm_core.webhooks.delivery_log import LogQuery
from crm_core.webhooks.retries import Result, Retries

SECONDS = 10
AT_ONCE = Retries((0.0, 0.0, 0.0))


@attrs.define
class Office:
    """A database on memory, its outbox, and workers."""

    database: MemoryDatabase
    post: Post
    ahead: timedelta = timedelta()

    @property
    def outbox(self) -> MemoryOutbox:
        return self.database.outbox

    @asynccontextmanager
    async def working(
        self, sender: WebhookSender, outbox: Outbox | None = None, retries: Retries = AT_ONCE, poll: float = 0.05
    ) -> AsyncIterator[DeliveryWorker]:
        worker = DeliveryWorker(self.database, outbox or self.outbox, sender, retries, poll=poll, grace=0.05)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            await asyncio.wait_for(running, SECONDS)

    async def states(self, webhook: UUID) -> list[tuple[str, int]]:
        return [(each.state, each.attempts) for each in await self.outbox.find(webhook, LogQuery(100))]


def run(story: Callable[[Office], Awaitable[None]]) -> None:
    async def told() -> None:
        accounts = MemoryAccounts()
        for number in USERS:
            await accounts.add_user(f"user {number}", "!")
        database = MemoryDatabase(accounts, clock=lambda: datetime.now(UTC) + office.ahead)
        office = Office(database, Post(Opened(database, database.outbox)))
        await story(office)

    asyncio.run(told())


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await is_so():  # noqa: ASYNC110  # what is waited for is in a store, which has no event for it
            await asyncio.sleep(0.002)


def name_in(attempt: Attempt) -> str:
    return str(json.loads(attempt.body)["data"]["name"])


def test_what_commits_leave_is_sent_at_once() -> None:
    async def story(office: Office) -> None:
        sender = RecordingSender()
        hook = await office.post.hook()
        async with office.working(sender, poll=60):
            await asyncio.sleep(0.05)  # it is idle
            began = time.perf_counter()
            await office.post.lead()
            await until(lambda: _is_true(bool(sender.attempts)))
            took = time.perf_counter() - began
            await until(lambda: _equals(office.states(hook), [("delivered", 1)]))
        print(f"sent {took * 1000:.1f} ms after the commit")

    run(story)


async def _is_true(value: bool) -> bool:  # noqa: FBT001
    return value


async def _equals(found: Awaitable[object], expected: object) -> bool:
    return await found == expected


def test_fifty_quick_updates_of_one_record_are_sent_in_their_order() -> None:
    async def story(office: Office) -> None:
        sender = RecordingSender()
        await office.post.hook()
        async with office.working(sender):
            lead = await office.post.lead("0")
            for number in range(1, 51):
                await office.post.patch(LEADS, lead, name=str(number))
            await until(lambda: _is_true(len(sender.attempts) == 51))
        assert list(map(name_in, sender.attempts)) == [str(number) for number in range(51)]

    run(story)


def test_a_failure_is_tried_again_until_the_tries_are_used_up_and_the_next_goes_on() -> None:
    async def story(office: Office) -> None:
        async def refuse(attempt: Attempt) -> Outcome:
            return Outcome(status=500 if name_in(attempt) == "bad" else 204)

        sender = RecordingSender(refuse)
        hook = await office.post.hook()
        lead = await office.post.lead("bad")
        await office.post.patch(LEADS, lead, name="good")
        async with office.working(sender):
            await until(lambda: _equals(office.states(hook), [("delivered", 1), ("dead", 4)]))
        assert [each.number for each in sender.attempts][:4] == [1, 2, 3, 4]
        assert len({each.delivery for each in sender.attempts[:4]}) == 1

    run(story)


def test_an_error_of_the_sender_is_that_deliverys_failure_alone() -> None:
    async def story(office: Office) -> None:
        async def fail(attempt: Attempt) -> Outcome:
            if name_in(attempt) == "bad":
                raise RuntimeError("secret")
            return Outcome(status=200)

        hook = await office.post.hook()
        await office.post.lead("bad")
        await office.post.lead("good")
        async with office.working(RecordingSender(fail)):
            await until(lambda: _equals(office.states(hook), [("delivered", 1), ("dead", 4)]))
        [good, bad] = await office.outbox.find(hook, LogQuery(9))
        assert (good.error, bad.error) == ("", "Sending failed: RuntimeError.")

    run(story)


def test_a_hanging_endpoint_delays_no_other() -> None:
    async def story(office: Office) -> None:
        hanging, healthy = await office.post.hook(name="hanging"), await office.post.hook()

        async def hang(attempt: Attempt) -> Outcome:
            if attempt.webhook == hanging:
                await asyncio.Event().wait()
            return Outcome(status=200)

        async with office.working(RecordingSender(hang)):
            for number in range(30):
                await office.post.lead(str(number))
            await until(lambda: _equals(office.states(healthy), [("delivered", 1)] * 30))
        assert {state for state, _ in await office.states(hanging)} == {"pending"}

    run(story)


def test_stopping_gives_back_what_does_not_end() -> None:
    async def story(office: Office) -> None:
        claimed = asyncio.Event()

        async def hang(_: Attempt) -> Outcome:
            claimed.set()
            await asyncio.Event().wait()
            raise AssertionError

        hook = await office.post.hook()
        await office.post.lead()
        async with office.working(RecordingSender(hang)):
            await asyncio.wait_for(claimed.wait(), SECONDS)
            assert await office.states(hook) == [("sending", 1)]
        assert await office.states(hook) == [("pending", 1)]

    run(story)


def test_stopping_lets_what_is_under_way_end() -> None:
    async def story(office: Office) -> None:
        claimed, release = asyncio.Event(), asyncio.Event()

        async def wait(_: Attempt) -> Outcome:
            claimed.set()
            await release.wait()
            return Outcome(status=200)

        hook = await office.post.hook()
        await office.post.lead()
        async with office.working(RecordingSender(wait)) as worker:
            await asyncio.wait_for(claimed.wait(), SECONDS)
            worker.stop()
            release.set()
        assert await office.states(hook) == [("delivered", 1)]

    run(story)


class LameOutbox:
    """An outbox that fails now and then, and never wakes anybody."""

    def __init__(self, outbox: MemoryOutbox, failures: Sequence[Exception] = ()) -> None:
        self.outbox = outbox
        self.failures = list(failures)

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop()

    async def claim(self, limit: int, in_flight: Mapping[UUID, int], *, idle_only: bool = False) -> Claim:
        self._fail()
        return await self.outbox.claim(limit, in_flight, idle_only=idle_only)

    async def record_results(self, results: Sequence[Result]) -> Mapping[UUID, Health]:
        self._fail()
        return await self.outbox.record_results(results)

    async def release(self, attempts: Sequence[Attempt]) -> None:
        await self.outbox.release(attempts)

    async def pause(self, webhook: UUID, seconds: float) -> None:
        await self.outbox.pause(webhook, seconds)

    async def reset_health(self, webhook: UUID) -> None:
        await self.outbox.reset_health(webhook)

    async def clean(self) -> int:
        self._fail()
        return await self.outbox.clean()

    async def wait_for_work(self) -> None:
        await asyncio.Event().wait()


def test_polling_finds_what_nobody_was_woken_for() -> None:
    async def story(office: Office) -> None:
        sender = RecordingSender()
        await office.post.hook()
        async with office.working(sender, LameOutbox(office.outbox)):
            await asyncio.sleep(0.05)
            await office.post.lead()
            await until(lambda: _is_true(bool(sender.attempts)))

    run(story)


def test_an_outbox_that_fails_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def story(office: Office) -> None:
        sender = RecordingSender()
        hook = await office.post.hook()
        await office.post.lead()
        lame = LameOutbox(office.outbox, [UnavailableError("away"), RuntimeError("a defect"), UnavailableError()])
        async with office.working(sender, lame):
            await until(lambda: _equals(office.states(hook), [("delivered", 1)]))
        assert len(sender.attempts) == 1

    run(story)
    assert "away" in caplog.text
    assert "a defect" in caplog.text


def test_a_delivery_whose_attempts_end_without_a_result_is_given_up() -> None:
    async def story(office: Office) -> None:
        sender = RecordingSender()
        hook = await office.post.hook()
        await office.post.lead()
        for _ in range(4):  # of workers that it kills
            await office.post.claim_one()
            office.ahead += LEASE
        async with office.working(sender):
            await until(lambda: _equals(office.states(hook), [("dead", 5)]))
        assert sender.attempts == []

    run(story)


def answering(status: int) -> RecordingSender:
    async def answer(_: Attempt) -> Outcome:
        return Outcome(status=status)

    return RecordingSender(answer)


def test_gone_switches_the_webhook_off_visibly_and_its_deliveries_wait() -> None:
    async def story(office: Office) -> None:
        hook = await office.post.hook()
        lead = await office.post.lead()
        for name in ("a", "b"):
            await office.post.patch(LEADS, lead, name=name)

        async def is_off() -> bool:
            return not (await office.post.value(WEBHOOKS, hook)).is_active

        async with office.working(answering(410)):
            await until(is_off)
        found = await office.post.value(WEBHOOKS, hook)
        assert found.disabled_reason == "The receiver answered 410 Gone."
        await office.post.lead("unheard")
        event = office.database.events[-2]
        assert (event.resource, event.actor, event.actor_name) == ("webhook", None, "system")
        assert [state for state, _ in await office.states(hook)] == ["pending"] * 2 + ["dead"]

        await office.post.patch(WEBHOOKS, hook, is_active=True)
        assert (await office.post.value(WEBHOOKS, hook)).disabled_reason is None
        async with office.working(answering(200)):
            await until(lambda: _equals(office.states(hook), [("delivered", 1)] * 2 + [("dead", 1)]))

    run(story)


def test_gone_counts_beside_successes_of_the_same_moment() -> None:
    async def story(office: Office) -> None:
        async def answer(attempt: Attempt) -> Outcome:
            return Outcome(status=410 if name_in(attempt) == "gone" else 200)

        hook = await office.post.hook()
        for name in ("a", "gone", "b"):
            await office.post.lead(name)

        async def is_off() -> bool:
            return not (await office.post.value(WEBHOOKS, hook)).is_active

        async with office.working(RecordingSender(answer)):
            await until(is_off)

    run(story)


def test_what_waits_goes_where_the_webhook_points_by_now() -> None:
    async def story(office: Office) -> None:
        sender = answering(200)
        hook = await office.post.hook(url="https://old.example/{id}", headers={"Authorization": "old"})
        await office.post.lead("Jane")
        await office.post.patch(WEBHOOKS, hook, url="https://new.example/{name}", headers={"Authorization": "new"})
        async with office.working(sender):
            await until(lambda: _equals(office.states(hook), [("delivered", 1)]))
        [sent] = sender.attempts
        assert (sent.url, sent.headers) == ("https://new.example/Jane", {"Authorization": "new"})
        [logged] = await office.outbox.find(hook, LogQuery(9))
        found = await office.outbox.get(hook, logged.id)
        assert found is not None
        assert found[1].request.url == "https://new.example/Jane"

    run(story)


def test_what_the_webhook_can_no_longer_be_filled_for_is_dead_at_once_and_says_why() -> None:
    async def story(office: Office) -> None:
        sender = answering(200)
        hook = await office.post.hook()
        lead = await office.post.lead()
        await office.post.patch(WEBHOOKS, hook, url="https://a.example/{stage}")
        await office.post.patch(LEADS, lead, stage="Won")
        async with office.working(sender):
            await until(lambda: _equals(office.states(hook), [("delivered", 1), ("dead", 1)]))
        [_, dead] = await office.outbox.find(hook, LogQuery(9))
        assert dead.error == "A segment of the URL's path would be empty: {stage}."
        assert [each.url for each in sender.attempts] == ["https://a.example/Won"]

    run(story)


def test_a_webhook_that_points_elsewhere_by_now_is_not_switched_off_by_its_old_place() -> None:
    async def story(office: Office) -> None:
        hook = await office.post.hook(url="https://old.example/{id}")
        await office.post.lead()

        async def answer(_: Attempt) -> Outcome:
            await office.post.patch(WEBHOOKS, hook, url="https://new.example/{id}")
            return Outcome(status=410)

        async with office.working(RecordingSender(answer)):
            await until(lambda: _equals(office.states(hook), [("dead", 1)]))
        assert (await office.post.value(WEBHOOKS, hook)).is_active

    run(story)


def test_however_many_endpoints_hang_at_once_another_does_not_wait() -> None:
    async def story(office: Office) -> None:
        hooks = [await office.post.hook(name=f"hanging {number}") for number in range(20)]

        async def hang(attempt: Attempt) -> Outcome:
            if attempt.webhook in hooks:
                await asyncio.Event().wait()
            return Outcome(status=200)

        sender = RecordingSender(hang)
        async with office.working(sender):
            for number in range(20):
                await office.post.lead(str(number))
            await until(lambda: _is_true(len(sender.attempts) >= 192))
            healthy = await office.post.hook()
            await office.post.lead()
            await until(lambda: _equals(office.states(healthy), [("delivered", 1)]))

    run(story)


def test_nothing_but_failures_for_120_hours_switch_the_webhook_off() -> None:
    async def story(office: Office) -> None:
        hook = await office.post.hook()
        retries = Retries((0.01,) * 1_000)

        async def attempts() -> int:
            return sum(attempts for _, attempts in await office.states(hook))

        async def is_off() -> bool:
            return (await office.post.value(WEBHOOKS, hook)).disabled_reason is not None

        async def many() -> bool:
            return await attempts() >= 12

        await office.post.lead()
        async with office.working(answering(500), retries=retries):
            await until(many)
            assert not await is_off()
            office.ahead += timedelta(hours=120)
            await until(is_off)

    run(story)


def test_an_endpoint_that_keeps_failing_is_paused() -> None:
    async def story(office: Office) -> None:
        sender = answering(500)
        await office.post.hook()
        async with office.working(sender, retries=Retries((0.0,) * 20 + (1000.0,))):
            await office.post.lead()
            await until(lambda: _is_true(len(sender.attempts) == 5))
            await asyncio.sleep(0.1)
            assert len(sender.attempts) == 5
            office.ahead += timedelta(seconds=31)
            await until(lambda: _is_true(len(sender.attempts) == 6))

    run(story)
