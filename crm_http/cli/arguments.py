"""The types of the arguments of commands."""

from collections.abc import Callable
from typing import Any, Final

import click

from crm_core.errors import InvalidError
from crm_core.input.readers import text_problems
from crm_core.rules.accounts import MAX_TEXTS, read_group_name, read_new_username, read_permission, read_username


def complaint(error: InvalidError) -> str:
    """Return the message of an error about a single value, without the name of its field."""
    return str(error).partition(": ")[2]


class Text(click.ParamType[str]):
    """A text that can be stored.

    Args:
        most: the most characters.
    """

    name = "text"

    def __init__(self, most: int) -> None:
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text unchanged."""
        if problems := text_problems(value, self.most):
            self.fail(problems[0].message, param, ctx)
        return str(value)


class Checked(click.ParamType[str]):
    """A text that a rule of the core checks.

    Args:
        name: its name in the help.
        read: returns the text as it is kept. Raises InvalidError.
    """

    def __init__(self, name: str, read: Callable[[str], str]) -> None:
        self.name = name
        self.read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it is kept."""
        try:
            return self.read(value)
        except InvalidError as error:
            self.fail(complaint(error), param, ctx)


GROUP: Final = Checked("name", read_group_name)
PERMISSION: Final = Checked("permission", read_permission)
FIRST_NAME, LAST_NAME, EMAIL = (Text(MAX_TEXTS[field]) for field in ("first_name", "last_name", "email"))
name_argument: Final = click.argument("name", type=Checked("name", read_username))
new_name_argument: Final = click.argument("name", type=Checked("name", read_new_username))
