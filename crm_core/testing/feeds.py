"""The facts that every Feed must show, together with the Database whose commits it reads.

An adapter's test subclasses ``crm_core.testing.FeedContract``, and says how to open an empty database with its feed.
"""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import attrs
import pytest

from crm_core.engine.feed_cursors import hidden_from, write_feed_cursor
from crm_core.errors import CursorGoneError, InvalidError, PermissionDeniedError
from crm_core.model.accounts import Caller
from crm_core.model.feed import FeedEvent, Position
from crm_core.model.plain_values import parse_json
from crm_core.ports import Database, Feed
from crm_core.resources import CLIENTS, COHORTS, LEADS, PIPELINES, SERVICES, TRANSFER_REQUESTS, WEBHOOKS
from crm_core.testing.replay import all_events, all_names, assert_replayed
from crm_core.testing.scene import OnOneLoop, Scene, at_once, fact
from crm_core.testing.strategies import near_equal
from crm_core.use_cases import changes, records
from crm_core.use_cases.changes import ChangesPage
from crm_core.use_cases.waiters import Waiters


class OpenedFeed(NamedTuple):
    """A database and its feed."""

    database: Database
    feed: Feed


class Follower(Scene):
    """A scene with a feed."""

    def __init__(self, opened: OpenedFeed) -> None:
        super().__init__(opened.database)
        self.feed: Feed = opened.feed

    async def after(self, position: Position, limit: int = 1_000) -> Sequence[FeedEvent]:
        """Return all events after a position, read in pages of a size."""
        return await all_events(self.feed, position, limit)

    async def read(self, who: Caller | None = None, **params: str) -> ChangesPage:
        """Return a page as a caller reads it."""
        return await changes.read(self.feed, who or self.who, params)

    def limited(self, *permissions: str) -> Caller:
        """Return a caller with these permissions."""
        actor = attrs.evolve(self.who.actor, is_superuser=False, permissions=frozenset(permissions))
        return attrs.evolve(self.who, actor=actor)


def versions(events: Sequence[FeedEvent]) -> list[tuple[UUID, int, str]]:
    """Return the records, versions and kinds of events."""
    return [(each.event.record, each.event.version, each.event.kind) for each in events]


class FeedFacts(OnOneLoop):
    """A class of tests of a database with its feed."""

    def open_feed(self) -> AbstractAsyncContextManager[OpenedFeed]:
        """Return a context manager of an empty database with the users ``crm_core.testing.USERS``, and its feed.

        It is entered and exited in different tasks of one event loop.
        """
        raise NotImplementedError

    @pytest.fixture
    def follower(self) -> Iterator[Follower]:
        """Yield an empty database with its feed."""
        yield from map(Follower, self.opened(self.open_feed()))


