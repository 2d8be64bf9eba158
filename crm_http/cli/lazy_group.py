"""LazyGroup: a group of commands whose modules are imported when the commands are named."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from crm_http.failures import CommandError
from crm_http.server.garbage import importing


class LazyCommand(NamedTuple):
    """Where a command is, and what the help of its group says of it.

    Attributes:
        module: the module that has it.
        name: its name there.
        says: the first sentence of its own help.
    """

    module: str
    name: str
    says: str


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is named; the help of the group imports none.

    Args:
        lazy: the commands by their names.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, LazyCommand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's own signature
        """Return the names of the commands, in alphabetical order."""
        return sorted(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # as above
        """Return a command; None if there is none of that name."""
        if (row := self._lazy.get(cmd_name)) is None:
            return None
        with importing():
            _register_installed()
            command: click.Command = getattr(import_module(row.module), row.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._lazy[name].says) for name in self.list_commands(ctx)])


def _register_installed() -> None:
    """Register the resources of installed packages, before a command's module reads which there are."""
    from crm_core.errors import RegistrationError  # noqa: PLC0415  # the help of the group imports none of the core
    from crm_core.use_cases.installed_resources import register_installed  # noqa: PLC0415

    try:
        register_installed()
    except RegistrationError as error:
        raise CommandError(str(error)) from error
