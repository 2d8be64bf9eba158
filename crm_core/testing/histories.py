"""Tests of histories: every version of a record can be read again, also after a delete, and restored."""

# ruff: noqa: D102  # a test's name is the fact that it states

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from crm_core.errors import VersionConflictError
from crm_core.imports.runs import run_request_id
from crm_core.model.events import EventPlace
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, CLIENTS, FOLLOW_UPS, RESOURCES, SERVICES
from crm_core.testing.scene import Facts, Scene, at_once, fact
from crm_core.testing.versions import versions_of
from crm_core.use_cases import records, restorations
from crm_core.use_cases.callers import caller, new_id
from crm_core.use_cases.restorations import Target


class HistoryFacts(Facts):
    """Events of records, their versions, and restorations."""

    @fact
    async def test_every_record_is_built_from_its_events(self, scene: Scene) -> None:
        for name, id_ in (await scene.one_of_each()).items():
            assert await versions_of(scene.db, scene.who, RESOURCES[name], id_)

    @fact
    async def test_a_history_has_the_newest_events_first_and_ends_where_it_is_told(self, scene: Scene) -> None:
        client, other = await scene.create(CLIENTS, name="1"), await scene.create(CLIENTS, name="x")
        for number in (2, 3, 4):
            await scene.patch(CLIENTS, client, name=str(number))
            await scene.patch(CLIENTS, other, name=str(number))
        key = Key("client", client)

        async def versions(before: int | None = None, limit: int | None = None) -> list[int]:
            return [event.version for event in await scene.db.history(key, before=before, limit=limit)]

        assert await versions() == [4, 3, 2, 1]
        assert await versions(limit=2) == [4, 3]
        assert await versions(before=3) == [2, 1]
        assert await versions(before=3, limit=1) == [2]
        assert await versions(before=1) == []
        newest, *_ = await scene.db.history(key)
        assert newest.changes == {"name": {"from": "3", "to": "4"}}
        assert (newest.kind, newest.record, newest.cause) == ("updated", client, {})
        assert newest.at.utcoffset() == timedelta()
        assert not await scene.db.history(Key("lead", client))
        assert not await scene.db.history(Key("client", new_id()))

    @fact
    async def test_numbers_keep_their_digits_in_a_history(self, scene: Scene) -> None:
        await scene.create(ATTRIBUTES, "client", name="size", label="Size", type="number")
        client = await scene.create(CLIENTS, name="a", attributes={"size": 12345678901234567890})
        [created] = await scene.db.history(Key("client", client))

        assert json.dumps(created.changes["attributes.size"]).startswith('{"to": 12345678901234567890')

    @fact
    async def test_a_lineage_begins_at_the_latest_creation(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="1")
        await scene.patch(CLIENTS, client, name="2")
        await scene.delete(CLIENTS, client)
        await restorations.restore(scene.db, scene.who, Target(CLIENTS, client, 1), {})
        await scene.patch(CLIENTS, client, name="5")

        async def versions(version: int) -> list[int]:
            return [event.version for event in await scene.db.lineage(Key("client", client), version)]

        assert await versions(2) == [1, 2]
        assert await versions(3) == [1, 2, 3]
        assert await versions(9) == [4, 5]
        assert await versions(0) == []

    @fact
    async def test_what_was_deleted_together_comes_back_together(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="c")
        service = await scene.create(SERVICES, name="s", client=client)
        visits = [await scene.create(FOLLOW_UPS, service, comment=text) for text in ("a", "b")]
        await scene.delete(SERVICES, service)
        events = await scene.db.followers(Key("service", service), 2)

        assert {event.record for event in events} == set(visits)
        await restorations.restore(scene.db, scene.who, Target(SERVICES, service, 1), {"with": "children"})
        assert await scene.found(FOLLOW_UPS, service) == visits[::-1]
        assert [await scene.version(FOLLOW_UPS, id_) for id_ in visits] == [3, 3]
        await scene.delete(SERVICES, service)
        for version in (2, 4):
            events = await scene.db.followers(Key("service", service), version)
            assert [event.version for event in events] == [version, version]

    @fact
    async def test_a_record_that_many_restore_at_once_comes_back_once(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="1")
        await scene.delete(CLIENTS, client)
        target = Target(CLIENTS, client, 1)
        await at_once(*(restorations.restore(scene.db, scene.who, target, {}) for _ in range(5)))

        assert [event.kind for event in await scene.db.history(Key("client", client))] == [
            "created",
            "deleted",
            "created",
        ]

    @fact
    async def test_of_a_restoration_and_a_change_that_expect_the_same_version_one_wins(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="1")
        await scene.patch(CLIENTS, client, name="2")
        expected = frozenset({2})
        outcomes = await at_once(
            restorations.restore(scene.db, scene.who, Target(CLIENTS, client, 1), {}, expected=expected),
            records.patch(scene.db, scene.who, CLIENTS, client, {"name": "3"}, expected=expected),
        )

        assert [isinstance(outcome, VersionConflictError) for outcome in outcomes].count(True) == 1
        assert await scene.version(CLIENTS, client) == 3

    @fact
    async def test_the_events_of_a_run_are_read_from_the_newest_record_to_the_oldest(self, scene: Scene) -> None:
        run = new_id()
        who = caller(scene.who.actor, request_id=run_request_id(run))
        older, newer = [(await records.create(scene.db, who, CLIENTS, {"name": name}))[0] for name in "ab"]
        await scene.patch(CLIENTS, older, name="by somebody else")
        await records.patch(scene.db, who, CLIENTS, older, {"name": "c"})

        async def events(before: EventPlace | None = None, limit: int = 9) -> list[tuple[UUID, int]]:
            found = await scene.db.events_of_run(run, before=before, limit=limit)
            return [(event.record, event.version) for event in found]

        assert await events() == [(newer, 1), (older, 3), (older, 1)]
        assert await events(limit=2) == [(newer, 1), (older, 3)]
        assert await events(EventPlace(older, 3)) == [(older, 1)]
        assert await scene.db.events_of_run(new_id(), before=None, limit=9) == []

    @fact
    async def test_deletions_are_found_by_their_time(self, scene: Scene) -> None:
        client, kept = await scene.create(CLIENTS, name="gone"), await scene.create(CLIENTS, name="kept")
        await scene.delete(CLIENTS, client)

        async def since(ago: timedelta) -> bytes:
            return b"".join([piece async for piece in scene.db.deletions_since(datetime.now(UTC) - ago)])

        recent = await since(timedelta(minutes=1))
        assert str(client).encode() in recent
        assert str(kept).encode() not in recent
        assert await since(-timedelta(minutes=1)) == b""
        deleted, _ = await scene.db.history(Key("client", client))
        assert [piece async for piece in scene.db.deletions_since(deleted.at)]
