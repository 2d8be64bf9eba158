"""The OpenAPI document, derived from the endpoints as they are declared.

It is our own and not Litestar's generator: a route takes every method of its path, so that 401 and 403 come before 405,
and bodies are read from bytes, so the framework sees no types that it could describe.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from crm_core.model.entities import Attribute
from crm_core.resources import RESOURCES, Resource
from crm_http.api.auth import Access
from crm_http.api.endpoints import Endpoint, Example
from crm_http.openapi.answers import HEADERS, error_responses, errors, replies_of
from crm_http.openapi.attributes import attribute_parameters, attribute_schemas
from crm_http.openapi.components import component_schemas
from crm_http.openapi.parameters import COMMON, HEADER_PARAMETERS, path_parameter, query_parameters
from crm_http.openapi.schemas import Schema, schema_of

_DESCRIPTION: Final = """\
A CRM for a training company: clients, services (students), leads, follow-ups, cohorts and webhooks.

Every path works with and without its trailing slash. Unknown fields, output-only fields and unknown query parameters \
are ignored unless the request has the header `Prefer: handling=strict`. Methods that a path does not have get the \
status 405. A fault of the server gets the status 500 and a `request_id`, by which its log can be searched.
"""
_TOKEN: Final[Schema] = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "`Token <token>`, with a token of `POST /api-token-auth/`.",
}
_BEARER: Final[Schema] = {"type": "http", "scheme": "bearer", "description": "The same token, as a bearer token."}
#: Marks the lists that can be filtered by the attributes of an entity.
_ATTRIBUTES_OF: Final = "x-attributes-of"


def describe(endpoints: Sequence[Endpoint]) -> Mapping[str, Any]:
    """Return the document, without what users defined."""
    paths: dict[str, dict[str, Schema]] = {}
    for endpoint in endpoints:
        paths.setdefault(documented_path(endpoint.path), {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "CRM API", "version": version("crm-core"), "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(endpoint.tag for endpoint in endpoints)],
        "paths": paths,
        "components": {
            "schemas": component_schemas(),
            "responses": error_responses(),
            "headers": {name: {"schema": {"type": "string"}} | header for name, header in HEADERS.items()},
            "parameters": dict(COMMON),
            "securitySchemes": {"token": _TOKEN, "bearer": _BEARER},
        },
    }


def with_attributes(document: Mapping[str, Any], definitions: Mapping[str, Iterable[Attribute]]) -> Mapping[str, Any]:
    """Return the document with the attributes of entities as they are defined.

    Args:
        document: what ``describe`` returned; it stays as it is.
        definitions: the attributes that are defined, by entity.
    """
    schemas = dict(document["components"]["schemas"])
    for name, attributes in definitions.items():
        schemas |= attribute_schemas(RESOURCES[name], attributes)
        if any(attribute.is_required for attribute in attributes):
            create = f"{RESOURCES[name].entity.__name__}Create"
            required = {"required": [*schemas[create].get("required", ()), "attributes"]}
            schemas[create] = schemas[create] | required
    paths = {path: _with_filters(methods, definitions) for path, methods in document["paths"].items()}
    return {**document, "paths": paths, "components": {**document["components"], "schemas": schemas}}


def documented_path(path: str) -> str:
    """Return a path as it is documented: those of the API end in a slash."""
    return f"{path}/" if path.startswith(("/api", "/services/")) or path == "/docs" else path


def _with_filters(
    methods: Mapping[str, Schema], definitions: Mapping[str, Iterable[Attribute]]
) -> Mapping[str, Schema]:
    """Return the operations of a path with the filters of its list, and with the body that its POST must have."""
    listed = methods.get("get", {})
    if (entity := str(listed.get(_ATTRIBUTES_OF))) not in definitions:
        return methods
    parameters = [*listed["parameters"], *attribute_parameters(definitions[entity])]
    body = methods["post"]["requestBody"]
    is_required = body["required"] or any(attribute.is_required for attribute in definitions[entity])
    created = {**methods["post"], "requestBody": {**body, "required": is_required}}
    return {**methods, "get": {**listed, "parameters": parameters}, "post": created}


def _operation(endpoint: Endpoint) -> Schema:
    operation: Schema = {
        "operationId": endpoint.id,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": _audience(endpoint.needs),
        "parameters": _parameters(endpoint),
        "responses": {**replies_of(endpoint), **errors(*_error_statuses(endpoint))},
        **_security(endpoint.needs),
    }
    if isinstance(endpoint.needs, str):
        operation["x-permission"] = endpoint.needs
    if isinstance(endpoint.query, Resource) and "attributes" in endpoint.query.fields:
        operation[_ATTRIBUTES_OF] = endpoint.query.name
    if endpoint.body:
        schemas = {media_type: schema_of(shape) for media_type, shape in endpoint.body.items()}
        content = {media_type: {"schema": schema} for media_type, schema in schemas.items()}
        _show(endpoint.request_example, content)
        operation["requestBody"] = {"content": content, "required": any(map(_is_required, schemas.values()))}
    _show(endpoint.response_example, next(iter(operation["responses"].values())).get("content", {}))
    return operation


def _parameters(endpoint: Endpoint) -> list[Schema]:
    return [
        *(
            path_parameter(name, endpoint.path_parameters[name])
            if name in endpoint.path_parameters
            else path_parameter(name)
            for name in re.findall(r"{(\w+)}", endpoint.path)
        ),
        *([] if endpoint.query is None else query_parameters(endpoint.query)),
        *(HEADER_PARAMETERS[name] for name in endpoint.headers),
        *({"$ref": f"#/components/parameters/{name}"} for name in COMMON),
    ]


def _is_required(body: Schema) -> bool:
    """Return whether a body must be there, because it has members that must."""
    name = body.get("$ref", "").rpartition("/")[2]
    return not {"required", "anyOf"}.isdisjoint(component_schemas()[name] if name else body)


def _error_statuses(endpoint: Endpoint) -> frozenset[int]:
    """Return the errors that an endpoint declares, and those that follow from whom it lets in and what it reads."""
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
        statuses |= {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
    return frozenset(statuses - endpoint.replies.keys())


def _audience(needs: str | Access) -> str:
    if isinstance(needs, str):
        return f"Needs the permission `{needs}`."
    return "For every user." if needs is Access.AUTHENTICATED else "For everybody."


def _security(needs: str | Access) -> Schema:
    tokens: list[Schema] = [{"token": []}, {"bearer": []}]
    if needs is Access.OPEN:
        return {"security": []}
    return {"security": [{}, *tokens] if needs is Access.PUBLIC else tokens}


def _show(example: Example | None, content: Mapping[str, Schema]) -> None:
    """Add an example to a body, if there is one."""
    if example is not None:
        shown = {"documentation": {"summary": example.heading, "value": example.value}}
        for media_type in content.values():
            media_type["examples"] = shown
