"""Registers resources of packages beside those of the CRM (decisions 169 and 170)."""

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs

from crm_core.engine.parameters import CONTROLS, PAGE_NUMBERS
from crm_core.engine.query_strings import FIELD_READERS
from crm_core.errors import RegistrationError, flatten
from crm_core.input.decimals import FixedPoint
from crm_core.input.drafts import read_draft
from crm_core.input.fields import REQUIRED, Field, FieldKind, fields_of
from crm_core.input.readers import ReadContext, RefusedError
from crm_core.model.entities import Client
from crm_core.model.permissions import MODEL_NAMES
from crm_core.model.registered import add, registered
from crm_core.resources import RESOURCES, Resource

E = TypeVar("E")

#: The forms of names: in keys and tables, in URLs, in permissions.
_NAME: Final = re.compile("[a-z][a-z0-9_]{0,29}")
_PATH: Final = re.compile("[a-z][a-z-]{0,39}")
_MODEL_NAME: Final = re.compile("[a-z][a-z0-9]{0,39}")
_ENTITY_NAME: Final = re.compile("[A-Za-z0-9_]+")
#: Two underscores part a field from an operator, and attrs takes one away from the beginning. A name that Python
#: reserves needs one at its end, which the name in JSON has not.
_FIELD_NAME: Final = re.compile(r"[^\W_]+(_[^\W_]+)*")
#: Columns are named after fields, with a suffix, and PostgreSQL cuts names off after 63 bytes.
_MAX_FIELD_BYTES: Final = 50
#: The parameters of calls that set fields: no field of such a name could be sent. The calls are declared in a layer
#: above this one (``embedding``), and so are the parameters of lists that are named here; tests compare them.
_CALL_PARAMETERS: Final = frozenset({"idempotency_key", "if_match"})
_UPSERT_PARAMETERS: Final = frozenset({"by", "value", "only"})
#: The parameters of lists: no filter of such a name could be sent.
_LIST_PARAMETERS: Final = frozenset({*CONTROLS, *PAGE_NUMBERS, "page_size", "format", "bom"})
#: Fields that the use cases know by their names.
_KNOWN_FIELDS: Final = ("created_by", "attributes", "list_of_tasks", "list_of_notes", "list_of_images")
#: Names that stand for something else in keys and commands.
_TAKEN: Final = frozenset({"user", "all"})
_OPERATORS: Final = ("exact", "contains")
#: Stands for the ids of records that do not exist yet.
_NO_ID: Final = UUID(int=0)
#: The kinds of fields that lists can be filtered by and ordered by, by the part of the row that names them.
_KINDS_BY_USE: Final[Mapping[str, tuple[FieldKind, ...]]] = {
    "exact": tuple(FIELD_READERS),
    "contains": ("text",),
    "search": ("text",),
    "ranges": ("integer", "decimal", "date", "datetime"),
    "ordering": ("text", "integer", "decimal", "date", "datetime"),
    "once": tuple(FIELD_READERS),
}
#: The class of a field's values, by its kind; the other kinds have lists and objects.
_CLASSES: Final[Mapping[FieldKind, type]] = {
    "text": str,
    "choice": str,
    "date_or_datetime": str,
    "integer": int,
    "decimal": FixedPoint,
    "boolean": bool,
    "date": dt.date,
    "datetime": dt.datetime,
    "uuid": UUID,
}
#: The kinds whose values are texts in JSON, so that they come back as texts unless the annotation names their class.
_NOT_IN_JSON: Final = ("decimal", "date", "datetime", "uuid")
_OTHER_CLASSES: Final[Mapping[FieldKind, str]] = {
    "items": "a tuple",
    "texts": "tuple[str, ...]",
    "uuids": "tuple[UUID, ...]",
    "mapping": "Mapping[str, object]",
    "uuid_by_name": "Mapping[str, UUID]",
    "attributes": "Mapping[str, object]",
    "json": "object",
}
#: What a record with tasks has besides, as the agenda and the search for duplicates show it.
_BESIDE_TASKS: Final = ("name", "attributes", "list_of_notes")


def register(resource: Resource[E], *, sample: Mapping[str, Any]) -> Resource[E]:
    """Add a resource to those of the CRM, and return it.

    Register before anything is made that has the resources, such as a database or an app. A resource that is registered
    already may be registered again.

    Args:
        resource: the resource. It comes after those that it refers to.
        sample: the fields of a record that can be created, as plain values. Required references that it lacks are
            supplied by whoever creates the record: the test harness, the documentation of the API.

    Raises RegistrationError.
    """
    if RESOURCES.get(resource.name) is resource:
        return resource
    if reasons := (*_problems_of_row(resource), *_problems_of_entity(resource)):
        raise RegistrationError(resource.name, reasons)
    if reasons := tuple(_problems_of_sample(resource, sample)):
        raise RegistrationError(resource.name, reasons)
    add(resource, sample)
    return resource


