"""The fixtures of the contracts: a database with the use cases at hand, sample records, and an event loop."""

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar
from uuid import UUID

import pytest

from crm_core.engine.changes import Changes, Put
from crm_core.engine.decision_runs import Decide
from crm_core.engine.queries import Page
from crm_core.engine.receipts import Document
from crm_core.errors import CrmError
from crm_core.model.accounts import Actor, Caller, User
from crm_core.model.entities import Client
from crm_core.model.events import Event
from crm_core.model.recorded_changes import record_changes
from crm_core.model.records import Key, Record
from crm_core.model.registered import sample_of
from crm_core.ports import Database
from crm_core.registration import completed_sample
from crm_core.resources import CLIENTS, COHORTS, ENROLLMENTS, LEADS, PIPELINES, RESOURCES, SERVICES, Resource
from crm_core.rules.needs import Catalog, Needs, without_needs
from crm_core.testing.pairs import USERS
from crm_core.use_cases import records
from crm_core.use_cases.callers import caller, new_id
from crm_core.webhooks.deliveries import Delivery

_T = TypeVar("_T")


class Scene:
    """A database, and the use cases called by a superuser."""

    def __init__(self, db: Database) -> None:
        self.db = db

    @property
    def who(self) -> Caller:
        """Return the caller, with the current time."""
        return caller(Actor(user=User(id=USERS[0], username="tester"), is_superuser=True), request_id="a test")

    async def create(self, resource: Resource, parent: object = None, **values: object) -> UUID:
        """Create a record; return its id."""
        id_, _ = await records.create(self.db, self.who, resource, values, parent=parent)
        return id_

    async def patch(self, resource: Resource, id_: UUID, **values: object) -> Document:
        """Change a record; return its document."""
        return await records.patch(self.db, self.who, resource, id_, values)

    async def delete(self, resource: Resource, id_: UUID) -> None:
        """Delete a record."""
        await records.delete(self.db, self.who, resource, id_)

    async def record(self, resource: Resource, id_: UUID) -> Record | None:
        """Return a record as decisions know it; None if there is none."""
        key = Key(resource.name, id_)
        return (await self.db.known(Needs(records=frozenset({key})))).records[key]

    async def value(self, resource: Resource, id_: UUID) -> Any:
        """Return the entity of a record, which must exist."""
        record = await self.record(resource, id_)
        assert record is not None
        return record.value

    async def version(self, resource: Resource, id_: UUID) -> int:
        """Return the version of a record, which must exist."""
        document = await self.db.get(Key(resource.name, id_))
        assert document is not None
        return document.version

    async def catalog(self, entity: str) -> Catalog:
        """Return the current catalog of an entity."""
        return (await self.db.known(Needs(catalogs={entity: None}))).catalogs[entity]

    async def found(self, resource: Resource, parent: object = None, **params: str) -> list[UUID]:
        """Return the ids of a list of records, in its order."""
        _, pieces = await records.find(self.db, self.who, resource, params, parent=parent)
        assert not isinstance(pieces, Page)
        return ids_of(b"".join([piece async for piece in pieces]))

    async def one_of_each(self) -> Mapping[str, UUID]:
        """Create one record of every resource, referring to each other; return their ids by resource name."""
        ids: dict[str, UUID] = {}
        for resource in (CLIENTS, COHORTS, PIPELINES, SERVICES, ENROLLMENTS, LEADS, *RESOURCES.values()):
            if resource.name not in ids:
                ids[resource.name] = await self.another(resource, ids)
        return ids

    async def another(self, resource: Resource, ids: Mapping[str, UUID]) -> UUID:
        """Create a record as ``one_of_each`` does; return its id.

        Args:
            resource: its resource.
            ids: the ids of records that it can refer to, by resource name.
        """
        sent, parent = _sample(resource, ids)
        return await self.create(resource, parent, **sent)


_Sample = Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], object]]
_SAMPLES: Final[Mapping[str, _Sample]] = {
    "attribute": lambda _: ({"name": "größe", "label": "Size", "type": "list", "list_values": ["a", "b"]}, "client"),
    "webhook": lambda _: (
        {
            "name": "hook",
            "model": "Lead",
            "url": "https://example.com/{id}",
            "headers": {"X-A": "é"},
            "conditions": [{"field": "stage", "operator": "in", "value": ["a", 1.5, None]}],
        },
        None,
    ),
    "client": lambda _: (
        {"name": "Ä", "list_of_tasks": [{"task": "t", "date": "2026-01-31"}], "list_of_images": ["/files/x.png"]},
        None,
    ),
    "cohort": lambda _: ({"name_cohort": "c", "start_date": "0001-01-01", "end_date": "9999-12-31"}, None),
    "service": lambda made: ({"name": "s", "client": made["client"], "actual_cohort": made["cohort"]}, None),
    "pipeline": lambda _: ({"name": "p", "stages": [{"name": "A", "order": 1}, {"name": "B", "order": 2}]}, None),
    "lead": lambda made: (
        {"name": "l", "pipeline": made["pipeline"], "responsible": USERS[0], "list_of_notes": [{"note": "n"}]},
        None,
    ),
    "follow_up": lambda made: ({"comment": None, "follow_up_date": "9999-12-31T23:59:59.999999Z"}, made["service"]),
    "enrollment": lambda made: (
        {"cohort": made["cohort"], "pathway_name": "p", "teaching_assistants": [{"id": 2**63 - 1, "name": "t"}]},
        None,
    ),
    "enrollment_detail": lambda made: ({"enrollment": made["enrollment"], "student": made["service"]}, None),
    "transfer_request": lambda made: ({"student": made["service"], "cohort_request": "c"}, None),
}


