"""Reads the file in a multipart form as a stream: only the latest piece of the body is held.

The content decides whether a file is accepted. Of the form, only what is needed to find the file is read.
"""

from collections.abc import AsyncIterator

from crm_core.errors import InvalidError, Problem, invalid
from crm_core.rules.images import FIELD, not_a_file
from crm_core.use_cases.uploads import Upload
from crm_http.api.form_parts import FormEvents, decoded, disposition, form_events
from crm_http.api.requests import AnyRequest, is_strict
from crm_http.multipart.parser import PartEnd, PartEvent, PartHead
from crm_http.multipart.part_headers import file_name


async def read_upload(request: AnyRequest, pieces: AsyncIterator[bytes]) -> Upload:
    """Return the one file of a form, which arrives in pieces.

    Errors before the file are raised here; later ones while its content is read.
    """
    events = form_events(request, pieces)
    async for event in events:
        if isinstance(event, PartHead) and _is_field(event, request):
            name = file_name(disposition(event))
            first = await anext(events)
            if name == "" and isinstance(first, PartEnd):
                continue  # a form whose file was not chosen
            return Upload(name, decoded(event, _content(first, events, request)))
    raise invalid(FIELD, "required", "No file was submitted.")


async def _content(first: PartEvent, events: FormEvents, request: AnyRequest) -> AsyncIterator[bytes]:
    """Yield the bytes of the file, then check that no other file follows."""
    event = first
    while isinstance(event, bytes):
        yield event
        event = await anext(events)
    async for event in events:
        if isinstance(event, PartHead) and _is_field(event, request):
            name = file_name(disposition(event))
            if name is None:
                raise not_a_file()
            if name or isinstance(await anext(events), bytes):
                raise invalid(FIELD, "max_length", "Only one file can be submitted.")


def _is_field(part: PartHead, request: AnyRequest) -> bool:
    """Return whether a part is the field of the file; other fields are ignored, or refused with strict handling."""
    name = disposition(part).get("name", "")
    if name != FIELD and is_strict(request):
        raise InvalidError({name: (Problem("unknown", f"This field is not known. There is only {FIELD}."),)})
    return name == FIELD
