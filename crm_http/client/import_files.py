"""The form of an import: a file, which is read while it is sent, and the options."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from crm_core.embedding.files import ImportedFile
from crm_core.imports.status import ImportStatus
from crm_core.model.plain_values import plain
from crm_http.client.responses import decode


def read_status(response: httpx.Response) -> ImportStatus:
    """Return the import in an answer."""
    return decode(response, ImportStatus)


def form_of(file: ImportedFile, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of a request with a file and options, for httpx."""
    if isinstance(file, str | os.PathLike):
        sent: Any = (Path(file).name, _FileAtPath(Path(file)))
    else:
        sent = (Path(str(getattr(file, "name", "file"))).name, file)
    return {"files": {"file": sent}, "data": {name: _option(value) for name, value in options.items()}}


def _option(value: object) -> object:
    if isinstance(value, Mapping):
        return [f"{column}={field}" for column, field in value.items()]
    return value if isinstance(value, list | tuple) else str(plain(value)).lower() if isinstance(value, bool) else value


class _FileAtPath:
    """A file that is opened when it is sent, and closed at its end; httpx sends it again from its beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size
        self._file: BinaryIO | None = None

    def read(self, size: int = -1) -> bytes:
        if self._file is None:
            self._file = self._path.open("rb")
        piece = self._file.read(size)
        if not piece:
            self.seek(0)
        return piece

    def tell(self) -> int:
        return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Begin again; only the places of the beginning and the end are known."""
        if self._file is not None:
            self._file.close()
            self._file = None
        return self._size if whence == os.SEEK_END else offset