def completed_sample(resource: Resource, sample: Mapping[str, Any], ids: Mapping[str, object]) -> Mapping[str, Any]:
    """Return a sample with the required references that it lacks.

    Args:
        resource: the resource.
        sample: the fields of a record.
        ids: the id of a record of each resource that it refers to, by resource.
    """
    references = resource.references.items()
    return {**{name: ids[to] for name, to in references if resource.fields[name].required}, **sample}


def _problems_of_row(resource: Resource) -> Iterator[str]:
    forms = {"name": _NAME, "path": _PATH, "model_name": _MODEL_NAME}
    for attribute, form in forms.items():
        if not form.fullmatch(value := getattr(resource, attribute)):
            yield f"its {attribute} {value!r} is not of the form {form.pattern}"
    others = RESOURCES.values()
    if resource.name in _TAKEN or resource.name in RESOURCES:
        yield f"there is another resource with the name {resource.name}"
    if resource.path in _TAKEN or any(resource.path == other.path for other in others):
        yield f"there is another resource with the path {resource.path}"
    if resource.model_name in {*MODEL_NAMES, *(each.model_name for each in registered())}:
        yield f"there is another resource with the model_name {resource.model_name}"
    if not _ENTITY_NAME.fullmatch(name := resource.entity.__name__):
        yield f"the name of its entity {name!r} is not of the form {_ENTITY_NAME.pattern}"
    if name in {other.entity.__name__ for other in others}:
        yield f"there is another entity with the name {name}"


def _problems_of_entity(resource: Resource) -> Iterator[str]:
    if not attrs.has(resource.entity) or "__slots__" in vars(resource.entity):
        yield f"{resource.entity.__name__} is not made by attrs.frozen(kw_only=True, slots=False)"
        return
    fields = resource.fields
    if next(iter(fields), "") != "id" or fields["id"].required or fields["id"].kind != "uuid":
        yield "its first field is not `id: UUID = identity()`"
    if [name for name, field in fields.items() if field.is_stamp] != ["updated_at", "updated_by"]:
        yield 'it lacks updated_at = last_change("datetime") and updated_by = last_change("integer")'
    if resource.parent is not None:
        yield "it has a parent, as only follow-ups and attributes do: make the reference one of its fields"
    for name, to in resource.references.items():
        if to != "user" and to not in RESOURCES:
            yield f"{name} refers to {to}, which is not registered"
    if "list_of_tasks" in fields and (lacking := [name for name in _BESIDE_TASKS if name not in fields]):
        yield f"a record with tasks needs {', '.join(lacking)}, too"
    yield from _problems_of_names(resource)
    yield from _problems_of_meanings(resource)
    for entity in (resource.entity, *(field.item for field in fields.values() if field.item)):
        yield from _problems_of_field_names(entity)
        yield from _problems_of_annotations(entity, resource.defaults_to_now if entity is resource.entity else ())
        yield from _problems_of_defaults(entity)


def _problems_of_field_names(entity: type) -> Iterator[str]:
    for name in (each.name for each in attrs.fields(entity)):
        if name.removesuffix("_") not in fields_of(entity):
            yield f"{entity.__name__}.{name} is not declared by a function of crm_core.fields"
        if not _FIELD_NAME.fullmatch(name):
            yield f"{entity.__name__}.{name} has an underscore at an end, or two in a row"
        if len(name.encode()) > _MAX_FIELD_BYTES:
            yield f"{entity.__name__}.{name} has a name of more than {_MAX_FIELD_BYTES} bytes"


def _problems_of_meanings(resource: Resource) -> Iterator[str]:
    """Yield the fields and filters whose names mean something else."""
    own, fields = fields_of(Client), resource.fields
    for name in _KNOWN_FIELDS:
        if name in fields and (fields[name].kind, fields[name].item) != (own[name].kind, own[name].item):
            yield f"{name} is not declared like the {name} of clients"
    if others := [name for name, field in fields.items() if field.kind == "attributes" and name != "attributes"]:
        yield f"{others[0]} has attributes: only a field of the name attributes has them"
    taken = _CALL_PARAMETERS | (_UPSERT_PARAMETERS if resource.has_catalog else frozenset())
    yield from (f"{name} cannot be a field: calls have a parameter of this name" for name in fields if name in taken)
    filters = dict.fromkeys((*resource.filters, *resource.references))
    yield from (f"lists have another parameter of the name {name}" for name in filters if name in _LIST_PARAMETERS)


