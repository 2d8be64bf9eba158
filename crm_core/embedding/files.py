"""The files that calls take: paths, bytes, and files that are open for reading bytes."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from crm_core.arguments.values import sendable
from crm_core.use_cases.import_requests import SentFile

#: A file: its path, or one that is open for reading bytes.
ImportedFile: TypeAlias = str | os.PathLike[str] | BinaryIO

#: Bytes of a file that are read at once.
_PIECE: Final = 2**16


async def pieces_of(content: bytes | BinaryIO) -> AsyncIterator[bytes]:
    """Yield the bytes of a file."""
    if isinstance(content, bytes):
        yield content
    else:
        while piece := content.read(_PIECE):
            yield piece


def opened(file: ImportedFile) -> AbstractContextManager[BinaryIO]:
    """Return a file that is open for reading bytes; one that was open before stays so."""
    return Path(file).open("rb") if isinstance(file, str | os.PathLike) else nullcontext(file)


def sent_file(file: ImportedFile, options: Mapping[str, Any]) -> SentFile:
    """Return the name of a file, and the options of its import as plain values."""
    path = file if isinstance(file, str | os.PathLike) else str(getattr(file, "name", "file"))
    columns = options.get("map")
    named = {"map": [f"{column}={field}" for column, field in columns.items()]} if isinstance(columns, Mapping) else {}
    return SentFile(Path(path).name, sendable({**options, **named}))
