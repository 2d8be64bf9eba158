"""`crm export all` and `crm import all`: a whole database as a directory, and back."""

import os
from pathlib import Path
from typing import Final

import click

from crm_core.archives.parts import HISTORY, RECORDS, USERS, Manifest, Part
from crm_core.use_cases import archives
from crm_http.cli.connecting import on_database
from crm_http.cli.terminal import count, say
from crm_http.server.composition import archive, new_archive
from crm_http.server.errors import FailedError
from crm_http.server.maintenance import archived_stores, foreign_resources
from crm_http.settings import Settings

#: Stands for a resource in `crm export` and `crm import`.
ALL: Final = "all"


def export_everything(directory: Path, *, history: bool, secrets: bool) -> None:
    """Write everything to a new directory. Raises FailedError."""
    settings = Settings.from_env(os.environ)

    async def work(url: str) -> Manifest:
        if foreign := await foreign_resources(url):
            raise FailedError(
                f"No package registers {foreign} here, and the database has records of it: install it first."
            )
        async with archived_stores(url, settings) as stores, new_archive(directory) as out:
            return await archives.export_all(stores, out, history=history, secrets=secrets, on_part=_show)

    manifest = on_database(settings, work)
    say(f"Exported {_counts(manifest)} to {directory}.")
    if not secrets:
        say("Webhooks were exported disabled, without their secrets: --secrets exports these.")


def import_everything(directory: Path) -> None:
    """Fill an empty database with a directory. Raises FailedError."""
    settings = Settings.from_env(os.environ)

    async def work(url: str) -> Manifest:
        async with archived_stores(url, settings) as stores:
            return await archives.import_all(stores, archive(directory), on_part=_show)

    manifest = on_database(settings, work)
    say(f"Imported {_counts(manifest)} from {directory}.")
    say("No user has a password: `crm user passwd` sets one.")


def _show(part: Part) -> None:
    click.echo(f"{part.name}: {count(part.rows, 'row')}.", err=True)


def _counts(manifest: Manifest) -> str:
    rows = {part.name: part.rows for part in manifest.parts}
    records = count(sum(rows.get(name, 0) for name in RECORDS), "record")
    events = f", {count(rows[HISTORY], 'event')}" if HISTORY in rows else ""
    return f"{records}, {count(rows[USERS], 'user')}{events}"
