"""`crm attributes`: renames and converts attributes, also of more records than one request can change."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID

import click

from crm_core.engine.conversions import FAILING
from crm_core.errors import AttributeInUseError, InvalidError, NotFoundError
from crm_core.model.accounts import SYSTEM, Caller
from crm_core.model.entities import ATTRIBUTE_TYPES
from crm_core.model.evolutions import EvolutionReport
from crm_core.model.plain_values import json_text, plain
from crm_core.ports import Database
from crm_core.tables.formats import DECIMALS, ISO_DATES
from crm_core.use_cases.callers import caller
from crm_core.use_cases.evolution_requests import EvolutionKind, Target
from crm_core.use_cases.evolutions import dry_run, evolve
from crm_core.use_cases.online_evolutions import Progress, convert_online, rename_online
from crm_http.cli.connecting import on_database
from crm_http.cli.help_texts import examples
from crm_http.cli.terminal import count, say
from crm_http.server.errors import FailedError
from crm_http.server.maintenance import attribute_store
from crm_http.settings import Settings

#: Records between two lines of progress.
_RECORDS_PER_LINE: Final = 10_000
_DONE: Final = {"copy": "have both names", "convert": "were converted", "drop": "have the new name alone"}
_ID: Final = "01890000-0000-7000-8000-000000000000"

_dry_run: Final = click.option("--dry-run", is_flag=True, help="Only say what would change.")
_online: Final = click.option(
    "--online", is_flag=True, help="Change records in batches beside other writers. Run it again to go on."
)


@click.group("attributes", no_args_is_help=False, epilog=examples(f"crm attributes rename {_ID} town --dry-run"))
def attributes() -> None:
    """Rename and convert attributes, with all records that hold them and all webhooks that name them."""


@attributes.command(
    "rename",
    epilog=examples(f"crm attributes rename {_ID} town --dry-run", f"crm attributes rename {_ID} town --online"),
)
@click.argument("id_", metavar="ID", type=click.UUID)
@click.argument("name")
@_dry_run
@_online
def rename_command(id_: UUID, name: str, *, dry_run: bool, online: bool) -> None:
    """Give an attribute another name.

    A rename with --online that was begun is undone by the present name, until the definition has changed.
    """
    background = (lambda db: rename_online(db, _who, Target(id_), name)) if online else None
    _run("rename", id_, {"name": name}, background, is_dry=dry_run)


@attributes.command(
    "convert",
    epilog=examples(
        f"crm attributes convert {_ID} date --format DD.MM.YYYY --dry-run",
        f"crm attributes convert {_ID} boolean --true yes --false no --failing clear --online",
    ),
)
@click.argument("id_", metavar="ID", type=click.UUID)
@click.argument("type_", metavar="TYPE", type=click.Choice(ATTRIBUTE_TYPES))
@click.option("--failing", type=click.Choice(FAILING), default="refuse", help="What happens to values that fail.")
@click.option("--decimal", type=click.Choice(DECIMALS), default=".", help="The decimal sign of numbers in texts.")
@click.option("--format", default=ISO_DATES, help="How texts write dates, such as DD.MM.YYYY.")
@click.option("--true", multiple=True, metavar="WORD", help="A word for true; may be repeated.")
@click.option("--false", multiple=True, metavar="WORD", help="A word for false; may be repeated.")
@_dry_run
@_online
def convert_command(id_: UUID, type_: str, *, dry_run: bool, online: bool, **options: Any) -> None:
    """Give an attribute another type, and convert its values."""
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items() if value}
    body = {"type": type_, **given}
    background = (lambda db: convert_online(db, _who, Target(id_), body)) if online else None
    _run("convert", id_, body, background, is_dry=dry_run)


def _run(
    kind: EvolutionKind,
    id_: UUID,
    body: Mapping[str, object],
    background: Callable[[Database], AsyncIterator[Progress]] | None,
    *,
    is_dry: bool,
) -> None:
    """Change an attribute, in one commit or in the background, or say what would change. Raises FailedError."""

    async def work(db: Database) -> None:
        if is_dry:
            _show(await dry_run(db, _who(), kind, Target(id_), body))
        elif background is None:
            await evolve(db, _who(), kind, Target(id_), body)
            say("Done.")
        else:
            await _follow(background(db))

    _on_attributes(work)


def _who() -> Caller:
    return caller(SYSTEM)


def _on_attributes(work: Callable[[Database], Awaitable[None]]) -> None:
    async def run(url: str) -> None:
        async with attribute_store(url) as db:
            try:
                await work(db)
            except (AttributeInUseError, InvalidError, NotFoundError) as error:
                raise FailedError(str(error)) from error

    on_database(Settings.from_env(os.environ), run)


async def _follow(steps: AsyncIterator[Progress]) -> None:
    last = Progress("", 0)
    async for step in steps:
        if step.phase != last.phase and last.records:
            _tell(last)
        elif step.records % _RECORDS_PER_LINE == 0:
            _tell(step)
        last = step
    _tell(last)
    say("Done.")


def _tell(step: Progress) -> None:
    if step.phase in _DONE:
        say(f"{count(step.records, 'record')}: {_DONE[step.phase]}.")
    elif step.phase:
        say("The definition has changed.")


def _show(report: EvolutionReport) -> None:
    for each in report.named_webhooks:
        click.echo(f"webhook\t{each.webhook}\t{each.name}")
    for value in report.failing_values:
        click.echo(f"failing\t{value.records}\t{json_text(plain(value.value))}")
    for id_ in report.failing_records:
        click.echo(f"failing record\t{id_}")
    for refusal in report.refusals:
        click.echo(f"refused\t{refusal}")
    records, webhooks = count(report.records, "record"), count(report.webhooks, "webhook")
    indexes = f"{report.indexes} index{'' if report.indexes == 1 else 'es'}"
    say(f"{records}, {webhooks} and {indexes} would change, in about {count(report.seconds, 'second')}.")
