"""The file in a multipart form, streamed: no more of the body is held than what arrived last."""

import codecs
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final

from multipart import MultipartError, PushMultipartParser, parse_options_header

from crm_core.errors import InvalidError, Problem, invalid
from crm_core.rules.images import FIELD
from crm_core.use_cases.uploads import Upload
from crm_http.api.errors import RequestError
from crm_http.api.requests import MULTIPART, AnyRequest, header, is_strict, media_type, unsupported

_MOST_PARTS: Final = 20
#: Bytes of a form beside its file.
FORM_BYTES: Final = 100_000


async def read_upload(request: AnyRequest, pieces: AsyncIterator[bytes]) -> Upload:
    """The one file of a form, which arrives in pieces.

    What is wrong before the file is raised here, what is wrong in it or after it by its content.
    """
    events = _events(request, pieces)
    async for event in events:
        if _is_part(event) and _is_file(event, request):
            return Upload(event.filename, _content(events, request))
    raise invalid(FIELD, "required", "No file was submitted.")


async def _content(events: AsyncIterator[Any], request: AnyRequest) -> AsyncIterator[bytes]:
    """The rest of the form: the file's own bytes, and nothing of the parts behind it."""
    is_over = False
    async for event in events:
        if event is None:
            is_over = True
        elif _is_part(event):
            if _is_file(event, request):
                raise invalid(FIELD, "max_length", "Only one file can be submitted.")
        elif not is_over:
            yield event


async def _events(request: AnyRequest, pieces: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """What the parser finds: a part's head, the part's bytes, None at the part's end."""
    parser = None
    try:
        async for piece in pieces:
            parser = parser or _parser(request)  # a request without a body is a form without a file
            for event in parser.parse(piece):
                yield event
        if parser:
            parser.close()
    except MultipartError as error:
        raise _parse_error(str(error)) from error


def _parser(request: AnyRequest) -> Any:
    if media_type(request) != MULTIPART:
        raise unsupported(request)
    _, options = parse_options_header(header(request, b"content-type"))
    _check_charset(options.get("charset"))
    if not options.get("boundary"):
        raise _parse_error("Invalid boundary in multipart: None")
    return PushMultipartParser(options["boundary"].encode("latin-1"), max_segment_count=_MOST_PARTS)


def _is_part(event: Any) -> bool:
    return event is not None and not isinstance(event, bytes | bytearray)


def _is_file(part: Any, request: AnyRequest) -> bool:
    """Whether a part is the file; other parts are passed over. Raises InvalidError for what only looks like it."""
    _check_charset(part.charset)
    if part.name != FIELD:
        if is_strict(request):
            raise InvalidError({part.name: (Problem("unknown", f"This field is not known. There is only {FIELD}."),)})
        return False
    if part.filename is None:
        problem = "The submitted data was not a file. Check the encoding type on the form."
        raise invalid(FIELD, "invalid", problem)
    return bool(part.filename)  # a form whose file was not chosen sends an empty name


def _check_charset(name: str | None) -> None:
    try:
        codecs.lookup(name or "utf-8")
    except (LookupError, ValueError):
        raise _parse_error("Unknown charset") from None


def _parse_error(reason: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, f"Multipart form parse error - {reason}")