def _problems_of_annotations(entity: type, defaults_to_now: Collection[str]) -> Iterator[str]:
    """Yield the fields whose values would not be read back as what they are, or not at all."""
    hints = get_type_hints(entity)
    for name, field in fields_of(entity).items():
        members = _members(hints.get(name, hints.get(f"{name}_", Any)))
        if {object, Any} & members and field.kind not in _NOT_IN_JSON:
            continue
        if not any(_holds(member, field) for member in members):
            yield f"{entity.__name__}.{name} is of the kind {field.kind}, and its annotation is not {_expected(field)}"
        if NoneType not in members and _can_be_null(field, is_set=name == "id" or name in defaults_to_now):
            yield f"{entity.__name__}.{name} can be null, and its annotation is without None"


def _can_be_null(field: Field, *, is_set: bool) -> bool:
    """Return whether a value can be null; ids, times of creation and what rules set are not."""
    return not (is_set or field.output_only) and (field.nullable or field.default is None)


def _members(annotation: Any) -> set[Any]:
    is_union = get_origin(annotation) in {Union, UnionType}
    return set(get_args(annotation)) if is_union else {annotation}


def _holds(member: Any, field: Field) -> bool:
    """Return whether a type has the values of a field."""
    wanted = _CLASSES.get(field.kind)
    if wanted is None:
        is_many = field.kind != "json" and member not in {*_CLASSES.values(), NoneType}
        return is_many and (field.item is None or field.item in get_args(member))
    is_choice = get_origin(member) is Literal or (isinstance(member, type) and issubclass(member, Enum))
    return getattr(member, "__supertype__", member) is wanted or (wanted is str and is_choice)


def _expected(field: Field) -> str:
    wanted = _CLASSES.get(field.kind)
    if wanted is not None:
        return wanted.__name__
    return f"tuple[{field.item.__name__}, ...]" if field.item else _OTHER_CLASSES[field.kind]


def _problems_of_defaults(entity: type) -> Iterator[str]:
    """Yield the options that are no texts, and the defaults that could not be sent."""
    context = ReadContext(lambda: _NO_ID)
    for name, field in fields_of(entity).items():
        if wrong := [each for each in field.limits.get("enum", ()) if not isinstance(each, str)]:
            yield f"{entity.__name__}.{name} has the option {wrong[0]!r}, which is not a text"
        is_absent = field.default is None or field.default is REQUIRED or field.default == ""
        if is_absent or field.output_only or field.item or callable(field.default):
            continue
        try:
            read = field.read(field.default, context)
        except RefusedError as error:
            yield from flatten(error.problems, f"the default of {entity.__name__}.{name}")
        else:
            if type(read) is not type(field.default) or read != field.default:
                yield f"the default of {entity.__name__}.{name} is {field.default!r}, and it is read as {read!r}"


def _problems_of_names(resource: Resource) -> Iterator[str]:
    named: dict[str, Collection[str]] = {
        "ranges": resource.ranges,
        "ordering": resource.ordering,
        "search": resource.search,
        "once": resource.once,
    }
    for operator in _OPERATORS:
        named[operator] = [name for name, each in resource.filters.items() if each == operator]
    others = (*resource.defaults_to_now, *resource.copies, *resource.depends_on)
    for use, names in (*named.items(), ("", others)):
        for name in names:
            if (field := resource.fields.get(name)) is None:
                yield f"it names {name}, which is not one of its fields"
            elif use and not _suits(field, use):
                yield f"{name} cannot be used for {use}: its kind is {field.kind}"
    if wrong := set(resource.filters.values()) - {*_OPERATORS}:
        yield f"a filter is {' or '.join(_OPERATORS)}, not {', '.join(sorted(wrong))}"


def _suits(field: Field, use: str) -> bool:
    is_sorted_text = use == "ordering" and field.kind == "text"
    return field.kind in _KINDS_BY_USE[use] and not (is_sorted_text and field.nullable)


def _problems_of_sample(resource: Resource, sample: Mapping[str, Any]) -> Iterator[str]:
    ids = dict.fromkeys(RESOURCES, str(_NO_ID))
    sent = completed_sample(resource, sample, ids)
    draft = read_draft(resource.entity, sent, ReadContext(lambda: _NO_ID, strict=True), require_all=True)
    yield from (f"its sample is refused: {text}" for text in flatten(draft.problems))
