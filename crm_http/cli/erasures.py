"""`crm erase`: forgets a record for good."""

import os
from uuid import UUID

import click

from crm_core.model.erasures import ErasureReport
from crm_core.model.registered import DerivedTable
from crm_core.resources import RESOURCES
from crm_http.cli.connecting import on_database
from crm_http.cli.help_texts import examples
from crm_http.cli.terminal import count, say
from crm_http.server.maintenance import erase
from crm_http.settings import Settings

_BY_PATH = DerivedTable(lambda: {resource.path: resource for resource in RESOURCES.values()})


@click.command(
    "erase",
    epilog=examples(
        "crm erase clients 01890000-0000-7000-8000-000000000000 --dry-run",
        "crm erase clients 01890000-0000-7000-8000-000000000000",
    ),
)
@click.argument("resource", type=click.Choice(sorted(_BY_PATH)))
@click.argument("id_", metavar="ID", type=click.UUID)
@click.option("--dry-run", is_flag=True, help="Only show what would be erased, and which records mention the name.")
def erase_command(resource: str, id_: UUID, *, dry_run: bool) -> None:
    """Erase a record for good, deleted or not: its values in the history, deliveries, answers and files too.

    What belongs to the record goes with it. Backups, replicas that lag, exports and logs of others are not reached.
    """
    settings = Settings.from_env(os.environ)
    row = _BY_PATH[resource]
    report = on_database(settings, lambda url: erase(url, settings, row, id_, dry_run=dry_run))
    _show(report, dry_run=dry_run)


def _show(report: ErasureReport, *, dry_run: bool) -> None:
    for each in report.records:
        click.echo(f"record\t{RESOURCES[each.resource].path}/{each.record}")
    for copy in report.copies:
        click.echo(f"copy\t{RESOURCES[copy.resource].path}/{copy.record}")
    for mention in report.mentions:
        click.echo(f"mention\t{RESOURCES[mention.resource].path}/{mention.record}")
    records, files = count(len(report.records), "record"), count(report.files, "file")
    if not report.records:
        say(f"It was erased before; {files} {'left' if dry_run else 'deleted'}.")
    elif dry_run:
        say(f"{records} and {files} would be erased; {count(len(report.mentions), 'record')} would go on naming it.")
    else:
        say(f"{records} and {files} erased.")
