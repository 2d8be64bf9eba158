"""The `crm` command. An error is one line on stderr; the exit code is 0, 1 (it failed) or 2 (it was asked wrongly)."""

import sys

import click

from crm_http.cli import accounts, completion, files, serve
from crm_http.cli.arguments import examples
from crm_http.cli.doctor import command as examining
from crm_http.cli.terminal import ASKED_WRONGLY, FAILED
from crm_http.server.composition import FailedError
from crm_http.settings import SettingError


def main() -> int:
    """Run the command of this process; gives what to exit with."""
    try:
        code = crm.main(prog_name="crm", standalone_mode=False)
    except SettingError as error:
        return _complain(str(error), ASKED_WRONGLY)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "crm"
        return _complain(f"{error.format_message()} See `{command} --help`.", ASKED_WRONGLY)
    except FailedError as error:
        return _complain(str(error), FAILED)
    except click.Abort:
        return _complain("Given up.", FAILED)
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    click.echo(f"crm: {' '.join(message.split())}", err=True)
    return code


@click.group(
    no_args_is_help=False,
    epilog=examples(
        "crm serve                # http://127.0.0.1:8000, with a PostgreSQL of its own in .crm/",
        "crm doctor               # what is wrong, and how to mend it",
        "crm user add ann --group Sales",
    ),
)
@click.version_option(package_name="crm-core", message="crm %(version)s")
def crm() -> None:
    """A CRM backend. Settings are the environment's CRM_* variables."""


for each in (
    *(serve.serve_command, serve.migrate_command, serve.demo_command, serve.deliver_command),
    *(examining.doctor, accounts.user, accounts.group, accounts.token, files.files, completion.completion),
):
    crm.add_command(each)


if __name__ == "__main__":
    sys.exit(main())
