"""Commits that concurrent requests share: fewer of them, and nobody suffers from another's record."""

import asyncio
from typing import Any

import psycopg
from attrs import evolve

from crm_core.engine.changes import Put
from crm_core.engine.receipts import Document
from crm_core.errors import NotAuthenticatedError
from crm_core.model.accounts import Idempotency
from crm_core.resources import CLIENTS, LEADS, PIPELINES, WEBHOOKS
from crm_core.testing.scene import Scene, fact, new_clients, writing
from crm_core.use_cases import records
from tests.adapters.postgres.on_postgres import OnPostgres

SECONDS = 10


class TestCommits(OnPostgres):
    async def _one(self, statement: str) -> object:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            row = await (await connection.execute(statement.encode())).fetchone()
        assert row is not None
        return row[0]

    @fact
    async def test_what_is_created_at_once_is_committed_together(self, scene: Scene) -> None:
        made = await asyncio.gather(*(scene.create(CLIENTS, name=f"client {number}") for number in range(30)))

        assert sorted(await scene.found(CLIENTS)) == sorted(made)
        assert await self._one("select count(distinct record) from event") == 30
        commits = await self._one("select count(distinct xid) from event")
        assert isinstance(commits, int)
        assert commits <= 10

    @fact
    async def test_what_is_changed_at_once_is_committed_together_each_with_its_event(self, scene: Scene) -> None:
        await scene.create(WEBHOOKS, name="w", model="Client", url="https://a.example/{id}", headers={"X-N": "{name}"})
        made = [await scene.create(CLIENTS, name="old") for _ in range(20)]
        await asyncio.gather(*(scene.patch(CLIENTS, id_, name=f"client {id_}") for id_ in made))

        assert [(await scene.value(CLIENTS, id_)).name for id_ in made] == [f"client {id_}" for id_ in made]
        changed = "event where kind = 'updated' and changes -> 'name' ->> 'to' = 'client ' || record"
        assert await self._one(f"select count(*) from {changed}") == 20
        commits = await self._one(f"select count(distinct xid) from {changed}")
        assert isinstance(commits, int)
        assert commits <= 8
        own = "headers ->> 'X-N' = 'client ' || record and convert_from(body, 'UTF8') like '%client ' || record || '%'"
        assert await self._one(f"select count(*) from delivery where version = 2 and {own}") == 20

    @fact
    async def test_a_record_that_cannot_be_written_leaves_the_others_alone(self, scene: Scene) -> None:
        good = new_clients(10, scene.who)
        [bad] = new_clients(1, scene.who)
        client: Any = bad.value
        bad = Put(bad.key, evolve(client, created_by=999_999), bad.event)
        results = await asyncio.gather(
            *(scene.db.change(writing(each)) for each in (*good[:5], bad, *good[5:])), return_exceptions=True
        )

        assert isinstance(results.pop(5), NotAuthenticatedError)
        assert results == [None] * 10
        assert await scene.found(CLIENTS) == [each.key.id for each in reversed(good)]

    @fact
    async def test_requests_with_keys_are_committed_together_and_one_that_comes_again_leaves_the_others_alone(
        self, scene: Scene
    ) -> None:
        async def create(key: str, name: str) -> Document:
            who = evolve(scene.who, idempotency=Idempotency(key, name.encode()))
            _, document = await records.create(scene.db, who, CLIENTS, {"name": name})
            return document

        first = await create("0", "client 0")
        answers = await asyncio.gather(*(create(str(number), f"client {number}") for number in range(30)))
        again = await asyncio.gather(*(create(str(number), f"client {number}") for number in range(30)))

        assert answers[0] == first._replace(is_replayed=True)
        assert again == [first._replace(is_replayed=True), *(each._replace(is_replayed=True) for each in answers[1:])]
        assert len(await scene.found(CLIENTS)) == 30
        commits = await self._one("select count(distinct xid) from event")
        assert isinstance(commits, int)
        assert commits <= 10

    @fact
    async def test_a_key_whose_receipt_has_expired_and_is_still_there_is_taken_anew(self, scene: Scene) -> None:
        who = evolve(scene.who, idempotency=Idempotency("key", b"asked"))
        first = await records.create(scene.db, who, CLIENTS, {"name": "a"})
        await self._one("update receipt set created_at = created_at - interval '25 hours' returning 1")
        second = await records.create(scene.db, who, CLIENTS, {"name": "a"})

        assert second[0] != first[0]
        assert await records.create(scene.db, who, CLIENTS, {"name": "a"}) == (
            second[0],
            second[1]._replace(is_replayed=True),
        )

    @fact
    async def test_records_that_somebody_holds_keep_no_other_waiting(self, scene: Scene) -> None:
        made = [await scene.create(CLIENTS, name="old") for _ in range(10)]
        held, others = made[:3], made[3:]
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            await connection.execute("select from client where id = any(%s) for update", (held,))
            waiting = []
            for id_ in held:  # one after the other, so that each is alone on its way
                waiting.append(asyncio.create_task(scene.patch(CLIENTS, id_, name="new")))
                await self._are_waiting(len(waiting))
            changing = asyncio.gather(*(scene.patch(CLIENTS, id_, name="new") for id_ in others))
            await asyncio.wait_for(changing, SECONDS)
            assert not any(each.done() for each in waiting)
        await asyncio.wait_for(asyncio.gather(*waiting), SECONDS)

        assert {(await scene.value(CLIENTS, id_)).name for id_ in made} == {"new"}

    async def _are_waiting(self, count: int) -> None:
        """Wait until so many connections wait for a lock."""
        waiting = (
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        while await self._one(waiting) != count:  # noqa: ASYNC110  # PostgreSQL tells nobody of that
            await asyncio.sleep(0)

    @fact
    async def test_what_relies_on_a_record_holds_only_while_that_stays(self, scene: Scene) -> None:
        stages = [{"name": "A", "order": 1}]
        pipelines = [await scene.create(PIPELINES, name="p", stages=stages) for _ in range(2)]
        doing = [scene.create(LEADS, name="n", pipeline=pipelines[number % 2], stage="A") for number in range(10)]
        stage = (await scene.value(PIPELINES, pipelines[0])).stages[0]
        renamed = [{"id": str(stage.id), "name": "B", "order": 1}]
        results = await asyncio.gather(
            *doing, scene.patch(PIPELINES, pipelines[0], stages=renamed), return_exceptions=True
        )

        kept = [await scene.value(LEADS, id_) for id_ in await scene.found(LEADS)]
        assert {lead.stage for lead in kept if lead.pipeline == pipelines[0]} <= {"B"}
        assert len([lead for lead in kept if lead.pipeline == pipelines[1]]) == 5
        assert not [each for each in results if isinstance(each, AssertionError)]