def _sample(resource: Resource, made: Mapping[str, Any]) -> tuple[Mapping[str, Any], object]:
    """Return the fields and the parent of a record that refers to records that were made."""
    if resource.name in _SAMPLES:
        return _SAMPLES[resource.name](made)
    return completed_sample(resource, sample_of(resource.name), made), None


def fact(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Return a test that runs a coroutine function on the event loop of its class (a decorator)."""

    @functools.wraps(test)
    def run(self: "OnOneLoop", *args: object, **kwargs: object) -> None:
        self.runner.run(awaited(test(self, *args, **kwargs)))

    return run


class OnOneLoop:
    """A class of tests that share one event loop, so that connection pools can stay open between tests."""

    #: Runs the coroutines of the class.
    runner: asyncio.Runner

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _run_on_one_loop(cls) -> Iterator[None]:
        with asyncio.Runner() as cls.runner:
            yield

    def opened(self, opening: AbstractAsyncContextManager[_T]) -> Iterator[_T]:
        """Yield what a context manager opens, and close it when the test is over."""
        yield self.runner.run(awaited(opening.__aenter__()))
        self.runner.run(awaited(opening.__aexit__(None, None, None)))


class Facts(OnOneLoop):
    """A class of tests of a database, which a subclass opens."""

    def open(self) -> AbstractAsyncContextManager[Database]:
        """Return a context manager of an empty database with exactly the users ``crm_core.testing.USERS`` and one more.

        The one more is ``crm_core.testing.DISABLED_USER``, who is disabled.

        It is entered and exited in different tasks of one event loop.
        """
        raise NotImplementedError

    @pytest.fixture
    def scene(self) -> Iterator[Scene]:
        """Yield an empty database with the use cases."""
        yield from map(Scene, self.opened(self.open()))


def ids_of(body: bytes) -> list[UUID]:
    """Return the ids of the records in the body of a list."""
    return [UUID(document["id"]) for document in json.loads(b"[" + body + b"]")]


def new_clients(count: int, who: Caller) -> tuple[Put, ...]:
    """Return writes of new clients, ordered by id."""
    keys = sorted(Key("client", new_id()) for _ in range(count))
    values = [Client(id=key.id, name="n", created_at=who.now, created_by=None) for key in keys]  # type: ignore[arg-type]
    return tuple(put(who, None, value) for value in values)


def writing(*writes: Put) -> Decide:
    """Return the decision to write these, for which nothing must be known."""
    return deciding(Changes(writes=writes))


def deciding(changes: Changes) -> Decide:
    """Return the decision for these changes, for which nothing must be known."""
    return without_needs(lambda: changes)


def put(who: Caller, before: Record | None, value: Any) -> Put:
    """Return the write of a value with its event, without applying any rules."""
    resource = next(resource for resource in RESOURCES.values() if resource.entity is type(value))
    event = Event(
        resource=resource.name,
        record=value.id,
        version=before.version + 1 if before else 1,
        kind="updated" if before else "created",
        actor=who.actor.user.id,
        actor_name=who.actor.user.name,
        request_id=who.request_id,
        at=who.now,
        changes=record_changes(before.value if before else None, value, {}),
    )
    return Put(Key(resource.name, value.id), value, event)


def delivery(webhook: UUID, key: Key) -> Delivery:
    """Return a delivery of a new record, without looking whether the webhook fires."""
    assert isinstance(key.id, UUID)
    return Delivery(
        id=new_id(),
        webhook=webhook,
        record=key.id,
        version=1,
        type=(kind := f"{key.resource}.created"),
        method="POST",
        url="https://example.com/",
        headers={},
        body={"type": kind, "timestamp": "2026-01-01T00:00:00Z", "data": {"id": key.id}, "changes": {}},
    )


async def at_once(*operations: Awaitable[object]) -> list[object]:
    """Run operations concurrently; return each result or CrmError. Other errors are raised."""
    results = await asyncio.gather(*operations, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, CrmError):
            raise result
    return list(results)


async def awaited(awaitable: Awaitable[Any]) -> Any:
    """Return the result of an awaitable, for ``asyncio.Runner``, which accepts only coroutines."""
    return await awaitable
