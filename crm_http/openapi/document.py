"""The OpenAPI document, derived from the endpoints as they are declared.

Litestar's generator is not used: a route handles every method of its path, so that 401 and 403 come before 405, and
bodies are read from bytes, so the framework sees no types that it could describe.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

from crm_core.model.entities import Attribute
from crm_core.resources import RESOURCES
from crm_http.api.endpoints import Endpoint
from crm_http.openapi.attributes import attribute_parameters, attribute_schemas, sample_values
from crm_http.openapi.components import component_schemas
from crm_http.openapi.events import described_webhooks
from crm_http.openapi.examples import with_values
from crm_http.openapi.inputs import PLAIN, Form
from crm_http.openapi.operations import ATTRIBUTES_OF, described_operations
from crm_http.openapi.parameters import COMMON
from crm_http.openapi.responses import HEADERS, error_responses
from crm_http.openapi.schemas import Schema
from crm_http.openapi.tags import all_tags
from crm_http.payloads.record_examples import EXAMPLE_IDS

_BEARER: Final[Schema] = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of `POST /api-token-auth/`, as a bearer token.",
}
_TOKEN: Final[Schema] = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "The same token, as `Token <token>`.",
}


def describe(endpoints: Sequence[Endpoint], form: Form = PLAIN) -> Mapping[str, Any]:
    """Return the document, without what users defined.

    Args:
        endpoints: the endpoints of the app.
        form: how requests are described.
    """
    schemas = component_schemas(endpoints, form)
    paths: dict[str, dict[str, Schema]] = {}
    for endpoint in endpoints:
        for path, operation in described_operations(endpoint, form, schemas):
            paths.setdefault(path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CRM API",
            "version": version("crm-core"),
            "description": files("crm_http.openapi").joinpath("introduction.md").read_text("utf-8"),
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": description} for name, description in all_tags().items()],
        "paths": paths,
        "webhooks": described_webhooks(),
        "components": {
            "schemas": schemas,
            "responses": error_responses(),
            "headers": {name: {"schema": {"type": "string"}} | header for name, header in HEADERS.items()},
            "parameters": dict(COMMON),
            "securitySchemes": {"bearer": _BEARER, "token": _TOKEN},
        },
        "x-example-ids": dict(EXAMPLE_IDS),
    }


def with_attributes(
    document: Mapping[str, Any], definitions: Mapping[str, Sequence[Attribute]], form: Form = PLAIN
) -> Mapping[str, Any]:
    """Return the document with the attributes of entities as they are defined.

    Args:
        document: what ``describe`` returned; it stays as it is.
        definitions: the attributes that are defined, by entity.
        form: how requests are described.
    """
    schemas = dict(document["components"]["schemas"])
    for name, attributes in definitions.items():
        schemas |= attribute_schemas(RESOURCES[name], attributes, form)
        if _any_required(attributes):
            create = f"{RESOURCES[name].entity.__name__}Create"
            required = {"required": [*schemas[create].get("required", ()), "attributes"]}
            schemas[create] = schemas[create] | required
    paths = {path: _with_attributes(methods, definitions, form) for path, methods in document["paths"].items()}
    return {**document, "paths": paths, "components": {**document["components"], "schemas": schemas}}


def _with_attributes(
    methods: Mapping[str, Schema], definitions: Mapping[str, Sequence[Attribute]], form: Form
) -> Mapping[str, Schema]:
    """Return the operations of a path with the filters of its list, and with the bodies and examples of its changes."""
    return {method: _operation_with(method, operation, definitions, form) for method, operation in methods.items()}


def _operation_with(
    method: str, operation: Schema, definitions: Mapping[str, Sequence[Attribute]], form: Form
) -> Schema:
    attributes = definitions.get(operation.get(ATTRIBUTES_OF, ""), ())
    if not attributes:
        return operation
    if operation.get("requestBody") is None:
        return operation | {"parameters": [*operation["parameters"], *attribute_parameters(attributes, form)]}
    is_new, body = method == "post", operation["requestBody"]
    content = with_values(body["content"], sample_values(attributes), is_new=is_new)
    required = body["required"] or (is_new and _any_required(attributes))
    return operation | {"requestBody": {"content": content, "required": required}}


def _any_required(attributes: Iterable[Attribute]) -> bool:
    return any(attribute.is_required for attribute in attributes)
