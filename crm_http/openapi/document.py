"""The description of the API: its operations, as they are mounted, with whom each lets in."""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from litestar.handlers import HTTPRouteHandler

from crm_core.model.entities import Attribute
from crm_core.resources import RESOURCES, Resource
from crm_http.api.auth import PERMISSION, Access
from crm_http.api.requests import JSON
from crm_http.api.routing import ANSWERS
from crm_http.openapi.answers import ERROR_SCHEMAS, HEADERS, error_responses, errors
from crm_http.openapi.attributes import attribute_parameters, attribute_schemas
from crm_http.openapi.examples import Example, read_examples
from crm_http.openapi.operation import Operation
from crm_http.openapi.operations import OTHER_SCHEMAS, operations
from crm_http.openapi.parameters import COMMON, IDEMPOTENCY_KEY, IF_MATCH, path_parameter
from crm_http.openapi.schemas import Schema, entries, shown, taken

_DESCRIPTION: Final = """\
A CRM for a training company: clients, services (students), leads, follow-ups, cohorts and webhooks.

Every path answers with and without its trailing slash. Unknown and output-only fields, and unknown query parameters, \
are ignored unless the request carries `Prefer: handling=strict`. A method that a path does not have is answered by \
405, an error of the server's own by 500 with the `request_id` under which its log tells of it.
"""
_TOKEN: Final[Schema] = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "`Token <token>`, with a token of `POST /api-token-auth/`.",
}
_BEARER: Final[Schema] = {"type": "http", "scheme": "bearer", "description": "The same token, the way others do it."}


