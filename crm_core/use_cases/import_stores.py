"""The stores of imports, and the file of an import with what is known of its columns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from crm_core.imports.mapping import ColumnMapping, known_headers, map_columns
from crm_core.imports.options import ImportOptions
from crm_core.imports.unique_values import upsert_attribute
from crm_core.model.accounts import Caller
from crm_core.model.entities import ENTITIES
from crm_core.ports import Database, ImportRuns, OpenTable, TableReader
from crm_core.resources import Resource
from crm_core.rules.needs import Needs, catalog_of
from crm_core.tables.rows import TableOptions


@attrs.frozen
class ImportStores:
    """What imports read and write: the records, the runs beside them, and files."""

    db: Database
    runs: ImportRuns
    tables: TableReader


@asynccontextmanager
async def opened_table(
    stores: ImportStores, who: Caller, resource: Resource, path: str, options: ImportOptions
) -> AsyncIterator[tuple[OpenTable, ColumnMapping]]:
    """Open a file with the fields of its columns. Raises UnreadableTableError and InvalidError."""
    names = sorted({resource.name, *resource.references.values()} & set(ENTITIES))
    known = await stores.db.known(Needs.union(catalog_of(name, who) for name in names))
    catalogs = {name: known.catalogs[name].definitions for name in names}
    definitions = catalogs.get(resource.name, {})
    wanted = TableOptions(
        format=options.format,
        encoding=options.encoding,
        sheet=options.sheet,
        known_headers=known_headers(resource, definitions, options),
    )
    upsert_attribute(definitions, options)  # refused before the file is opened
    async with stores.tables.open(path, wanted) as table:
        if options.format == "jsonl":  # every line names its own fields
            yield table, ColumnMapping(resource, (), definitions, catalogs=catalogs)
        else:
            yield table, map_columns(resource, definitions, table.header.names, options, catalogs)
