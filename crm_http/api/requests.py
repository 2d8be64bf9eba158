"""Read requests, from bytes to plain values: JSON bodies, forms, query parameters, headers.

The framework's own decoding answers some bad input with 500, so bodies are decoded here. Functions that decode raise
``RequestError``.
"""

import asyncio
import hashlib
import math
import re
from collections.abc import AsyncIterator, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request
from litestar.exceptions import HTTPException

from crm_core.engine.parameters import gather
from crm_core.model.accounts import Idempotency
from crm_http.api.body_limits import MAX_BODY
from crm_http.api.errors import RequestError
from crm_http.api.json_bodies import decode_json, decode_operations
from crm_http.headers.request_headers import headers_of
from crm_http.middleware import Limits
from crm_http.middleware.request_scope import RequestScope

AnyRequest = Request[Any, Any, Any]

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"

_IDEMPOTENCY_KEY = re.compile(r'"([!#-~]{1,255})"|([!#-~]{1,255})')
_ACCEPTED: Final = frozenset({"*/*", "application/*", JSON})

_MAX_PARAMETERS: Final = 200


def header(request: AnyRequest, name: bytes) -> str:
    """Return the value of a header by its lower-case name; several are joined by commas, none is empty."""
    return headers_of(request.scope).get(name, b"").decode("latin-1")


def media_type(request: AnyRequest) -> str:
    """Return the content type without its parameters, in lower case."""
    return header(request, b"content-type").partition(";")[0].strip().lower()


def accepts_json(request: AnyRequest) -> bool:
    """Return whether the client accepts JSON."""
    accept = header(request, b"accept")
    return not accept or any(part.partition(";")[0].strip().lower() in _ACCEPTED for part in accept.split(","))


async def whole_body(request: AnyRequest) -> bytes:
    """Return the body, which is read once. The framework's own way takes a tenth of the time of a write."""
    state: dict[str, Any] = request.scope["state"]
    if "body" not in state:
        state["body"] = await _receive_all(request)
    return bytes(state["body"])


async def _receive_all(request: AnyRequest) -> bytes:
    limit = _most_bytes(request)
    announced, body = header(request, b"content-length"), bytearray()
    size = int(announced[:20]) if announced.isdecimal() else 0  # Python converts no more than some thousand digits
    while max(size, len(body)) <= limit:
        message = await request.receive()
        if message["type"] != "http.request":
            raise HTTPException(status_code=HTTPStatus.BAD_REQUEST)  # the client went away
        body += message.get("body", b"")
        if not message.get("more_body") and len(body) <= limit:
            return bytes(body)
    raise HTTPException(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _most_bytes(request: AnyRequest) -> float:
    most = request.route_handler.resolve_request_max_body_size()
    return math.inf if most is None else most


async def read_json(request: AnyRequest, *accepted: str) -> object:
    """Return the JSON of the body as plain values; an empty body is an empty object, as in the documented API."""
    body = await _read_bytes(request)
    if not body:
        return {}
    if media_type(request) not in ("", JSON, *accepted):
        raise unsupported(request)
    return decode_json(body)


async def read_login(request: AnyRequest, lists: Container[str] = ()) -> object:
    """Return the body of a login, which is JSON or a form; ``lists`` are the members that a form may repeat."""
    if media_type(request) not in (FORM, MULTIPART):
        return await read_json(request)
    is_form = media_type(request) == FORM
    body = await _read_bytes(request, by_framework=not is_form)
    try:
        if is_form:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS)
        else:
            sent = (await request.form()).multi_items()
            pairs = [(name, value) for name, value in sent if isinstance(value, str)]
    except (ValueError, LookupError, HTTPException) as error:
        kind = "Form" if is_form else "Multipart form"
        raise RequestError(HTTPStatus.BAD_REQUEST, f"{kind} parse error - The form cannot be read.") from error
    repeated = {name: [value for other, value in pairs if other == name] for name, _ in pairs if name in lists}
    return {**dict(pairs), **repeated}


async def read_operations(request: AnyRequest) -> object:
    """Return the JSON of a bulk request as plain values. It is decoded in a thread."""
    body = await _read_bytes(request)
    if media_type(request) not in ("", JSON):
        raise unsupported(request)
    return await asyncio.to_thread(decode_operations, body) if body else {}


