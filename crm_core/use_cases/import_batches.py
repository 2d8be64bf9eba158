"""Reads the rows of an import in batches, as operations with the ids of the records that they name."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final
from uuid import UUID

import attrs

from crm_core.bulk.operations import ReadOperation, read_row_operations
from crm_core.imports.mapping import ColumnMapping
from crm_core.imports.options import ImportOptions
from crm_core.imports.references import Named, name_field
from crm_core.imports.rows import ReadRow, RowReader
from crm_core.imports.runs import RefusedRow
from crm_core.imports.unique_values import Doubles, upsert_attribute, value_of
from crm_core.input.readers import ReadContext
from crm_core.ports import Database, OpenTable
from crm_core.resources import RESOURCES
from crm_core.rules.needs import Needs
from crm_core.tables.rows import Row
from crm_core.use_cases.callers import new_id

_MAX_KEPT_NAMES: Final = 100_000


@attrs.frozen
class Batch:
    """Some rows, each as an operation, or as it is refused."""

    rows: Sequence[Row]
    operations: Sequence[ReadOperation | RefusedRow]

    @property
    def reads(self) -> Sequence[ReadOperation]:
        """Return the operations."""
        return [each for each in self.operations if isinstance(each, ReadOperation)]


class Batches:
    """Reads the batches of one open file.

    Args:
        db: where the records are that rows name.
        table: the open file.
        mapping: the fields of its columns.
        options: what was asked for.

    Attributes:
        reader: reads the rows.
    """

    def __init__(self, db: Database, table: OpenTable, mapping: ColumnMapping, options: ImportOptions) -> None:
        self.reader = RowReader(mapping, options)
        self._db = db
        self._table = table
        self._mapping = mapping
        self._names = _Names(db)
        self._doubles = Doubles(mapping.definitions)
        self._upsert_by = upsert_attribute(mapping.definitions, options)

    @property
    def notes(self) -> Sequence[str]:
        """Return sentences about the whole file, as far as it was read."""
        return (*self._table.notes, *self.reader.notes)

    async def after(self, row: int, size: int) -> AsyncIterator[Batch]:
        """Yield the batches of the rows after the one of a number; each has at most ``size`` rows."""
        async for rows in _batched(self._table, size):
            # Rows that are written already are read, too: later rows may have the same unique values.
            reads = await asyncio.to_thread(self._read, rows)
            if reads := [read for read in reads if read.row.number > row]:
                ids, holders = await self._names.ids(reads), await self._holders(reads)
                yield await asyncio.to_thread(self._batch, reads, ids, holders)

    def _read(self, rows: Sequence[Row]) -> Sequence[ReadRow]:
        return [self.reader.without_doubles(self.reader.read(row), self._doubles) for row in rows]

    async def _holders(self, reads: Sequence[ReadRow]) -> Mapping[int, UUID]:
        """Return the records that have the unique values of rows, by the numbers of the rows."""
        by = self._upsert_by
        values = {read.row.number: value for read in reads if by is not None and (value := value_of(by, read.data))}
        if not values:
            return {}
        found = (await self._db.known(Needs(holders=frozenset(values.values())))).holders
        return {row: holder.id for row, value in values.items() if (holder := found[value])}

    def _batch(
        self, reads: Sequence[ReadRow], ids: Mapping[Named, Sequence[UUID]], holders: Mapping[int, UUID]
    ) -> Batch:
        operations = [self.reader.operation(read, ids, holders.get(read.row.number)) for read in reads]
        sent = [
            (each, _is_sound(read, each))
            for read, each in zip(reads, operations, strict=True)
            if not isinstance(each, RefusedRow)
        ]
        done = iter(read_row_operations(self._mapping.resource, sent, ReadContext(new_id, strict=True)))
        planned = [each if isinstance(each, RefusedRow) else next(done) for each in operations]
        return Batch([read.row for read in reads], planned)


async def _batched(table: OpenTable, size: int) -> AsyncIterator[Sequence[Row]]:
    batch: list[Row] = []
    async for rows in table:
        batch += rows
        while len(batch) >= size:
            yield batch[:size]
            batch = batch[size:]
    if batch:
        yield batch


def _is_sound(read: ReadRow, operation: Mapping[str, object]) -> bool:
    """Return whether only the data of an operation can be wrong: not what a line of JSONL, or a cell, says is an id."""
    return not isinstance(read.row.cells, Mapping) and not isinstance(operation.get("id"), str)


class _Names:
    """Finds the records that rows name, and keeps what it found."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[Named, Sequence[UUID]] = {}

    async def ids(self, rows: Sequence[ReadRow]) -> Mapping[Named, Sequence[UUID]]:
        """Return the ids of the records of each name or value that rows have, two at most."""
        if len(self._known) > _MAX_KEPT_NAMES:
            self._known.clear()
        new = {named for row in rows for named in row.names.values()} - self._known.keys()
        values = {named: named.value for named in new if named.value is not None}
        if values:
            holders = (await self._db.known(Needs(holders=frozenset(values.values())))).holders
            self._known |= {named: [holder.id] if (holder := holders[each]) else [] for named, each in values.items()}
        for resource in {named.resource for named in new - values.keys()}:
            texts = sorted(named.text for named in new - values.keys() if named.resource == resource)
            found = await self._db.named(RESOURCES[resource], name_field(resource) or "", texts)
            self._known |= {Named(resource, text): found.get(text, ()) for text in texts}
        return self._known
