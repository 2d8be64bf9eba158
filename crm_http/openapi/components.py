"""The named schemas of the document: records, the items of their lists, users, deliveries, errors."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from crm_core.model.accounts import User
from crm_core.resources import RESOURCES, Resource
from crm_core.webhooks.delivery_log import LoggedDelivery
from crm_http.api.routes.webhooks import FIRST_SECRET, REQUEST
from crm_http.openapi.answers import ERROR_SCHEMAS
from crm_http.openapi.attributes import attribute_schemas
from crm_http.openapi.schemas import Schema, input_schema, item_schemas, nullable, output_schema, reference, schema_of

_LOGGED: Final = output_schema(LoggedDelivery)
_LOGGED["properties"]["error"] = nullable({"type": "string"})
_DETAIL: Final = schema_of({"request": REQUEST, "answer": str | None})
_DETAIL["properties"]["request"] = nullable(_DETAIL["properties"]["request"])


@cache
def component_schemas() -> Mapping[str, Schema]:
    """Return the schemas by name, without the attributes that users defined."""
    return {
        **ERROR_SCHEMAS,
        User.__name__: output_schema(User),
        LoggedDelivery.__name__: _LOGGED,
        "Delivery": {"allOf": [reference(LoggedDelivery.__name__), _DETAIL]},
        "WebhookCreated": {"allOf": [reference("Webhook"), schema_of(FIRST_SECRET)]},
        **dict(item_schemas()),
        **{name: schema for resource in RESOURCES.values() for name, schema in _of_resource(resource).items()},
    }


def _of_resource(resource: Resource) -> Mapping[str, Schema]:
    entity = resource.entity
    undefined = attribute_schemas(resource, None) if "attributes" in resource.fields else {}
    return {
        entity.__name__: output_schema(entity),
        f"{entity.__name__}Create": input_schema(entity, require_all=True),
        f"{entity.__name__}Update": input_schema(entity),
        f"{entity.__name__}Merge": input_schema(entity, merge=True),
        **undefined,
    }
