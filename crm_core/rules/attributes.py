"""The dynamic schema: attributes that users define, and what records may hold under them (rulings 19 to 22)."""

import unicodedata
from collections.abc import Callable, Mapping
from typing import Final, get_args

from crm_core.errors import InvalidError, NotFoundError, Problem, Problems
from crm_core.input.readers import MAX_NUMBER, RefusedError, read_full_date, text_problems
from crm_core.input.urls import is_web_url
from crm_core.model.entities import MAX_ATTRIBUTE_NAME_LENGTH, Attribute, EntityWithAttributes
from crm_core.model.events import same
from crm_core.rules.needs import Known, Needs, Proposal, catalog_of

#: The entities whose records have attributes, as ``/api/attributes/<entity_name>/`` calls them.
ENTITIES: Final[tuple[str, ...]] = get_args(EntityWithAttributes)

#: Letters, the marks that some scripts write letters with, and decimal digits.
_IN_NAMES: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"})
_REQUIRED: Final = Problem("required", "This field is required.")
_LONGEST_TEXT: Final = 1_000_000
_LONGEST_URL: Final = 2_048


def normal_name(name: str) -> str:
    """An attribute's name in the one Unicode form in which names are kept and compared."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def is_sound_name(name: str) -> bool:
    """Letters of any script, digits, ``_`` and ``-``, never two ``_`` in a row (those part a filter's operator)."""
    return "__" not in name and all(c in "_-" or unicodedata.category(c) in _IN_NAMES for c in name)


def validate_values(
    definitions: Mapping[str, Attribute],
    before: Mapping[str, object],
    sent: Mapping[str, object],
    *,
    merge: bool = False,
) -> tuple[Mapping[str, object], Mapping[str, Problems]]:
    """The values a record will hold, and the problems of those that it may not.

    Args:
        definitions: the attributes defined for the entity, by name.
        before: the values that the record holds.
        sent: the values that are written, null meaning absent.
        merge: ``sent`` changes only the names that it mentions, as a merge patch does; the others stay untouched.
    """
    named = {normal_name(name): value for name, value in sent.items()}
    kept = dict(before) if merge else {}
    values = {name: value for name, value in (kept | named).items() if value is not None}
    written = named.keys() if merge else values.keys()
    problems: dict[str, Problems] = {}
    for name in written & values.keys():
        if found := _problems(definitions.get(name), name, values[name], before):
            problems[name] = found
    for name, definition in definitions.items():
        if definition.is_required and name not in values:
            problems[name] = (_REQUIRED,)
    return values, problems


def _problems(definition: Attribute | None, name: str, value: object, before: Mapping[str, object]) -> Problems:
    if definition is not None:
        return _CHECKS[definition.type](definition, value)
    # A value whose definition was deleted may be sent back as it is (ruling 22).
    if name in before and same(before[name], value):
        return ()
    return (Problem("unknown", "This attribute is not defined."),)


def _check_text(_: Attribute, value: object) -> Problems:
    return text_problems(value, _LONGEST_TEXT) if isinstance(value, str) else (_NOT_TEXT,)


def _check_number(_: Attribute, value: object) -> Problems:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return (_NOT_A_NUMBER,)
    # Comparing is exact for whole numbers of any size, and false for what is not finite.
    return () if abs(value) <= MAX_NUMBER else (_NOT_A_NUMBER,)


def _check_date(_: Attribute, value: object) -> Problems:
    try:
        read_full_date(value if isinstance(value, str) else "")
    except RefusedError:
        return (_NOT_A_DATE,)
    return ()


def _check_boolean(_: Attribute, value: object) -> Problems:
    return () if isinstance(value, bool) else (Problem("invalid", "Must be a valid boolean."),)


def _check_list(definition: Attribute, value: object) -> Problems:
    if isinstance(value, str):
        return _item_problems(definition, value)
    if not isinstance(value, list | tuple):
        return (Problem("not_a_list", f'Expected a list of items but got type "{type(value).__name__}".'),)
    problems = {str(i): found for i, each in enumerate(value) if (found := _item_problems(definition, each))}
    if problems:
        return problems
    return () if len(set(value)) == len(value) else (Problem("duplicate", "The items of this list must be distinct."),)


def _item_problems(definition: Attribute, value: object) -> Problems:
    if not isinstance(value, str):
        return (_NOT_TEXT,)
    if definition.list_values and value not in definition.list_values:
        return (Problem("invalid_choice", f'"{value[:100]}" is not a valid choice.'),)
    return text_problems(value, _LONGEST_TEXT)


def _check_file(_: Attribute, value: object) -> Problems:
    if not isinstance(value, str):
        return (_NOT_TEXT,)
    return text_problems(value, _LONGEST_URL) or (
        () if is_web_url(value) else (Problem("invalid", "Enter a valid URL."),)
    )


_NOT_TEXT: Final = Problem("invalid", "Not a valid string.")
_NOT_A_NUMBER: Final = Problem("invalid", "A valid number is required.")
_NOT_A_DATE: Final = Problem("invalid", "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.")
_CHECKS: Final[Mapping[str, Callable[[Attribute, object], Problems]]] = {
    "text": _check_text,
    "number": _check_number,
    "date": _check_date,
    "boolean": _check_boolean,
    "list": _check_list,
    "file": _check_file,
}


def validate_attribute(proposal: Proposal, known: Known) -> Needs | Mapping[str, object]:
    """The rules of definitions: sound unique names; name and type never change (ruling 19)."""
    if (entity := proposal.value("entity")) not in ENTITIES:
        raise NotFoundError
    if lacking := known.lacks(catalog_of(entity, proposal.who)):
        return lacking
    name = proposal.sent.get("name")
    problems: dict[str, Problems] = {}
    if proposal.before is not None:
        fixed = {"name": normal_name(proposal.value("name")), "type": proposal.value("type")}
        changed = (each for each, value in fixed.items() if value != getattr(proposal.before, each))
        problems = {each: (Problem("fixed", "This field cannot be changed."),) for each in changed}
    elif name is not None and (found := text_problems(normal_name(name), MAX_ATTRIBUTE_NAME_LENGTH)):
        problems["name"] = found
    elif name is not None and not is_sound_name(name):
        problems["name"] = (Problem("invalid", "This value does not match the required pattern."),)
    elif name is not None and normal_name(name) in known.catalogs[entity].definitions:
        problems["name"] = (Problem("unique", "This field must be unique."),)
    if problems:
        raise InvalidError(problems)
    return {"name": normal_name(name)} if name else {}
