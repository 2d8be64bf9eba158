"""Signatures for people: ``help()`` and ``inspect.signature`` list the fields that ``**values: Unpack[...]`` takes."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final, get_args, get_type_hints


class _Omitted:
    """The default of a field that need not be sent: what the server then does is told by the field."""

    def __repr__(self) -> str:
        return "..."


_OMITTED: Final = _Omitted()


def show_fields(build: Callable[..., Any]) -> None:
    """Give a function the signature that ``help()`` shows.

    ``**values: Unpack[LeadCreate]`` becomes one keyword argument for each field, required ones first, and the returned
    ``Operation[Lead]`` becomes ``Lead``.
    """
    declared = inspect.signature(build)
    parameters = [shown for each in declared.parameters.values() for shown in _expanded(each)]
    [result] = get_args(declared.return_annotation)
    shown = declared.replace(parameters=parameters, return_annotation=result)
    build.__signature__ = shown  # type: ignore[attr-defined]  # inspect looks for it
    build.__annotations__["return"] = result  # Sphinx looks for it


def bound_signature(build: Callable[..., Any], wrap: Any = None) -> inspect.Signature:
    """Return the signature of a method that is bound; its result is wrapped in a generic class, if one is given."""
    _, *parameters = (shown := inspect.signature(build)).parameters.values()
    result = shown.return_annotation if wrap is None else wrap[shown.return_annotation]
    return shown.replace(parameters=parameters, return_annotation=result)


def _expanded(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
        yield parameter
        return
    [fields] = get_args(parameter.annotation)
    types = get_type_hints(fields)
    for name in sorted(types, key=lambda name: name not in fields.__required_keys__):
        default = inspect.Parameter.empty if name in fields.__required_keys__ else _OMITTED
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=types[name])
