"""The `crm` command. An error is one line on stderr; the exit code is 0, 1 (it failed) or 2 (wrong use)."""

import sys

import click

from crm_http.cli import accounts, attributes, completion, erasures, files, imports, serve, tables
from crm_http.cli.arguments import examples
from crm_http.cli.doctor import command as doctor
from crm_http.cli.terminal import FAILED, WRONG_USE
from crm_http.server.errors import FailedError
from crm_http.settings import SettingError


def main() -> int:
    """Run the command of this process; return the exit code."""
    try:
        code = crm.main(prog_name="crm", standalone_mode=False)
    except SettingError as error:
        return _complain(str(error), WRONG_USE)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "crm"
        return _complain(f"{error.format_message()} See `{command} --help`.", WRONG_USE)
    except FailedError as error:
        return _complain(str(error), FAILED)
    except click.Abort:
        return _complain("Aborted.", FAILED)
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    click.echo(f"crm: {' '.join(message.split())}", err=True)
    return code


@click.group(
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


for _command in (
    *(serve.serve_command, serve.migrate_command, serve.demo_command, serve.deliver_command),
    *(doctor.doctor, accounts.user, accounts.group, accounts.token, files.files, tables.export),
    *(imports.import_, attributes.attributes, erasures.erase_command, completion.completion),
):
    crm.add_command(_command)


if __name__ == "__main__":
    sys.exit(main())
