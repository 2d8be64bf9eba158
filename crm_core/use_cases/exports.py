"""Exports: all records of a list as a file. The list's own stream is underneath, and its rights hold (decision 91)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import attrs

from crm_core.engine.query_strings import FIELD_READERS, NOT_A_CHOICE
from crm_core.errors import InvalidError, NotFoundError, Problem, Problems, means_nothing_in
from crm_core.input.declarations import boolean, choice
from crm_core.input.drafts import read_parameters
from crm_core.input.fields import fields_of
from crm_core.input.readers import ReadContext, RefusedError
from crm_core.input.texts import is_blank
from crm_core.model.accounts import Caller
from crm_core.model.plain_values import redacted
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.rules.needs import catalog_of
from crm_core.tables.columns import Column, columns_of
from crm_core.tables.csv_files import BOM, csv_header, csv_lines
from crm_core.use_cases.callers import new_id
from crm_core.use_cases.records import hides_secrets, query_of

#: The formats of exports; ``xlsx`` needs a WorkbookWriter.
FORMATS: Final = ("csv", "xlsx", "jsonl")
_LINE_FEED: Final = "\n"
#: Records that are written before other tasks may run, some milliseconds.
_BATCH: Final = 100
_ALL: Final = (Problem("unknown", "An export has all records of a list: leave this out."),)


@attrs.frozen(kw_only=True, slots=False)
class ExportOptions:
    """What an export is asked for, beside the parameters of the list.

    Attributes:
        format: the format of the file.
        bom: begin a CSV file with a byte order mark, by which Excel knows UTF-8.
    """

    format: str = choice(*FORMATS, default=FORMATS[0])
    bom: bool = boolean(default=False)


@attrs.frozen
class Export:
    """The records of an export, before they are in a format.

    Attributes:
        columns: the columns of a table of them.
        pieces: their documents as JSON, joined by line feeds; all pieces but the first begin with one.
    """

    columns: Sequence[Column]
    pieces: AsyncIterator[bytes]


def read_options(params: Mapping[str, str]) -> tuple[ExportOptions, Mapping[str, str]]:
    """Return the options in the parameters of an export, and the other parameters. Raises InvalidError."""
    own = {name: value.strip() for name, value in params.items() if name in fields_of(ExportOptions)}
    values = read_parameters(ExportOptions, own, ReadContext(new_id))
    if values["bom"] and values["format"] != "csv":
        raise InvalidError({"bom": (means_nothing_in(values["format"], "bom"),)})
    return ExportOptions(**values), {name: value for name, value in params.items() if name not in own}


async def export(
    db: Database, who: Caller, resource: Resource, params: Mapping[str, str], *, strict: bool = True
) -> Export:
    """Return the records that the parameters of a list ask for, to be read once.

    A resource that lives inside another one can be filtered by its parent, too, and is exported whole without.

    Raises PermissionDeniedError, InvalidError for bad parameters.
    """
    problems: dict[str, Problems] = {name: _ALL for name in ("limit", "cursor") if not is_blank(params.get(name, ""))}
    if problems:
        raise InvalidError(problems)
    parent = _parent(resource, params.get(resource.parent or "", ""))
    filters = {name: value for name, value in params.items() if name != resource.parent}
    try:
        query = await query_of(db, who, resource, filters, parent=parent, strict=strict)
    except NotFoundError:  # here the parent is a filter, and not in the path
        raise InvalidError({resource.parent or "": (NOT_A_CHOICE,)}) from None
    pieces = db.stream(query, reader=who.actor.user.id, separator=_LINE_FEED)
    return Export(
        await table_columns(db, who, resource),
        _redacted(resource.entity, pieces) if hides_secrets(who, resource) else pieces,
    )


async def table_columns(db: Database, who: Caller, resource: Resource) -> Sequence[Column]:
    """Return the columns of a resource's tables, with those of the attributes that are defined now."""
    if not resource.has_catalog:
        return columns_of(resource, {})
    known = await db.known(catalog_of(resource.name, who))
    return columns_of(resource, known.catalogs[resource.name].definitions)


async def csv_file(exported: Export, *, bom: bool = False) -> AsyncIterator[bytes]:
    """Yield an export as a CSV file; with ``bom`` it begins with the mark by which Excel knows UTF-8.

    The first piece has records already, so that errors come before it.
    """
    begin = (BOM if bom else b"") + csv_header(exported.columns)
    async for piece in exported.pieces:
        documents = [document for document in piece.split(_LINE_FEED.encode()) if document]
        for start in range(0, len(documents), _BATCH):
            yield begin + csv_lines(exported.columns, documents[start : start + _BATCH])
            begin = b""
            await asyncio.sleep(0)
    if begin:
        yield begin


async def jsonl_file(exported: Export) -> AsyncIterator[bytes]:
    """Yield an export as a JSONL file: each record as lists show it, on a line."""
    async for piece in exported.pieces:
        if piece:
            yield piece.removeprefix(_LINE_FEED.encode()) + _LINE_FEED.encode()


def count_records(piece: bytes) -> int:
    """Return how many records a piece of an export has."""
    return piece.count(_LINE_FEED.encode()) + (not piece.startswith(_LINE_FEED.encode())) if piece else 0


def _parent(resource: Resource, value: str) -> object:
    if is_blank(value) or resource.parent is None:
        return None
    field = resource.fields[resource.parent]
    kind = "choice" if "enum" in field.limits else field.kind
    try:
        return FIELD_READERS[kind](field, value.strip())
    except RefusedError as error:
        raise InvalidError({resource.parent: error.problems}) from None


async def _redacted(entity: type, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    line_feed = _LINE_FEED.encode()
    async for piece in pieces:
        yield line_feed.join(redacted(entity, document) if document else b"" for document in piece.split(line_feed))
