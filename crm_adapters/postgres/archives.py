"""PostgresArchives: all that a database keeps, and the filling of an empty one (statements: ``sql/archives.sql``)."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import attrs
from psycopg import IntegrityError, sql

from crm_adapters import json_documents
from crm_adapters.postgres.connection.errors import translated
from crm_adapters.postgres.connection.options import connect
from crm_adapters.postgres.connection.session import Connection, Row
from crm_adapters.postgres.copying import analyze, line
from crm_adapters.postgres.sql.indexes import follow_definitions
from crm_adapters.postgres.sql.statements import QUERIES, query
from crm_core.archives.lines import ArchivedRecord, Group
from crm_core.errors import ArchiveError
from crm_core.model.accounts import NO_PASSWORD, Account, User
from crm_core.model.events import Event
from crm_core.model.plain_values import plain
from crm_core.model.records import Key
from crm_core.resources import RESOURCES, WEBHOOKS
from crm_core.rules.stays import Place, Stay

_BATCH: Final = 2_000
_SECRETS: Final = ("secret", "old_secrets", "old_until")
_COPY_EVENTS: Final = b"""
copy event (resource, record, version, kind, actor, actor_name, request_id, at, changes, cause) from stdin"""

_COPY_STAYS: Final = b"""
copy lead_stay (lead, pipeline, stage, entered_at, left_at, to_stage, spent, left_again_at) from stdin"""


class PostgresArchives:
    """All that a database keeps (``crm_core.ports.Archives``), on connections of its own, without time limits.

    Args:
        conninfo: a libpq URL or connection string.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["PostgresSnapshot"]:
        """Read everything as it is at this moment."""
        with translated():
            async with await connect(self._conninfo, application_name="crm export") as connection:
                await connection.execute("set transaction isolation level repeatable read, read only")
                await connection.execute("select set_config('timezone', 'UTC', true)")
                yield PostgresSnapshot(connection)

    @asynccontextmanager
    async def filling(self) -> AsyncIterator["PostgresFilling"]:
        """Fill the database, if it is empty; then build the indexes of its attributes."""
        with translated():
            async with await connect(self._conninfo, application_name="crm import") as connection:
                with _contradictions():
                    await _begin(connection)
                    yield PostgresFilling(connection)
                    await connection.execute(query("end_filling"))
                    await connection.commit()
            await analyze(self._conninfo, ("app_user", *RESOURCES, "event", "lead_stay"))
        await follow_definitions(self._conninfo)


@contextmanager
def _contradictions() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise ArchiveError(f"The database cannot keep this: {error.diag.message_primary}.") from error


async def _begin(connection: Connection) -> None:
    await connection.execute(query("lock_empty"))
    tables = [query("is_filled"), *(query("has_records", name) for name in RESOURCES)]
    for statement in tables:
        if await (await connection.execute(statement)).fetchone() == (True,):
            raise ArchiveError("The database is not empty: take a new one.")
    await connection.execute(query("begin_filling"))


