"""`crm export`: records as a file."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import attrs
import click

from crm_core.errors import InvalidError
from crm_core.model.accounts import SYSTEM
from crm_core.model.registered import DerivedTable
from crm_core.ports import Database
from crm_core.resources import RESOURCES
from crm_core.use_cases import exports
from crm_core.use_cases.callers import caller
from crm_http.cli.archives import ALL, export_everything
from crm_http.cli.connecting import with_users_and_records
from crm_http.cli.help_texts import examples
from crm_http.cli.terminal import count, say
from crm_http.server.composition import workbooks
from crm_http.server.errors import FailedError

_RESOURCES: Final = DerivedTable(lambda: {resource.path: resource for resource in RESOURCES.values()})


@click.command(
    "export",
    epilog=examples(
        "crm export clients clients.xlsx",
        "crm export leads leads.csv --filter stage=Won --filter attributes.city=Lyon",
        "crm export services --format jsonl | gzip > services.jsonl.gz",
        "crm export all crm-2026-11-26 --history",
    ),
)
@click.argument("resource", type=click.Choice([*_RESOURCES, ALL]))
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(exports.FORMATS), help="By default as FILE ends, else csv.")
@click.option(
    "--filter", "filters", multiple=True, metavar="NAME=VALUE", help="A parameter of the list; may be repeated."
)
@click.option("--bom", is_flag=True, help="Begin a CSV file with a byte order mark, by which Excel knows UTF-8.")
@click.option("--history", is_flag=True, help="With all: export all events, too.")
@click.option("--secrets", is_flag=True, help="With all: export the secrets of webhooks, too.")
def export(
    resource: str,
    file: Path | None,
    format_: str | None,
    filters: Sequence[str],
    *,
    bom: bool,
    history: bool,
    secrets: bool,
) -> None:
    """Write all records of RESOURCE that match to FILE, or to stdout.

    FILE is replaced when all is written; after an error it is as it was.

    With `all` FILE is a new directory that gets everything: every resource, users without passwords, groups and files.
    `crm import all` fills an empty database with it.
    """
    if resource == ALL:
        if file is None or format_ or filters or bom:
            raise click.UsageError("An export of all takes a new directory, --history and --secrets.")
        export_everything(file, history=history, secrets=secrets)
        return
    if history or secrets:
        raise click.UsageError("--history and --secrets are for an export of all.")
    if file is not None and file.is_dir():
        raise click.UsageError(f"{file} is a directory.")
    asked = _Asked(resource, format_ or _format_of(file), _read_filters(filters), bom)
    if bom and asked.format != "csv":
        raise click.UsageError("--bom is for CSV files.")
    if file is None:
        if asked.format == "xlsx" and sys.stdout.isatty():
            raise click.UsageError("A workbook is not for a terminal: give FILE.")
        with_users_and_records(lambda _, db: _write(db, asked, sys.stdout.buffer))
        return
    records = _replace(file, asked)
    say(f"Exported {count(records, 'record')} to {file}.")


@attrs.frozen
class _Asked:
    """What is to be exported: the path of a resource, the format, the parameters of the list, the mark."""

    resource: str
    format: str
    params: Mapping[str, str]
    bom: bool


def _format_of(file: Path | None) -> str:
    suffix = file.suffix.removeprefix(".").lower() if file else ""
    return suffix if suffix in exports.FORMATS else exports.FORMATS[0]


def _read_filters(filters: Sequence[str]) -> Mapping[str, str]:
    for each in filters:
        if not each.partition("=")[1]:
            raise click.UsageError(f"--filter takes NAME=VALUE, such as name=Ann, not {each}.")
    return {name: value for name, _, value in (each.partition("=") for each in filters)}


def _replace(file: Path, asked: _Asked) -> int:
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as out:
            records = with_users_and_records(lambda _, db: _write(db, asked, out))
        part.replace(file)
    except OSError as error:
        raise FailedError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return records


async def _write(db: Database, asked: _Asked, out: BinaryIO) -> int:
    """Write the export; return how many records it has."""
    records = 0

    async def counted(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        nonlocal records
        async for piece in pieces:
            records += exports.count_records(piece)
            yield piece

    try:
        exported = await exports.export(db, caller(SYSTEM), _RESOURCES[asked.resource], asked.params, strict=True)
        exported = attrs.evolve(exported, pieces=counted(exported.pieces))
        async for piece in _file(exported, asked):
            await asyncio.to_thread(out.write, piece)
    except InvalidError as error:
        raise FailedError(f"The export cannot be made: {error}") from error
    await asyncio.to_thread(out.flush)
    return records


def _file(exported: exports.Export, asked: _Asked) -> AsyncIterator[bytes]:
    if asked.format == "csv":
        return exports.csv_file(exported, bom=asked.bom)
    if asked.format == "jsonl":
        return exports.jsonl_file(exported)
    if (writer := workbooks()) is None:
        raise FailedError("Workbooks need XlsxWriter: install crm-core[xlsx].")
    return writer.write(exported.columns, exported.pieces)
