"""What operations answer: records, nothing, and the errors, whose bodies are those of Django REST Framework."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from crm_core.errors import ACROSS_FIELDS
from crm_http.api.requests import JSON
from crm_http.openapi.schemas import Schema, reference

_TEXT: Final[Schema] = {"type": "string"}
_RETRY: Final = ("Retry-After",)

HEADERS: Final[Mapping[str, Schema]] = {
    "X-Request-ID": {"description": "What the request is called in logs and events.", "required": True},
    "ETag": {"description": "The version of the record, for `If-Match` and `If-None-Match`."},
    "Location": {"description": "Where the new record is."},
    "Link": {"description": 'With `limit`: the next page, `<…>; rel="next"`, if there is one.'},
    "Allow": {"description": "The methods that the path has."},
    "WWW-Authenticate": {"description": "How to authenticate: `Token`."},
    "Retry-After": {"description": "Seconds after which to try again."},
    "Idempotent-Replayed": {"description": "`true` where the answer is that to an earlier request of the same key."},
    "Content-Range": {"description": "Which part of the file this is."},
    "Accept-Ranges": {"description": "That parts of the file can be asked for."},
}

ERROR_SCHEMAS: Final[Mapping[str, Schema]] = {
    "Detail": {"type": "object", "properties": {"detail": _TEXT}, "required": ["detail"]},
    "Problems": {
        "type": "object",
        "description": f"Texts by field, those of no single field under `{ACROSS_FIELDS}`; by index within lists.",
        "additionalProperties": {"anyOf": [{"type": "array", "items": _TEXT}, reference("Problems")]},
    },
    "Changed": {
        "type": "object",
        "properties": {"detail": _TEXT, "changed_fields": {"type": "array", "items": _TEXT}},
        "required": ["detail", "changed_fields"],
    },
}

#: The errors by status: what each means, and which headers come with it.
_ERRORS: Final[Mapping[int, tuple[str, tuple[str, ...]]]] = {
    400: ("Something that was sent is refused: what, and why.", ()),
    401: ("No credentials, or wrong ones.", ("WWW-Authenticate",)),
    403: ("The permission is missing.", ()),
    404: ("Nothing is there under that id.", ()),
    405: ("The path has other methods.", ("Allow",)),
    406: ("The client does not take JSON.", ()),
    408: ("The body took too long to arrive.", ()),
    409: ("Others refer to the record, or a request with the same key is under way.", ()),
    412: ("The record has another version than `If-Match` says.", ("ETag",)),
    413: ("The body is too large.", ()),
    415: ("The body is of another type than are taken.", ()),
    422: ("The `Idempotency-Key` was used for another request.", ()),
    429: ("Too many attempts.", _RETRY),
    503: ("Not now, but soon.", _RETRY),
}
_BODIES: Final[Mapping[int, Schema]] = {
    400: {"anyOf": [reference("Detail"), reference("Problems")]},
    412: reference("Changed"),
}


def error_responses() -> Mapping[str, Schema]:
    """Every error as a response of the document, by the name under which operations refer to it."""
    return {
        _name(status): answer(meaning, _BODIES.get(status, reference("Detail")), headers=headers)
        for status, (meaning, headers) in _ERRORS.items()
    }


def errors(*statuses: int) -> dict[str, Schema]:
    """Errors as an operation lists them."""
    return {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in sorted(statuses)}


def answer(
    description: str,
    schema: Schema | None = None,
    *,
    headers: tuple[str, ...] = (),
    media_types: tuple[str, ...] = (JSON,),
) -> Schema:
    """One answer with its headers, and its body if it has one."""
    named = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *headers)}
    content = {} if schema is None else {"content": {each: {"schema": schema} for each in media_types}}
    return {"description": description, "headers": named, **content}


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("'", "")
