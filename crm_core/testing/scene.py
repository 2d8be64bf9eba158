"""What the facts about databases are tried with: a database, somebody who uses it, and records to begin with."""

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar
from uuid import UUID

import pytest

from crm_core.engine.changes import Changes, Decide, Put
from crm_core.engine.queries import Page
from crm_core.engine.receipts import Document
from crm_core.errors import CrmError
from crm_core.model.accounts import Actor, Caller, User
from crm_core.model.entities import Client
from crm_core.model.events import Event, differences
from crm_core.ports import Database
from crm_core.resources import CLIENTS, COHORTS, ENROLLMENTS, LEADS, PIPELINES, RESOURCES, SERVICES, Resource
from crm_core.rules.needs import Catalog, Key, Needs, Record, without_needs
from crm_core.testing.machine import USERS
from crm_core.use_cases import records
from crm_core.use_cases.callers import caller, new_id

_T = TypeVar("_T")


class Scene:
    """A database and somebody who may do everything, with the use cases at hand."""

    def __init__(self, db: Database) -> None:
        self.db = db

    @property
    def who(self) -> Caller:
        """The caller, at this moment."""
        return caller(Actor(user=User(id=USERS[0], username="tester"), is_superuser=True), request_id="a test")

    async def create(self, resource: Resource, parent: object = None, **values: object) -> UUID:
        """A new record's id."""
        id_, _ = await records.create(self.db, self.who, resource, values, parent=parent)
        return id_

    async def patch(self, resource: Resource, id_: UUID, **values: object) -> Document:
        """A record after a change."""
        return await records.patch(self.db, self.who, resource, id_, values)

    async def delete(self, resource: Resource, id_: UUID) -> None:
        """Remove a record."""
        await records.delete(self.db, self.who, resource, id_)

    async def record(self, resource: Resource, id_: UUID) -> Record | None:
        """A record as decisions know it."""
        key = Key(resource.name, id_)
        return (await self.db.known(Needs(records=frozenset({key})))).records[key]

    async def value(self, resource: Resource, id_: UUID) -> Any:
        """The entity of a record that is there."""
        record = await self.record(resource, id_)
        assert record is not None
        return record.value

    async def version(self, resource: Resource, id_: UUID) -> int:
        """The version of a record that is there."""
        document = await self.db.get(Key(resource.name, id_))
        assert document is not None
        return document.version

    async def catalog(self, entity: str) -> Catalog:
        """An entity's catalog of this moment."""
        return (await self.db.known(Needs(catalogs={entity: None}))).catalogs[entity]

    async def found(self, resource: Resource, parent: object = None, **params: str) -> list[UUID]:
        """The ids of a list."""
        _, pieces = await records.find(self.db, self.who, resource, params, parent=parent)
        assert not isinstance(pieces, Page)
        return ids_of(b"".join([piece async for piece in pieces]))

    async def one_of_each(self) -> Mapping[str, UUID]:
        """A record of every resource that belong together, by name."""
        made: dict[str, UUID] = {}
        for resource in (CLIENTS, COHORTS, PIPELINES, SERVICES, ENROLLMENTS, LEADS, *RESOURCES.values()):
            if resource.name not in made:
                sent, parent = _SAMPLES[resource.name](made)
                made[resource.name] = await self.create(resource, parent, **sent)
        return made


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


def fact(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a coroutine function a test that runs on the event loop of its class."""

    @functools.wraps(test)
    def run(self: "OnOneLoop", *args: object, **kwargs: object) -> None:
        self.runner.run(awaited(test(self, *args, **kwargs)))

    return run


class OnOneLoop:
    """Each class of tests has one event loop, so that pools may stay."""

    #: Runs everything of the class.
    runner: asyncio.Runner

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _run_on_one_loop(cls) -> Iterator[None]:
        with asyncio.Runner() as cls.runner:
            yield

    def opened(self, opening: AbstractAsyncContextManager[_T]) -> Iterator[_T]:
        """What is opened, and closed when the test is over."""
        yield self.runner.run(awaited(opening.__aenter__()))
        self.runner.run(awaited(opening.__aexit__(None, None, None)))


class Facts(OnOneLoop):
    """Facts about a database that a subclass opens."""

    def open(self) -> AbstractAsyncContextManager[Database]:
        """An empty database that has the users of ``crm_core.testing.machine.USERS`` and no others.

        It is entered and left in different tasks of one event loop.
        """
        raise NotImplementedError

    @pytest.fixture
    def scene(self) -> Iterator[Scene]:
        """An empty database, and who uses it."""
        yield from map(Scene, self.opened(self.open()))


def ids_of(body: bytes) -> list[UUID]:
    """The ids in the body of a list."""
    return [UUID(document["id"]) for document in json.loads(b"[" + body + b"]")]


def new_clients(count: int, who: Caller) -> tuple[Put, ...]:
    """New clients in the order of their ids."""
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
    """The write of a new value, past all rules, with its event."""
    resource = next(each for each in RESOURCES.values() if each.entity is type(value))
    event = Event(
        resource=resource.name,
        record=value.id,
        version=before.version + 1 if before else 1,
        kind="updated" if before else "created",
        actor=who.actor.user.id,
        actor_name=who.actor.user.name,
        request_id=who.request_id,
        at=who.now,
        changes=differences(before.value if before else None, value),
    )
    return Put(Key(resource.name, value.id), value, event)


async def at_once(*doing: Awaitable[object]) -> list[object]:
    """What came of each; errors that are not this library's fail the test."""
    results = await asyncio.gather(*doing, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, CrmError):
            raise result
    return list(results)


async def awaited(awaitable: Awaitable[Any]) -> Any:
    """What comes of it, for runners that take coroutines only."""
    return await awaitable
