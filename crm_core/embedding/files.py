"""The files that calls take: paths, bytes, and files that are open for reading bytes."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from io import TextIOBase
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias, cast

from crm_core.arguments.values import sendable
from crm_core.errors import invalid
from crm_core.use_cases.import_requests import SentFile

#: A file: its path, or one that is open for reading bytes.
ImportedFile: TypeAlias = str | os.PathLike[str] | BinaryIO

#: Bytes of a file that are read at once.
_PIECE: Final = 2**16


async def pieces_of(content: object, argument: str) -> AsyncIterator[bytes]:
    """Yield the bytes of a file. Raises InvalidError for what is neither bytes nor open for reading bytes.

    Args:
        content: the bytes or the file.
        argument: its name in the problem.
    """
    if isinstance(content, bytes | bytearray | memoryview):
        yield bytes(content)
        return
    refusal = invalid(argument, "invalid", "This takes a file that is open for reading bytes.")
    read = getattr(content, "read", None)
    if not callable(read):
        raise refusal
    while piece := read(_PIECE):
        if not isinstance(piece, bytes):
            raise refusal
        yield piece


def written(to: object) -> BinaryIO:
    """Return a file if it is open for writing bytes. Raises InvalidError."""
    if not callable(getattr(to, "write", None)) or isinstance(to, TextIOBase):
        raise invalid("to", "invalid", "This takes a file that is open for writing bytes.")
    return cast("BinaryIO", to)


def opened(file: ImportedFile) -> AbstractContextManager[BinaryIO]:
    """Return a file that is open for reading bytes; one that was open before stays so.

    Raises OSError for a file that cannot be opened, InvalidError for a text that is no path.
    """
    try:
        return Path(file).open("rb") if isinstance(file, str | os.PathLike) else nullcontext(file)
    except ValueError as error:
        raise invalid("file", "invalid", f"This is no path of a file: {error}") from None


def sent_file(file: ImportedFile, options: Mapping[str, Any]) -> SentFile:
    """Return the name of a file, and the options of its import as plain values."""
    path = file if isinstance(file, str | os.PathLike) else str(getattr(file, "name", "file"))
    columns = options.get("map")
    named = {"map": [_pair(*each) for each in columns.items()]} if isinstance(columns, Mapping) else {}
    return SentFile(Path(path).name, sendable({**options, **named}))


def _pair(column: object, field: object) -> object:
    return f"{column}={field}" if isinstance(column, str) and isinstance(field, str) else [column, field]
