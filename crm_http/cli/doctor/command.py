"""`crm doctor`: reports what is wrong, and how to fix it."""

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Final

import attrs
import click
from rich.markup import escape

from crm_http.cli.doctor.checks import Check, State, failed
from crm_http.cli.doctor.database import check_servers
from crm_http.cli.doctor.files import check_files_kept
from crm_http.cli.doctor.machine import check_disk, check_machine
from crm_http.cli.doctor.settings import check_settings
from crm_http.cli.help_texts import examples
from crm_http.cli.terminal import out
from crm_http.failures import FAILED, WRONG_USE
from crm_http.server.database import open_database
from crm_http.server.errors import FailedError
from crm_http.server.signals import Stop
from crm_http.settings import Settings

_COLOURS: Final = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "red"}


@click.command(
    "doctor",
    epilog=examples(
        "crm doctor",
        "crm doctor --json      # for programs",
    ),
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor(*, as_json: bool) -> int:
    """Check settings, database, file store and machine, and report what is wrong and how to fix it.

    A file is written and deleted, and an embedded database is brought up to date. The exit code is 0 if nothing
    failed, 1 if something did, and 2 for a wrong setting.
    """
    settings = list(check_settings(os.environ))
    wrong = _has_failed(settings)
    found = settings if wrong else [*settings, *_examine(Settings.from_env(os.environ))]
    _show_json(found) if as_json else _show_lines(found)
    return WRONG_USE if wrong else FAILED if _has_failed(found) else 0


def _has_failed(checks: Sequence[Check]) -> bool:
    return any(check.state is State.FAILED for check in checks)


def _examine(settings: Settings) -> Sequence[Check]:
    found = []
    try:
        with open_database(settings, Stop(FAILED)) as url:
            found += asyncio.run(_all_of(url, settings))
    except FailedError as error:
        found.append(failed("database", str(error)))
    found += asyncio.run(check_files_kept(settings))
    return [*found, *check_disk(settings), *check_machine(settings)]


async def _all_of(url: str, settings: Settings) -> list[Check]:
    return [check async for check in check_servers(url, settings)]


def _show_json(checks: Sequence[Check]) -> None:
    shown = [attrs.asdict(check) for check in checks]
    click.echo(json.dumps({"ok": not _has_failed(checks), "checks": shown}, indent=2))


def _show_lines(checks: Sequence[Check]) -> None:
    for check in checks:
        text = " ".join(f"{check.found} {check.advice}".split())
        out.print(f"[{_COLOURS[check.state]}]{check.state:<9}[/]{check.name:<12} {escape(text)}")
