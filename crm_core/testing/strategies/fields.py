"""From the fields of an entity to strategies for what is sent for them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crm_core.input.fields import Field, FieldKind, fields_of
from crm_core.input.numbers import MAX_BIGINT
from crm_core.input.texts import normal
from crm_core.testing.strategies.attributes import attribute_names
from crm_core.testing.strategies.context import Payload, PayloadContext
from crm_core.testing.strategies.schemas import attribute_sets
from crm_core.testing.strategies.sizes import integers, spelt_decimals, spelt_times
from crm_core.testing.strategies.texts import dates, hostile_texts, json_values, junk, texts, urls
from crm_core.testing.strategies.webhooks import sent_conditions, sent_headers, sent_urls


def objects(entity: type, context: PayloadContext, *, require_all: bool) -> SearchStrategy[Payload]:
    """Return a strategy for objects with the fields of an entity that can be sent: all required ones, or any."""
    fields = {name: field for name, field in fields_of(entity).items() if not field.output_only}
    values = {name: _values(entity, name, field, context) for name, field in fields.items()}
    needed = [name for name in values if require_all and _is_needed(name, fields[name], context)]
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
        return references(field, context)
    return integers(field)


def _uuids(field: Field, context: PayloadContext) -> SearchStrategy[object]:
    if field.refers_to is not None:
        return references(field, context)
    return st.sampled_from(context.entries).map(str) | _new_uuids() if context.entries else _new_uuids()


def _new_uuids() -> SearchStrategy[str]:
    return st.uuids(version=4).map(str)


def references(field: Field, context: PayloadContext) -> SearchStrategy[object]:
    """Return a strategy for references to existing records; in hostile contexts, or without any, to missing ones."""
    there = context.ids.get(field.refers_to or "", ())
    missing = st.just(MAX_BIGINT) if field.kind == "integer" else _new_uuids()
    if not there:
        return missing
    known = st.sampled_from(there).map(lambda id_: id_ if isinstance(id_, int) else str(id_))
    return known | missing if context.hostile else known


def _items(field: Field, context: PayloadContext) -> SearchStrategy[Sequence[Payload]]:
    assert field.item is not None
    return st.lists(objects(field.item, context, require_all=True), max_size=3)


def _text_lists(field: Field, context: PayloadContext) -> SearchStrategy[Sequence[str]]:
    options = field.limits.get("enum")
    one = st.sampled_from(options) if options else texts(field.limits["maxLength"], hostile=context.hostile)
    # A selection of options must not be empty, and list values must differ.
    return st.lists(one, min_size=1 if options else 0, max_size=3, unique_by=None if options else trimmed)


def trimmed(text: str) -> str:
    """Return a text as those of lists are compared."""
    return normal(text).strip()


def _images(_: Field, __: PayloadContext) -> SearchStrategy[Sequence[str]]:
    return st.lists(urls() | st.just("/files/a/b.png"), max_size=3)


def _attributes(_: Field, context: PayloadContext) -> SearchStrategy[Mapping[str, object]]:
    good = attribute_sets(context.definitions)
    names = st.sampled_from([*context.definitions, "", "a\x00", "no such attribute"])
    return good | st.dictionaries(names, junk(), max_size=3) if context.hostile else good


_Make: TypeAlias = Callable[[Field, PayloadContext], SearchStrategy[Any]]

_OF_KIND: Final[Mapping[FieldKind, _Make]] = {
    "text": _texts,
    "boolean": lambda _, __: st.booleans() | st.sampled_from(["true", "0", 1]),
    "integer": _integers,
    "decimal": lambda field, _: spelt_decimals(field),
    "date": lambda _, __: dates(),
    "datetime": lambda _, __: spelt_times(),
    "date_or_datetime": lambda _, __: dates() | spelt_times(),
    "choice": lambda field, _: st.sampled_from(field.limits["enum"]),
    "uuid": _uuids,
    "items": _items,
    "texts": _text_lists,
    "attributes": _attributes,
    "json": lambda _, __: json_values(),
}
#: Fields whose kind is not specific enough.
_OF_FIELD: Final[Mapping[tuple[str, str], _Make]] = {
    ("Attribute", "name"): lambda _, context: (
        attribute_names() | (hostile_texts(100) if context.hostile else st.nothing())
    ),
    # The steps of a state machine make attributes unique one at a time, as stores need time for it.
    ("Attribute", "is_unique"): lambda _, __: st.just(False),  # noqa: FBT003  # a value
    ("Client", "list_of_images"): _images,
    ("Service", "list_of_images"): _images,
    ("Lead", "stage"): lambda field, context: _texts(field, context) | st.sampled_from([*context.stages, ""]),
    ("Webhook", "url"): lambda _, context: sent_urls(hostile=context.hostile),
    ("Webhook", "headers"): lambda _, context: sent_headers(hostile=context.hostile),
    ("Webhook", "conditions"): lambda _, context: sent_conditions(hostile=context.hostile),
}
