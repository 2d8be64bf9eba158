"""The dynamic schema: attributes that users define, and what records may hold under them (decisions 19 to 22)."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from crm_core.errors import (
    BLANK,
    BREAKS_PATTERN,
    EMPTY_LIST,
    IS_REQUIRED,
    NOT_A_BOOLEAN,
    NOT_A_DATE,
    NOT_A_NUMBER,
    NOT_A_STRING,
    NOT_A_URL,
    NOT_UNIQUE,
    InvalidError,
    NotFoundError,
    Problem,
    Problems,
    not_a_choice,
)
from crm_core.input.dates import read_full_date
from crm_core.input.numbers import exact_number
from crm_core.input.readers import RefusedError, json_type, text_problems
from crm_core.input.texts import is_blank, normal
from crm_core.input.urls import is_web_url
from crm_core.model.entities import ATTRIBUTE_PREFIX, ENTITIES, MAX_ATTRIBUTE_NAME_LENGTH, Attribute
from crm_core.model.events import same
from crm_core.rules.needs import Proposal, Steps, catalog_of
from crm_core.rules.uniqueness import switch

#: Letters, the marks that some scripts write letters with, and decimal digits.
_IN_NAMES: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"})
MAX_TEXT_LENGTH: Final = 1_000_000
MAX_URL_LENGTH: Final = 2_048


def not_defined(name: str, definitions: Mapping[str, Attribute]) -> Problem:
    """Return the problem of a name for which there is no definition, which says the new name of a renamed attribute.

    >>> not_defined("city", {}).message
    'This attribute is not defined.'
    """
    new = name_by_now(name, definitions)
    return Problem("unknown", "This attribute is not defined.") if new is None else renamed_to(new)


def renamed_to(name: str) -> Problem:
    """Return the problem of a former name of an attribute that has another name now."""
    return Problem("renamed", f"This attribute was renamed to `{name}`.")


def name_by_now(name: str, definitions: Mapping[str, Attribute]) -> str | None:
    """Return the name that an attribute has which had another name; None if no attribute had it, or one has it now."""
    renamed = [each for each in definitions.values() if name in each.former_names and name not in definitions]
    # Of several, the last that gave the name up.
    latest = max(renamed, key=lambda each: (each.updated_at is not None, each.updated_at, each.name), default=None)
    return None if latest is None else latest.name


def refused_field(field: str, definitions: Mapping[str, Attribute]) -> Problem | None:
    """Return the problem of a field that names an attribute by a former name (``attributes.`` and the name)."""
    name = field.removeprefix(ATTRIBUTE_PREFIX)
    new = None if name == field else name_by_now(name, definitions)
    return None if new is None else renamed_to(new)


def former_names(names: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """Return the former names of the attributes of an entity that no other attribute has now, the latest first.

    >>> former_names({"town": ["place", "city"], "place": []})
    {'town': ['city']}

    Args:
        names: the former names of all attributes of the entity, the oldest first, by their names.
    """
    return {name: [each for each in reversed(former) if each not in names] for name, former in names.items() if former}


def is_sound_name(name: str) -> bool:
    """Return whether a name has letters of any script, digits, ``_`` and ``-`` only.

    Two ``_`` in a row are not allowed: they separate a filter's operator.
    """
    return "__" not in name and all(c in "_-" or unicodedata.category(c) in _IN_NAMES for c in name)


def validate_values(
    definitions: Mapping[str, Attribute],
    before: Mapping[str, object],
    sent: Mapping[str, object],
    *,
    merge: bool = False,
) -> tuple[Mapping[str, object], Mapping[str, Problems]]:
    """Return the values that a record will hold, texts in NFC, and the problems of those that it may not.

    Args:
        definitions: the attributes defined for the entity, by name.
        before: the values that the record holds; sent back unchanged, none is a problem.
        sent: the values that are written, null meaning absent.
        merge: ``sent`` changes only the names that it mentions, as a merge patch does; the others stay untouched.
    """
    named = {normal(name): _as_kept(value) for name, value in sent.items()}
    values = {name: value for name, value in ({**before, **named} if merge else named).items() if value is not None}
    problems: dict[str, Problems] = {}
    for name, value in named.items():
        if value is not None and (value_problems := _problems(name, value, before.get(name), definitions)):
            problems[name] = value_problems
    for name, definition in definitions.items():
        if definition.is_required and name not in values:
            problems[name] = (IS_REQUIRED,)
    return values, problems


def check_value(definition: Attribute, value: object) -> Problems:
    """Return why an attribute cannot have a value, which is not null; empty if it can."""
    return _CHECKS[definition.type](definition, value)


def _as_kept(value: object) -> object:
    """Return a value with texts in NFC, and a number with all its digits."""
    if isinstance(value, str):
        return normal(value)
    if isinstance(value, list | tuple):
        return [normal(item) if isinstance(item, str) else item for item in value]
    exact = exact_number(value)
    return value if exact is None else exact


def _problems(name: str, value: object, before: object, definitions: Mapping[str, Attribute]) -> Problems:
    # What a definition no longer allows, or whose definition was deleted, may be sent back as it is (decisions 20, 22).
    if before is not None and same(before, value):
        return ()
    definition = definitions.get(name)
    if definition is None:
        return (not_defined(name, definitions),)
    if definition.type == "list" and definition.list_values:
        items = (before,) if isinstance(before, str) else before if isinstance(before, list | tuple) else ()
        definition = attrs.evolve(definition, list_values=(*definition.list_values, *items))
    return _CHECKS[definition.type](definition, value)


def _check_text(definition: Attribute, value: object) -> Problems:
    if not isinstance(value, str):
        return (NOT_A_STRING,)
    if definition.is_required and is_blank(value):
        return (BLANK,)
    return text_problems(value, MAX_TEXT_LENGTH)


def _check_number(_: Attribute, value: object) -> Problems:
    return (NOT_A_NUMBER,) if exact_number(value) is None else ()


def _check_date(_: Attribute, value: object) -> Problems:
    try:
        read_full_date(value if isinstance(value, str) else "")
    except RefusedError:
        return (NOT_A_DATE,)
    return ()


def _check_boolean(_: Attribute, value: object) -> Problems:
    return () if isinstance(value, bool) else (NOT_A_BOOLEAN,)


def _check_list(definition: Attribute, value: object) -> Problems:
    if not isinstance(value, str | list | tuple):
        return (Problem("not_a_list", f'Expected a list of items but got type "{json_type(value)}".'),)
    items = (value,) if isinstance(value, str) else value
    if definition.is_required and all(isinstance(item, str) and is_blank(item) for item in items):
        return (EMPTY_LIST,)
    if isinstance(value, str):
        return _item_problems(definition, value)
    every = ((str(index), _item_problems(definition, item)) for index, item in enumerate(value))
    problems = {index: item_problems for index, item_problems in every if item_problems}
    if problems:
        return problems
    return () if len(set(value)) == len(value) else (Problem("duplicate", "The items of this list must be distinct."),)


def _item_problems(definition: Attribute, value: object) -> Problems:
    if not isinstance(value, str):
        return (NOT_A_STRING,)
    if definition.list_values and value not in definition.list_values:
        return (not_a_choice(value[:100]),)
    return text_problems(value, MAX_TEXT_LENGTH)


def _check_file(_: Attribute, value: object) -> Problems:
    if not isinstance(value, str):
        return (NOT_A_STRING,)
    return text_problems(value, MAX_URL_LENGTH) or (() if is_web_url(value) else (NOT_A_URL,))


_CHECKS: Final[Mapping[str, Callable[[Attribute, object], Problems]]] = {
    "text": _check_text,
    "number": _check_number,
    "date": _check_date,
    "boolean": _check_boolean,
    "list": _check_list,
    "file": _check_file,
}


def validate_attribute(proposal: Proposal) -> Steps[Mapping[str, object]]:
    """Require a sound and unique name, list values that differ, and that name and type stay as they are (decision 19).

    An attribute becomes unique only if the records that are there differ (decision 85). Return the list values without
    blanks at their ends, and ``is_unique`` as it is to be shown.
    """
    if (entity := proposal.value("entity")) not in ENTITIES:
        raise NotFoundError
    known = yield catalog_of(entity, proposal.who)
    if proposal.before is not None:
        problems = _changes_of_fixed(proposal)
    else:
        problems = name_problems(proposal.sent.get("name"), known.catalogs[entity].definitions)
    values, list_problems = _list_values(proposal)
    if list_problems:
        problems = {**problems, "list_values": list_problems}
    # Whether all records differ is asked last, as it reads all of them.
    is_unique, unique_problems = yield from switch(proposal, look=not problems)
    if unique_problems:
        problems = {**problems, "is_unique": unique_problems}
    if problems:
        raise InvalidError(problems)
    return {**values, **is_unique}


def _names_in_use(definition: Attribute) -> Sequence[str]:
    """Return the other names under which records hold values of an attribute that is renamed in the background."""
    if definition.renaming_to is None:
        return ()
    return definition.former_names[-1:] if definition.renaming_to == definition.name else (definition.renaming_to,)


def _list_values(proposal: Proposal) -> tuple[Mapping[str, object], Problems]:
    """Return the list values that were sent, trimmed, and the problems of blank and repeated ones by index."""
    sent: Sequence[str] | None = proposal.sent.get("list_values")
    # Those that are there already may be sent back as they are: earlier releases checked less.
    if sent is None or (proposal.before is not None and sent == proposal.before.list_values):
        return {}, ()
    trimmed = tuple(value.strip() for value in sent)
    problems: dict[str, Problems] = {}
    seen: set[str] = set()
    for index, value in enumerate(trimmed):
        if is_blank(value):
            problems[str(index)] = (BLANK,)
        elif value in seen:
            problems[str(index)] = (NOT_UNIQUE,)
        seen.add(value)
    return {"list_values": trimmed}, problems


def _changes_of_fixed(proposal: Proposal) -> Mapping[str, Problems]:
    values = {"name": proposal.value("name"), "type": proposal.value("type")}
    changed = (name for name, value in values.items() if value != getattr(proposal.before, name))
    return {name: (Problem("fixed", "This field cannot be changed."),) for name in changed}


def name_problems(name: str | None, definitions: Mapping[str, Attribute]) -> Mapping[str, Problems]:
    """Return why a new attribute, or a renamed one, cannot have a name, under ``name``; empty if it can."""
    if name is None:
        return {}
    if problems := text_problems(name, MAX_ATTRIBUTE_NAME_LENGTH):
        return {"name": problems}
    if not is_sound_name(name):
        return {"name": (BREAKS_PATTERN,)}
    is_taken = name in definitions or any(name in _names_in_use(each) for each in definitions.values())
    return {"name": (NOT_UNIQUE,)} if is_taken else {}
