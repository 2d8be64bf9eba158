"""The grammar of ``multipart/form-data`` (RFC 2046, RFC 7578), as a push parser that forgives what clients get wrong.

It finds where parts begin and end, and does not interpret fields or content. Lines end like the line of the first
boundary, with or without a carriage return. Blanks after a boundary, text before the first and after the last, and
malformed header lines are skipped.
"""

import re
from collections.abc import Generator, Iterator
from typing import Final, Literal, TypeAlias

import attrs

#: The most parts of a form, as Django has it, unless another number is given.
MAX_PARTS: Final = 1_000

#: The most bytes of the headers of one part.
MAX_HEAD_BYTES: Final = 32_768

#: The most bytes of the headers of all parts.
MAX_HEADS_BYTES: Final = 1_000_000

#: What follows a boundary: the end of the form or of the line; and a prefix of one of them.
_AFTER_BOUNDARY: Final = re.compile(rb"--|[ \t]{0,64}(\r?\n)")
_MAYBE_AFTER: Final = re.compile(rb"-?|[ \t]{0,64}\r?")

#: The empty line that ends a head; and the end of a line that goes on in the next.
_HEAD_END: Final = re.compile(rb"(?:\A|\n)\r?\n")
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")


class MalformedFormError(Exception):
    """The body is not a form; the message is one line that says why."""


@attrs.frozen
class PartHead:
    """The headers of a part by their lower-case names; the last one counts if a name is repeated."""

    headers: dict[str, str]


@attrs.frozen
class PartEnd:
    """The end of a part."""


#: An event of the parser: the headers of a part, a piece of its content, or its end.
PartEvent: TypeAlias = PartHead | bytes | PartEnd


class MultipartParser:
    """Finds the parts of a form in pieces of any size; holds no more than one head.

    Args:
        boundary: the parameter of the form's content type.
        max_parts: the most parts.
    """

    def __init__(self, boundary: bytes, max_parts: int = MAX_PARTS) -> None:
        self._max_parts = max_parts
        self._mark = b"--" + boundary
        # What stands in front of each further boundary is known when the first has shown how lines end.
        self._delimiter = b""
        self._waiting = b"\n"  # the first boundary is at the beginning of a line, as the body is
        self._parts = 0
        self._is_in_head = True
        self._heads_bytes = 0
        self._is_over = False

    def feed(self, piece: bytes) -> Iterator[PartEvent]:
        """Read the next piece; yield its events. Raises MalformedFormError."""
        self._waiting += piece
        goes_on = True
        while goes_on and not self._is_over:
            if not self._delimiter:
                goes_on = self._find_first()
            elif self._is_in_head:
                goes_on = yield from self._read_head()
            else:
                goes_on = yield from self._read_content()
        if self._is_over:
            self._waiting = b""

    def close(self) -> None:
        """Raise MalformedFormError if the form was cut off."""
        if not self._is_over:
            raise MalformedFormError("The form ends before its last boundary.")

    def _find_first(self) -> bool:
        """Skip what precedes the first boundary; return whether the boundary was found."""
        mark = b"\n" + self._mark
        start = self._waiting.find(mark)
        while start >= 0:
            found = self._after_boundary(start + len(mark))
            if found is None:  # the rest of its line has not arrived
                self._waiting = self._waiting[start:]
                return False
            if found:
                self._delimiter = (found[1] or b"\r\n") + self._mark
                self._begin(found)
                return True
            start = self._waiting.find(mark, start + 1)
        self._waiting = self._waiting[1 - len(mark) :]
        return False

    def _read_head(self) -> Generator[PartEvent, None, bool]:
        """Read the headers of a part, which end with an empty line; return whether that line has arrived."""
        end = _HEAD_END.search(self._waiting)
        size = end.start() if end else len(self._waiting)
        if size > MAX_HEAD_BYTES or self._heads_bytes + size > MAX_HEADS_BYTES:
            raise MalformedFormError("The headers of a part are too long.")
        if end is None:
            return False
        self._heads_bytes += size
        lines = _FOLD.sub(b" ", self._waiting[: end.start()]).splitlines()
        self._waiting, self._is_in_head = self._waiting[end.end() :], False
        yield PartHead(dict(map(_header, lines)))
        return True

    def _read_content(self) -> Generator[PartEvent, None, bool]:
        """Read content up to the next boundary; return whether that was found."""
        waiting, start = self._waiting, self._waiting.find(self._delimiter)
        while start >= 0:
            found = self._after_boundary(start + len(self._delimiter))
            if found is None:
                break
            if found:
                if start:
                    yield waiting[:start]
                yield PartEnd()
                self._begin(found)
                return True
            start = waiting.find(self._delimiter, start + 1)
        end = start if start >= 0 else self._safe_end(waiting)
        if end:
            yield waiting[:end]
        self._waiting = waiting[end:]
        return False

    def _safe_end(self, waiting: bytes) -> int:
        """Return the position from which bytes may belong to a boundary that has not arrived completely."""
        first = self._delimiter[:1]
        start = waiting.find(first, max(0, len(waiting) - len(self._delimiter) + 1))
        while start >= 0 and not self._delimiter.startswith(waiting[start:]):
            start = waiting.find(first, start + 1)
        return start if start >= 0 else len(waiting)

    def _after_boundary(self, place: int) -> re.Match[bytes] | Literal[False] | None:
        """Return what follows a boundary; False if it is no boundary, None if too few bytes have arrived to decide."""
        if found := _AFTER_BOUNDARY.match(self._waiting, place):
            return found
        return None if _MAYBE_AFTER.fullmatch(self._waiting, place) else False

    def _begin(self, found: re.Match[bytes]) -> None:
        """Continue after a boundary: with the headers of the next part, or with the end of the form."""
        self._waiting = self._waiting[found.end() :]
        self._is_over = found[1] is None
        self._parts += not self._is_over
        if self._parts > self._max_parts:
            raise MalformedFormError("The form has too many parts.")
        self._is_in_head = True


def _header(line: bytes) -> tuple[str, str]:
    """Return the name and value of a header, decoded as UTF-8, or as Latin-1 if it is not UTF-8."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    name, _, value = text.partition(":")
    return name.strip().lower(), value.strip()
