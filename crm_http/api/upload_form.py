"""Reads the file in a multipart form as a stream: only the latest piece of the body is held.

The content decides whether a file is accepted. Of the form, only what is needed to find the file is read.
"""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final, TypeAlias

from crm_core.errors import InvalidError, Problem, invalid
from crm_core.rules.images import FIELD, not_a_file
from crm_core.use_cases.uploads import Upload
from crm_http.api.errors import RequestError
from crm_http.api.requests import MULTIPART, AnyRequest, check_encoding, header, is_strict, media_type, unsupported
from crm_http.multipart.base64 import decode_base64
from crm_http.multipart.parser import MalformedFormError, MultipartParser, PartEnd, PartEvent, PartHead
from crm_http.multipart.part_headers import file_name, parameters

#: Bytes of a form beside its file.
FORM_BYTES: Final = 100_000

_Events: TypeAlias = AsyncIterator[PartEvent]


async def read_upload(request: AnyRequest, pieces: AsyncIterator[bytes]) -> Upload:
    """Return the one file of a form, which arrives in pieces.

    Errors before the file are raised here; later ones while its content is read.
    """
    events = _events(request, pieces)
    async for event in events:
        if isinstance(event, PartHead) and _is_field(event, request):
            name = file_name(_disposition(event))
            first = await anext(events)
            if name == "" and isinstance(first, PartEnd):
                continue  # a form whose file was not chosen
            content = _content(first, events, request)
            return Upload(name, decode_base64(content) if _is_base64(event) else content)
    raise invalid(FIELD, "required", "No file was submitted.")


async def _content(first: PartEvent, events: _Events, request: AnyRequest) -> AsyncIterator[bytes]:
    """Yield the bytes of the file, then check that no other file follows."""
    event = first
    while isinstance(event, bytes):
        yield event
        event = await anext(events)
    async for event in events:
        if isinstance(event, PartHead) and _is_field(event, request):
            name = file_name(_disposition(event))
            if name is None:
                raise not_a_file()
            if name or isinstance(await anext(events), bytes):
                raise invalid(FIELD, "max_length", "Only one file can be submitted.")


async def _events(request: AnyRequest, pieces: AsyncIterator[bytes]) -> _Events:
    """Yield the events of the form."""
    parser = None
    try:
        async for piece in pieces:
            parser = parser or _parser(request)  # a request without a body is a form without a file
            for event in parser.feed(piece):
                yield event
        if parser:
            parser.close()
    except MalformedFormError as error:
        raise _parse_error(str(error)) from error


def _parser(request: AnyRequest) -> MultipartParser:
    if media_type(request) != MULTIPART:
        raise unsupported(request)
    check_encoding(request)
    boundary = parameters(header(request, b"content-type")).get("boundary")
    if not boundary:
        raise _parse_error("Invalid boundary in multipart: None")
    return MultipartParser(boundary.encode("latin-1"))


def _is_field(part: PartHead, request: AnyRequest) -> bool:
    """Return whether a part is the field of the file; other fields are ignored, or refused with strict handling."""
    name = _disposition(part).get("name", "")
    if name != FIELD and is_strict(request):
        raise InvalidError({name: (Problem("unknown", f"This field is not known. There is only {FIELD}."),)})
    return name == FIELD


def _disposition(part: PartHead) -> dict[str, str]:
    return parameters(part.headers.get("content-disposition", ""))


def _is_base64(part: PartHead) -> bool:
    return part.headers.get("content-transfer-encoding", "").lower() == "base64"


def _parse_error(reason: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, f"Multipart form parse error - {reason}")
