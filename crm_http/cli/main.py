"""The `crm` command. An error is one line on stderr; the exit code is 0, 1 (it failed) or 2 (wrong use)."""

import sys
from typing import Final

import click

from crm_http.cli.help_texts import examples
from crm_http.cli.lazy_group import LazyCommand, LazyGroup
from crm_http.failures import FAILED, WRONG_USE, CommandError

COMMANDS: Final = {
    "attributes": LazyCommand(
        *("crm_http.cli.attributes", "attributes"),
        "Rename and convert attributes, with all records that hold them and all webhooks that name them.",
    ),
    "completion": LazyCommand(
        *("crm_http.cli.completion", "completion"),
        "Print the script that completes commands and options in a shell.",
    ),
    "deliver": LazyCommand(
        *("crm_http.cli.serve", "deliver_command"),
        "Send the deliveries of webhooks, in addition to the servers, which send them too.",
    ),
    "demo": LazyCommand(
        *("crm_http.cli.database", "demo_command"),
        "Load made-up clients, students, leads and follow-ups, with their history, to try the API with.",
    ),
    "doctor": LazyCommand(
        *("crm_http.cli.doctor.command", "doctor"),
        "Check settings, database, file store and machine, and report what is wrong and how to fix it.",
    ),
    "erase": LazyCommand(
        *("crm_http.cli.erasures", "erase_command"),
        "Erase a record for good, deleted or not: its values in the history, deliveries, answers and files too.",
    ),
    "export": LazyCommand(
        *("crm_http.cli.tables", "export"), "Write all records of RESOURCE that match to FILE, or to stdout."
    ),
    "files": LazyCommand("crm_http.cli.files", "files", "Manage uploaded files."),
    "group": LazyCommand("crm_http.cli.accounts", "group", "Manage what the users of a group may do."),
    "import": LazyCommand("crm_http.cli.imports", "import_", "Make a record of each row of FILE."),
    "migrate": LazyCommand("crm_http.cli.database", "migrate_command", "Bring the database up to date."),
    "serve": LazyCommand(
        *("crm_http.cli.serve", "serve_command"),
        "Serve the API, with an embedded PostgreSQL unless CRM_DATABASE_URL is set.",
    ),
    "token": LazyCommand(*("crm_http.cli.accounts", "token"), "Manage the tokens by which requests are authenticated."),
    "user": LazyCommand("crm_http.cli.accounts", "user", "Manage who can log in."),
}


def main() -> int:
    """Run the command of this process; return the exit code."""
    try:
        code = crm.main(prog_name="crm", standalone_mode=False)
    except CommandError as error:
        return _complain(str(error), error.exit_code)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "crm"
        return _complain(f"{error.format_message()} See `{command} --help`.", WRONG_USE)
    except click.Abort:
        return _complain("Aborted.", FAILED)
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    click.echo(f"crm: {' '.join(message.split())}", err=True)
    return code


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    no_args_is_help=False,
    epilog=examples(
        "crm serve                # http://127.0.0.1:8000, with a PostgreSQL of its own in .crm/",
        "crm doctor               # what is wrong, and how to fix it",
        "crm user add ann --group Sales",
    ),
)
@click.version_option(package_name="crm-core", message="crm %(version)s")
def crm() -> None:
    """A CRM backend. Its settings are environment variables, CRM_*."""


if __name__ == "__main__":
    sys.exit(main())
