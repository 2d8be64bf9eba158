"""`crm files`: uploaded files."""

import os

import click

from crm_core.use_cases.sweeping import Finding, Orphan
from crm_http.cli.connecting import on_database
from crm_http.cli.help_texts import examples
from crm_http.cli.terminal import count, say
from crm_http.server.maintenance import sweep
from crm_http.settings import Settings


@click.group(no_args_is_help=False, epilog=examples("crm files sweep"))
def files() -> None:
    """Manage uploaded files."""


@files.command("sweep", epilog=examples("crm files sweep", "crm files sweep --delete"))
@click.option("--delete", is_flag=True, help="Delete the files that no record names.")
def _sweep(*, delete: bool) -> None:
    """List files older than an hour that no record names, and records that name a missing file."""
    settings = Settings.from_env(os.environ)
    counts = {"orphan": 0, "missing": 0}

    def report(finding: Finding) -> None:
        if isinstance(finding, Orphan):
            cells = ["orphan", finding.key]
        else:
            cells = ["missing", f"{finding.resource.path}/{finding.id}", finding.url]
        counts[cells[0]] += 1
        click.echo("\t".join(cells))

    on_database(settings, lambda url: sweep(url, settings, report, delete=delete))
    orphans = count(counts["orphan"], "orphan")
    say(f"{orphans} {'deleted' if delete else 'found'}, {count(counts['missing'], 'missing file')}.")
