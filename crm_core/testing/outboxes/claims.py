"""Facts about claims: whose attempt it is, and in which order a record's deliveries are due."""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
from datetime import timedelta

from crm_core.resources import LEADS
from crm_core.testing.outboxes.scene import OutboxFacts, Post, result, sent_body
from crm_core.testing.scene import fact
from crm_core.webhooks.attempts import LEASE


class ClaimFacts(OutboxFacts):
    """Claims, and the order of a record's deliveries."""

    @fact
    async def test_what_runs_tell_stands_behind_what_single_calls_tell_the_same_endpoint(self, post: Post) -> None:
        await post.hook()
        later = [await post.lead_of_run() for _ in range(3)]
        first = await post.lead()

        claimed = [sent_body(attempt)["data"]["id"] for attempt in await post.claim(limit=1)]
        assert claimed == [str(first)]
        claimed = [sent_body(attempt)["data"]["id"] for attempt in await post.claim()]
        assert sorted(claimed) == [str(id_) for id_ in later]

    @fact
    async def test_what_a_run_tells_goes_before_others_of_it_once_a_single_call_waits_for_it(self, post: Post) -> None:
        await post.hook()
        others = [await post.lead_of_run() for _ in range(3)]
        lead = await post.lead_of_run()
        await post.patch(LEADS, lead, name="by a single call")

        attempts = [*await post.claim(limit=1), *await post.claim(limit=1)]
        assert str(lead) in [sent_body(attempt)["data"]["id"] for attempt in attempts]
        for attempt in attempts:
            await post.deliver(attempt)
        [attempt, *rest] = await post.claim()
        assert sent_body(attempt)["data"]["name"] == "by a single call"
        assert len(rest) == len(others) - 1

    @fact
    async def test_what_is_claimed_is_nobody_elses_until_its_lease_is_over(self, post: Post) -> None:
        await post.hook()
        await post.lead()
        first = await post.claim_one()

        assert await post.claim() == []
        await self.elapse(LEASE - timedelta(seconds=5))
        assert await post.claim() == []
        await self.elapse(timedelta(seconds=6))
        second = await post.claim_one()
        assert (second.delivery, second.number) == (first.delivery, 2)

    @fact
    async def test_a_result_that_comes_after_the_lease_is_void(self, post: Post) -> None:
        hook = await post.hook()
        await post.lead()
        late = await post.claim_one()
        await self.elapse(LEASE + timedelta(seconds=1))
        again = await post.claim_one()

        assert await post.outbox.record_results([result(late, "dead")]) == {}
        assert (await post.logged(hook, late.delivery)).state == "sending"
        await post.deliver(again)
        assert (await post.logged(hook, late.delivery)).state == "delivered"
        assert await post.outbox.record_results([result(again, "dead")]) == {}
        assert (await post.logged(hook, late.delivery)).state == "delivered"

    @fact
    async def test_a_late_result_says_nothing_of_an_attempt_that_began_anew(self, post: Post) -> None:
        hook = await post.hook()
        await post.lead()
        late = await post.claim_one()
        await self.elapse(LEASE + timedelta(seconds=1))
        await post.deliver(await post.claim_one())
        await post.outbox.redeliver(hook, late.delivery)
        again = await post.claim_one()

        assert (late.number, again.number) == (1, 1)
        assert await post.outbox.record_results([result(late, "dead")]) == {}
        assert (await post.logged(hook, late.delivery)).state == "sending"

    @fact
    async def test_claims_at_once_share_out_what_is_due(self, post: Post) -> None:
        await post.hook()
        leads = [await post.lead() for _ in range(12)]
        claims = await asyncio.gather(*(post.claim(3) for _ in range(4)))

        found = [sent_body(attempt)["data"]["id"] for claim in claims for attempt in claim]
        assert len(found) == len(set(found))
        rest = [sent_body(attempt)["data"]["id"] for attempt in await post.claim()]
        assert sorted(found + rest) == sorted(map(str, leads))

    @fact
    async def test_a_records_deliveries_are_due_one_after_the_other(self, post: Post) -> None:
        await post.hook()
        lead = await post.lead("a")
        for name in "bcd":
            await post.patch(LEADS, lead, name=name)
        await post.lead("other")
        attempts = {sent_body(each)["data"]["name"]: each for each in await post.claim()}

        assert attempts.keys() == {"a", "other"}
        attempt = attempts["a"]
        for name in "bcd":
            assert await post.claim() == []
            await post.deliver(attempt)
            attempt = await post.claim_one()
            assert sent_body(attempt)["data"]["name"] == name

    @fact
    async def test_a_records_later_deliveries_wait_for_one_that_is_tried_again(self, post: Post) -> None:
        await post.hook()
        lead = await post.lead("a")
        await post.patch(LEADS, lead, name="b")
        await post.settle(await post.claim_one(), "pending", wait=60)

        await self.elapse(timedelta(seconds=50))
        assert await post.claim() == []
        await self.elapse(timedelta(seconds=15))
        again = await post.claim_one()
        assert (again.number, sent_body(again)["data"]["name"]) == (2, "a")
        await post.settle(again, "dead")
        assert sent_body(await post.claim_one())["data"]["name"] == "b"

    @fact
    async def test_what_waits_behind_a_failing_delivery_holds_up_no_other_record(self, post: Post) -> None:
        await post.hook()
        stuck = await post.lead("stuck")
        await post.settle(await post.claim_one(), "pending", wait=3600)
        for number in range(40):
            await post.patch(LEADS, stuck, name=f"stuck {number}")
        await post.lead("other")

        assert sent_body(await post.claim_one())["data"]["name"] == "other"
        assert await post.outbox.claim(100, {}) == ([], False)

    @fact
    async def test_each_webhook_has_its_own_order(self, post: Post) -> None:
        first, second = await post.hook(), await post.hook()
        lead = await post.lead("a")
        await post.patch(LEADS, lead, name="b")
        for attempt in await post.claim():
            if attempt.webhook == first:
                await post.deliver(attempt)
            else:
                await post.settle(attempt, "pending", wait=60)

        attempt = await post.claim_one()
        assert (attempt.webhook, sent_body(attempt)["data"]["name"]) == (first, "b")
        assert attempt.webhook != second
