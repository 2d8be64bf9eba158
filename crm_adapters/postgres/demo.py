"""Loads demo data in bulk, by COPY in one transaction; the rows are those that the app would write."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

from psycopg import sql
from psycopg.errors import UniqueViolation

from crm_adapters import json_documents
from crm_adapters.demo import DEFINITIONS, PIPELINE, Company, Made
from crm_adapters.postgres.connection.errors import translated
from crm_adapters.postgres.connection.options import connect
from crm_adapters.postgres.connection.session import Connection
from crm_adapters.postgres.copying import analyze, line
from crm_adapters.postgres.records.connected_database import ConnectedDatabase
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.sql.indexes import follow_definitions
from crm_core.engine.writing import RecordChange, event_of
from crm_core.model.accounts import Actor, Caller, User
from crm_core.model.entities import Attribute
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, PIPELINES, RESOURCES
from crm_core.rules.needs import Needs
from crm_core.use_cases import records
from crm_core.use_cases.callers import caller, new_id

_BATCH: Final = 5_000
_USERS: Final = b"select id, username, first_name, last_name, email from app_user where is_active order by id"
_EVENT: Final = b"""
copy event (resource, record, version, kind, actor, actor_name, request_id, at, changes) from stdin"""
#: The pending list of GIN indexes grows large, so that they are updated a few times instead of all the time.
_SETTINGS: Final = b"select set_config('gin_pending_list_limit', '64MB', true)"
_REQUEST_ID: Final = "crm demo"


class DemoError(Exception):
    """Demo data cannot be loaded; one line that says what to do."""


async def load(conninfo: str, *, clients: int, leads: int, seed: int, progress: Callable[[int, int], None]) -> Company:
    """Load demo data, all or nothing; return the company. Raises DemoError.

    Args:
        conninfo: a migrated database with at least one user.
        clients: how many clients; there is one student for every five.
        leads: how many leads.
        seed: each seed gives other records.
        progress: is called repeatedly with the number of records loaded so far and the number of all.
    """
    with translated():
        try:
            async with await connect(conninfo, application_name="crm demo") as connection:
                users = await _users(connection)
                company = Company(clients=clients, leads=leads, seed=seed, users=users)
                await _load(connection, company, progress)
        except UniqueViolation:
            raise DemoError("Demo data of this seed and size is there already: choose another --seed.") from None
        await analyze(conninfo, (*company.counts, "event"))
    await follow_definitions(conninfo)
    return company


async def _users(connection: Connection) -> Sequence[User]:
    cursor = await connection.execute(_USERS)
    users = [
        User(id=id_, username=username, first_name=first, last_name=last, email=email)
        for id_, username, first, last, email in await cursor.fetchall()
    ]
    if not users:
        raise DemoError("There is no user yet: start `crm serve` once, which makes the first.")
    return users


async def _load(connection: Connection, company: Company, progress: Callable[[int, int], None]) -> None:
    await connection.execute(_SETTINGS)
    database = PostgresDatabase.on(connection)
    who = caller(Actor(user=company.users[0], is_superuser=True), request_id=_REQUEST_ID)
    pipeline, _ = await records.create(database, who, PIPELINES, PIPELINE)
    known = await database.known(Needs(records=frozenset({key := Key("pipeline", pipeline)})))
    stage_ids = {stage.name: stage.id for stage in getattr(known.value(key), "stages", ())}
    total, done = sum(company.counts.values()), 0
    for resource, made in company.records(pipeline):
        definitions = await _definitions(database, resource)
        for batch in _batches(made):
            await _copy(connection, resource, batch, stage_ids, definitions)
            done += len(batch)
            progress(done, total)
    # Last, because other transactions cannot define attributes until this one is committed.
    await _define(database, who)


async def _define(database: ConnectedDatabase, who: Caller) -> None:
    """Define the attributes that are not defined yet."""
    for entity, definitions in DEFINITIONS.items():
        there = await _definitions(database, entity)
        for sent in definitions:
            name = str(sent["name"])
            if name not in there:
                await records.create(database, who, ATTRIBUTES, sent, parent=entity)
            elif there[name].type != sent["type"]:
                raise DemoError(
                    f"The attribute {name} of {entity} is of the type {there[name].type}: demo data has another."
                )


async def _definitions(database: ConnectedDatabase, entity: str) -> Mapping[str, Attribute]:
    known = await database.known(Needs(catalogs={entity: None}))
    return known.catalogs[entity].definitions


def _batches(made: Iterable[Made]) -> Iterator[Sequence[Made]]:
    made = iter(made)
    while batch := list(islice(made, _BATCH)):
        yield batch


async def _copy(
    connection: Connection,
    resource: str,
    batch: Sequence[Made],
    stage_ids: Mapping[str, UUID],
    definitions: Mapping[str, Attribute],
) -> None:
    """Write records and their events, and beside leads the ids of their stages."""
    hidden = RESOURCES[resource].hidden
    columns = sql.SQL(", ").join(map(sql.Identifier, ("id", "version", "document", *hidden)))
    copy = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(resource), columns)
    async with connection.cursor() as cursor:
        async with cursor.copy(copy) as rows:
            await rows.write(b"".join(_record(each, [stage_ids[each.stage] for _ in hidden]) for _, each in batch))
        async with cursor.copy(_EVENT) as rows:
            await rows.write(b"".join(_event(resource, author, each, definitions) for author, each in batch))


def _record(record: Any, hidden: Sequence[UUID]) -> bytes:
    return line(record.id, 1, json_documents.encode(record), *hidden)


def _event(resource: str, author: User, record: Any, definitions: Mapping[str, Attribute]) -> bytes:
    who = Caller(actor=Actor(user=author), now=record.created_at, new_id=new_id, request_id=_REQUEST_ID)
    event = event_of(who, RecordChange(Key(resource, record.id), None, record), definitions)
    about = (event.resource, event.record, event.version, event.kind, event.actor, event.actor_name, event.request_id)
    return line(*about, event.at, json_documents.encode(event.changes))
