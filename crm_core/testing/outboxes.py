"""The facts that every Outbox must show, together with the Database whose commits fill it.

An adapter's test subclasses :class:`OutboxContract`, and says how to open an empty database with its outbox and how to
let time pass there.
"""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import attrs
import pytest

from crm_core.errors import InvalidError
from crm_core.model.records import Key
from crm_core.ports import Database, DeliveryLog, Outbox
from crm_core.resources import ATTRIBUTES, LEADS, WEBHOOKS
from crm_core.testing.scene import OnOneLoop, Scene, at_once, fact
from crm_core.use_cases import records
from crm_core.use_cases.callers import new_secret
from crm_core.use_cases.evolution_plans import Target
from crm_core.use_cases.evolutions import evolve
from crm_core.use_cases.units_of_work import unit_of_work
from crm_core.webhooks.attempts import LEASE, MAX_CONCURRENCY_PER_ENDPOINT, Attempt, Outcome
from crm_core.webhooks.deliveries import PRIORITY_OF_RUNS, DeliveryState
from crm_core.webhooks.delivery_log import RETENTION, DeliveryDetail, LoggedDelivery, LogQuery
from crm_core.webhooks.entity import SECRET_OVERLAP
from crm_core.webhooks.requests import WebhookRequest
from crm_core.webhooks.retries import Result

TAKEN = Outcome(status=200, answer="thank you")
BROKEN = Outcome(status=500, answer="sorry")


class WholeOutbox(Outbox, DeliveryLog, Protocol):
    """Both ports, as adapters have them."""


class Opened(NamedTuple):
    """A database and its outbox."""

    database: Database
    outbox: WholeOutbox


class Post(Scene):
    """A scene with an outbox."""

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened.database)
        self.outbox: WholeOutbox = opened.outbox

    async def hook(self, **values: object) -> UUID:
        """Create a webhook for leads."""
        return await self.create(WEBHOOKS, **{"name": "w", "model": "Lead", "url": "https://a.example/{id}"} | values)

    async def lead(self, name: str = "John") -> UUID:
        """Create a lead."""
        return await self.create(LEADS, name=name)

    async def lead_of_run(self) -> UUID:
        """Create a lead as a run over many records does."""
        who = attrs.evolve(self.who, priority=PRIORITY_OF_RUNS)
        id_, _ = await records.create(self.db, who, LEADS, {"name": "John"})
        return id_

    async def claim(self, limit: int = 100, in_flight: dict[UUID, int] | None = None) -> Sequence[Attempt]:
        """Claim all attempts that are due, by as many claims as that takes."""
        attempts: list[Attempt] = []
        more = True
        while more and len(attempts) < limit:
            found, more = await self.outbox.claim(
                limit - len(attempts), Counter(in_flight or {}) + _by_webhook(attempts)
            )
            attempts += found
        return attempts

    async def claim_one(self) -> Attempt:
        """Claim the only attempt that is due."""
        [attempt] = await self.claim()
        return attempt

    async def settle(
        self, attempt: Attempt, state: DeliveryState, outcome: Outcome = BROKEN, wait: float = 0.0
    ) -> None:
        """Record the result of an attempt."""
        await self.outbox.record_results([result(attempt, state, outcome, wait)])

    async def deliver(self, attempt: Attempt) -> None:
        """Record that an attempt succeeded."""
        await self.settle(attempt, "delivered", TAKEN)

    async def logged(self, webhook: UUID, delivery: UUID) -> LoggedDelivery:
        """Return a delivery from the log, which must exist."""
        found = await self.outbox.get(webhook, delivery)
        assert found is not None
        return found[0]


def result(attempt: Attempt, state: DeliveryState, outcome: Outcome = BROKEN, wait: float = 0.0) -> Result:
    """Return the result of an attempt."""
    return Result(delivery=attempt.delivery, claim=attempt.claim, state=state, wait=wait, outcome=outcome)


def _by_webhook(attempts: Sequence[Attempt]) -> Counter[UUID]:
    return Counter(each.webhook for each in attempts)


def sent_body(attempt: Attempt) -> Any:
    """Return the decoded JSON body of an attempt."""
    return json.loads(attempt.body)


