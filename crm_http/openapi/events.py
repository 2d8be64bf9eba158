"""What the receivers of webhooks get: one request for each kind of change of each model (decision 26)."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from crm_core.model.events import EventKind
from crm_core.model.registered import DerivedTable
from crm_core.webhooks.entity import MODELS
from crm_http.openapi.schemas import Schema, reference, schema_name

#: Every type of event by its name, such as ``lead.updated``, with the model and the kind of change.
EVENT_TYPES: Final[Mapping[str, tuple[str, EventKind | Literal["erased"]]]] = DerivedTable(
    lambda: {
        f"{resource}.{kind}": (model, kind)
        for model, (resource, _) in MODELS.items()
        for kind in (*get_args(EventKind), "erased")
    }
)
_CHANGE: Final[Schema] = {
    "type": "object",
    "description": "The change of one field: `from` and `to`; or the items that were added, removed and changed.",
    "properties": {
        "from": {"description": "The value before; absent for a new record."},
        "to": {"description": "The value after; absent for a deleted record."},
        "added": {"type": "array", "description": "The items that were added.", "items": {}},
        "removed": {"type": "array", "description": "The items that were removed.", "items": {}},
        "changed": {"type": "array", "description": "The items that were changed, `from` and `to`.", "items": {}},
    },
}
_ERASED: Final[Schema] = {
    "type": "object",
    "description": "The id of the record; nothing else is known of it any longer.",
    "properties": {"id": {"type": "string", "format": "uuid", "description": "The id of the record."}},
    "required": ["id"],
}
_HEADERS: Final[Mapping[str, str]] = {
    "webhook-id": "The id of the delivery, the same in every attempt: a receiver drops what it has had.",
    "webhook-timestamp": "The time of the attempt, in seconds since 1970.",
    "webhook-signature": "The signatures of Standard Webhooks, separated by blanks: `v1,<base64>`.",
}


def event_schemas() -> Mapping[str, Schema]:
    """Return the schemas of the bodies that receivers get, by name."""
    return {
        "FieldChange": _CHANGE,
        **{_name(type_): _body(type_, MODELS[model][1]) for type_, (model, _) in EVENT_TYPES.items()},
    }


def described_webhooks() -> Mapping[str, Schema]:
    """Return the requests that receivers get, by the type of the event."""
    return {type_: {"post": _request(type_, model, kind)} for type_, (model, kind) in EVENT_TYPES.items()}


def _request(type_: str, model: str, kind: str) -> Schema:
    told = (
        "whose `events` hold `deleted`, whatever their conditions"
        if kind == "erased"
        else f"whose `events` hold `{kind}` and whose conditions are met"
    )
    return {
        "operationId": f"on_{type_.replace('.', '_')}",
        "tags": ["Webhooks"],
        "summary": f"A {model} was {kind}",
        "description": f"Sent to the webhooks of `{model}` {told}. The method is the webhook's; GET has no body.",
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": reference(_name(type_))}}},
        "responses": {
            "2XX": {"description": "The event was accepted. It is not sent again."},
            "410": {"description": "The receiver is gone. The event is not sent again, and the webhook is disabled."},
            "default": {"description": "The event was not accepted. It is sent again later, for three days."},
        },
        "security": [],
    }


def _body(type_: str, entity: type) -> Schema:
    members: dict[str, Schema] = {
        "type": {"type": "string", "description": "The type of the event.", "enum": [type_]},
        "timestamp": {"type": "string", "format": "date-time", "description": "When the change was made."},
        "data": reference(schema_name(entity)),
        "changes": {
            "type": "object",
            "description": "The fields that changed, by name; every field of a new or deleted record.",
            "additionalProperties": reference("FieldChange"),
        },
    }
    members["data"]["description"] = "The record after the change; for a deleted record, as it was."
    if type_.endswith(".erased"):
        members["data"] = _ERASED
    return {
        "type": "object",
        "description": f"The body of a call for `{type_}`.",
        "properties": members,
        "required": list(members),
    }


def _name(type_: str) -> str:
    return "".join(word.capitalize() for word in type_.replace(".", "_").split("_")) + "Event"
