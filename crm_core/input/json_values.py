"""Reads JSON values of any form, such as the values of attributes: how deep they are, and what they hold."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from crm_core.input.numbers import exact_number
from crm_core.input.readers import RefusedError, refuse, text_problems
from crm_core.input.texts import normal

#: Levels of nesting in a JSON value.
MAX_DEPTH: Final = 32


def read_plain(value: object) -> object:
    """Return any JSON value that has at most ``MAX_DEPTH`` levels, numbers and texts that can be kept; texts in NFC."""
    for level in _levels(value):
        for part in level:
            _check_plain(part)
    return _as_kept(value)


def check_depth(value: object) -> None:
    """Refuse a value of more than ``MAX_DEPTH`` levels. Raises RefusedError."""
    for _ in _levels(value):
        pass


def _levels(value: object) -> Iterator[Sequence[object]]:
    """Yield the parts of a value, level by level. Raises RefusedError after ``MAX_DEPTH`` levels."""
    level: Sequence[object] = [value]
    for _ in range(MAX_DEPTH):
        yield level
        level = [inner for part in level for inner in _parts_of(part)]
        if not level:
            return
    raise refuse("invalid", "Value must be valid JSON.")


def _as_kept(value: object) -> object:
    """Return a JSON value with exact numbers, and all texts in NFC, names of members too."""
    if isinstance(value, str):
        return normal(value)
    if isinstance(value, float):
        return exact_number(value)
    if isinstance(value, Mapping):
        return {normal(name): _as_kept(member) for name, member in value.items()}
    return [_as_kept(item) for item in value] if isinstance(value, list | tuple) else value


def _check_plain(value: object) -> None:
    if isinstance(value, str):
        if problems := text_problems(value, len(value)):
            raise RefusedError(problems)
    elif isinstance(value, int | float | Decimal):
        if not isinstance(value, bool) and exact_number(value) is None:
            raise refuse("invalid", "Value must be valid JSON.")
    elif isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise refuse("invalid", "Value must be valid JSON.")
    elif value is not None and not isinstance(value, list | tuple):
        raise refuse("invalid", "Value must be valid JSON.")


def _parts_of(value: object) -> Sequence[object]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list | tuple) else ()
