"""Hypothesis strategies for what clients send and what stores keep, read from the entities' own fields.

Good payloads by default: plain JSON values that are accepted, as far as one record alone can tell. Hostile ones mix in
what must be refused, or is rarely thought of.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from functools import partial
from typing import Any, Final, TypeAlias
from uuid import UUID

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crm_core.input.drafts import read_draft, with_defaults
from crm_core.input.fields import Field, Kind, fields_of
from crm_core.input.readers import ReadContext
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute, Client, FollowUp, Lead, Service
from crm_core.resources import Resource
from crm_core.rules.attributes import ENTITIES, is_sound_name
from crm_core.webhooks.conditions import OPERATORS

Payload: TypeAlias = dict[str, Any]

#: What is there to be referred to: ids by resource, and those of users under ``user``.
Ids: TypeAlias = Mapping[str, Sequence[UUID | int]]

_MAX_BIGINT: Final = 2**63 - 1
#: Letters that change their number or kind with their case, wildcards, quotes, and what text may hide.
_TRICKY: Final = "aAzZ09 %_\\'\"{}<>,.-äÄßẞİıſΣσςﬁ中́\u202e\u2028\U0001f600"
_PLAIN_CHARACTERS: Final = st.sampled_from(_TRICKY) | st.characters(codec="utf-8", exclude_characters="\x00")
#: Fields that every model has for which webhooks can be made.
_COMMON: Final = sorted(set.intersection(*(set(fields_of(each)) for each in (Lead, Client, Service, FollowUp))))


@attrs.frozen(kw_only=True)
class Surroundings:
    """What a payload may draw on.

    Attributes:
        ids: records and users to refer to; a reference for which there are none names what does not exist.
        definitions: the attributes defined for the payload's entity.
        entries: ids of tasks, notes and stages that lists may keep.
        stages: names of stages that a lead may be sent to, whatever its pipeline.
        hostile: mix in what must be refused.
    """

    ids: Ids = attrs.field(factory=dict)
    definitions: Mapping[str, Attribute] = attrs.field(factory=dict)
    entries: Sequence[UUID] = ()
    stages: Sequence[str] = ()
    hostile: bool = False


_NOTHING: Final = Surroundings()


def payloads(resource: Resource, around: Surroundings = _NOTHING) -> SearchStrategy[Payload]:
    """What may be sent to create a record."""
    return _objects(resource.entity, around, require_all=True).map(lambda sent: _coherent(resource, around, sent))


def patches(resource: Resource, around: Surroundings = _NOTHING) -> SearchStrategy[Payload]:
    """What may be sent to change a record: any of its fields.

    Whether it is accepted may hang on what the record is: on its pipeline, its other date, its fixed name.
    """
    return _objects(resource.entity, around, require_all=False).map(lambda sent: _coherent(resource, around, sent))


def entities(resource: Resource, around: Surroundings = _NOTHING) -> SearchStrategy[Any]:
    """Records as stores keep them: good payloads as they are read, with what the server alone sets."""
    set_by_us = {name for name, field in resource.fields.items() if field.output_only} | {*resource.defaults_to_now}
    ours = {name: _OURS[name if name in _OURS else resource.fields[name].kind] for name in sorted(set_by_us)}
    return st.builds(partial(_entity, resource), payloads(resource, around), st.fixed_dictionaries(ours))


def _entity(resource: Resource, sent: Payload, ours: Payload) -> Any:
    count = itertools.count()
    draft = read_draft(resource.entity, sent, ReadContext(lambda: UUID(int=next(count))), require_all=True)
    assert not draft.problems
    return resource.entity(**with_defaults(resource.entity, {**ours, **draft.values}))


def texts(max_length: int = 255, *, min_length: int = 1, hostile: bool = False) -> SearchStrategy[str]:
    """Texts that are accepted, or with ``hostile`` also such as must not be: too long, U+0000, lone surrogates."""
    brief = st.text(_PLAIN_CHARACTERS, max_size=min(max_length, 8))
    limit = st.sampled_from("xé中").map(lambda c: c * max_length)
    good = st.one_of(brief, brief, limit).filter(lambda text: len(text.strip()) >= min_length)
    return good | _hostile_texts(max_length) if hostile else good


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
    """Values of every JSON type and of none, for fields that expect something else."""
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
    """JSON values that every store must give back as they were."""
    numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    scalars = st.none() | st.booleans() | numbers | texts(8, min_length=0)
    return scalars | st.lists(scalars, max_size=2) | st.dictionaries(texts(8, min_length=0), scalars, max_size=2)


def attribute_names() -> SearchStrategy[str]:
    """Names that attributes may have; few, so that they meet again."""
    return st.sampled_from(["industry", "size", "größe", "e\u0301tat", "a-b", "_x", "中", "n1"]).filter(is_sound_name)


def attribute_values(definition: Attribute) -> SearchStrategy[object]:
    """Values of an attribute."""
    return _ATTRIBUTE_VALUES[definition.type](definition)


def _list_values(definition: Attribute) -> SearchStrategy[object]:
    one = st.sampled_from(definition.list_values) if definition.list_values else texts(8, min_length=0)
    return one | st.lists(one, max_size=3, unique=True)


def _urls() -> SearchStrategy[str]:
    return st.sampled_from(["https://example.com", "http://example.com/a?b=c#d", "HTTPS://例え.example/%20"])


def _days() -> SearchStrategy[str]:
    return st.dates().map(str)


_ATTRIBUTE_VALUES: Final[Mapping[str, Callable[[Attribute], SearchStrategy[object]]]] = {
    "text": lambda _: texts(255, min_length=0),
    "number": lambda _: (
        st.integers(-(2**53), 2**53) | st.integers(-2, 2) | st.floats(-1e300, 1e300) | st.sampled_from([-0.0, 1.0, 0.5])
    ),
    "date": lambda _: _days(),
    "boolean": lambda _: st.booleans(),
    "list": _list_values,
    "file": lambda _: _urls(),
}


def _attributes(around: Surroundings) -> SearchStrategy[Payload]:
    """Values for what is defined, the required ones always."""
    values = {name: attribute_values(each) for name, each in around.definitions.items()}
    needed = {name: each for name, each in values.items() if around.definitions[name].is_required}
    good = st.fixed_dictionaries(
        needed, optional={name: each | st.none() for name, each in values.items() if name not in needed}
    )
    names = st.sampled_from([*around.definitions, "", "a\x00", "no such attribute"])
    return good | st.dictionaries(names, junk(), max_size=3) if around.hostile else good


#: What the server sets, by its kind, or by its name where the kind does not tell enough.
_OURS: Final[Mapping[str, SearchStrategy[Any]]] = {
    "uuid": st.uuids(version=4),
    "moment": st.datetimes(timezones=st.just(UTC)),
    "integer": st.integers(1, 2**31),
    "text": texts(),
    "entity": st.sampled_from(ENTITIES),
}


# From a field to a strategy for what is sent for it


def _objects(entity: type, around: Surroundings, *, require_all: bool) -> SearchStrategy[Payload]:
    fields = {name: field for name, field in fields_of(entity).items() if not field.output_only}
    values = {name: _values(entity, name, field, around) for name, field in fields.items()}
    needed = {name for name in values if require_all and _is_needed(name, fields[name], around)}
    good = st.fixed_dictionaries(
        {name: values[name] for name in needed},
        optional={name: value for name, value in values.items() if name not in needed},
    )
    return good | st.dictionaries(st.sampled_from([*fields_of(entity), "x"]), junk()) if around.hostile else good


def _is_needed(name: str, field: Field, around: Surroundings) -> bool:
    return field.required or (name == "attributes" and any(each.is_required for each in around.definitions.values()))


def _values(entity: type, name: str, field: Field, around: Surroundings) -> SearchStrategy[Any]:
    make = _OF_FIELD.get((entity.__name__, name)) or _OF_KIND[field.kind]
    good: SearchStrategy[Any] = make(field, around)
    if field.nullable:
        good |= st.none()
    return good | junk() if around.hostile else good


def _texts(field: Field, around: Surroundings) -> SearchStrategy[str]:
    if "pattern" in field.limits:
        return st.from_regex(field.limits["pattern"].rstrip("$"), fullmatch=True)
    return texts(field.limits["maxLength"], min_length=field.limits.get("minLength", 0), hostile=around.hostile)


def _integers(field: Field, around: Surroundings) -> SearchStrategy[object]:
    if field.refers_to is not None:
        return _references(field, around)
    return st.integers(-3, 3) | st.integers(-_MAX_BIGINT, _MAX_BIGINT) | st.integers(-3, 3).map(str)


def _uuids(field: Field, around: Surroundings) -> SearchStrategy[object]:
    if field.refers_to is not None:
        return _references(field, around)
    return st.sampled_from(around.entries).map(str) | _new_uuids() if around.entries else _new_uuids()


def _new_uuids() -> SearchStrategy[str]:
    return st.uuids(version=4).map(str)


def _references(field: Field, around: Surroundings) -> SearchStrategy[object]:
    there = around.ids.get(field.refers_to or "", ())
    missing = st.just(_MAX_BIGINT) if field.kind == "integer" else _new_uuids()
    if not there:
        return missing
    known = st.sampled_from(there).map(lambda id_: id_ if isinstance(id_, int) else str(id_))
    return known | missing if around.hostile else known


def _moments(_: Field, __: Surroundings) -> SearchStrategy[str]:
    zones = st.sampled_from(["Z", "", "+05:30", "-11:00"])
    # The outermost days would leave the calendar in some zone.
    inside = st.datetimes().filter(lambda moment: 1 < moment.year < 9999)
    return st.builds(lambda moment, zone: moment.isoformat() + zone, inside, zones)


def _days_or_moments(field: Field, around: Surroundings) -> SearchStrategy[str]:
    return _days() | _moments(field, around)


def _items(field: Field, around: Surroundings) -> SearchStrategy[Sequence[Payload]]:
    assert field.item is not None
    return st.lists(_objects(field.item, around, require_all=True), max_size=3)


def _text_lists(field: Field, around: Surroundings) -> SearchStrategy[Sequence[str]]:
    options = field.limits.get("enum")
    one = st.sampled_from(options) if options else texts(field.limits["maxLength"], hostile=around.hostile)
    return st.lists(one, min_size=1 if options else 0, max_size=3)  # what is chosen from is never chosen empty


def _images(_: Field, __: Surroundings) -> SearchStrategy[Sequence[str]]:
    return st.lists(_urls() | st.just("/files/a/b.png"), max_size=3)


def _headers(_: Field, around: Surroundings) -> SearchStrategy[object]:
    good = st.dictionaries(st.sampled_from(["X-A", "Authorization"]), st.sampled_from(["", "{id}", "é\u202e"]))
    return good | st.dictionaries(st.sampled_from(["Host", "a b", ""]), junk()) if around.hostile else good


def _webhook_urls(_: Field, around: Surroundings) -> SearchStrategy[object]:
    good = st.sampled_from(["https://example.com/", "http://[::1]:8080/{id}?at={created_at}"])
    bad = st.sampled_from(["https://{id}/", "https://example.com/{nothing}", "ftp://example.com", "https://[", "{"])
    return good | bad if around.hostile else good


def _conditions(_: Field, around: Surroundings) -> SearchStrategy[object]:
    names = st.sampled_from([*_COMMON, "no such field"] if around.hostile else _COMMON)
    operators = st.sampled_from([each for each in OPERATORS if each != "in"])
    one = st.fixed_dictionaries({"field": names, "operator": operators, "value": json_values()})
    of_lists = st.lists(json_values(), max_size=2)
    any_of = st.fixed_dictionaries({"field": names, "operator": st.just("in"), "value": of_lists})
    return st.lists(one | any_of, max_size=3)


_Make: TypeAlias = Callable[[Field, Surroundings], SearchStrategy[Any]]

_OF_KIND: Final[Mapping[Kind, _Make]] = {
    "text": _texts,
    "boolean": lambda _, __: st.booleans() | st.sampled_from(["true", "0", 1]),
    "integer": _integers,
    "date": lambda _, __: _days(),
    "moment": _moments,
    "day_or_moment": _days_or_moments,
    "choice": lambda field, _: st.sampled_from(field.limits["enum"]),
    "uuid": _uuids,
    "items": _items,
    "texts": _text_lists,
    "attributes": lambda _, around: _attributes(around),
    "json": lambda _, __: json_values(),
}
#: Fields for which their kind does not tell enough.
_OF_FIELD: Final[Mapping[tuple[str, str], _Make]] = {
    ("Attribute", "name"): lambda _, around: (
        attribute_names() | (_hostile_texts(100) if around.hostile else st.nothing())
    ),
    ("Client", "list_of_images"): _images,
    ("Service", "list_of_images"): _images,
    ("Lead", "stage"): lambda field, around: _texts(field, around) | st.sampled_from([*around.stages, ""]),
    ("Webhook", "url"): _webhook_urls,
    ("Webhook", "headers"): _headers,
    ("Webhook", "conditions"): _conditions,
}


# What lists are asked


def list_parameters(resource: Resource, around: Surroundings = _NOTHING) -> SearchStrategy[dict[str, str]]:
    """Query parameters of a list, but for ``limit`` and ``cursor``."""
    named = {name: _filter_values(field, around) for name, field in _filterable(resource).items()}
    if resource.has_catalog:
        named |= {
            f"{ATTRIBUTE_PREFIX}{name}{operator}": _attribute_filter_values(definition, operator)
            for name, definition in around.definitions.items()
            for operator in _OPERATORS_OF_TYPE[definition.type]
        }
    if resource.ordering:
        named["ordering"] = st.builds(str.__add__, st.sampled_from(["", "-"]), st.sampled_from(resource.ordering))
    named["search"] = _searches()
    good = st.fixed_dictionaries({}, optional=named)
    return good | st.dictionaries(st.sampled_from([*named, "x"]), _hostile_parameters()) if around.hostile else good


_OPERATORS_OF_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("", "__in", "__contains", "__gt", "__lte"),
    "number": ("", "__in", "__gte", "__lt"),
    "date": ("", "__in", "__gte", "__lt"),
    "boolean": ("",),
    "list": ("", "__in", "__contains"),
    "file": ("", "__in", "__contains"),
}


def _filterable(resource: Resource) -> Mapping[str, Field]:
    names = {*resource.filters, *resource.references} - {resource.parent}
    return {name: field for name, field in resource.fields.items() if name in names}


def _filter_values(field: Field, around: Surroundings) -> SearchStrategy[str]:
    if field.refers_to is not None:
        return _references(field, around).map(str)
    if field.kind == "choice":
        return st.sampled_from(field.limits["enum"])
    if field.kind == "boolean":
        return st.sampled_from(["true", "false"])
    return _searches() | st.sampled_from([*around.stages, ""])


def _searches() -> SearchStrategy[str]:
    """Short, so that something is found; every character by itself, too."""
    return st.text(st.sampled_from(_TRICKY), min_size=1, max_size=2)


def _attribute_filter_values(definition: Attribute, operator: str) -> SearchStrategy[str]:
    one = attribute_values(definition).filter(lambda value: not isinstance(value, list)).map(_parameter)
    return st.lists(one, max_size=2).map(",".join) if operator == "__in" else one


def _parameter(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:100]


def _hostile_parameters() -> SearchStrategy[str]:
    return _hostile_texts(255) | st.sampled_from(["-1", "nan", "1e999", '"', "%", "0001-01-01", "9" * 30])


# What the fields of one record must have to do with each other


def _coherent(resource: Resource, around: Surroundings, sent: Payload) -> Payload:
    if around.hostile:
        return sent
    for name, field in resource.fields.items():
        if field.kind == "items" and name in sent:
            sent = sent | {name: _distinct(sent[name])}
    make_coherent = _COHERENT.get(resource.name)
    return make_coherent(sent) if make_coherent else sent


def _distinct(entries: Sequence[Payload]) -> Sequence[Payload]:
    """Ids are not repeated within a list, nor the names of stages."""
    kept: list[Payload] = []
    for entry in entries:
        if not any(_clash(entry, other, name) for other in kept for name in ("id", "name")):
            kept.append(entry)
    return kept


def _clash(one: Payload, other: Payload, name: str) -> bool:
    return one.get(name) is not None and str(one[name]).strip() == str(other.get(name)).strip()


def _in_order(sent: Payload) -> Payload:
    """A cohort ends after it has started."""
    start, end = sent.get("start_date"), sent.get("end_date")
    return sent | {"start_date": min(start, end), "end_date": max(start, end)} if start and end else sent


def _without_foreign_stage(sent: Payload) -> Payload:
    """A lead that is sent to a pipeline is given its stage there."""
    return {name: each for name, each in sent.items() if name != "stage"} if sent.get("pipeline") else sent


_COHERENT: Final[Mapping[str, Callable[[Payload], Payload]]] = {
    "cohort": _in_order,
    "lead": _without_foreign_stage,
}
