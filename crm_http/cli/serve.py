"""`crm serve`, and `crm deliver`, which supports servers."""

import asyncio
import os
from collections.abc import Mapping

import click
from rich.markup import escape

from crm_http.cli.help_texts import examples
from crm_http.cli.terminal import out
from crm_http.server.database import open_database
from crm_http.server.maintenance import deliver
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
