"""The schemas of bulk requests: one for each kind of operation, by which its members differ."""

from collections.abc import Mapping
from typing import Final

from crm_core.bulk.operations import COMMON_MEMBERS, MAX_OPERATIONS, MEMBERS, BulkOperation
from crm_http.openapi.inputs import Form, input_schema
from crm_http.openapi.schemas import Schema, output_schema, reference
from crm_http.payloads import bodies

_DATA: Final[Schema] = {
    "type": "object",
    "description": "The fields of the record, as in a single call. Where an id of a record goes, an object with the "
    "member `ref` is the record of an earlier operation with that `ref`. A follow-up has its `service` here, and an "
    "attribute its `entity`.",
}

_REFUSALS: Final = [reference("Detail"), reference("Problems")]


def bulk_schemas(form: Form) -> Mapping[str, Schema]:
    """Return the schemas of bulk requests and of their results, by name."""
    kinds = {op: f"Bulk{op.capitalize()}" for op in MEMBERS}
    return {
        **{name: _operation(op, form) for op, name in kinds.items()},
        "BulkOperation": {
            "oneOf": [reference(name) for name in kinds.values()],
            "discriminator": {"propertyName": "op", "mapping": {op: reference(kinds[op])["$ref"] for op in kinds}},
        },
        "BulkRequest": _request(),
        bodies.BulkResult.__name__: _result(),
        "ProblemsByOperation": {
            "description": "Why the request is refused; of refused operations the answers of single calls, by index.",
            "anyOf": [*_REFUSALS, {"type": "object", "additionalProperties": {"anyOf": _REFUSALS}}],
        },
    }


def _operation(op: str, form: Form) -> Schema:
    required, optional = MEMBERS[op]
    members = input_schema(BulkOperation, form)["properties"]
    named = [name for name in members if name in COMMON_MEMBERS | required | optional]
    kind = {"op": {"type": "string", "enum": [op], "description": "What to do."}}
    return {
        "type": "object",
        "properties": {name: members[name] for name in named} | kind | ({"data": _DATA} if "data" in required else {}),
        "required": [name for name in named if name == "op" or name in required],
        "additionalProperties": False,
    }


def _request() -> Schema:
    operations = {
        "type": "array",
        "description": "What to do, in this order.",
        "items": reference("BulkOperation"),
        "maxItems": MAX_OPERATIONS,
    }
    return {
        "type": "object",
        "properties": {"operations": operations},
        "required": ["operations"],
        "additionalProperties": False,
    }


def _result() -> Schema:
    result = output_schema(bodies.BulkResult)
    errors = {"description": "Why the operation is refused, as a single call would answer.", "type": "object"}
    record = {"description": "With `Prefer: return=representation`: the record as it is now.", "type": "object"}
    result["properties"] |= {"errors": errors, "data": record}
    return result
