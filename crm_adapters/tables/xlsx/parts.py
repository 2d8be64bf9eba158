"""The parts of a workbook: the zip file, its XML without entities, and which sheet is to be read."""

import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader
from typing import Final, TypeAlias
from xml.parsers import expat  # entities and doctypes are refused below

import attrs

from crm_adapters.tables.problems import FileProblem

#: Called with the local name of an element and its attributes.
Start: TypeAlias = Callable[[str, Mapping[str, str]], None]

_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_PIECE: Final = 65_536
#: A part that unpacks to more bytes, and to so many times its packed size, is a bomb and no table.
_MAX_UNPACKED: Final = 100_000_000
_MAX_RATIO: Final = 250
_MAX_PART: Final = 8 * 2**30
_OFFICE_DOCUMENT: Final = "officeDocument"
_SAVE_AS: Final = "save it as .xlsx"


@attrs.frozen
class SheetPart:
    """A sheet of a workbook: its name, its part, and whether it is hidden."""

    name: str
    part: str
    is_hidden: bool


@attrs.frozen
class Parts:
    """Where a workbook has what.

    Attributes:
        sheets: its sheets in their order.
        strings: the part with the shared texts; empty if there is none.
        styles: the part with the formats of numbers; empty if there is none.
        is_1904: dates are counted from 1904, as by old Macs.
    """

    sheets: tuple[SheetPart, ...]
    strings: str
    styles: str
    is_1904: bool


def open_zip(file: BufferedReader) -> zipfile.ZipFile:
    """Return the zip file that a workbook is. Raises FileProblem for what is none."""
    begin = file.peek(len(_OLE))[: len(_OLE)]
    if begin == _OLE:
        raise FileProblem(f"The file is an old .xls workbook, or one with a password: {_SAVE_AS} without a password.")
    try:
        packed = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
        raise FileProblem("The file is not an .xlsx workbook, or a part of it is missing.") from None
    for part in packed.infolist():
        is_bomb = part.file_size > _MAX_UNPACKED and part.file_size > _MAX_RATIO * part.compress_size
        if is_bomb or part.file_size > _MAX_PART:
            raise FileProblem(f"{part.filename[:100]} would unpack to {part.file_size:,} bytes: this is not a table.")
    return packed


def pieces(packed: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Yield the bytes of a part. Raises FileProblem if it is damaged or missing."""
    try:
        with packed.open(part) as stream:
            while piece := stream.read(_PIECE):
                yield piece
    except KeyError:
        raise FileProblem(f"The workbook has no part {part[:100]}: {_SAVE_AS} by a spreadsheet program.") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zipfile.zlib.error):  # type: ignore[attr-defined]
        raise FileProblem(f"The part {part[:100]} of the workbook is damaged: {_SAVE_AS} again.") from None


def new_parser(part: str) -> expat.XMLParserType:
    """Return a parser of a part that refuses doctypes, and with them all entities of a file's own."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise FileProblem(f"The part {part[:100]} of the workbook defines entities: this is not a table.")

    parser.StartDoctypeDeclHandler = refuse
    return parser


def parse(parser: expat.XMLParserType, piece: bytes, part: str, *, is_last: bool = False) -> None:
    """Parse a piece of a part. Raises FileProblem if it is no XML."""
    try:
        parser.Parse(piece, is_last)
    except expat.ExpatError as error:
        raise FileProblem(f"The part {part[:100]} of the workbook is damaged ({error}): {_SAVE_AS} again.") from None


def local(name: str) -> str:
    """Return the name of an element without its prefix."""
    return name.rpartition(":")[2]


def walk(packed: zipfile.ZipFile, part: str, start: Start, end: Callable[[str], None] | None = None) -> None:
    """Call ``start`` and ``end`` for the elements of a small part."""
    parser = new_parser(part)
    parser.StartElementHandler = lambda name, attributes: start(local(name), attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(local(name))
    for piece in pieces(packed, part):
        parse(parser, piece, part)
    parse(parser, b"", part, is_last=True)


def read_parts(packed: zipfile.ZipFile) -> Parts:
    """Return where the workbook has what. Raises FileProblem if it is no workbook."""
    names = set(packed.namelist())
    if "mimetype" in names or "_rels/.rels" not in names:
        raise FileProblem(f"The file is not an .xlsx workbook: {_SAVE_AS}.")
    [book] = _relations(packed, "").get(_OFFICE_DOCUMENT, {"": ""}).values() or [""]
    if not book.endswith(".xml"):
        raise FileProblem(f"The file is not an .xlsx workbook: {_SAVE_AS}.")
    relations = _relations(packed, book)
    worksheets = relations.get("worksheet", {})
    sheets: list[SheetPart] = []
    epochs: list[bool] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == "workbookPr":
            epochs.append(attributes.get("date1904") in {"1", "true"})
        elif name == "sheet":
            id_ = next((value for key, value in attributes.items() if local(key) == "id"), "")
            if id_ in worksheets:  # others are charts
                is_hidden = attributes.get("state", "visible") != "visible"
                sheets.append(SheetPart(attributes.get("name", ""), worksheets[id_], is_hidden))

    walk(packed, book, start)
    strings, styles = (next(iter(relations.get(kind, {}).values()), "") for kind in ("sharedStrings", "styles"))
    return Parts(tuple(sheets), strings, styles, any(epochs))


def _relations(packed: zipfile.ZipFile, part: str) -> Mapping[str, Mapping[str, str]]:
    """Return the parts that a part refers to, by the end of the relation's type and by id."""
    folder, name = posixpath.split(part)
    found: dict[str, dict[str, str]] = {}

    def start(element: str, attributes: Mapping[str, str]) -> None:
        if element == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip("/")
            found.setdefault(attributes.get("Type", "").rpartition("/")[2], {})[attributes.get("Id", "")] = target

    walk(packed, posixpath.join(folder, "_rels", f"{name}.rels"), start)
    return found


_MERGED: Final = re.compile(rb'mergeCell\s+ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_OVERLAP: Final = 100


def merged_in_row(packed: zipfile.ZipFile, part: str, row: int) -> str:
    """Return the cells that are merged across columns in a row of a sheet, such as ``B1:C1``; empty if none are."""
    before = b""
    for piece in pieces(packed, part):
        for first, top, last, bottom in _MERGED.findall(before + piece):
            if int(top) <= row <= int(bottom) and first != last:
                return f"{first.decode()}{top.decode()}:{last.decode()}{bottom.decode()}"
        before = piece[-_OVERLAP:]
    return ""