class PostgresSnapshot:
    """What was there when the transaction of a connection began (``crm_core.ports.Snapshot``)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def groups(self) -> Sequence[Group]:
        """Return the groups, by name."""
        cursor = await self._connection.execute(query("archived_groups"))
        return [Group(name, frozenset(permissions)) for name, permissions in await cursor.fetchall()]

    async def users(self) -> Sequence[Account]:
        """Return the users, by id."""
        cursor = await self._connection.execute(query("list_users"))
        return [_account(*row) for row in await cursor.fetchall()]

    async def records(self, resource: str) -> AsyncIterator[Sequence[ArchivedRecord]]:
        """Yield the records of a resource, by id."""
        names = _beside(resource)
        columns = sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(name)) for name in names)
        statement = sql.SQL(QUERIES["archived_records"]).format(table=sql.Identifier(resource), beside=columns)
        async for rows in self._rows(statement):
            yield [_record(resource, names, row) for row in rows]

    async def events(self) -> AsyncIterator[Sequence[bytes]]:
        """Yield all events."""
        async for rows in self._rows(sql.SQL(QUERIES["archived_events"])):
            yield [event for (event,) in rows]

    async def stays(self) -> AsyncIterator[Sequence[Stay]]:
        """Yield the stays of leads, by lead."""
        async for rows in self._rows(sql.SQL(QUERIES["archived_stays"])):
            yield [_stay(*row) for row in rows]

    async def _rows(self, statement: sql.Composable) -> AsyncIterator[Sequence[Row]]:
        async with self._connection.cursor("archive") as cursor:
            await cursor.execute(statement.as_bytes(), binary=True)
            while rows := await cursor.fetchmany(_BATCH):
                yield rows


class PostgresFilling:
    """An empty database in a transaction (``crm_core.ports.Filling``)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._has_stays = False

    async def add_groups(self, groups: Sequence[Group]) -> None:
        """Add groups."""
        for group in groups:
            params = {"name": group.name, "permissions": sorted(group.permissions)}
            await self._connection.execute(query("add_group"), params)
            await self._connection.execute(query("grant"), params)

    async def add_users(self, accounts: Sequence[Account]) -> None:
        """Add users."""
        for account in accounts:
            params = {**attrs.asdict(account, recurse=False), **attrs.asdict(account.user)}
            await self._connection.execute(query("fill_users"), {**params, "password_hash": NO_PASSWORD})
            memberships = {"user_id": account.user.id, "groups": list(account.groups)}
            await self._connection.execute(query("add_memberships"), memberships)

    async def add_records(self, resource: str, records: Sequence[ArchivedRecord]) -> None:
        """Add records."""
        # Webhooks without secrets get new ones by the default of the column.
        names = _beside(resource) if any(record.beside for record in records) else ()
        columns = sql.SQL(", ").join(map(sql.Identifier, ("id", "version", "document", *names)))
        copy = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(resource), columns)
        rows = (line(each.key.id, each.version, each.document, *_cells(names, each.beside)) for each in records)
        await self._copy(copy.as_bytes(), rows)

    async def add_events(self, events: Sequence[Event]) -> None:
        """Add events."""
        await self._copy(_COPY_EVENTS, map(_event, events))

    async def add_stays(self, stays: Sequence[Stay]) -> None:
        """Add stays, in place of those that triggers have made."""
        if not self._has_stays:
            await self._connection.execute(query("forget_stays"))
            self._has_stays = True
        await self._copy(_COPY_STAYS, map(_stay_line, stays))

    async def _copy(self, statement: bytes, rows: Iterator[bytes]) -> None:
        async with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            await copy.write(b"".join(rows))


def _account(*row: Any) -> Account:
    id_, username, first_name, last_name, email, is_active, is_superuser, groups = row
    user = User(id=id_, username=username, first_name=first_name, last_name=last_name, email=email)
    return Account(user=user, groups=tuple(groups), is_superuser=is_superuser, is_active=is_active)


def _stay(*row: Any) -> Stay:
    lead, pipeline, stage, entered_at, left_at, to, spent, left_again_at = row
    return Stay(
        lead=lead,
        place=Place(pipeline, stage),
        entered_at=entered_at,
        left_at=left_at,
        to=to,
        spent=spent,
        left_again_at=left_again_at,
    )


def _stay_line(stay: Stay) -> bytes:
    return line(stay.lead, *stay.place, stay.entered_at, stay.left_at, stay.to, stay.spent, stay.left_again_at)


def _beside(resource: str) -> Sequence[str]:
    return _SECRETS if resource == WEBHOOKS.name else RESOURCES[resource].hidden


def _record(resource: str, names: Sequence[str], row: Row) -> ArchivedRecord:
    id_, version, document, *values = row
    beside = {name: plain(value) for name, value in zip(names, values, strict=True) if value is not None}
    if resource == WEBHOOKS.name:
        old = zip(beside["old_secrets"], beside.pop("old_until"), strict=True)
        beside["old_secrets"] = [[secret, until] for secret, until in old]
    return ArchivedRecord(Key(resource, id_), version, document, beside)


def _cells(names: Sequence[str], beside: Mapping[str, Any]) -> Iterator[object]:
    if names != _SECRETS:
        yield from (beside.get(name) for name in names)
    elif names:
        secrets, until = [each for each, _ in beside["old_secrets"]], [each for _, each in beside["old_secrets"]]
        yield from (beside["secret"], _array(secrets), _array(until))


def _array(values: Sequence[str]) -> str:
    return f"{{{','.join(values)}}}"


def _event(event: Event) -> bytes:
    about = (event.resource, event.record, event.version, event.kind, event.actor, event.actor_name, event.request_id)
    cause = json_documents.encode(event.cause) if event.cause else None
    return line(*about, event.at, json_documents.encode(event.changes), cause)
