"""The texts that the cells of a workbook share, kept in a file, as there may be millions."""

import mmap
import re
import tempfile
import zipfile
from array import array
from collections.abc import Iterator, Mapping
from typing import Final, Self

from crm_adapters.tables.problems import FileProblem
from crm_adapters.tables.xlsx.parts import local, new_parser, parse, pieces

#: A character that XML cannot have, as Excel writes it.
_ESCAPED: Final = re.compile("_x([0-9A-Fa-f]{4})_")
_SURROGATES: Final = range(0xD800, 0xE000)


class SharedStrings:
    """The shared texts of a workbook by their index.

    Args:
        content: the texts one after another, UTF-8.
        ends: where each ends.
    """

    def __init__(self, content: bytes | mmap.mmap, ends: "array[int]") -> None:
        self._content = content
        self._ends = ends

    @classmethod
    def read(cls, packed: zipfile.ZipFile, part: str) -> Self:
        """Return the texts of a part; none if the workbook has no such part. Raises FileProblem."""
        ends = array("Q")
        with tempfile.TemporaryFile() as file:
            for text in _texts(packed, part) if part else ():
                file.write(text.encode())
                ends.append(file.tell())
            file.flush()
            return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.tell() else b"", ends)

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self._ends):
            raise FileProblem("A cell of the workbook refers to a text that is not there: save the workbook again.")
        return self._content[self._ends[index - 1] if index else 0 : self._ends[index]].decode()


def unescaped(text: str) -> str:
    """Return a text with the characters that XML cannot have, which Excel writes as ``_x000D_``."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if code in _SURROGATES or code == 0 else chr(code)


def _texts(packed: zipfile.ZipFile, part: str) -> Iterator[str]:
    """Yield the texts of a part; of a text in several formats its runs together, without its reading aid."""
    ready: list[str] = []
    parts: list[str] = []
    inside = {"t": 0, "rPh": 0}

    def start(name: str, _: Mapping[str, str]) -> None:
        if (kind := local(name)) in inside:
            inside[kind] += 1

    def end(name: str) -> None:
        if (kind := local(name)) in inside:
            inside[kind] -= 1
        elif kind == "si":
            ready.append(unescaped("".join(parts)))
            parts.clear()

    def characters(data: str) -> None:
        if inside["t"] and not inside["rPh"]:
            parts.append(data)

    parser = new_parser(part)
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
    for piece in pieces(packed, part):
        parse(parser, piece, part)
        yield from ready
        ready.clear()
    parse(parser, b"", part, is_last=True)
