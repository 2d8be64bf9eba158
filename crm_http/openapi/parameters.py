"""The parameters of operations: in paths, queries and headers."""

from collections.abc import Iterator, Mapping
from typing import Final

from crm_core.engine.parameters import filter_parameters
from crm_core.engine.query_strings import MAX_PAGE_SIZE
from crm_core.input.fields import Field, fields_of
from crm_core.resources import Resource
from crm_http.openapi.schemas import Schema

_ID: Final[Schema] = {"type": "string", "format": "uuid"}
_TEXT: Final[Schema] = {"type": "string"}


def path_parameter(name: str, schema: Mapping[str, object] = _ID) -> Schema:
    """Return a parameter in the path, an id unless a schema says otherwise."""
    return {"name": name, "in": "path", "required": True, "schema": schema}


def query_parameter(name: str, schema: Schema, description: str) -> Schema:
    """Return an optional query parameter; an empty value counts as none."""
    return {"name": name, "in": "query", "description": description, "allowEmptyValue": True, "schema": schema}


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
}
#: The request headers that every endpoint understands.
COMMON: Final = {
    "RequestId": _header("X-Request-ID", "An id for the request in logs: up to 128 of A-Za-z0-9._~:+/=-."),
    "Prefer": _header("Prefer", "`handling=strict`: refuse unknown fields and parameters instead of ignoring them."),
}
#: The query parameters of pages.
_PAGING: Final = {
    "limit": query_parameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE},
        "The number of items on a page. The `Link` header names the next page.",
    ),
    "cursor": query_parameter("cursor", _TEXT, "The beginning of a page, as the `Link` header of another page has it."),
}
_SEARCH: Final = "Only those that have each of these words, or phrases in quotes, in: {}."


def query_parameters(of: Resource | type) -> Iterator[Schema]:
    """Yield the query parameters of a list, except those of attributes.

    Args:
        of: the resource whose list it is, or the class whose fields the parameters are.
    """
    if isinstance(of, Resource):
        yield from _list_parameters(of)
    else:
        for name, field in fields_of(of).items():
            yield _PAGING.get(name) or query_parameter(name, _exact(field), f"Only those with this `{name}`.")


def _list_parameters(resource: Resource) -> Iterator[Schema]:
    for parameter, (name, operator) in filter_parameters(resource).items():
        yield query_parameter(parameter, *_filter(resource.fields[name], name, operator))
    searched = [*resource.search, *(["text attributes"] if "attributes" in resource.fields else [])]
    yield query_parameter("search", _TEXT, _SEARCH.format(", ".join(searched) or "nothing"))
    if options := [sign + name for name in resource.ordering for sign in ("", "-")]:
        yield query_parameter("ordering", {"type": "string", "enum": options}, "The order; without it newest first.")
    yield from _PAGING.values()


def _filter(field: Field, name: str, operator: str) -> tuple[Schema, str]:
    """Return the schema and the description of a filter."""
    if operator == "contains":
        return _TEXT, f"Only those whose `{name}` contains this text; case and accents are ignored."
    if operator == "isnull":
        return {"type": "boolean"}, f"Only those without `{name}`, or with `false` those that have one."
    return _exact(field), f"Only those with this `{name}`."


def _exact(field: Field) -> Schema:
    """Return the schema of a value that a filter compares with; integers have the digits that a key can have."""
    if field.kind == "choice":
        return {"type": "string", "enum": field.limits["enum"]}
    if field.kind == "integer":
        return {"type": "integer", "minimum": -(10**18) + 1, "maximum": 10**18 - 1}
    return {"uuid": _ID, "boolean": {"type": "boolean"}}.get(field.kind, _TEXT)
