"""Tests of folded histories: what is old becomes one event, and all that is newer goes on."""

# ruff: noqa: D102  # a test's name is the fact that it states

from datetime import UTC, datetime, timedelta

import pytest

from crm_core.errors import NotFoundError
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, CLIENTS, PIPELINES, RESOURCES
from crm_core.testing.feeds import FeedFacts, Follower, versions
from crm_core.testing.scene import fact
from crm_core.testing.versions import versions_of
from crm_core.use_cases import erasures, history, restorations
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.restorations import Target
from crm_core.use_cases.retention import fold_histories


class FoldingFacts(FeedFacts):
    """Folded histories."""

    @fact
    async def test_older_events_become_a_baseline_from_which_all_goes_on(self, follower: Follower) -> None:
        await follower.create(ATTRIBUTES, "client", name="size", label="Size", type="number")
        client = await follower.create(CLIENTS, name="1", attributes={"size": 1.50})
        await follower.patch(CLIENTS, client, name="2", list_of_notes=[{"note": "n"}])
        document = await follower.patch(CLIENTS, client, name="3")
        old = await history.version(follower.db, follower.who, CLIENTS, client, 3)
        assert await fold(follower) >= 2

        [event] = await follower.db.history(Key("client", client))
        assert (event.version, event.kind, event.changes["name"]) == (3, "baseline", {"to": "3"})
        assert await history.version(follower.db, follower.who, CLIENTS, client, 3) == old
        assert await follower.db.get(Key("client", client)) == document
        with pytest.raises(NotFoundError):
            await history.version(follower.db, follower.who, CLIENTS, client, 2)
        await follower.patch(CLIENTS, client, name="4")
        restored = await restorations.restore(follower.db, follower.who, Target(CLIENTS, client, 3), {})
        assert restored.version == 5
        assert await versions_of(follower.db, follower.who, CLIENTS, client)
        assert await fold(follower) == 2
        assert await fold(follower) == 0

    @fact
    async def test_every_record_is_built_from_its_baseline(self, follower: Follower) -> None:
        made = await follower.one_of_each()
        await follower.patch(PIPELINES, made["pipeline"], stages=[{"name": "C"}, {"name": "D"}])
        for name, id_ in made.items():
            resource = RESOURCES[name]
            await restorations.restore(follower.db, follower.who, Target(resource, id_, 1), {})
        await fold(follower)
        for name, id_ in made.items():
            assert await versions_of(follower.db, follower.who, RESOURCES[name], id_)

    @fact
    async def test_what_was_deleted_or_erased_goes_whole(self, follower: Follower) -> None:
        deleted, erased, kept = [await follower.create(CLIENTS, name=name) for name in "abc"]
        await follower.delete(CLIENTS, deleted)
        await erasures.erase(follower.db, None, follower.who, ErasureTarget(CLIENTS, erased))
        assert await fold(follower) == 4

        for id_ in (deleted, erased):
            assert not await follower.db.history(Key("client", id_))
        assert [event.kind for event in await follower.db.history(Key("client", kept))] == ["created"]

    @fact
    async def test_newer_events_stay_and_what_can_be_followed(self, follower: Follower) -> None:
        start = await follower.feed.newest()
        client = await follower.create(CLIENTS, name="1")
        await follower.patch(CLIENTS, client, name="2")
        position = await follower.feed.newest()
        before = datetime.now(UTC) - timedelta(minutes=1)
        assert await fold_histories(follower.db, follower.feed, before, pause=0) == 0
        await fold_histories(follower.db, follower.feed, datetime.now(UTC) + timedelta(minutes=1), pause=0)

        assert versions(await follower.after(start)) == [(client, 1, "created"), (client, 2, "updated")]
        await follower.patch(CLIENTS, client, name="3")
        await fold(follower)
        assert versions(await follower.after(await follower.feed.newest())) == []
        assert position

    @fact
    async def test_a_baseline_is_erased_like_any_event(self, follower: Follower) -> None:
        client = await follower.create(CLIENTS, name="Ada")
        await follower.patch(CLIENTS, client, name="Ada L.")
        await fold(follower)
        await erasures.erase(follower.db, None, follower.who, ErasureTarget(CLIENTS, client))

        erased, baseline = await follower.db.history(Key("client", client))
        assert (erased.kind, baseline.kind, baseline.changes["name"]) == ("erased", "baseline", {})


async def fold(follower: Follower) -> int:
    """Fold all that is committed, which nobody can follow any longer; return how many events went."""
    later = datetime.now(UTC) + timedelta(minutes=1)
    await follower.feed.newest()
    await follower.feed.forget(later)
    return await fold_histories(follower.db, follower.feed, later, pause=0)
