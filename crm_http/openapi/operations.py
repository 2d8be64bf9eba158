"""The operations of the document: an endpoint's parameters, bodies, answers and audience."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

from crm_core.model.registered import DerivedTable
from crm_core.resources import RESOURCES, Resource
from crm_http.api.auth import Access
from crm_http.api.endpoints import Endpoint, Exported
from crm_http.openapi.attributes import FREE_FILTERS
from crm_http.openapi.examples import request_examples, response_examples
from crm_http.openapi.inputs import Form, body_schema
from crm_http.openapi.parameters import COMMON, HEADER_PARAMETERS, path_parameter, query_parameters
from crm_http.openapi.responses import errors, replies_of
from crm_http.openapi.schemas import Schema

#: Marks the lists, creations and changes of an entity with attributes.
ATTRIBUTES_OF: Final = "x-attributes-of"
_PARAMETER = re.compile(r"{(\w+)}")
#: The keywords of schemas that an empty object does not fit. A missing body counts as one.
_ASKING_FOR_MEMBERS: Final = frozenset({"required", "anyOf", "minProperties"})
_BODIES: Final[Mapping[str, str]] = DerivedTable(
    lambda: {
        f"{resource.entity.__name__}{kind}": resource.name
        for resource in RESOURCES.values()
        if "attributes" in resource.fields
        for kind in ("Create", "Update", "Merge")
    }
)


def described_operations(endpoint: Endpoint, form: Form, schemas: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """Yield the operations of an endpoint, each with its path.

    Args:
        endpoint: the endpoint.
        form: how requests are described.
        schemas: the named schemas of the document.
    """
    for each in documented(endpoint):
        yield documented_path(each.path), _operation(each, form, schemas)


def documented(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Yield an endpoint as it is documented: once for each value of a path parameter that has few."""
    few = {name: schema["enum"] for name, schema in endpoint.path_parameters.items() if "enum" in schema}
    if not few:
        yield endpoint
    for name, values in few.items():
        for value in values:
            yield attrs.evolve(
                endpoint,
                path=endpoint.path.replace(f"{{{name}}}", value),
                id=f"{value}_{endpoint.id}",
                summary=endpoint.summary.replace(f"{{{name}}}", value.replace("_", "-")),
                path_parameters={},
            )


def documented_path(path: str) -> str:
    """Return a path as it is documented: those of the API end in a slash."""
    return f"{path}/" if path.startswith(("/api", "/services/")) or path == "/docs" else path


def _operation(endpoint: Endpoint, form: Form, schemas: Mapping[str, Schema]) -> Schema:
    operation: Schema = {
        "operationId": endpoint.id,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": f"{endpoint.description}\n\n{_audience(endpoint.needs)}",
        "parameters": list(_parameters(endpoint, form)),
        "responses": {**replies_of(endpoint), **errors(*_error_statuses(endpoint))},
        **_security(endpoint.needs),
        **({"deprecated": True} if endpoint.is_deprecated else {}),
    }
    if isinstance(endpoint.needs, str):
        operation["x-permission"] = endpoint.needs
    if entity := _entity_of(endpoint):
        operation[ATTRIBUTES_OF] = entity
    if endpoint.body:
        operation["requestBody"] = _request_body(endpoint, schemas)
    for media_type in next(iter(operation["responses"].values())).get("content", {}).values():
        media_type.update(_shown(response_examples(endpoint)))
    return operation


def _request_body(endpoint: Endpoint, schemas: Mapping[str, Schema]) -> Schema:
    bodies = {media_type: body_schema(shape) for media_type, shape in endpoint.body.items()}
    named = [schemas[body["$ref"].rpartition("/")[2]] for body in bodies.values()]
    shown = _shown(request_examples(endpoint))
    return {
        "content": {media_type: {"schema": schema, **shown} for media_type, schema in bodies.items()},
        "required": any(_ASKING_FOR_MEMBERS & schema.keys() for schema in named),
    }


def _shown(examples: Mapping[str, Schema]) -> Schema:
    return {"examples": dict(examples)} if examples else {}


def _entity_of(endpoint: Endpoint) -> str:
    """Return the resource with attributes that an endpoint lists, exports, makes or changes; empty if there is none."""
    listed = endpoint.query.resource if isinstance(endpoint.query, Exported) else endpoint.query
    if isinstance(listed, Resource):
        return listed.name if "attributes" in listed.fields else ""
    return next((_BODIES[body] for body in endpoint.body.values() if isinstance(body, str) and body in _BODIES), "")


def _parameters(endpoint: Endpoint, form: Form) -> Iterator[Schema]:
    for name in _PARAMETER.findall(endpoint.path):
        yield path_parameter(name, endpoint.path, endpoint.path_parameters.get(name))
    if endpoint.query is not None:
        yield from query_parameters(endpoint.query, form)
        if _entity_of(endpoint) and form.leaves_room:
            yield FREE_FILTERS
    yield from (HEADER_PARAMETERS[name] for name in endpoint.headers)
    yield from ({"$ref": f"#/components/parameters/{name}"} for name in COMMON)


def _error_statuses(endpoint: Endpoint) -> frozenset[int]:
    """Return the errors that an endpoint declares, and those that follow from its access and its input."""
    statuses = {*endpoint.errors, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE}
    if "{" in endpoint.path:
        statuses.add(HTTPStatus.NOT_FOUND)
    if endpoint.serves_json:
        statuses.add(HTTPStatus.NOT_ACCEPTABLE)
    if endpoint.needs is not Access.OPEN:
        # 429: a token may be limited to so many requests (CRM_RATE_LIMIT).
        statuses |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS}
    if isinstance(endpoint.needs, str):
        statuses.add(HTTPStatus.FORBIDDEN)
    if endpoint.body:
        statuses |= {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    if "If-Match" in endpoint.headers:
        statuses.add(HTTPStatus.PRECONDITION_FAILED)
    if "Idempotency-Key" in endpoint.headers:
        # 410: the record of a request that comes again was erased.
        statuses |= {HTTPStatus.CONFLICT, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY}
    return frozenset(statuses - endpoint.replies.keys())


def _audience(needs: str | Access) -> str:
    if isinstance(needs, str):
        return f"Needs the permission `{needs}`."
    return "For every user." if needs is Access.AUTHENTICATED else "For everybody."


def _security(needs: str | Access) -> Mapping[str, Any]:
    """Return which tokens an operation needs. Bearer comes first: some clients send only the first, and as it is."""
    is_open = needs in {Access.OPEN, Access.PUBLIC}
    return {"security": [] if is_open else [{"bearer": []}, {"token": []}]}
