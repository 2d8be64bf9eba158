"""Facts about endpoints: how many attempts each has, and how its failures are counted."""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
from collections import Counter
from datetime import timedelta

from crm_core.resources import WEBHOOKS
from crm_core.testing.outboxes.scene import OutboxFacts, Post, by_webhook, result, sent_body
from crm_core.testing.scene import fact
from crm_core.webhooks.attempts import MAX_CONCURRENCY_PER_ENDPOINT, Outcome
from crm_core.webhooks.delivery_log import LogQuery


class EndpointFacts(OutboxFacts):
    """Endpoints that fail, wait, or are switched off."""

    @fact
    async def test_an_endpoint_has_a_few_attempts_at_once_less_those_under_way(self, post: Post) -> None:
        hook = await post.hook()
        for _ in range(MAX_CONCURRENCY_PER_ENDPOINT + 3):
            await post.lead()

        attempts, _ = await post.outbox.claim(100, {hook: 3})
        assert len(attempts) == MAX_CONCURRENCY_PER_ENDPOINT - 3
        assert await post.outbox.claim(100, {hook: MAX_CONCURRENCY_PER_ENDPOINT}) == ([], False)

    @fact
    async def test_with_idle_only_each_idle_endpoint_has_one_attempt(self, post: Post) -> None:
        idle, busy, failing = await post.hook(), await post.hook(), await post.hook()
        for _ in range(2):
            await post.lead()
        attempts = await post.claim()
        await post.settle(next(each for each in attempts if each.webhook == failing), "pending")
        await post.outbox.release([each for each in attempts if each.webhook != failing])

        attempts, _ = await post.outbox.claim(100, {busy: 1}, idle_only=True)
        assert [each.webhook for each in attempts] == [idle]

    @fact
    async def test_endpoints_are_claimed_for_in_fair_shares(self, post: Post) -> None:
        hooks = [await post.hook() for _ in range(3)]
        for _ in range(3):
            await post.lead()

        attempts, more = await post.outbox.claim(6, {})
        assert more
        assert by_webhook(attempts) == Counter(hooks * 2)

    @fact
    async def test_an_endpoint_that_fails_has_one_attempt_at_a_time_until_it_succeeds(self, post: Post) -> None:
        hook = await post.hook()
        for _ in range(4):
            await post.lead()
        [first, *others] = await post.claim()
        await post.settle(first, "pending")
        await post.outbox.release(others)

        [probe], _ = await post.outbox.claim(100, {})
        assert await post.outbox.claim(100, {hook: 1}) == ([], False)
        await post.deliver(probe)
        assert len(await post.claim()) == 3

    @fact
    async def test_a_paused_endpoint_waits_and_others_do_not(self, post: Post) -> None:
        paused, other = await post.hook(), await post.hook()
        await post.lead()
        for attempt in await post.claim():
            await post.settle(attempt, "pending")
        await post.outbox.pause(paused, 60)

        assert [attempt.webhook for attempt in await post.claim()] == [other]
        await self.elapse(timedelta(seconds=61))
        assert paused in [attempt.webhook for attempt in await post.claim()]

    @fact
    async def test_deliveries_of_a_webhook_that_is_switched_off_wait(self, post: Post) -> None:
        hook = await post.hook()
        await post.lead()
        await post.patch(WEBHOOKS, hook, is_active=False)
        await post.lead("unheard")

        assert await post.claim() == []
        await post.patch(WEBHOOKS, hook, is_active=True)
        assert sent_body(await post.claim_one())["data"]["name"] == "John"

    @fact
    async def test_deliveries_of_a_webhook_that_is_deleted_go_with_it(self, post: Post) -> None:
        hook = await post.hook()
        await post.lead()
        await post.delete(WEBHOOKS, hook)

        assert await post.claim() == []
        await post.outbox.clean()
        assert await post.outbox.find(hook, LogQuery(9)) == []
        assert await post.outbox.secret(hook) is None

    @fact
    async def test_what_is_given_back_is_due_at_once(self, post: Post) -> None:
        await post.hook()
        await post.lead()
        attempt = await post.claim_one()
        await post.outbox.release([attempt])

        again = await post.claim_one()
        assert (again.delivery, again.number) == (attempt.delivery, 2)

    @fact
    async def test_a_commit_wakes(self, post: Post) -> None:
        await post.hook()
        waiting = asyncio.ensure_future(post.outbox.wait_for_work())
        await post.lead()

        await asyncio.wait_for(waiting, 10)

    @fact
    async def test_failures_are_counted_since_the_last_success(self, post: Post) -> None:
        hook = await post.hook()
        for _ in range(3):
            await post.lead()
        first, second, third = await post.claim()
        healths = [await post.outbox.record_results([result(first, "pending"), result(second, "pending")])]
        await self.elapse(timedelta(hours=5))
        healths.append(await post.outbox.record_results([result(third, "dead")]))

        assert [health[hook].failures for health in healths] == [2, 3]
        assert healths[0][hook].failing_for < timedelta(minutes=1)
        assert timedelta(hours=5) <= healths[1][hook].failing_for < timedelta(hours=5, minutes=1)
        await post.deliver((await post.outbox.claim(1, {})).attempts[0])
        [again] = (await post.outbox.claim(1, {})).attempts
        assert (await post.outbox.record_results([result(again, "pending")]))[hook].failures == 1
        await post.outbox.reset_health(hook)
        [again] = (await post.outbox.claim(1, {})).attempts
        assert (await post.outbox.record_results([result(again, "pending")]))[hook].failures == 1

    @fact
    async def test_an_endpoint_is_not_blamed_for_what_could_never_be_sent(self, post: Post) -> None:
        await post.hook()
        await post.lead()
        hopeless = Outcome(error="No.", is_hopeless=True)

        assert await post.outbox.record_results([result(await post.claim_one(), "dead", hopeless)]) == {}
