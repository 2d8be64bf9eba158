"""Reads a multipart form as a stream of parts: only the latest piece of the body is held."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import TypeAlias

from crm_http.api.errors import RequestError
from crm_http.api.requests import MULTIPART, AnyRequest, check_encoding, header, media_type, unsupported
from crm_http.multipart.base64 import decode_base64
from crm_http.multipart.parser import MAX_PARTS, MalformedFormError, MultipartParser, PartEvent, PartHead
from crm_http.multipart.part_headers import parameters

FormEvents: TypeAlias = AsyncIterator[PartEvent]


async def form_events(request: AnyRequest, pieces: AsyncIterator[bytes], max_parts: int = MAX_PARTS) -> FormEvents:
    """Yield the events of a form of at most so many parts."""
    parser = None
    try:
        async for piece in pieces:
            parser = parser or _parser(request, max_parts)  # a request without a body is a form without a file
            for event in parser.feed(piece):
                yield event
        if parser:
            parser.close()
    except MalformedFormError as error:
        raise parse_error(str(error)) from error


def _parser(request: AnyRequest, max_parts: int) -> MultipartParser:
    if media_type(request) != MULTIPART:
        raise unsupported(request)
    check_encoding(request)
    boundary = parameters(header(request, b"content-type")).get("boundary")
    if not boundary:
        raise parse_error("Invalid boundary in multipart: None")
    return MultipartParser(boundary.encode("latin-1"), max_parts)


def disposition(part: PartHead) -> dict[str, str]:
    """Return what a part says of itself: its name, and that of its file."""
    return parameters(part.headers.get("content-disposition", ""))


def decoded(part: PartHead, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return the content of a part, which old clients encode."""
    is_base64 = part.headers.get("content-transfer-encoding", "").lower() == "base64"
    return decode_base64(content) if is_base64 else content


def parse_error(reason: str) -> RequestError:
    """Return the error for a form that cannot be read."""
    return RequestError(HTTPStatus.BAD_REQUEST, f"Multipart form parse error - {reason}")
