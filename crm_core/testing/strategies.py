"""Hypothesis strategies for payloads of clients and for stored records, derived from the entities' fields.

By default payloads are valid: plain JSON values that are accepted as far as that depends on one record alone. Hostile
payloads also contain invalid and unusual values.
"""

import itertools
import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias
from uuid import UUID

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crm_core.engine.parameters import filter_parameters, join_parts
from crm_core.input.drafts import read_draft, with_defaults
from crm_core.input.fields import Field, FieldKind, fields_of
from crm_core.input.readers import ReadContext
from crm_core.input.texts import fold, is_blank, normal
from crm_core.model.entities import ATTRIBUTE_PREFIX, ENTITIES, Attribute
from crm_core.model.registered import DerivedNames
from crm_core.resources import Resource
from crm_core.rules.attributes import is_sound_name
from crm_core.webhooks.conditions import OPERATORS
from crm_core.webhooks.entity import MODELS

Payload: TypeAlias = dict[str, Any]

#: Ids that exist, by resource; ids of users under ``user``.
Ids: TypeAlias = Mapping[str, Sequence[UUID | int]]

_MAX_BIGINT: Final = 2**63 - 1
#: Letters that change their number or kind with their case, wildcards, quotes, and what text may hide.
_TRICKY_LETTERS: Final = "aAzZ09 %_\\'\"{}<>,.-äÄßẞİıſΣσςﬁ中́\u202e\u2028\U0001f600"
_PLAIN_CHARACTERS: Final = st.sampled_from(_TRICKY_LETTERS) | st.characters(codec="utf-8", exclude_characters="\x00")
#: Texts that a store may take for one another: by case, accents, Unicode form, blanks, or letters like others. They are
#: few, so that they meet.
NEAR_EQUAL: Final = (
    *("a", "A", "\u00e9", "e\u0301", "e", "\u00c9", "a ", " a", "\u00a0a", "a  b", "a b", "a\u00a0b"),
    *("\u00df", "ss", "SS", "\u00f8", "o", "\u03c3", "\u03c2", "\u0131", "i", "\u0130", "\ufb01", "fi"),
)
#: Fields that all models of webhooks have.
_COMMON_FIELDS: Final = DerivedNames(
    lambda: sorted(set.intersection(*(set(fields_of(entity)) for _, entity in MODELS.values())))
)


@attrs.frozen(kw_only=True)
class PayloadContext:
    """What payloads can refer to.

    Attributes:
        ids: existing records and users; without any, a reference names a record that does not exist.
        definitions: the attributes defined for the payload's entity.
        entries: ids of existing tasks, notes and stages.
        stages: names of stages for leads, in whatever pipeline.
        hostile: mix in invalid values.
    """

    ids: Ids = attrs.field(factory=dict)
    definitions: Mapping[str, Attribute] = attrs.field(factory=dict)
    entries: Sequence[UUID] = ()
    stages: Sequence[str] = ()
    hostile: bool = False


_NO_CONTEXT: Final = PayloadContext()


def payloads(resource: Resource, context: PayloadContext = _NO_CONTEXT) -> SearchStrategy[Payload]:
    """Return a strategy for payloads that create a record."""
    return _objects(resource.entity, context, require_all=True).map(lambda sent: _coherent(resource, context, sent))


def patches(resource: Resource, context: PayloadContext = _NO_CONTEXT) -> SearchStrategy[Payload]:
    """Return a strategy for payloads that change a record: any of its fields.

    Whether a payload is accepted can depend on the record: its pipeline, its other date, its fixed name.
    """
    return _objects(resource.entity, context, require_all=False).map(lambda sent: _coherent(resource, context, sent))


def entities(resource: Resource, context: PayloadContext = _NO_CONTEXT) -> SearchStrategy[Any]:
    """Return a strategy for entities as stores keep them: valid payloads after reading, and the server's own fields."""
    names = {name for name, field in resource.fields.items() if field.output_only} | {*resource.defaults_to_now}
    set_by_server = {name: _set_by_server(name, resource.fields[name]) for name in sorted(names)}
    return st.builds(partial(_entity, resource), payloads(resource, context), st.fixed_dictionaries(set_by_server))


