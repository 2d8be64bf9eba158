"""The parameters of operations: in paths, queries and headers."""

from collections.abc import Iterator, Mapping
from typing import Final

from crm_core.engine.parameters import filter_parameters
from crm_core.engine.query_strings import MAX_PAGE_SIZE
from crm_core.input.fields import Field, fields_of
from crm_core.input.numbers import MAX_BIGINT, MIN_BIGINT
from crm_core.model.sentences import field_sentences
from crm_core.resources import Resource
from crm_http.api.endpoints import Exported
from crm_http.openapi.inputs import PLAIN, Form
from crm_http.openapi.schemas import Schema
from crm_http.payloads.record_examples import EXAMPLE_ID, EXAMPLE_IDS

_ID: Final[Schema] = {"type": "string", "format": "uuid"}
_TEXT: Final[Schema] = {"type": "string"}

#: What a declared schema says that the document has beside the schema of a parameter.
_OF_PARAMETERS: Final = frozenset({"description", "example"})


def path_parameter(name: str, path: str, schema: Mapping[str, object] | None) -> Schema:
    """Return a parameter in a path: with its schema, or else the id of a record."""
    parameter: Schema = {"name": name, "in": "path", "required": True}
    if schema is not None:
        described = {key: part for key, part in schema.items() if key in _OF_PARAMETERS}
        return parameter | described | {"schema": {key: schema[key] for key in schema if key not in _OF_PARAMETERS}}
    segment = path.partition(f"/{{{name}}}")[0].rpartition("/")[2]
    one = segment.removesuffix("ies") + "y" if segment.endswith("ies") else segment.removesuffix("s")
    sentence = f"The id of the {one.replace('-', ' ')}."
    return parameter | {"description": sentence, "schema": _ID, "example": EXAMPLE_IDS.get(segment, EXAMPLE_ID)}


def query_parameter(name: str, schema: Schema, description: str, form: Form = PLAIN) -> Schema:
    """Return an optional query parameter."""
    return {"name": name, "in": "query", "description": description, "schema": form.parameter(schema)}


def _header(name: str, description: str, **schema: object) -> Schema:
    return {"name": name, "in": "header", "description": description, "schema": _TEXT | schema}


#: The request headers that some endpoints understand, by name.
HEADER_PARAMETERS: Final[Mapping[str, Schema]] = {
    "If-Match": _header("If-Match", "Carry out the request only if the record still has this version (its `ETag`)."),
    "If-None-Match": _header("If-None-Match", "Answer 304 if the record still has this version."),
    "Idempotency-Key": _header(
        "Idempotency-Key",
        "A request that is sent again with the same key takes effect once and gets the same answer.",
        pattern='^("[!#-~]{1,255}"|[!#-~]{0,255})$',
    ),
    "Last-Event-ID": _header(
        "Last-Event-ID", "The cursor after which a stream goes on, as browsers send it. It replaces `after`."
    ),
}
#: The request headers that every endpoint understands.
COMMON: Final = {
    "RequestId": _header("X-Request-ID", "An id for the request in logs: up to 128 of A-Za-z0-9._~:+/=-."),
    "Prefer": _header("Prefer", "`handling=strict`: refuse unknown fields and parameters instead of ignoring them."),
}
#: The query parameters of pages.
_PAGING: Final[Mapping[str, tuple[Schema, str]]] = {
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE},
        "The number of items on a page. The `Link` header names the next page.",
    ),
    "cursor": (_TEXT, "The beginning of a page, as the `Link` header of another page has it."),
}
_SEARCH: Final = "Only those that have each of these words, or phrases in quotes, in: {}."


def query_parameters(of: Resource | Exported | type, form: Form) -> Iterator[Schema]:
    """Yield the query parameters of a list, except those of attributes.

    Args:
        of: the resource whose list or export it is, or the class whose fields the parameters are.
        form: how requests are described.
    """
    fields = fields_of(of) if isinstance(of, type) else {}
    for name, (schema, description) in _named(of):
        if isinstance(of, type) and name in fields and fields[name].required:
            yield query_parameter(name, form.member(of, name, fields[name]), description) | {"required": True}
        else:
            yield query_parameter(name, schema, description, form)


def _named(of: Resource | Exported | type) -> Iterator[tuple[str, tuple[Schema, str]]]:
    if isinstance(of, Resource):
        yield from _filters(of)
        yield from _PAGING.items()
    elif isinstance(of, Exported):
        yield from _parameters_of_class(of.options)
        if parent := of.resource.parent:
            yield parent, _filter(of.resource.fields[parent], parent, "exact")
        yield from _filters(of.resource)
    else:
        yield from _parameters_of_class(of)


def _parameters_of_class(of: type) -> Iterator[tuple[str, tuple[Schema, str]]]:
    for name, field in fields_of(of).items():
        yield name, (_exact(field) | dict(field.limits), field_sentences(of)[name])


def _filters(resource: Resource) -> Iterator[tuple[str, tuple[Schema, str]]]:
    for parameter, (name, operator) in filter_parameters(resource).items():
        yield parameter, _filter(resource.fields[name], name, operator)
    searched = [*resource.search, *(["text attributes"] if "attributes" in resource.fields else [])]
    yield "search", (_TEXT, _SEARCH.format(", ".join(searched) or "nothing"))
    if options := [sign + name for name in resource.ordering for sign in ("", "-")]:
        yield "ordering", ({"type": "string", "enum": options}, "The order; without it newest first.")


#: The words for times, and for numbers.
_COMPARISONS: Final[Mapping[str, tuple[str, str]]] = {
    "gt": ("after", "more than"),
    "gte": ("at or after", "at least"),
    "lt": ("before", "less than"),
    "lte": ("at or before", "at most"),
}
#: Decimals to compare with, which may have other digits than those of the field.
_DECIMAL: Final[Schema] = {"type": "string", "format": "decimal", "pattern": "^-?[0-9]{1,100}([.][0-9]{1,100})?$"}


def _filter(field: Field, name: str, operator: str) -> tuple[Schema, str]:
    """Return the schema and the description of a filter."""
    if operator == "contains":
        return _TEXT, f"Only those whose `{name}` contains this text; case and accents are ignored."
    if operator == "isnull":
        return {"type": "boolean"}, f"Only those without `{name}`, or with `false` those that have one."
    if operator in _COMPARISONS:
        in_time, in_size = _COMPARISONS[operator]
        word = in_size if field.kind in {"integer", "decimal"} else in_time
        return _exact(field), f"Only those whose `{name}` is {word} this."
    return _exact(field), f"Only those with this `{name}`."


def _exact(field: Field) -> Schema:
    """Return the schema of a value that a filter compares with; integers have 64 bits."""
    if options := field.limits.get("enum"):
        return {"type": "string", "enum": options}
    if field.kind == "integer":
        return {"type": "integer", "minimum": MIN_BIGINT, "maximum": MAX_BIGINT}
    formats = {"date": "date", "datetime": "date-time"}
    if field.kind in formats:
        return _TEXT | {"format": formats[field.kind]}
    return {"uuid": _ID, "boolean": {"type": "boolean"}, "decimal": _DECIMAL}.get(field.kind, _TEXT)
