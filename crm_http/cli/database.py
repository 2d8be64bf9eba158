"""`crm migrate` and `crm demo`: prepare a database."""

import asyncio
import os
from collections.abc import Mapping

import click
from rich.progress import Progress

from crm_http.cli.connecting import on_database
from crm_http.cli.help_texts import examples
from crm_http.cli.terminal import count, out, say
from crm_http.failures import FAILED
from crm_http.server.database import open_database
from crm_http.server.maintenance import load_demo, migrate
from crm_http.server.signals import Stop
from crm_http.settings import Settings


@click.command("migrate", epilog=examples("crm migrate      # before new servers are started beside old ones"))
def migrate_command() -> None:
    """Bring the database up to date."""
    with open_database(Settings.from_env(os.environ), Stop(FAILED)) as url:
        applied = asyncio.run(migrate(url))
    say(f"Applied {', '.join(applied)}." if applied else "The database is up to date.")


_amount = click.IntRange(0, 10_000_000)


@click.command("demo", epilog=examples("crm demo", "crm demo --clients 20000 --leads 50000 --seed 2"))
@click.option(
    "--clients",
    default=1_000,
    show_default=True,
    type=_amount,
    help="How many clients; there is one student for every five.",
)
@click.option("--leads", default=1_000, show_default=True, type=_amount, help="How many leads.")
@click.option(
    "--seed",
    default=1,
    show_default=True,
    type=int,
    help="The same seed gives the same records, another seed other ones.",
)
def demo_command(**amounts: int) -> None:
    """Load made-up clients, students, leads and follow-ups, with their history, to try the API with.

    All or nothing is loaded; existing records stay. Attributes of the new records are defined if they are not yet.
    Webhooks are not called.
    """
    with Progress(console=out, transient=True, disable=not out.is_terminal) as progress:
        loading = progress.add_task("Loading")

        async def load(url: str) -> Mapping[str, int]:
            return await load_demo(
                url, progress=lambda done, of: progress.update(loading, completed=done, total=of), **amounts
            )

        loaded = on_database(Settings.from_env(os.environ), load)
    kinds = [count(number, name.replace("_", "-")) for name, number in loaded.items()]
    say(f"Loaded {', '.join(kinds)}.")