class OutboxContract(OnOneLoop):
    """All facts about Outbox and DeliveryLog."""

    def open_both(self) -> AbstractAsyncContextManager[Opened]:
        """Return a context manager of an empty database, as ``Facts.open`` does, with its outbox."""
        raise NotImplementedError

    async def elapse(self, time: timedelta) -> None:
        """Let time pass in the outbox."""
        raise NotImplementedError

    def now(self) -> datetime:
        """Return the time of the outbox."""
        return datetime.now(UTC)

    @pytest.fixture
    def post(self) -> Iterator[Post]:
        """Open an empty database with its outbox."""
        yield from map(Post, self.opened(self.open_both()))

    # Priorities

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

    # What commits leave

    @fact
    async def test_a_commit_leaves_what_each_webhook_that_fires_is_sent_body(self, post: Post) -> None:
        kind = {"field": "name", "operator": "=", "value": "Jane"}
        hook = await post.hook(headers={"X-Name": "{name}é"}, method="PUT", conditions=[kind])
        await post.hook(model="Client")
        await post.hook(events=["deleted"])
        await post.hook(is_active=False)
        lead = await post.lead("Jane")
        await post.patch(LEADS, lead, name="John")  # for which the condition does not hold

        attempt = await post.claim_one()
        assert (attempt.webhook, attempt.number, attempt.method) == (hook, 1, "PUT")
        assert (attempt.url, attempt.headers) == (f"https://a.example/{lead}", {"X-Name": "Janeé"})
        assert sent_body(attempt)["type"] == "lead.created"
        assert sent_body(attempt)["data"]["name"] == "Jane"
        assert sent_body(attempt)["changes"]["name"] == {"to": "Jane"}

    @fact
    async def test_what_is_told_of_a_record_is_its_document(self, post: Post) -> None:
        await post.hook()
        lead = await post.create(LEADS, name="ä", list_of_tasks=[{"task": "t"}])
        document = await post.db.get(Key(LEADS.name, lead))

        attempt = await post.claim_one()
        assert document is not None
        assert b'"data":' + document.body + b"," in attempt.body

    @fact
    async def test_a_get_has_no_body(self, post: Post) -> None:
        await post.hook(method="GET")
        await post.lead()

        assert (await post.claim_one()).body == b""

    @fact
    async def test_refused_and_empty_changes_leave_nothing(self, post: Post) -> None:
        await post.hook(events=["updated", "deleted"])
        lead = await post.lead()
        with pytest.raises(InvalidError):
            await post.patch(LEADS, lead, name="New", pipeline="no id")
        await post.patch(LEADS, lead, name="John")

        assert await post.claim() == []

    @fact
    async def test_changes_at_once_leave_one_delivery_for_each_version(self, post: Post) -> None:
        hook = await post.hook(events=["updated"])
        lead = await post.lead()
        await at_once(*(post.patch(LEADS, lead, name=f"name {number}") for number in range(12)))

        versions = []
        while attempts := await post.claim():
            [attempt] = attempts
            await post.deliver(attempt)
            versions.append((sent_body(attempt)["changes"]["name"]["from"], sent_body(attempt)["data"]["name"]))
        assert len(await post.outbox.find(hook, LogQuery(100))) == 12
        assert [before for before, _ in versions] == ["John", *(after for _, after in versions[:-1])]

    @fact
    async def test_what_cannot_be_composed_is_dead_and_says_why(self, post: Post) -> None:
        hook = await post.hook(url="https://a.example/" + "{name}" * 5)
        await post.lead("ä" * 255)
        await post.lead("€" * 255)

        assert [attempt.number for attempt in await post.claim()] == [1]
        dead = [each for each in await post.outbox.find(hook, LogQuery(9)) if each.state == "dead"]
        assert [each.error for each in dead] == ["The URL is too long."]

    @fact
    async def test_a_webhook_that_is_changed_is_changed_for_what_waits(self, post: Post) -> None:
        hook = await post.hook(headers={"Authorization": "old"})
        lead = await post.lead("Jane")
        await post.patch(LEADS, lead, name="later")
        await post.patch(WEBHOOKS, hook, url="https://b.example/{name}", headers={"X-Id": "{id}"}, method="PUT")

        attempt = await post.claim_one()
        assert (attempt.method, attempt.url, attempt.headers) == ("PUT", "https://b.example/Jane", {"X-Id": str(lead)})
        await post.settle(attempt, "pending")
        await post.patch(WEBHOOKS, hook, url="https://c.example/", headers={})
        again = await post.claim_one()
        assert (again.delivery, again.url, again.headers) == (attempt.delivery, "https://c.example/", {})
        assert again.body == attempt.body

    @fact
    async def test_a_webhook_that_is_deleted_in_the_same_commit_sends_nothing(self, post: Post) -> None:
        hook, kept = await post.hook(), await post.hook()
        async with unit_of_work(post.db) as work:
            await records.create(work, post.who, LEADS, {"name": "John"})
            await records.delete(work, post.who, WEBHOOKS, hook)

        assert (await post.claim_one()).webhook == kept

    @fact
    async def test_a_webhook_may_become_get_and_post_again_for_what_waits(self, post: Post) -> None:
        hook = await post.hook(method="GET", url="https://a.example/{name}")
        await post.lead("Jane")

        for method in ("GET", "POST", "GET", "DELETE"):
            await post.patch(WEBHOOKS, hook, method=method)
            attempt = await post.claim_one()
            assert (attempt.method, attempt.url) == (method, "https://a.example/Jane")
            assert (attempt.body == b"") is (method == "GET")
            assert method == "GET" or sent_body(attempt)["data"]["name"] == "Jane"
            await post.outbox.release([attempt])

    @fact
    async def test_a_delivery_that_the_webhook_cannot_be_filled_for_says_why(self, post: Post) -> None:
        hook = await post.hook()
        await post.lead()
        await post.patch(WEBHOOKS, hook, url="https://a.example/{stage}/x")

        attempt = await post.claim_one()
        assert (attempt.url, attempt.error) == ("", "A segment of the URL's path would be empty: {stage}.")
        await post.patch(WEBHOOKS, hook, url="https://a.example/{name}/x")
        await post.outbox.release([attempt])
        assert (await post.claim_one()).url == "https://a.example/John/x"

    @fact
    async def test_webhooks_call_the_same_before_and_after_an_attribute_is_renamed(self, post: Post) -> None:
        city = await post.create(ATTRIBUTES, "lead", name="city", label="City", type="text")
        condition = {"field": "attributes.city", "operator": "=", "value": "Ulm"}
        await post.hook(
            url="https://a.example/{attributes.city}",
            headers={"X-City": "in {attributes.city}"},
            conditions=[condition],
        )
        first = await post.create(LEADS, name="a", attributes={"city": "Ulm"})
        await evolve(post.db, post.who, "rename", Target(city), {"name": "town"})
        waiting = await post.claim_one()
        second = await post.create(LEADS, name="b", attributes={"town": "Ulm"})
        await post.create(LEADS, name="c", attributes={"town": "Bonn"})
        [later] = await post.claim()

        assert [sent_body(each)["data"]["id"] for each in (waiting, later)] == [str(first), str(second)]
        assert [sent_body(each)["data"]["attributes"] for each in (waiting, later)] == [
            {"city": "Ulm"},
            {"town": "Ulm"},
        ]
        for attempt in (waiting, later):
            assert (attempt.url, attempt.headers) == ("https://a.example/Ulm", {"X-City": "in Ulm"})

    @fact
    async def test_what_has_an_empty_segment_is_dead_and_can_be_sent_when_the_webhook_is_corrected(
        self, post: Post
    ) -> None:
        hook = await post.hook(url="https://a.example/{stage}/x", method="GET")
        await post.lead()
        [dead] = await post.outbox.find(hook, LogQuery(9))
        assert (dead.state, dead.error) == ("dead", "A segment of the URL's path would be empty: {stage}.")
        assert await post.claim() == []

        await post.patch(WEBHOOKS, hook, url="https://a.example/{name}/x")
        await post.outbox.redeliver(hook, dead.id)
        assert (await post.claim_one()).url == "https://a.example/John/x"

    # Claiming

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
        assert _by_webhook(attempts) == Counter(hooks * 2)

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

    # Endpoints

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

    # The log

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

    # Cancelling

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

    # Secrets

    @fact
    async def test_the_first_secret_is_known_until_it_is_replaced(self, post: Post) -> None:
        hook = await post.hook()
        first = await post.outbox.secret(hook)

        assert await post.outbox.first_secret(hook) == first
        await post.outbox.rotate(hook, new_secret())
        assert await post.outbox.first_secret(hook) is None
        await self.elapse(SECRET_OVERLAP * 2)
        await post.outbox.rotate(hook, new_secret())
        assert await post.outbox.first_secret(hook) is None
        await post.delete(WEBHOOKS, hook)
        assert await post.outbox.first_secret(hook) is None

    @fact
    async def test_each_webhook_has_a_secret_of_its_own(self, post: Post) -> None:
        hooks = [await post.hook(), await post.hook()]
        secrets = [await post.outbox.secret(hook) for hook in hooks]
        await post.patch(WEBHOOKS, hooks[0], name="renamed")
        await post.lead()

        assert len({*secrets, new_secret()}) == 3
        assert all(secret and len(secret) == len(new_secret()) for secret in secrets)
        assert {attempt.webhook: attempt.secrets for attempt in await post.claim()} == {
            hook: (secret,) for hook, secret in zip(hooks, secrets, strict=True)
        }

    @fact
    async def test_after_rotations_the_secrets_before_sign_too_each_for_a_day(self, post: Post) -> None:
        hook = await post.hook()
        first, second, third = await post.outbox.secret(hook), new_secret(), new_secret()
        await post.lead()
        await post.outbox.rotate(hook, second)
        await self.elapse(SECRET_OVERLAP / 2)
        await post.outbox.rotate(hook, third)

        for secrets in ((third, second, first), (third, second), (third,)):
            attempt = await post.claim_one()
            assert attempt.secrets == secrets
            assert await post.outbox.secret(hook) == third
            await post.outbox.release([attempt])
            await self.elapse(SECRET_OVERLAP / 2)