def describe(routes: Iterable[HTTPRouteHandler]) -> dict[str, Any]:
    """The description of the API without what users defined."""
    described, examples = dict(operations()), read_examples()
    paths: dict[str, dict[str, Schema]] = {}
    for route in routes:
        [path] = {documented_path(each) for each in route.paths}
        for method in route.opt[ANSWERS]:
            found = described[method, path.rstrip("/")]
            known = examples.get((method, re.sub(r"{\w+}", "{}", path)), [])
            paths.setdefault(path, {})[method.lower()] = _operation(path, found, route.opt[PERMISSION][method], known)
    return {
        "openapi": "3.1.0",
        "info": {"title": "CRM API", "version": version("crm-core"), "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(each.tag for each in described.values())],
        "paths": paths,
        "components": {
            "schemas": dict(_schemas()),
            "responses": dict(error_responses()),
            "headers": {name: {"schema": {"type": "string"}} | header for name, header in HEADERS.items()},
            "parameters": dict(COMMON),
            "securitySchemes": {"token": _TOKEN, "bearer": _BEARER},
        },
    }


def with_attributes(document: Mapping[str, Any], definitions: Mapping[str, Iterable[Attribute]]) -> dict[str, Any]:
    """The description with the attributes of entities as they are defined.

    Args:
        document: what ``describe`` gave, which stays as it is.
        definitions: the attributes that are defined, by entity.
    """
    schemas = dict(document["components"]["schemas"])
    for name, found in definitions.items():
        schemas |= attribute_schemas(RESOURCES[name], found)
        if any(each.is_required for each in found):
            create = f"{RESOURCES[name].entity.__name__}Create"
            required = {"required": [*schemas[create].get("required", ()), "attributes"]}
            schemas[create] = schemas[create] | required
    paths = {path: _of_list(methods, definitions) for path, methods in document["paths"].items()}
    return {**document, "paths": paths, "components": {**document["components"], "schemas": schemas}}


def documented_path(path: str) -> str:
    """A route's path as it is documented: those of the API end in a slash."""
    bare = path.replace(":str", "")
    return f"{bare}/" if bare.startswith(("/api", "/services/")) or bare == "/docs" else bare


def _of_list(methods: Mapping[str, Schema], definitions: Mapping[str, Iterable[Attribute]]) -> Mapping[str, Schema]:
    listed = methods.get("get", {})
    if (entity := str(listed.get(_LISTS))) not in definitions:
        return methods
    parameters = [*listed["parameters"], *attribute_parameters(definitions[entity])]
    body = methods["post"]["requestBody"]
    is_required = body["required"] or any(each.is_required for each in definitions[entity])
    created = {**methods["post"], "requestBody": {**body, "required": is_required}}
    return {**methods, "get": {**listed, "parameters": parameters}, "post": created}


#: Marks the lists that can be filtered by the attributes of an entity.
_LISTS: Final = "x-attributes-of"


def _operation(path: str, found: Operation, access: str | Access, examples: Iterable[Example]) -> Schema:
    named = {each["name"] for each in found.parameters}
    ids = [path_parameter(name) for name in re.findall(r"{(\w+)}", path) if name not in named]
    common = [{"$ref": f"#/components/parameters/{name}"} for name in COMMON]
    described: Schema = {
        "operationId": found.id,
        "tags": [found.tag],
        "summary": found.summary,
        "description": _whom(access),
        "parameters": [*ids, *found.parameters, *common],
        "responses": {str(status): each for status, each in found.answers.items()} | errors(*_statuses(found, access)),
        **_security(access),
    }
    if isinstance(access, str):
        described["x-permission"] = access
    if found.lists_attributes is not None:
        described[_LISTS] = found.lists_attributes.name
    if found.body:
        content = {each: {"schema": schema} for each, schema in found.body.items()}
        described["requestBody"] = {"content": content, "required": any(map(_is_required, found.body.values()))}
    return _with_examples(described, examples)


def _is_required(body: Schema) -> bool:
    """Whether a body must be there, for what it must have."""
    name = body.get("$ref", "").rpartition("/")[2]
    return not {"required", "anyOf"}.isdisjoint(_schemas()[name] if name else body)


def _statuses(found: Operation, access: str | Access) -> frozenset[int]:
    """The errors of an operation: its own, and those that follow from whom it lets in and what it takes."""
    statuses = {*found.errors, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE}
    if {JSON}.issuperset(media_type for each in found.answers.values() for media_type in each.get("content", ())):
        statuses.add(HTTPStatus.NOT_ACCEPTABLE)
    if access is not Access.OPEN:
        statuses.add(HTTPStatus.UNAUTHORIZED)
    if isinstance(access, str):
        statuses.add(HTTPStatus.FORBIDDEN)
    if found.body:
        statuses |= {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    if IF_MATCH in found.parameters:
        statuses.add(HTTPStatus.PRECONDITION_FAILED)
    if IDEMPOTENCY_KEY in found.parameters:
        statuses |= {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
    return frozenset(statuses - found.answers.keys())


def _whom(access: str | Access) -> str:
    if isinstance(access, str):
        return f"Needs the permission `{access}`."
    return "For every user." if access is Access.AUTHENTICATED else "For everybody."


def _security(access: str | Access) -> Schema:
    tokens: list[Schema] = [{"token": []}, {"bearer": []}]
    if access is Access.OPEN:
        return {"security": []}
    return {"security": [{}, *tokens] if access is Access.PUBLIC else tokens}


def _with_examples(described: Schema, examples: Iterable[Example]) -> Schema:
    """The examples of the documentation, at the bodies that they are of, which operations may share until here."""
    described = deepcopy(described)
    for example in examples:
        success = next(iter(described["responses"].values()))
        content = (success if example.is_answer else described["requestBody"])["content"]
        for media_type in content.values():
            media_type["examples"] = {"documentation": {"summary": example.name, "value": example.value}}
    return described


@cache
def _schemas() -> dict[str, Schema]:
    schemas: dict[str, Schema] = dict(ERROR_SCHEMAS) | dict(OTHER_SCHEMAS) | dict(entries())
    for resource in RESOURCES.values():
        schemas |= _of_resource(resource)
    return schemas


def _of_resource(resource: Resource) -> Mapping[str, Schema]:
    entity = resource.entity
    unknown = attribute_schemas(resource, None) if "attributes" in resource.fields else {}
    return {
        entity.__name__: shown(entity),
        f"{entity.__name__}Create": taken(entity, require_all=True),
        f"{entity.__name__}Update": taken(entity),
        f"{entity.__name__}Merge": taken(entity, merge=True),
        **unknown,
    }
