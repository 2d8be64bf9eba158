"""Facts about the log of deliveries: what it tells, what is sent again, and what is cancelled."""

# ruff: noqa: D102  # a test's name is the fact that it states

from datetime import timedelta

from crm_core.resources import LEADS, WEBHOOKS
from crm_core.testing.outboxes.scene import BROKEN, TAKEN, OutboxFacts, Post, sent_body
from crm_core.testing.scene import fact
from crm_core.webhooks.attempts import LEASE
from crm_core.webhooks.deliveries import DeliveryState
from crm_core.webhooks.delivery_log import RETENTION, DeliveryDetail, LogQuery
from crm_core.webhooks.requests import WebhookRequest
from crm_core.webhooks.retries import Result


class LogFacts(OutboxFacts):
    """The log of deliveries."""

    @fact
    async def test_the_log_tells_what_became_of_a_delivery(self, post: Post) -> None:
        hook = await post.hook(headers={"X-A": "b"})
        lead = await post.lead()
        await post.settle(await post.claim_one(), "pending", wait=60)
        await self.elapse(timedelta(seconds=61))
        attempt = await post.claim_one()
        await post.deliver(attempt)
        found = await post.logged(hook, attempt.delivery)

        assert (found.record, found.type, found.state, found.attempts) == (lead, "lead.created", "delivered", 2)
        assert (found.status, found.error) == (200, "")
        request = WebhookRequest("POST", f"https://a.example/{lead}", {"X-A": "b"})
        whole = DeliveryDetail(request, attempt.body, "thank you")
        assert await post.outbox.get(hook, attempt.delivery) == (found, whole)
        assert found.next_attempt_at is None
        assert found.attempted_at == found.finished_at
        assert found.finished_at is not None
        assert found.created_at < found.finished_at
        assert await post.outbox.get(await post.hook(), attempt.delivery) is None

    @fact
    async def test_the_log_is_listed_newest_first_by_state_and_in_pages(self, post: Post) -> None:
        hook = await post.hook()
        leads = [await post.lead() for _ in range(5)]
        await post.deliver((await post.outbox.claim(1, {})).attempts[0])
        listed = await post.outbox.find(hook, LogQuery(10))

        assert [each.record for each in listed] == leads[::-1]
        assert [each.state for each in listed] == ["pending"] * 4 + ["delivered"]
        assert list(await post.outbox.find(hook, LogQuery(10, "delivered"))) == listed[4:]
        page = await post.outbox.find(hook, LogQuery(2))
        assert page == listed[:2]
        after = page[-1].created_at, page[-1].id
        assert list(await post.outbox.find(hook, LogQuery(2, before=after))) == listed[2:4]
        assert await post.outbox.find(await post.hook(), LogQuery(10)) == []

    @fact
    async def test_a_delivery_can_be_sent_anew(self, post: Post) -> None:
        hook = await post.hook()
        await post.lead()
        first = await post.claim_one()
        await post.outbox.redeliver(hook, first.delivery)  # which is being sent, and left alone
        assert await post.claim() == []

        for end in ("delivered", "dead"):
            attempt = first if end == "delivered" else await post.claim_one()
            assert (attempt.delivery, attempt.number) == (first.delivery, 1)
            await post.settle(attempt, end)
            await post.outbox.redeliver(hook, attempt.delivery)
        assert (await post.claim_one()).number == 1

    @fact
    async def test_all_that_died_since_a_moment_can_be_sent_anew(self, post: Post) -> None:
        hook, other = await post.hook(), await post.hook()
        await post.lead("long ago")
        for attempt in await post.claim():
            await post.settle(attempt, "dead")
        await post.outbox.reset_health(hook)
        await post.outbox.reset_health(other)
        await self.elapse(timedelta(hours=2))
        since = self.now() - timedelta(hours=1)
        for name in ("dead", "dead too", "delivered"):
            await post.lead(name)
        for attempt in await post.claim():
            await post.settle(attempt, "delivered" if sent_body(attempt)["data"]["name"] == "delivered" else "dead")

        await post.outbox.reset_health(hook)

        assert await post.outbox.recover(hook, since) == 2
        again = await post.claim()
        assert {sent_body(attempt)["data"]["name"] for attempt in again} == {"dead", "dead too"}
        assert {(attempt.webhook, attempt.number) for attempt in again} == {(hook, 1)}
        assert await post.outbox.recover(hook, since) == 0

    @fact
    async def test_what_is_finished_is_kept_for_a_time_and_then_cleaned_away(self, post: Post) -> None:
        hook = await post.hook()
        for name in ("delivered", "dead", "cancelled", "pending"):
            await post.lead(name)
        for attempt in await post.claim():
            state = sent_body(attempt)["data"]["name"]
            if state == "cancelled":
                await post.outbox.cancel(hook, attempt.delivery)
                continue
            await post.settle(attempt, state, wait=timedelta(days=99).total_seconds())

        for time, states in (
            (timedelta(), ["cancelled", "dead", "delivered", "pending"]),
            (RETENTION["delivered"], ["cancelled", "dead", "pending"]),
            (RETENTION["dead"] - RETENTION["delivered"], ["pending"]),
        ):
            await self.elapse(time)
            while await post.outbox.clean():
                pass
            assert sorted(each.state for each in await post.outbox.find(hook, LogQuery(9))) == states

    @fact
    async def test_the_log_has_the_request_of_the_last_attempt(self, post: Post) -> None:
        hook = await post.hook(headers={"X-A": "{name}"})
        await post.lead()
        await post.patch(WEBHOOKS, hook, url="https://b.example/", method="PATCH", headers={"X-B": "{name}"})
        attempt = await post.claim_one()
        request = WebhookRequest(attempt.method, attempt.url, attempt.headers)
        done = Result(
            delivery=attempt.delivery, claim=attempt.claim, state="delivered", wait=0, outcome=TAKEN, request=request
        )
        await post.outbox.record_results([done])

        found = await post.outbox.get(hook, attempt.delivery)
        assert found is not None
        assert found[1].request == WebhookRequest("PATCH", "https://b.example/", {"X-B": "John"})

    @fact
    async def test_a_cancelled_delivery_is_not_sent_and_the_next_of_its_record_is_due(self, post: Post) -> None:
        hook = await post.hook()
        lead = await post.lead("a")
        for name in "bc":
            await post.patch(LEADS, lead, name=name)
        stuck = await post.claim_one()
        await post.settle(stuck, "pending", wait=3600)
        await post.outbox.reset_health(hook)
        assert await post.claim() == []

        await post.outbox.cancel(hook, stuck.delivery)
        await post.outbox.cancel(hook, stuck.delivery)
        found = await post.logged(hook, stuck.delivery)
        assert (found.state, found.attempts, found.next_attempt_at) == ("cancelled", 1, None)
        assert found.finished_at is not None
        assert [each.id for each in await post.outbox.find(hook, LogQuery(9, "cancelled"))] == [stuck.delivery]
        assert sent_body(await post.claim_one())["data"]["name"] == "b"
        assert await post.outbox.recover(hook, self.now() - timedelta(days=1)) == 0

    @fact
    async def test_one_that_waits_behind_another_can_be_cancelled(self, post: Post) -> None:
        hook = await post.hook()
        lead = await post.lead("a")
        for name in "bc":
            await post.patch(LEADS, lead, name=name)
        [_, behind, _] = await post.outbox.find(hook, LogQuery(9))
        await post.outbox.cancel(hook, behind.id)

        await post.deliver(await post.claim_one())
        assert sent_body(await post.claim_one())["data"]["name"] == "c"

    @fact
    async def test_one_that_is_cancelled_while_it_is_sent_is_delivered_or_cancelled(self, post: Post) -> None:
        hook = await post.hook()
        states: list[tuple[DeliveryState, DeliveryState]] = [
            ("pending", "cancelled"),
            ("dead", "cancelled"),
            ("delivered", "delivered"),
        ]
        for ending, state in states:
            await post.lead()
            await post.outbox.reset_health(hook)
            attempt = await post.claim_one()
            await post.outbox.cancel(hook, attempt.delivery)
            await post.settle(attempt, ending, TAKEN if ending == "delivered" else BROKEN)
            assert (await post.logged(hook, attempt.delivery)).state == state
            await self.elapse(LEASE + timedelta(seconds=1))
            await post.outbox.reset_health(hook)
            assert await post.claim() == []

    @fact
    async def test_what_is_finished_cannot_be_cancelled_and_what_is_cancelled_can_be_sent_again(
        self, post: Post
    ) -> None:
        hook, other = await post.hook(), await post.hook(model="Client")
        await post.lead()
        attempt = await post.claim_one()
        await post.outbox.cancel(other, attempt.delivery)
        await post.deliver(attempt)
        await post.outbox.cancel(hook, attempt.delivery)
        assert (await post.logged(hook, attempt.delivery)).state == "delivered"

        await post.outbox.redeliver(hook, attempt.delivery)
        await post.outbox.cancel(hook, attempt.delivery)
        assert await post.claim() == []
        await post.outbox.redeliver(hook, attempt.delivery)
        assert (await post.claim_one()).number == 1
