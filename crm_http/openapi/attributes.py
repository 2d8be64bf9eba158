"""The part of the document that users define: the attributes of records, as they are defined now."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from crm_core.engine.queries import OPERATORS_OF_TYPE
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.resources import Resource
from crm_http.openapi.inputs import PLAIN, Form, one_or_many
from crm_http.openapi.parameters import query_parameter
from crm_http.openapi.schemas import Schema, attributes_name, nullable

_UNKNOWN: Final = (
    "The values of the attributes that are defined, by name. The document that is retrieved with a token names them."
)
_KNOWN: Final = "The values of the attributes that are defined now, by name, and of any that will be defined later."
_OUTPUTS: Final[Mapping[str, Schema]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "boolean": {"type": "boolean"},
    "file": {"type": "string"},
    "list": one_or_many({"type": "string"}),
}
_MEANINGS: Final[Mapping[str, str]] = {
    "exact": "Only those with this value",
    "gt": "Only those with a greater value",
    "gte": "Only those with this or a greater value",
    "lt": "Only those with a smaller value",
    "lte": "Only those with this or a smaller value",
    "in": "Only those with one of these values, separated by commas",
    "contains": "Only those whose value contains this text",
    "isnull": "Only those without a value (`true`), or with one (`false`)",
}
_OPERANDS: Final[Mapping[str, Schema]] = {
    "in": {"type": "string"},
    "contains": {"type": "string"},
    "isnull": {"type": "boolean"},
}
_SAMPLES: Final[Mapping[str, object]] = {
    "text": "Tech",
    "number": 1,
    "date": "2026-01-31",
    "boolean": True,
    "list": "S",
    "file": "https://example.com/file.pdf",
}

#: Filters by attributes, of those that are not named one by one.
FREE_FILTERS: Final[Schema] = {
    "name": "attributes",
    "in": "query",
    "description": "Filters by attributes: `attributes[industry]=Tech`, `attributes[size__gte]=10`. "
    "`attributes.industry=Tech` means the same.",
    "style": "deepObject",
    "explode": True,
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
}


def attribute_schemas(
    resource: Resource, definitions: Iterable[Attribute] | None, form: Form = PLAIN
) -> Mapping[str, Schema]:
    """Return the schemas of a resource's attributes by name: in answers, in requests, and in merge patches.

    Without definitions the schemas allow any attributes.
    """
    name = attributes_name(resource.entity)
    if definitions is None:
        anything = {"type": "object", "description": _UNKNOWN, "additionalProperties": True}
        return dict.fromkeys((name, f"{name}Input", f"{name}Merge"), anything)
    attributes = list(definitions)
    required = [attribute.name for attribute in attributes if attribute.is_required]
    known = {"type": "object", "description": _KNOWN}
    taken = known | {"additionalProperties": form.leaves_room}
    nullables = {each.name: _titled(each, nullable(form.attribute(each))) for each in attributes}
    inputs = nullables | {each.name: _titled(each, form.attribute(each)) for each in attributes if each.is_required}
    outputs = {each.name: _titled(each, _OUTPUTS[each.type]) for each in attributes}
    return {
        name: known | {"additionalProperties": True, "properties": outputs},
        f"{name}Input": taken | {"properties": inputs} | ({"required": required} if required else {}),
        f"{name}Merge": taken | {"properties": inputs},
    }


def attribute_parameters(definitions: Iterable[Attribute], form: Form = PLAIN) -> Iterator[Schema]:
    """Yield the query parameters that filter lists by attributes."""
    for attribute in definitions:
        for operator in (*OPERATORS_OF_TYPE[attribute.type], "isnull"):
            yield query_parameter(
                f"{ATTRIBUTE_PREFIX}{attribute.name}{'' if operator == 'exact' else f'__{operator}'}",
                _OPERANDS.get(operator) or _operand(attribute.type),
                f"{_MEANINGS[operator]} of {attribute.label}.",
                form,
            )


def sample_values(definitions: Iterable[Attribute]) -> Mapping[str, object]:
    """Return a value for each attribute, for examples."""
    return {each.name: each.list_values[0] if each.list_values else _SAMPLES[each.type] for each in definitions}


def _titled(definition: Attribute, schema: Schema) -> Schema:
    return schema | {"title": definition.label}


def _operand(type_: str) -> Schema:
    return {"type": "string"} if type_ == "list" else dict(_OUTPUTS[type_])
