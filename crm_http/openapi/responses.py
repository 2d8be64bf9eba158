"""The responses of operations: those that endpoints declare, and errors in the form of Django REST Framework."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from crm_core.errors import ACROSS_FIELDS
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.errors import REFUSALS, REQUEST_REFUSALS
from crm_http.openapi.schemas import Schema, reference, schema_of
from crm_http.statuses import STATUSES

_TEXT: Final[Schema] = {"type": "string"}
#: The media types of bodies that are text, whatever an endpoint declares. JSON Lines is UTF-8, as JSON is.
_TEXT_TYPE = re.compile("text/.+|application/jsonl")
_PARAMETER = re.compile(r"{(\w+)}")

#: The headers of responses.
HEADERS: Final[Mapping[str, Schema]] = {
    "X-Request-ID": {"description": "The id of the request in logs and events.", "required": True},
    "ETag": {"description": "The version of the record, for `If-Match` and `If-None-Match`."},
    "Location": {
        "description": "The path of the new record, of the import, or of the record that it was merged into; or the "
        "URL of the file."
    },
    "Link": {"description": 'With `limit`: the next page, `<…>; rel="next"`, if there is one.'},
    "Accept-Encoding": {"description": "`identity`, if the body had a content encoding."},
    "Allow": {"description": "The methods that the path has."},
    "WWW-Authenticate": {"description": "The scheme of authentication: `Token`."},
    "Retry-After": {"description": "The number of seconds after which to try again."},
    "Idempotent-Replayed": {"description": "`true` if this is the answer to an earlier request with the same key."},
    "Preference-Applied": {"description": "The preferences of `Prefer` that were followed."},
    "Content-Disposition": {"description": "The name under which to save the file."},
    "Content-Range": {"description": "The range of bytes in this answer."},
    "Accept-Ranges": {"description": "The unit in which ranges can be requested: `bytes`."},
}

ERROR_SCHEMAS: Final[Mapping[str, Schema]] = {
    "Detail": {
        "type": "object",
        "description": "A refusal in one sentence.",
        "properties": {"detail": {"description": "What is wrong, for people.", **_TEXT}},
        "required": ["detail"],
    },
    "Problems": {
        "type": "object",
        "description": f"Texts by field. Those of no single field are under `{ACROSS_FIELDS}`; lists have indexes.",
        "additionalProperties": {"anyOf": [{"type": "array", "items": _TEXT}, reference("Problems")]},
    },
    "Conflict": {
        "type": "object",
        "description": "A refusal in one sentence; of a version that cannot be restored also the reasons, of a "
        "file that was imported before the id of that import, and of a transfer request its state.",
        "properties": {
            "detail": {"description": "What is wrong, for people.", **_TEXT},
            "reasons": reference("Problems"),
            "run": {"description": "The id of the earlier import.", "type": "string", "format": "uuid"},
            "state": {"description": "`accepted` or `declined`.", **_TEXT},
        },
        "required": ["detail"],
    },
    "Gone": {
        "type": "object",
        "description": "A refusal in one sentence; of a record that was merged also the id of the other one.",
        "properties": {
            "detail": {"description": "What is wrong, for people.", **_TEXT},
            "merged_into": {"description": "The id of the record that it has become.", "format": "uuid", **_TEXT},
        },
        "required": ["detail"],
    },
    "Changed": {
        "type": "object",
        "description": "The record has another version than the request expects.",
        "properties": {
            "detail": {"description": "What is wrong, for people.", **_TEXT},
            "changed_fields": {
                "description": "The fields that have changed since that version.",
                "type": "array",
                "items": _TEXT,
            },
        },
        "required": ["detail", "changed_fields"],
    },
}
_BODIES: Final[Mapping[int, Schema]] = {
    HTTPStatus.CONFLICT: reference("Conflict"),
    HTTPStatus.GONE: reference("Gone"),
    HTTPStatus.BAD_REQUEST: {"anyOf": [reference("Detail"), reference("Problems")]},
    HTTPStatus.PRECONDITION_FAILED: reference("Changed"),
}


def error_responses() -> Mapping[str, Schema]:
    """Return every error as a response of the document, by the name under which operations refer to it."""
    refusals = [*((STATUSES[kind], refusal) for kind, refusal in REFUSALS.items()), *REQUEST_REFUSALS.items()]
    return {
        _name(status): _response(
            " Or: ".join(refusal.meaning for other, refusal in refusals if other == status),
            _BODIES.get(status, reference("Detail")),
            headers=tuple(refusal.header for other, refusal in refusals if other == status and refusal.header),
        )
        for status in sorted({status for status, _ in refusals})
    }


def replies_of(endpoint: Endpoint) -> Mapping[str, Schema]:
    """Return the successful responses of an endpoint by status."""
    return {str(int(status)): _reply(endpoint, reply) for status, reply in endpoint.replies.items()}


def errors(*statuses: int) -> Mapping[str, Schema]:
    """Return references to errors, by status."""
    return {str(int(status)): {"$ref": f"#/components/responses/{_name(status)}"} for status in sorted(statuses)}


def _reply(endpoint: Endpoint, reply: Reply) -> Schema:
    schema = None if reply.body is None else schema_of(reply.body)
    response = _response(reply.meaning, schema, headers=reply.headers, media_types=reply.media_types)
    if reply.links:
        names = _PARAMETER.findall(endpoint.path) if not endpoint.path_parameters else []
        known = {"id": "$response.body#/id", **{name: f"$request.path.{name}" for name in names if name != "id"}}
        response["links"] = {name: {"operationId": id_, "parameters": known} for name, id_ in reply.links.items()}
    return response


def _response(
    description: str,
    schema: Schema | None,
    *,
    headers: tuple[str, ...],
    media_types: tuple[str, ...] = ("application/json",),
) -> Schema:
    named = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *headers)}
    content = (
        {} if schema is None else {"content": {each: {"schema": _schema_as(each, schema)} for each in media_types}}
    )
    return {"description": description, "headers": named, **content}


def _schema_as(media_type: str, schema: Schema) -> Schema:
    """Return a schema for a media type: text is one string, also a stream of events, whose ``data`` are events."""
    return _TEXT if _TEXT_TYPE.fullmatch(media_type) else schema


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("'", "")
