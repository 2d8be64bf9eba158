"""Reads the form of an import as a stream: options, which may come before and after the file, and the file."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Final

from crm_core.errors import invalid
from crm_core.imports.options import ImportOptions
from crm_core.input.fields import fields_of
from crm_core.rules.images import FIELD, not_a_file
from crm_core.tables.rows import MAX_COLUMNS
from crm_core.use_cases.import_requests import SentFile
from crm_http.api.body_limits import MAX_IMPORT_FIELDS
from crm_http.api.form_parts import decoded, disposition, form_events, parse_error
from crm_http.api.requests import AnyRequest
from crm_http.multipart.parser import PartEnd, PartHead
from crm_http.multipart.part_headers import file_name

#: The parts of a form: each column of a file can be mapped or ignored.
_MAX_PARTS: Final = MAX_COLUMNS + 100


class ImportForm:
    """A form with one file and options by their names, of which ``map`` and ``ignore`` may be repeated.

    Args:
        request: the request.
        pieces: its body.
    """

    def __init__(self, request: AnyRequest, pieces: AsyncIterator[bytes]) -> None:
        self._events = form_events(request, pieces, _MAX_PARTS)
        self._name = ""
        self._sent: defaultdict[str, list[str]] = defaultdict(list)
        self._left = MAX_IMPORT_FIELDS

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the file. Raises InvalidError if there is none."""
        async for event in self._events:
            if isinstance(event, PartHead) and not await self._read_field(event):
                self._name = file_name(disposition(event)) or ""
                async for piece in decoded(event, self._part()):
                    yield piece
                return
        raise invalid(FIELD, "required", "No file was submitted.")

    async def rest(self) -> SentFile:
        """Return the name of the file and all options, when the file was read."""
        async for event in self._events:
            if isinstance(event, PartHead) and not await self._read_field(event):
                raise invalid(FIELD, "max_length", "Only one file can be submitted.")
        return SentFile(self._name, self._options())

    async def _read_field(self, head: PartHead) -> bool:
        """Read an option and return True; return False for the file."""
        name = disposition(head).get("name", "")
        if name == FIELD:
            if file_name(disposition(head)) is None:
                raise not_a_file()
            return False
        content = b"".join([piece async for piece in self._part(is_bounded=True)])
        try:
            self._sent[name].append(content.decode())
        except UnicodeDecodeError:
            raise parse_error("A field is not UTF-8.") from None
        return True

    async def _part(self, *, is_bounded: bool = False) -> AsyncIterator[bytes]:
        async for event in self._events:
            if isinstance(event, PartEnd):
                return
            if isinstance(event, bytes):
                self._left -= len(event) if is_bounded else 0
                if self._left < 0:
                    raise parse_error("The fields of the form are too long.")
                yield event

    def _options(self) -> Mapping[str, object]:
        """Return the options as plain values; an empty one counts as not sent, as of a form that was not filled in.

        An empty ``dry_run`` is kept, and refused by those who read it: without it the file would be imported.
        """
        fields = fields_of(ImportOptions)
        filled = {
            name: [value for value in values if value or name == "dry_run"] for name, values in self._sent.items()
        }
        lists = {name for name, field in fields.items() if field.kind == "texts"}
        return {name: values if name in lists else values[-1] for name, values in filled.items() if values}