def read_query(request: AnyRequest) -> Mapping[str, str]:
    """Return the query parameters; the last one counts where a name is repeated, but those of ``__in`` add up."""
    try:
        text = request.scope["query_string"].decode()
        return gather(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS))
    except ValueError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, "The query string cannot be read.") from error


def is_strict(request: AnyRequest) -> bool:
    """Return whether nothing of the request may be ignored: ``Prefer: handling=strict`` (RFC 7240)."""
    return preferences(request).get("handling") == "strict"


def preferences(request: AnyRequest) -> Mapping[str, str]:
    """Return what the client prefers, in lower case (``Prefer``, RFC 7240); of a repeated name the first value."""
    sent, found = header(request, b"prefer"), dict[str, str]()
    for preference in sent.split(",") if sent else ():
        name, _, value = preference.partition(";")[0].replace('"', "").replace(" ", "").lower().partition("=")
        found.setdefault(name, value)
    return found


async def read_pieces(request: AnyRequest) -> AsyncIterator[bytes]:
    """Yield the body as it arrives, no faster than it is read, up to the limit of the route."""
    pieces = request.stream()
    limits = _limits(request)
    last = asyncio.get_running_loop().time() + limits.pieces_seconds
    while True:
        with _reading():
            async with asyncio.timeout_at(last), asyncio.timeout(limits.body_seconds):
                piece = await anext(pieces, None)
        if piece is None:
            return
        if piece:
            yield piece


async def skip(pieces: AsyncIterator[bytes]) -> None:
    """Read the rest of a refused body: a client that cannot finish sending may never read the answer."""
    with suppress(RequestError, HTTPException):
        async for _ in pieces:
            pass


async def read_idempotency(request: AnyRequest) -> Idempotency | None:
    """Return the ``Idempotency-Key``, bare or in quotes, with a hash by which the same request is known again.

    The hash is of the method, the path, the query and the body, which must have been read.
    """
    text = header(request, b"idempotency-key")
    if not text:
        return None
    if not (match := _IDEMPOTENCY_KEY.fullmatch(text)):
        raise RequestError(HTTPStatus.BAD_REQUEST, "Idempotency-Key takes 1 to 255 visible ASCII characters.")
    path, query = request.scope["path"].rstrip("/").encode(), request.scope["query_string"]
    parts = (request.method.encode(), path, *([query] if query else []), await whole_body(request))
    is_large = len(parts[-1]) > MAX_BODY
    return Idempotency(match[1] or match[2], await asyncio.to_thread(_hash, parts) if is_large else _hash(parts))


def _hash(parts: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:%b" % (len(part), part))
    return digest.digest()


async def _read_bytes(request: AnyRequest, *, by_framework: bool = False) -> bytes:
    body = None if by_framework else _arrived_body(request)
    if body is None:
        with _reading():
            async with asyncio.timeout(_limits(request).body_seconds):
                body = await (request.body() if by_framework else whole_body(request))
    check_encoding(request)
    return body


def _arrived_body(request: AnyRequest) -> bytes | None:
    """Return the body if all of it is there, and no more than the route allows: then there is no wait to limit."""
    body = RequestScope.of(request.scope).arrived_body()
    if body is None or len(body) > _most_bytes(request):
        return None
    request.scope["state"]["body"] = body
    return body


def _limits(request: AnyRequest) -> Limits:
    limits = request.scope["state"]["limits"]
    assert isinstance(limits, Limits)  # noqa: S101  # the middleware put it there
    return limits


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise RequestError(HTTPStatus.REQUEST_TIMEOUT, "The request body took too long.") from None
    except HTTPException as error:
        if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise
        # The client disconnected, or what it sent is not HTTP.
        raise RequestError(HTTPStatus.BAD_REQUEST, "The request body cannot be read.") from error


def check_encoding(request: AnyRequest) -> None:
    """Raise RequestError for a body in a content encoding, such as gzip (RFC 9110, 8.4); no route takes one."""
    sent = header(request, b"content-encoding")
    if {coding.strip().lower() for coding in sent.split(",")} - {"", "identity"}:
        detail = f'Unsupported content encoding "{sent[:100]}" in request.'
        raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, {"Accept-Encoding": "identity"})


def unsupported(request: AnyRequest) -> RequestError:
    """Return the error for a content type that is not accepted."""
    sent = header(request, b"content-type")[:100]
    return RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f'Unsupported media type "{sent}" in request.')