def _set_by_server(name: str, field: Field) -> SearchStrategy[Any]:
    options = field.limits.get("enum")
    return st.sampled_from(options) if options else _SET_BY_SERVER[name if name in _SET_BY_SERVER else field.kind]


def _entity(resource: Resource, sent: Payload, set_by_server: Payload) -> Any:
    count = itertools.count()
    draft = read_draft(resource.entity, sent, ReadContext(lambda: UUID(int=next(count))), require_all=True)
    assert not draft.problems
    return resource.entity(**with_defaults(resource.entity, {**set_by_server, **draft.values}))


def texts(max_length: int = 255, *, min_length: int = 1, hostile: bool = False) -> SearchStrategy[str]:
    """Return a strategy for valid texts; with ``hostile`` also for too long ones, U+0000 and lone surrogates."""
    brief = st.text(_PLAIN_CHARACTERS, max_size=min(max_length, 8))
    limit = st.sampled_from("xé中").map(lambda c: c * max_length)
    near = st.sampled_from(NEAR_EQUAL).filter(lambda text: len(text) <= max_length)
    good = st.one_of(brief, near, brief, limit).filter(lambda text: _fits(text, min_length, max_length))
    return good | _hostile_texts(max_length) if hostile else good


def near_equal(text: str) -> Sequence[str]:
    """Return a text and others that a store may take for it: in other case or form, without accents, with blanks."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    others = (
        text.strip(),
        text.swapcase(),
        unicodedata.normalize("NFD", text),
        bare,
        f"{text} ",
        f" {text}",
        fold(text),
    )
    return tuple(dict.fromkeys((text, *others)))


def _fits(text: str, min_length: int, max_length: int) -> bool:
    return len(normal(text)) <= max_length and not (min_length and is_blank(text))


def _hostile_texts(max_length: int) -> SearchStrategy[str]:
    return st.sampled_from(
        [
            "",
            "  ",
            "\x00",
            "a\x00b",
            "\ud800",
            "x\udfffy",
            "\u202e",
            "e\u0301",
            "a" * max_length,
            "a" * (max_length + 1),
        ]
    ) | st.text(max_size=4)


def junk() -> SearchStrategy[object]:
    """Return a strategy for values of all JSON types and some others, for fields that expect another type."""
    scalars = (
        st.none()
        | st.booleans()
        | st.sampled_from([0, -1, 2**31, 2**63, -(2**64), 10**30, 1.0, -0.0, 1e300, math.inf, math.nan])
        | _hostile_texts(255)
        | st.sampled_from(["1", "true", "1.0", "1_0", "\u0661", "0001-01-01", "9999-12-31T23:59:59-23:59", "{}"])
        | st.uuids().map(str)
    )
    return scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.sampled_from(["", "id", "\x00"]), scalars)


def json_values() -> SearchStrategy[object]:
    """Return a strategy for JSON values that stores must return unchanged."""
    scalars = st.none() | st.booleans() | numbers() | texts(8, min_length=0)
    return scalars | st.lists(scalars, max_size=2) | st.dictionaries(texts(8, min_length=0), scalars, max_size=2)


def numbers() -> SearchStrategy[object]:
    """Return a strategy for numbers that stores must return with all their digits."""
    floats = st.floats(allow_nan=False, allow_infinity=False)
    decimals = st.decimals(-(10**15), 10**15, places=5) | st.sampled_from(list(map(Decimal, _DIGITS)))
    return st.integers(-(2**53), 2**53) | st.integers(-2, 2) | floats | decimals


#: What comes out as another number, or with other digits, where binary fractions or sixteen digits are used.
_DIGITS: Final = ("123456789123456.12345", "1.10", "0.1", "-0.0", "1.0", "0.5", "1E+2", "1E-7", "1e-400", "1e308")


def one_of_names(names: Callable[[], Iterable[str]]) -> SearchStrategy[str]:
    """Return a strategy for one of some names, which are asked for when one is drawn: resources can be registered."""
    return st.just(None).flatmap(lambda _: st.sampled_from(list(names())))


def attribute_names() -> SearchStrategy[str]:
    """Return a strategy for valid attribute names; they are few, so that names repeat."""
    return st.sampled_from(["industry", "size", "größe", "e\u0301tat", "a-b", "_x", "中", "n1"]).filter(is_sound_name)


def attribute_values(definition: Attribute) -> SearchStrategy[object]:
    """Return a strategy for the values of an attribute."""
    if definition.is_unique:
        return unique_values(definition.type)
    return _ATTRIBUTE_VALUES[definition.type](definition)


def unique_values(type_: str) -> SearchStrategy[object]:
    """Return a strategy for values of a unique attribute of a type; they are few, so that they meet."""
    if type_ == "number":
        return st.integers(-1, 1) | st.sampled_from(list(map(Decimal, ("1.0", "-0.0", "1E+2", "100"))))
    return st.sampled_from(NEAR_EQUAL) if type_ == "text" else st.dates(date(2026, 1, 1), date(2026, 1, 3)).map(str)


def _list_values(definition: Attribute) -> SearchStrategy[object]:
    required = int(definition.is_required)
    one = st.sampled_from(definition.list_values) if definition.list_values else texts(8, min_length=required)
    return one | st.lists(one, min_size=required, max_size=3, unique_by=normal)


def _urls() -> SearchStrategy[str]:
    return st.sampled_from(["https://example.com", "http://example.com/a?b=c#d", "HTTPS://例え.example/%20"])


def _dates() -> SearchStrategy[str]:
    return st.dates().map(str)


_ATTRIBUTE_VALUES: Final[Mapping[str, Callable[[Attribute], SearchStrategy[object]]]] = {
    "text": lambda definition: texts(255, min_length=int(definition.is_required)),
    "number": lambda _: numbers(),
    "date": lambda _: _dates(),
    "boolean": lambda _: st.booleans(),
    "list": _list_values,
    "file": lambda _: _urls(),
}


def _attributes(context: PayloadContext) -> SearchStrategy[Payload]:
    """Return a strategy for the values of the defined attributes, always with the required ones."""
    values = {name: attribute_values(definition) for name, definition in context.definitions.items()}
    needed = {name: value for name, value in values.items() if context.definitions[name].is_required}
    good = st.fixed_dictionaries(
        needed, optional={name: value | st.none() for name, value in values.items() if name not in needed}
    )
    names = st.sampled_from([*context.definitions, "", "a\x00", "no such attribute"])
    return good | st.dictionaries(names, junk(), max_size=3) if context.hostile else good


#: Fields that the server sets, by kind, or by name if the kind is not specific enough.
_SET_BY_SERVER: Final[Mapping[str, SearchStrategy[Any]]] = {
    "uuid": st.uuids(version=4),
    "datetime": st.datetimes(timezones=st.just(UTC)),
    "integer": st.integers(1, 2**31),
    "text": texts(),
    "texts": st.lists(texts(), max_size=2).map(tuple),
    "entity": one_of_names(lambda: ENTITIES),
}


# From a field to a strategy for what is sent for it


def _objects(entity: type, context: PayloadContext, *, require_all: bool) -> SearchStrategy[Payload]:
    fields = {name: field for name, field in fields_of(entity).items() if not field.output_only}
    values = {name: _values(entity, name, field, context) for name, field in fields.items()}
    needed = {name for name in values if require_all and _is_needed(name, fields[name], context)}
    good = st.fixed_dictionaries(
        {name: values[name] for name in needed},
        optional={name: value for name, value in values.items() if name not in needed},
    )
    return good | st.dictionaries(st.sampled_from([*fields_of(entity), "x"]), junk()) if context.hostile else good


def _is_needed(name: str, field: Field, context: PayloadContext) -> bool:
    return field.required or (
        name == "attributes" and any(definition.is_required for definition in context.definitions.values())
    )


def _values(entity: type, name: str, field: Field, context: PayloadContext) -> SearchStrategy[Any]:
    make = _OF_FIELD.get((entity.__name__, name)) or _OF_KIND[field.kind]
    good: SearchStrategy[Any] = make(field, context)
    if field.nullable:
        good |= st.none()
    return good | junk() if context.hostile else good


def _texts(field: Field, context: PayloadContext) -> SearchStrategy[str]:
    if "pattern" in field.limits:
        return st.from_regex(field.limits["pattern"].rstrip("$"), fullmatch=True)
    return texts(field.limits["maxLength"], min_length=field.limits.get("minLength", 0), hostile=context.hostile)


def _integers(field: Field, context: PayloadContext) -> SearchStrategy[object]:
    if field.refers_to is not None:
        return _references(field, context)
    return st.integers(-3, 3) | st.integers(-_MAX_BIGINT, _MAX_BIGINT) | st.integers(-3, 3).map(str)


def _uuids(field: Field, context: PayloadContext) -> SearchStrategy[object]:
    if field.refers_to is not None:
        return _references(field, context)
    return st.sampled_from(context.entries).map(str) | _new_uuids() if context.entries else _new_uuids()


def _new_uuids() -> SearchStrategy[str]:
    return st.uuids(version=4).map(str)


def _references(field: Field, context: PayloadContext) -> SearchStrategy[object]:
    there = context.ids.get(field.refers_to or "", ())
    missing = st.just(_MAX_BIGINT) if field.kind == "integer" else _new_uuids()
    if not there:
        return missing
    known = st.sampled_from(there).map(lambda id_: id_ if isinstance(id_, int) else str(id_))
    return known | missing if context.hostile else known


def _datetimes(_: Field, __: PayloadContext) -> SearchStrategy[str]:
    zones = st.sampled_from(["Z", "", "+05:30", "-11:00"])
    # In some time zones the first and last days are outside the years 1 to 9999 in UTC.
    inside = st.datetimes().filter(lambda time: 1 < time.year < 9999)
    return st.builds(lambda time, zone: time.isoformat() + zone, inside, zones)


def _dates_or_datetimes(field: Field, context: PayloadContext) -> SearchStrategy[str]:
    return _dates() | _datetimes(field, context)


def _items(field: Field, context: PayloadContext) -> SearchStrategy[Sequence[Payload]]:
    assert field.item is not None
    return st.lists(_objects(field.item, context, require_all=True), max_size=3)


def _text_lists(field: Field, context: PayloadContext) -> SearchStrategy[Sequence[str]]:
    options = field.limits.get("enum")
    one = st.sampled_from(options) if options else texts(field.limits["maxLength"], hostile=context.hostile)
    # A selection of options must not be empty, and list values must differ.
    return st.lists(one, min_size=1 if options else 0, max_size=3, unique_by=None if options else _trimmed)


def _trimmed(text: str) -> str:
    return normal(text).strip()


def _images(_: Field, __: PayloadContext) -> SearchStrategy[Sequence[str]]:
    return st.lists(_urls() | st.just("/files/a/b.png"), max_size=3)


def _headers(_: Field, context: PayloadContext) -> SearchStrategy[object]:
    good = st.dictionaries(st.sampled_from(["X-A", "Authorization"]), st.sampled_from(["", "{id}", "é\u202e"]))
    return good | st.dictionaries(st.sampled_from(["Host", "a b", ""]), junk()) if context.hostile else good


def _webhook_urls(_: Field, context: PayloadContext) -> SearchStrategy[object]:
    at = "created_at" if "created_at" in _COMMON_FIELDS else "updated_at"
    good = st.sampled_from(["https://example.com/", f"http://[::1]:8080/{{id}}?at={{{at}}}"])
    bad = st.sampled_from(["https://{id}/", "https://example.com/{nothing}", "ftp://example.com", "https://[", "{"])
    return good | bad if context.hostile else good


def _conditions(_: Field, context: PayloadContext) -> SearchStrategy[object]:
    """Return a strategy for conditions on fields that all models have; values are such as the fields read."""
    common = {name: values for name, values in _CONDITION_VALUES.items() if name in _COMMON_FIELDS}
    good = st.one_of([_conditions_on(name, values) for name, values in common.items()])
    bad = st.fixed_dictionaries(
        {
            "field": st.sampled_from([*_COMMON_FIELDS, "no such field"]),
            "operator": st.sampled_from(list(OPERATORS)),
            "value": json_values(),
        }
    )
    return st.lists(good | bad if context.hostile else good, max_size=3)


def _conditions_on(name: str, values: SearchStrategy[object]) -> SearchStrategy[Payload]:
    def of(operators: Iterable[str], value: SearchStrategy[object]) -> SearchStrategy[Payload]:
        parts = {"field": st.just(name), "operator": st.sampled_from(list(operators)), "value": value}
        return st.fixed_dictionaries(parts)

    values = values | st.none()
    equalities = of(("=", "!=", "changed_to"), values) | of(("in",), st.lists(values, max_size=2))
    return equalities | of(("changed",), json_values())


_CONDITION_VALUES: Final[Mapping[str, SearchStrategy[object]]] = {
    "id": st.uuids(version=4).map(lambda id_: str(id_).upper()),
    "created_at": st.datetimes().filter(lambda time: 1 < time.year < 9999).map(datetime.isoformat),
    "attributes": st.dictionaries(texts(8), st.integers(-2, 2) | st.booleans(), max_size=2),
}


_Make: TypeAlias = Callable[[Field, PayloadContext], SearchStrategy[Any]]

_OF_KIND: Final[Mapping[FieldKind, _Make]] = {
    "text": _texts,
    "boolean": lambda _, __: st.booleans() | st.sampled_from(["true", "0", 1]),
    "integer": _integers,
    "date": lambda _, __: _dates(),
    "datetime": _datetimes,
    "date_or_datetime": _dates_or_datetimes,
    "choice": lambda field, _: st.sampled_from(field.limits["enum"]),
    "uuid": _uuids,
    "items": _items,
    "texts": _text_lists,
    "attributes": lambda _, context: _attributes(context),
    "json": lambda _, __: json_values(),
}
#: Fields whose kind is not specific enough.
_OF_FIELD: Final[Mapping[tuple[str, str], _Make]] = {
    ("Attribute", "name"): lambda _, context: (
        attribute_names() | (_hostile_texts(100) if context.hostile else st.nothing())
    ),
    # The steps of a state machine make attributes unique one at a time, as stores need time for it.
    ("Attribute", "is_unique"): lambda _, __: st.just(False),  # noqa: FBT003  # a value
    ("Client", "list_of_images"): _images,
    ("Service", "list_of_images"): _images,
    ("Lead", "stage"): lambda field, context: _texts(field, context) | st.sampled_from([*context.stages, ""]),
    ("Webhook", "url"): _webhook_urls,
    ("Webhook", "headers"): _headers,
    ("Webhook", "conditions"): _conditions,
}


# Query parameters of lists


def list_parameters(resource: Resource, context: PayloadContext = _NO_CONTEXT) -> SearchStrategy[dict[str, str]]:
    """Return a strategy for the query parameters of a list, except ``limit`` and ``cursor``."""
    named = {
        parameter: _PRESENCE if operator == "isnull" else _filter_values(resource.fields[name], context)
        for parameter, (name, operator) in filter_parameters(resource).items()
    }
    if resource.has_catalog:
        named |= {
            spelling.format(name, operator): _attribute_filter_values(definition, operator)
            for name, definition in context.definitions.items()
            for operator in _OPERATORS_OF_TYPE[definition.type]
            for spelling in _SPELLINGS
        }
    if resource.ordering:
        named["ordering"] = st.builds(str.__add__, st.sampled_from(["", "-"]), st.sampled_from(resource.ordering))
    named["search"] = _searches()
    good = st.fixed_dictionaries({}, optional=named)
    return good | st.dictionaries(st.sampled_from([*named, "x"]), _hostile_parameters()) if context.hostile else good


_SPELLINGS: Final = (ATTRIBUTE_PREFIX + "{}{}", "attributes[{}{}]")
_PRESENCE: Final = st.sampled_from(["true", "false"])
_OPERATORS_OF_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("", "__in", "__contains", "__gt", "__lte", "__isnull"),
    "number": ("", "__in", "__gte", "__lt", "__isnull"),
    "date": ("", "__in", "__gte", "__lt", "__isnull"),
    "boolean": ("", "__isnull"),
    "list": ("", "__in", "__contains", "__isnull"),
    "file": ("", "__in", "__contains", "__isnull"),
}


def _filter_values(field: Field, context: PayloadContext) -> SearchStrategy[str]:
    if field.refers_to is not None:
        return _references(field, context).map(str)
    if field.kind == "choice":
        return st.sampled_from(field.limits["enum"])
    if field.kind == "boolean":
        return st.sampled_from(["true", "false"])
    return _searches() | st.sampled_from([*context.stages, ""])


def _searches() -> SearchStrategy[str]:
    """Return a strategy for search terms of one or two characters, so that they match records."""
    return st.text(st.sampled_from(_TRICKY_LETTERS), min_size=1, max_size=2) | st.sampled_from(NEAR_EQUAL)


def _attribute_filter_values(definition: Attribute, operator: str) -> SearchStrategy[str]:
    if operator == "__isnull":
        return _PRESENCE
    one = attribute_values(definition).filter(lambda value: not isinstance(value, list)).map(_parameter)
    return st.lists(one, max_size=2).map(join_parts) if operator == "__in" else one


def _parameter(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:100]


def _hostile_parameters() -> SearchStrategy[str]:
    return _hostile_texts(255) | st.sampled_from(["-1", "nan", "1e999", '"', "%", "0001-01-01", "9" * 30])


# Fields of one record that depend on each other


def _coherent(resource: Resource, context: PayloadContext, sent: Payload) -> Payload:
    if context.hostile:
        return sent
    for name, field in resource.fields.items():
        if field.kind == "items" and name in sent:
            sent = sent | {name: _distinct(sent[name])}
    make_coherent = _COHERENT.get(resource.name)
    return make_coherent(sent) if make_coherent else sent


def _distinct(entries: Sequence[Payload]) -> Sequence[Payload]:
    """Remove entries that repeat an id or the name of a stage."""
    kept: list[Payload] = []
    for entry in entries:
        if not any(_clash(entry, other, name) for other in kept for name in ("id", "name")):
            kept.append(entry)
    return kept


def _clash(one: Payload, other: Payload, name: str) -> bool:
    return one.get(name) is not None and _trimmed(str(one[name])) == _trimmed(str(other.get(name)))


def _in_order(sent: Payload) -> Payload:
    """Swap the dates of a cohort if it would end before it starts."""
    start, end = sent.get("start_date"), sent.get("end_date")
    return sent | {"start_date": min(start, end), "end_date": max(start, end)} if start and end else sent


def _without_foreign_stage(sent: Payload) -> Payload:
    """Remove the stage of a lead that is moved to a pipeline, which has stages of its own."""
    return {name: value for name, value in sent.items() if name != "stage"} if sent.get("pipeline") else sent


_COHERENT: Final[Mapping[str, Callable[[Payload], Payload]]] = {
    "cohort": _in_order,
    "lead": _without_foreign_stage,
}
