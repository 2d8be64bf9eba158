"""Holds: the locks of a change of many records, all taken before the first write.

Every change takes them in one order, by resource (what is referred to comes first) and id. So changes of many records
wait for each other, and none for ever.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias
from uuid import UUID

from crm_adapters.postgres.connection.errors import StaleError
from crm_adapters.postgres.connection.session import Connection, fetch
from crm_adapters.postgres.connection.timeouts import WIDE_STATEMENT_TIMEOUT
from crm_adapters.postgres.sql.statements import query
from crm_core.engine.changes import Changes, Remove
from crm_core.model.records import Key, Record
from crm_core.resources import RESOURCES
from crm_core.rules.needs import Known

#: The statement of each lock: for records that are removed, changed, and referred to.
_Lock: TypeAlias = Literal["hold_to_remove", "hold_to_change", "hold_to_refer"]


async def allow_time(connection: Connection) -> None:
    """Let each statement of the transaction take the time of a change of many records."""
    await fetch(connection, query("allow_time"), {"seconds": WIDE_STATEMENT_TIMEOUT})


async def hold_all(connection: Connection, changes: Changes, known: Known, unchanged: Sequence[Record]) -> None:
    """Lock what changes write, what they refer to, and the ``unchanged`` records that they are based on.

    Raises StaleError if one of these has changed. Versions of records that are written are checked by the writes.
    """
    removed = _ids(write.key for write in changes.writes if isinstance(write, Remove))
    changed = _ids(write.key for write in changes.writes if write.event.kind == "updated")
    referred = _ids(key for key, exists in known.references.items() if exists)
    based_on: dict[str, list[Record]] = {}
    for record in unchanged:
        based_on.setdefault(record.key.resource, []).append(record)
    for table in RESOURCES:
        # All records of a table by one statement, with the strongest lock that is needed, so that the order holds.
        strongest: _Lock = "hold_to_remove" if table in removed else "hold_to_change"
        await _hold(connection, strongest, table, removed.get(table, set()) | changed.get(table, set()))
        await _hold_unchanged(connection, table, based_on.get(table, []))
        await _hold(connection, "hold_to_refer", table, referred.get(table, set()))


async def hold_known(connection: Connection, known: Known) -> None:
    """Lock what an earlier run of a decision knew, before another run reads it under locks in its own order."""
    records = _ids(key for key, record in known.records.items() if record)
    referred = _ids(key for key, exists in known.references.items() if exists)
    for table in RESOURCES:
        await _hold(connection, "hold_to_remove", table, records.get(table, set()))
        await _hold(connection, "hold_to_refer", table, referred.get(table, set()))


async def _hold(connection: Connection, lock: _Lock, table: str, ids: set[UUID]) -> None:
    if ids:
        await fetch(connection, query(lock, table), {"ids": list(ids)})


async def _hold_unchanged(connection: Connection, table: str, records: Sequence[Record]) -> None:
    if not records:
        return
    params = {"ids": [record.key.id for record in records], "versions": [record.version for record in records]}
    if len(await fetch(connection, query("hold_unchanged", table), params)) != len(records):
        raise StaleError


def _ids(keys: Iterable[Key]) -> Mapping[str, set[UUID]]:
    """Return the ids of records by resource; users are left out, for they are never removed."""
    found: dict[str, set[UUID]] = {}
    for resource, id_ in keys:
        if isinstance(id_, UUID):
            found.setdefault(resource, set()).add(id_)
    return found
