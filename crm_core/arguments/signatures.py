"""Signatures and docstrings for people: ``help()`` shows the fields that ``**values: Unpack[...]`` takes.

The sentences about the fields are those of the ``TypedDict``, which has them from the entities.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, get_args, get_type_hints

from crm_core.model.sentences import clause, clauses, field_sentences

_HEADING: Final = "\n\nArgs:\n"
_WIDTH: Final = 100
#: Arguments that mean the same in every operation, if its docstring does not say otherwise.
_ARGUMENTS: Final[Mapping[str, str]] = {
    "id_": "the id of the record.",
    "task_id": "the id of the task.",
    "note_id": "the id of the note.",
    "delivery_id": "the id of the delivery.",
    "if_match": "the record as it was retrieved, or its version: carry out the operation only if it still has it.",
    "idempotency_key": "a key of your own: a repetition with the same key takes effect once.",
    "limit": "the most items in all.",
    "page_size": "the items that are read at once, from 1 to 1,000.",
}


class _Omitted:
    """The default of a field that need not be sent: what the server then does is told by the field."""

    def __repr__(self) -> str:
        return "..."


_OMITTED: Final = _Omitted()


def show_fields(build: Callable[..., Any], *, is_wrapped: bool = True) -> None:
    """Give a function the signature and the docstring that ``help()`` shows.

    ``**values: Unpack[LeadCreate]`` becomes one keyword argument for each field, required ones first, and a returned
    ``Operation[Lead]``, which is wrapped, becomes ``Lead``. In the docstring, too, the fields stand in place of
    ``values``; arguments of which it says nothing have the sentence that they have everywhere.
    """
    declared = inspect.signature(build)
    parameters = [shown for each in declared.parameters.values() for shown in _expanded(each)]
    returned = declared.return_annotation
    result = get_args(returned)[0] if is_wrapped else (type(None) if returned is None else returned)
    shown = declared.replace(parameters=parameters, return_annotation=result)
    build.__signature__ = shown  # type: ignore[attr-defined]  # inspect looks for it
    build.__annotations__["return"] = result  # Sphinx looks for it
    if build.__doc__:  # Python left it out (``-OO``)
        build.__doc__ = _docstring(build.__doc__, declared)


def bound_signature(build: Callable[..., Any], wrap: Any = None) -> inspect.Signature:
    """Return the signature of a method that is bound; its result is wrapped in a generic class, if one is given."""
    _, *parameters = (shown := inspect.signature(build)).parameters.values()
    result = shown.return_annotation if wrap is None else wrap[shown.return_annotation]
    return shown.replace(parameters=parameters, return_annotation=result)


def _expanded(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    if not _is_unpacked(parameter):
        yield parameter
        return
    [fields] = get_args(parameter.annotation)
    types = get_type_hints(fields)
    for name in sorted(types, key=lambda name: name not in fields.__required_keys__):
        default = inspect.Parameter.empty if name in fields.__required_keys__ else _OMITTED
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=types[name])


def _is_unpacked(parameter: inspect.Parameter) -> bool:
    return parameter.kind is inspect.Parameter.VAR_KEYWORD and bool(get_args(parameter.annotation))


def _docstring(doc: str, declared: inspect.Signature) -> str:
    """Return a docstring with a section about every argument, in the order of the signature."""
    summary, _, section = inspect.cleandoc(doc).partition(_HEADING)
    _, _, rest = section.partition("\n\n")
    said = {**_ARGUMENTS, **clauses(section)}
    for each in declared.parameters.values():
        if _is_unpacked(each):
            said |= {name: clause(sentence) for name, sentence in field_sentences(*get_args(each.annotation)).items()}
    shown = [name for each in declared.parameters.values() for name in _names(each) if name in said]
    section = "\n".join(_line(name, said[name]) for name in shown)
    return "\n\n".join(part for part in (summary, section and f"{_HEADING.strip()}\n{section}", rest) if part)


def _names(parameter: inspect.Parameter) -> list[str]:
    return [shown.name for shown in _expanded(parameter)]


def _line(name: str, text: str) -> str:
    return textwrap.fill(f"{name}: {text}", _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8)
