"""Prints the output of commands: sentences, tables, and lines for programs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

out: Final = Console(soft_wrap=True, highlight=False)


def show(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table for people, or lines of tab-separated cells for programs."""
    if not out.is_terminal:
        for row in rows:
            click.echo("\t".join(row))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*map(escape, row))
    out.print(table, soft_wrap=False)


def say(text: str) -> None:
    """Print a sentence."""
    out.print(text, markup=False)


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shown_moment(moment: datetime) -> str:
    """Return a moment in UTC, to the second, for people and programs."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
