"""The parameters of operations: in paths, queries and headers."""

from typing import Final

from crm_core.engine.query_strings import MAX_PAGE_SIZE
from crm_core.input.fields import Field
from crm_core.resources import Resource
from crm_http.openapi.schemas import Schema

_ID: Final[Schema] = {"type": "string", "format": "uuid"}
_TEXT: Final[Schema] = {"type": "string"}


def path_parameter(name: str, schema: Schema | None = None) -> Schema:
    """A parameter in the path, an id unless a schema says otherwise."""
    return {"name": name, "in": "path", "required": True, "schema": schema or _ID}


def query_parameter(name: str, schema: Schema, description: str) -> Schema:
    """An optional query parameter; an empty one is none."""
    return {"name": name, "in": "query", "description": description, "allowEmptyValue": True, "schema": schema}


def header_parameter(name: str, description: str, **schema: object) -> Schema:
    """An optional header."""
    return {"name": name, "in": "header", "description": description, "schema": _TEXT | schema}


IF_MATCH: Final = header_parameter("If-Match", "Do it only if the record has this version, as `ETag` told it.")
IF_NONE_MATCH: Final = header_parameter("If-None-Match", "Answer 304 if the record still has this version.")
IDEMPOTENCY_KEY: Final = header_parameter(
    "Idempotency-Key",
    "A request that comes again with the same key has its effect once, and the same answer.",
    pattern='^("[!#-~]{1,255}"|[!#-~]{0,255})$',
)
#: What every request may carry.
COMMON: Final = {
    "RequestId": header_parameter("X-Request-ID", "What to call the request: up to 128 of A-Za-z0-9._~:+/=-."),
    "Prefer": header_parameter("Prefer", "`handling=strict`: refuse what would be ignored, and say what there is."),
}
LIMIT: Final = query_parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE},
    "Answer with a page of so many, and a `Link` to the next.",
)
CURSOR: Final = query_parameter("cursor", _TEXT, "Where a page begins, as the `Link` to it says.")
_SEARCH: Final = "Only those that have each of these words, or phrases in quotes, in: {}."


def list_parameters(resource: Resource) -> list[Schema]:
    """The query parameters of a resource's list, but for those of attributes."""
    named = (*resource.filters, *(name for name in resource.references if name != resource.parent))
    filters = [_filter(resource, name) for name in named]
    searched = [*resource.search, *(["text attributes"] if "attributes" in resource.fields else [])]
    search = query_parameter("search", _TEXT, _SEARCH.format(", ".join(searched) or "nothing"))
    options = [sign + name for name in resource.ordering for sign in ("", "-")]
    ordering = query_parameter("ordering", {"type": "string", "enum": options}, "The order; newest first without it.")
    return [*filters, search, *([ordering] if options else []), LIMIT, CURSOR]


def _filter(resource: Resource, name: str) -> Schema:
    if resource.filters.get(name) == "contains":
        return query_parameter(name, _TEXT, f"Only those whose `{name}` contains this, in any case.")
    return query_parameter(name, _exact(resource.fields[name]), f"Only those with this `{name}`.")


def _exact(field: Field) -> Schema:
    """What a filter compares with; its digits are those that a key can have."""
    if field.kind == "choice":
        return {"type": "string", "enum": field.limits["enum"]}
    if field.kind == "integer":
        return {"type": "integer", "minimum": -(10**18) + 1, "maximum": 10**18 - 1}
    return {"uuid": _ID, "boolean": {"type": "boolean"}}.get(field.kind, _TEXT)
