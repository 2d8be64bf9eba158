"""Facts about what commits leave in the outbox."""

# ruff: noqa: D102  # a test's name is the fact that it states

import attrs
import pytest

from crm_core.engine.changes import Changes
from crm_core.engine.receipts import ReceiptKey
from crm_core.errors import DuplicateRequestError, InvalidError
from crm_core.model.accounts import Idempotency
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, CLIENTS, LEADS, WEBHOOKS
from crm_core.testing.outboxes.scene import OutboxFacts, Post, sent_body
from crm_core.testing.scene import at_once, deciding, delivery, fact, new_clients
from crm_core.use_cases import records
from crm_core.use_cases.evolution_requests import Target
from crm_core.use_cases.evolutions import evolve
from crm_core.use_cases.units_of_work import unit_of_work
from crm_core.webhooks.delivery_log import LogQuery


class CommitFacts(OutboxFacts):
    """What commits leave."""

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
    async def test_a_refused_commit_leaves_no_delivery(self, post: Post) -> None:
        hook = await post.hook()
        key = Idempotency("key", b"asked")
        await records.create(post.db, attrs.evolve(post.who, idempotency=key), CLIENTS, {"name": "first"})
        [new] = new_clients(1, post.who)
        receipt = ReceiptKey(post.who.actor.user.id, key)
        changes = Changes(writes=(new,), deliveries=(delivery(hook, new.key),), answer=new.key, receipt=receipt)
        with pytest.raises(DuplicateRequestError):
            await post.db.change(deciding(changes))

        assert await post.claim() == []
        assert await post.outbox.find(hook, LogQuery(9)) == []

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
