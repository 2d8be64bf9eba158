"""Files of text: the byte order mark, strict decoding, and lines of bounded length. No encoding is guessed."""

import codecs
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper
from itertools import islice
from typing import Final

from crm_adapters.tables.problems import FileProblem

MAX_LINE_LENGTH: Final = 16_000_000
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SHOWN_LINES: Final = 3
_SHOWN_LENGTH: Final = 80
_PIECE: Final = 65_536


def open_text(file: BufferedReader, encoding: str) -> TextIOWrapper:
    """Return a file as text whose line ends stay as they are.

    Args:
        file: the file, at its beginning.
        encoding: as it was stated; empty for what the byte order mark says, and else UTF-8.
    """
    return TextIOWrapper(file, _encoding(file, encoding), errors="strict", newline="")


def _encoding(file: BufferedReader, stated: str) -> str:
    begin = file.peek(_PIECE)[:_PIECE]
    if not stated:
        return next((encoding for mark, encoding in _MARKS if begin.startswith(mark)), "utf-8")
    try:
        codec = codecs.lookup(stated)
    except LookupError:
        raise FileProblem(f'The encoding "{stated[:100]}" is not known.') from None
    if not codec._is_text_encoding:  # noqa: SLF001  # as open() asks it
        raise FileProblem(f'"{stated[:100]}" is no encoding of texts.')
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def undecodable(file: BufferedReader, encoding: str) -> FileProblem:
    """Return the problem of a file that is not in its encoding; it shows lines in the encoding of Western Windows."""
    if encoding not in {"utf-8", "utf-8-sig"}:
        return FileProblem(f"The file is not in the encoding {encoding}: state another one.")
    file.seek(0)
    shown = "; ".join(islice(_undecodable_lines(file), _SHOWN_LINES))
    return FileProblem(
        f"The file is not UTF-8. With the encoding cp1252 these lines would be: {shown}. "
        "If that is right, state the encoding cp1252; else save the file as UTF-8."
    )


def _undecodable_lines(file: BufferedReader) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: file.readline(_PIECE), b""), 1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            begin = max(0, error.start - _SHOWN_LENGTH // 2)
            part = line[begin : begin + _SHOWN_LENGTH].decode("cp1252", "replace")
            yield f'line {number} "{" ".join(part.split())}"'


def read_line(text: TextIOWrapper, row: int) -> str:
    """Return the next line, empty at the end; the row is for the problem of one that is too long."""
    line = text.readline(MAX_LINE_LENGTH)
    if len(line) == MAX_LINE_LENGTH and line[-1] not in "\r\n":
        raise FileProblem(f"The line is longer than {MAX_LINE_LENGTH:,} characters.", row)
    if "\x00" in line:
        raise FileProblem("There is a NUL character. If the file is UTF-16, state the encoding utf-16.", row)
    return line
