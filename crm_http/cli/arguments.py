"""What commands take: texts that can be stored, names, permissions; and the examples that their help ends with."""

import difflib
from typing import Any, Final

import click

from crm_core.input.readers import text_problems
from crm_core.model.accounts import normal_username
from crm_core.model.permissions import PERMISSIONS


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class Text(click.ParamType[str]):
    """A text that can be stored."""

    name = "text"

    def __init__(self, longest: int) -> None:
        self.longest = longest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is."""
        if problems := text_problems(value, self.longest):
            self.fail(problems[0].message, param, ctx)
        return str(value)


class Name(Text):
    """The name of a user or group: equal ones are written alike."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name in normal form."""
        name = normal_username(super().convert(value, param, ctx))
        if not name or name != name.strip():
            self.fail("A name is not blank, and has no blanks around it.", param, ctx)
        return super().convert(name, param, ctx)


class Permission(click.ParamType[str]):
    """A permission, with or without its ``app.``."""

    name = "permission"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The permission's whole name."""
        permission = f"app.{value.removeprefix('app.')}"
        if permission not in PERMISSIONS:
            nearest = difflib.get_close_matches(permission, sorted(PERMISSIONS), n=1, cutoff=0.0)[0]
            self.fail(f"{value!r} is no permission: did you mean {nearest}?", param, ctx)
        return permission


NAME: Final = Name(150)
name_argument: Final = click.argument("name", type=NAME)
