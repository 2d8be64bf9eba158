"""`crm serve`, and the commands that prepare or support a server: `migrate`, `demo`, `deliver`."""

import asyncio
import os
from collections.abc import Mapping

import click
from rich.markup import escape
from rich.progress import Progress

from crm_http.cli.connecting import on_database
from crm_http.cli.help_texts import examples
from crm_http.cli.terminal import count, out, say
from crm_http.failures import FAILED
from crm_http.server.database import open_database
from crm_http.server.maintenance import deliver, load_demo, migrate
from crm_http.server.serving import serve
from crm_http.server.signals import Stop
from crm_http.settings import Settings
from crm_http.telemetry.logs import configure_logging


@click.command(
    "serve",
    epilog=examples(
        "crm serve",
        "crm serve --host 0.0.0.0 --port 8080 --workers 2",
    ),
)
@click.option("--host", help="The address to listen on; overrides CRM_HOST.")
@click.option("--port", help="The port to listen on; overrides CRM_PORT.")
@click.option("--workers", help="How many processes answer requests; overrides CRM_WORKERS.")
def serve_command(**flags: str | None) -> None:
    """Serve the API, with an embedded PostgreSQL unless CRM_DATABASE_URL is set."""
    # The workers read their settings from the environment, so flags are written there.
    os.environ.update({f"CRM_{name.upper()}": text for name, text in flags.items() if text is not None})
    serve(Settings.from_env(os.environ), _welcome)


def _welcome(lines: Mapping[str, str]) -> None:
    width = max(map(len, lines)) + 2
    for label, text in lines.items():
        out.print(f"[bold]{label:<{width}}[/]{escape(text)}")


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


@click.command("deliver", epilog=examples("crm deliver      # until SIGTERM or Ctrl-C"))
def deliver_command() -> None:
    """Send the deliveries of webhooks, in addition to the servers, which send them too."""
    settings = Settings.from_env(os.environ)
    configure_logging(settings)
    stop = Stop()

    async def work(url: str) -> None:
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        stop.on_first_signal = lambda: loop.call_soon_threadsafe(stopped.set)
        await deliver(url, settings, stopped)

    with open_database(settings, stop) as url:
        asyncio.run(work(url))