class FollowingFacts(FeedFacts):
    """What followers read."""

    @fact
    async def test_every_commit_comes_once_and_in_order(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        one, other = [await follower.create(CLIENTS, name=name) for name in "ab"]
        await follower.patch(CLIENTS, one, name="c")
        await follower.delete(CLIENTS, other)

        expected = [(one, 1, "created"), (other, 1, "created"), (one, 2, "updated"), (other, 2, "deleted")]
        for limit in (1, 2, 3, 1_000):
            assert versions(await follower.after(start, limit)) == expected
        for number, each in enumerate(await follower.after(start), 1):
            assert versions(await follower.after(each.position)) == expected[number:]

    @fact
    async def test_an_event_has_all_that_the_commit_recorded(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        client = await follower.create(CLIENTS, name='"é\u2028\\')

        [entry] = await follower.after(start)
        event = entry.event
        assert (event.resource, event.record, event.version, event.kind) == ("client", client, 1, "created")
        assert (event.actor, event.actor_name, event.request_id) == (1, "tester", "a test")
        assert abs(event.at - datetime.now(UTC)) < timedelta(minutes=1)
        assert event.changes["name"] == {"to": '"é\u2028\\'}
        assert entry.resource == "client"
        assert parse_json(entry.body)["transaction"] == entry.transaction

    @fact
    async def test_events_of_one_commit_share_a_transaction_and_stand_together(self, follower: Follower) -> None:
        ids = await follower.one_of_each()
        start = await follower.feed.newest()
        await at_once(
            follower.patch(SERVICES, ids["service"], name="renamed"),
            *(follower.create(CLIENTS, name="x") for _ in range(5)),
        )

        found = await follower.after(start, 1)
        together = [n for n, each in enumerate(found) if each.resource in {"service", "transfer_request"}]
        assert len(together) == 2
        assert together[1] - together[0] == 1
        assert len({found[number].transaction for number in together}) == 1

    @fact
    async def test_the_versions_of_a_record_ascend_whoever_writes_at_once(self, follower: Follower) -> None:
        ids = await follower.one_of_each()
        start = await follower.feed.newest()
        transfer, service = ids["transfer_request"], ids["service"]
        await at_once(
            *(follower.patch(TRANSFER_REQUESTS, transfer, cohort_request=f"c{n}") for n in range(5)),
            *(follower.patch(SERVICES, service, name=f"s{n}") for n in range(5)),
        )

        found = await follower.after(start, 3)
        for id_ in (transfer, service):
            own = [each.event.version for each in found if each.event.record == id_]
            assert own == list(range(2, len(own) + 2))

    @fact
    async def test_what_a_refused_change_would_have_written_does_not_come(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        with pytest.raises(InvalidError):
            await follower.create(CLIENTS, name="")

        assert await follower.after(start) == []

    @fact
    async def test_the_position_passes_what_was_not_asked_for(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        await follower.create(CLIENTS, name="a")

        page = await follower.feed.read(start, {"lead"}, 10)
        assert page is not None
        assert (page.events, page.more) == ([], False)
        assert page.next != start
        lead = await follower.create(LEADS, name="b")
        assert versions(await follower.after(page.next)) == [(lead, 1, "created")]

    @fact
    async def test_a_position_of_another_store_is_unknown(self, follower: Follower) -> None:
        newest = await follower.feed.newest()
        other_tag = bytes(byte ^ 1 for byte in newest.tag)

        for unknown in (newest._replace(tag=other_tag), newest._replace(tick=newest.tick + 1_000)):
            assert await follower.feed.read(unknown, all_names(), 10) is None

    @fact
    async def test_what_is_forgotten_cannot_be_followed_and_the_rest_can(self, follower: Follower) -> None:
        first = await follower.feed.oldest()
        await follower.create(CLIENTS, name="a")
        before = await follower.feed.newest()
        await asyncio.sleep(0.01)  # the store's clock goes on
        await follower.create(CLIENTS, name="b")
        after = await follower.feed.newest()
        await follower.feed.forget(datetime.now(UTC) + timedelta(minutes=1))

        assert await follower.feed.read(first, all_names(), 10) is None
        assert await follower.feed.read(before, all_names(), 10) is None
        assert await follower.after(after) == []
        assert await follower.feed.oldest() == after
        with pytest.raises(CursorGoneError):
            await follower.read(after=write_feed_cursor(first, hidden_from(all_names())))

    @fact
    async def test_waiting_ends_with_the_next_commit(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        waiting = asyncio.create_task(follower.feed.wait(start))
        await asyncio.sleep(0)
        client = await follower.create(CLIENTS, name="a")
        async with asyncio.timeout(5):
            await waiting

        assert versions(await follower.after(start)) == [(client, 1, "created")]

    @fact
    async def test_cursors_of_followers_are_kept(self, follower: Follower) -> None:
        assert await follower.feed.cursor("unknown") == ""
        for cursor in ("a", "b"):
            await follower.feed.save_cursor("f", cursor)
            assert await follower.feed.cursor("f") == cursor
        for name in near_equal("Zo\u00e9"):
            assert await follower.feed.cursor(name) == ""
            await follower.feed.save_cursor(name, name)

    # Readers with rights, and cursors

    @fact
    async def test_what_a_caller_may_not_view_is_left_out(self, follower: Follower) -> None:
        start = (await follower.read(after="now")).next
        await follower.create(CLIENTS, name="a")
        await follower.create(LEADS, name="b")
        who = follower.limited("app.view_lead")

        page = await follower.read(who, after=start)
        assert [each.entry.resource for each in page.changes] == ["lead"]
        with pytest.raises(PermissionDeniedError):
            await follower.read(who, resource="client")
        assert (await follower.read(follower.limited(), after=start)).changes == []

    @fact
    async def test_a_cursor_is_gone_when_its_reader_may_view_more(self, follower: Follower) -> None:
        cursor = (await follower.read(follower.limited("app.view_lead"), after="now")).next

        assert (await follower.read(follower.limited("app.view_lead"), after=cursor)).changes == []
        assert (await follower.read(follower.limited(), after=cursor)).changes == []
        with pytest.raises(CursorGoneError, match="What you may see has changed"):
            await follower.read(follower.limited("app.view_lead", "app.view_client"), after=cursor)
        with pytest.raises(CursorGoneError):
            await follower.read(after=cursor)

    @fact
    async def test_a_cursor_that_was_altered_is_gone_and_what_is_none_is_invalid(self, follower: Follower) -> None:
        cursor = (await follower.read(after="now")).next
        altered = cursor[:12] + ("B" if cursor[12] != "B" else "C") + cursor[13:]

        with pytest.raises(CursorGoneError):
            await follower.read(after=altered)
        for none in ("x", cursor[:-4], cursor + "AAAA", "é", "later", "A" * 10_000):
            with pytest.raises(InvalidError):
                await follower.read(after=none)

    @fact
    async def test_parameters_are_checked(self, follower: Follower) -> None:
        for name, value in (("limit", "0"), ("limit", "1001"), ("wait", "31"), ("wait", "-1"), ("resource", "cat")):
            with pytest.raises(InvalidError):
                await changes.read(follower.feed, follower.who, {name: value})

    @fact
    async def test_taking_the_end_then_the_lists_then_following_gives_everything(self, follower: Follower) -> None:
        who = follower.who
        ids = await follower.one_of_each()
        cursor = (await follower.read(after="now")).next
        held: dict[UUID, int] = {}
        await follower.patch(CLIENTS, ids["client"], name="while listing")
        document = await records.get(follower.db, who, CLIENTS, ids["client"])
        held[ids["client"]] = document.version
        await follower.patch(CLIENTS, ids["client"], name="after")
        for each in (await follower.read(after=cursor)).changes:
            event = each.entry.event
            if event.version > held.get(event.record, 0):
                held[event.record] = event.version

        assert held[ids["client"]] == await follower.version(CLIENTS, ids["client"])

    @fact
    async def test_a_wait_ends_with_a_change_that_the_caller_asked_for(self, follower: Follower) -> None:
        params = {"after": "now", "resource": "lead", "wait": "5"}
        reading, page = await changes.begin(follower.feed, follower.who, params, waiters=Waiters())

        async def renew() -> Caller:
            return follower.who

        waiting = asyncio.create_task(reading.page_within(page, renew))
        await asyncio.sleep(0)
        await follower.create(CLIENTS, name="a")
        lead = await follower.create(LEADS, name="b")
        found = await waiting
        assert [each.entry.event.record for each in found.changes] == [lead]

    @fact
    async def test_secret_header_values_are_never_in_the_feed(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        hook = {"name": "w", "model": "Lead", "url": "https://a.example/", "headers": {"X-Key": "a secret value"}}
        id_ = await follower.create(WEBHOOKS, **hook)
        await follower.patch(WEBHOOKS, id_, headers={"X-Key": "a secret value too"})

        found = await follower.after(start)
        assert len(found) >= 1
        assert not any(b"a secret value" in each.body for each in found)

    @fact
    async def test_the_feed_replayed_into_nothing_gives_the_same_documents(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        ids = await follower.one_of_each()
        client, pipeline = ids["client"], ids["pipeline"]
        tasks = (await follower.value(CLIENTS, client)).list_of_tasks
        first = {"id": str(tasks[0].id)}
        await follower.patch(CLIENTS, client, list_of_tasks=[{"task": "before"}, first, {"task": "after"}])
        moved = [{"id": str(each.id)} for each in (await follower.value(CLIENTS, client)).list_of_tasks]
        await follower.patch(CLIENTS, client, list_of_tasks=moved[::-1], attributes={"größe": ["b", "a"]})
        await follower.patch(CLIENTS, client, list_of_tasks=moved[1:], attributes={})
        stages = [{"id": str(each.id)} for each in (await follower.value(PIPELINES, pipeline)).stages]
        await follower.patch(PIPELINES, pipeline, stages=[{**stages[1], "order": 0}, {**stages[0], "name": "Z"}])
        await follower.patch(SERVICES, ids["service"], name="renamed")
        await follower.patch(COHORTS, ids["cohort"], name_cohort="renamed")
        await follower.delete(LEADS, ids["lead"])

        await assert_replayed(follower.db, await follower.after(start))

    @fact
    async def test_after_a_user_was_erased_the_feed_replayed_gives_the_documents_of_today(
        self, follower: Follower
    ) -> None:
        """The records have no event of it; their earlier events have the new name, too."""
        start = await follower.feed.newest()
        lead = await follower.create(LEADS, name="a", list_of_tasks=[{"task": "t"}], list_of_notes=[{"note": "n"}])
        await follower.patch(LEADS, lead, list_of_notes=[{"note": "m"}])
        assert await follower.db.rename_author(1, "erased-1") == 1

        await assert_replayed(follower.db, await follower.after(start))
