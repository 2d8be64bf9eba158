"""The conditions under which a webhook fires (``api.md`` 13, ruling 28)."""

from collections.abc import Callable, Mapping
from typing import Final

from crm_core.errors import Problem, Problems


def _anything(_: object) -> str:
    return ""


def _list(value: object) -> str:
    return "" if isinstance(value, list | tuple) else "The operator in takes a list."


#: What each operator asks of a condition's value: a function that tells what is wrong with one.
OPERATORS: Final[Mapping[str, Callable[[object], str]]] = {
    "=": _anything,
    "!=": _anything,
    ">": _anything,
    "<": _anything,
    ">=": _anything,
    "<=": _anything,
    "in": _list,
    "contains": _anything,
    "changed": _anything,
    "changed_to": _anything,
}


def condition_problems(field: str, operator: str, value: object, fields: frozenset[str]) -> Mapping[str, Problems]:
    """What is wrong with a condition on a model that has the given fields."""
    problems: dict[str, Problems] = {}
    if field not in fields:
        problems["field"] = (Problem("invalid_choice", f'"{field}" is not a valid choice.'),)
    if wrong := OPERATORS[operator](value):
        problems["value"] = (Problem("invalid", wrong),)
    return problems
