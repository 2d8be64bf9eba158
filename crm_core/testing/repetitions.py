"""Tests of requests that come again: they have their effect once, and get the answer of the first time."""

# ruff: noqa: D102  # a test's name is the fact that it states

import json
from functools import partial
from typing import Any, cast
from uuid import UUID

import attrs
import pytest

from crm_core.engine.changes import Changes
from crm_core.engine.receipts import Document, Receipt, ReceiptKey
from crm_core.errors import DuplicateRequestError, ErasedError, IdempotencyKeyReusedError, InvalidError
from crm_core.model.accounts import Caller, Idempotency, User
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES, CLIENTS
from crm_core.testing.pairs import USERS
from crm_core.testing.scene import Facts, Scene, deciding, fact, new_clients
from crm_core.testing.uniqueness import unique_state
from crm_core.use_cases import erasures, records, upserts
from crm_core.use_cases.callers import new_id
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.upserts import Condition


class RepetitionFacts(Facts):
    """Requests with an idempotency key."""

    @fact
    async def test_a_request_that_comes_again_has_its_effect_once(self, scene: Scene) -> None:
        who = attrs.evolve(scene.who, idempotency=Idempotency("key", b"asked"))
        first = await records.create(scene.db, who, CLIENTS, {"name": "a"})
        await scene.patch(CLIENTS, first[0], name="b")
        again = await records.create(scene.db, who, CLIENTS, {"name": "a"})

        assert again == (first[0], first[1]._replace(is_replayed=True))
        assert await scene.found(CLIENTS) == [first[0]]
        other = attrs.evolve(who, idempotency=Idempotency("key", b"something else"))
        with pytest.raises(IdempotencyKeyReusedError):
            await records.create(scene.db, other, CLIENTS, {"name": "c"})
        somebody = attrs.evolve(other, actor=attrs.evolve(who.actor, user=User(id=USERS[1], username="other")))
        assert (await records.create(scene.db, somebody, CLIENTS, {"name": "c"}))[0] != first[0]

    @fact
    async def test_a_change_that_comes_again_undoes_nothing_that_came_between(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="a")
        for number, sent in enumerate(({"name": "a"}, {"name": "b"})):  # the first of which changes nothing
            who = attrs.evolve(scene.who, idempotency=Idempotency(f"key {number}", b"asked"))
            answer = await records.patch(scene.db, who, CLIENTS, id_, sent)
            await scene.patch(CLIENTS, id_, name=f"between {number}")
            assert await records.patch(scene.db, who, CLIENTS, id_, sent) == answer._replace(is_replayed=True)
            assert (await scene.value(CLIENTS, id_)).name == f"between {number}"

    @fact
    async def test_a_refused_request_may_come_again_with_its_key(self, scene: Scene) -> None:
        who = attrs.evolve(scene.who, idempotency=Idempotency("key", b"asked"))
        with pytest.raises(InvalidError):
            await records.create(scene.db, who, CLIENTS, {})
        id_, _ = await records.create(scene.db, who, CLIENTS, {"name": "a"})

        assert await scene.found(CLIENTS) == [id_]

    @fact
    async def test_a_decision_whose_receipt_is_there_by_now_leaves_nothing(self, scene: Scene) -> None:
        who = attrs.evolve(scene.who, idempotency=Idempotency("key", b"asked"))
        await records.create(scene.db, who, CLIENTS, {"name": "a"})
        before = await scene.found(CLIENTS)
        [new] = new_clients(1, scene.who)
        receipt = ReceiptKey(who.actor.user.id, Idempotency("key", b"asked"))
        with pytest.raises(DuplicateRequestError):
            await scene.db.change(deciding(Changes(writes=(new,), answer=new.key, receipt=receipt)))

        assert await scene.found(CLIENTS) == before

    @fact
    async def test_what_another_process_did_meanwhile_is_answered_as_there(self, scene: Scene) -> None:
        await _unique(scene)
        id_ = await scene.create(CLIENTS, name="a")
        for request in (_create, partial(_change, id_), _upsert):
            who = _asking(scene, new_id().hex)
            first = await request(scene.db, who)
            assert not first.is_replayed
            assert await request(cast("Database", _Late(scene.db)), who) == first._replace(is_replayed=True)

    @fact
    async def test_what_was_erased_answers_no_repetition(self, scene: Scene) -> None:
        await _unique(scene)
        for key, request in (("created", _create), ("upserted", _upsert)):
            who = _asking(scene, key)
            made = await request(scene.db, who)
            erased = ErasureTarget(CLIENTS, UUID(json.loads(made.body)["id"]))
            await erasures.erase(scene.db, None, scene.who, erased)
            with pytest.raises(ErasedError):
                await request(scene.db, who)
            with pytest.raises(IdempotencyKeyReusedError):
                await request(scene.db, attrs.evolve(who, idempotency=Idempotency(key, b"something else")))


def _asking(scene: Scene, key: str) -> Caller:
    return attrs.evolve(scene.who, idempotency=Idempotency(key, b"asked"))


async def _unique(scene: Scene) -> None:
    id_ = await scene.create(ATTRIBUTES, "client", name="key", label="k", type="text", is_unique=True)
    assert await unique_state(scene, id_) is True


async def _create(db: Database, who: Caller) -> Document:
    _, document = await records.create(db, who, CLIENTS, {"name": "a", "attributes": {"key": "created"}})
    return document


async def _change(id_: UUID, db: Database, who: Caller) -> Document:
    return await records.patch(db, who, CLIENTS, id_, {"name": "b"}, expected=frozenset({1}))


async def _upsert(db: Database, who: Caller) -> Document:
    only_create = Condition(exists=False)
    made = await upserts.upsert(db, who, CLIENTS, "key", "upserted", {"name": "a"}, condition=only_create)
    return made.document


class _Late:
    """A database in which the first look for a receipt finds none, as if the receipt was written just after it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._is_first = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def receipt(self, user: int, key: str) -> Receipt | None:
        """Return the receipt, but not at first."""
        is_first, self._is_first = self._is_first, False
        return None if is_first else await self._db.receipt(user, key)
