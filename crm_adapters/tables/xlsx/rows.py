"""The rows of a sheet, read as a stream of XML elements."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from io import BufferedReader
from typing import Any, Final

from crm_adapters.tables.csv_rows import ReadRow, align, check_width, trimmed
from crm_adapters.tables.frames import unreadable
from crm_adapters.tables.problems import FileProblem
from crm_adapters.tables.xlsx.numbers import date_styles, iso_moment, moment, number
from crm_adapters.tables.xlsx.parts import (
    SheetPart,
    local,
    merged_in_row,
    new_parser,
    open_zip,
    parse,
    pieces,
    read_parts,
)
from crm_adapters.tables.xlsx.strings import SharedStrings, unescaped
from crm_core.errors import column_letters
from crm_core.tables.rows import MAX_COLUMNS, Header, TableOptions

_NO_RESULT: Final = unreadable(
    "The cell holds a formula without a result: open the file in a spreadsheet program and save it, or paste values."
)
#: Bytes that a cell takes at least, beside its text.
_CELL_SIZE: Final = 8


class XlsxRows:
    """The header and rows of a sheet of a workbook.

    Args:
        file: the workbook.
        options: what it does not say about itself.
    """

    def __init__(self, file: BufferedReader, options: TableOptions) -> None:
        self.notes: list[str] = []
        self._packed = open_zip(file)
        parts = read_parts(self._packed)
        self._sheet = _chosen(parts.sheets, options.sheet)
        self._reader = _SheetReader(
            SharedStrings.read(self._packed, parts.strings),
            date_styles(self._packed, parts.styles),
            is_1904=parts.is_1904,
        )
        self._rows = self._reader.rows(pieces(self._packed, self._sheet.part), self._sheet.part)

    def header(self) -> Header:
        """Return the header. Raises FileProblem."""
        row, cells, _ = next(self._rows, (0, [], 0))
        names = trimmed([_name(cell, row, column) for column, cell in enumerate(cells)])
        if not names:
            raise FileProblem(f'The sheet "{self._sheet.name}" is empty: it has no row with the names of the columns.')
        check_width(names, row)
        if "" in names or len(cells) > len(names):
            self._refuse_merged(row)
        self._width = len(names)
        return Header(names, row, sheet=self._sheet.name)

    def _refuse_merged(self, row: int) -> None:
        if merged := merged_in_row(self._packed, self._sheet.part, row):
            raise FileProblem(f"The cells {merged} of the header are merged: give each column a name of its own.", row)

    def rows(self) -> Iterator[ReadRow]:
        """Yield the rows below the header that are not blank, the hidden ones too. Raises FileProblem."""
        for row, cells, size in self._rows:
            aligned, problem = align(cells, self._width, "give every column a name in the header.")
            yield row, aligned, problem, size
        if hidden := self._reader.hidden:
            self.notes.append(f"{hidden} hidden rows were read, too." if hidden > 1 else "A hidden row was read, too.")


def _chosen(sheets: tuple[SheetPart, ...], name: str) -> SheetPart:
    named = [sheet for sheet in sheets if sheet.name == name] if name else [s for s in sheets if not s.is_hidden]
    if len(named) == 1:
        return named[0]
    names = ", ".join(f'"{sheet.name}"' for sheet in sheets)
    if name:
        raise FileProblem(f'The workbook has no sheet "{name[:100]}". There are: {names}.')
    raise FileProblem(
        f"The workbook has several sheets: state which one. There are: {names}."
        if named
        else "The workbook has no sheet that is not hidden."
    )


def _name(cell: object, row: int, column: int) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return str(cell)
    raise FileProblem("The header has a cell that is no text.", row, column)


class _SheetReader:
    """Makes rows of cells from the elements of a sheet."""

    def __init__(self, strings: SharedStrings, dates: frozenset[str], *, is_1904: bool) -> None:
        self.hidden = 0
        self._strings = strings
        self._dates = dates
        self._is_1904 = is_1904
        self._ready: list[tuple[int, list[object], int]] = []
        self._row = self._column = 0
        self._cells: list[object] = []
        self._size = 0
        self._attributes: Mapping[str, str] = {}
        self._text: list[str] = []
        self._value: str | None = None
        self._has_formula = False
        self._takes_text = False

    def rows(self, parts: Iterator[bytes], part: str) -> Iterator[tuple[int, list[object], int]]:
        """Yield the rows that have a cell with a value: number, cells, and characters."""
        parser, ready = new_parser(part), self._ready
        starts, ends = dict(self._STARTS), dict(self._ENDS)

        def start(name: str, attributes: Mapping[str, str]) -> None:
            if (handle := starts.get(name) or (starts.get(local(name)) if ":" in name else None)) is not None:
                handle(self, attributes)

        def end(name: str) -> None:
            if (handle := ends.get(name) or (ends.get(local(name)) if ":" in name else None)) is not None:
                handle(self)

        def characters(data: str) -> None:
            if self._takes_text:
                self._text.append(data)

        parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
        for piece in parts:
            parse(parser, piece, part)
            yield from ready
            ready.clear()
        parse(parser, b"", part, is_last=True)

    def _start_row(self, attributes: Mapping[str, str]) -> None:
        self._row = int(attributes.get("r") or self._row + 1)
        self._cells, self._column, self._size = [], 0, 0
        self._is_hidden = attributes.get("hidden") in {"1", "true"}

    def _end_row(self) -> None:
        if any(cell != "" for cell in self._cells):
            self._ready.append((self._row, self._cells, self._size))
            self.hidden += self._is_hidden

    def _start_cell(self, attributes: Mapping[str, str]) -> None:
        if place := attributes.get("r"):
            self._column = _column(place.rstrip("0123456789"))
        self._attributes, self._value, self._has_formula = attributes, None, False
        self._text = []

    def _end_cell(self) -> None:
        value = self._cell()
        if value != "" and self._column >= MAX_COLUMNS:
            message = f"There are cells beyond column {column_letters(MAX_COLUMNS - 1)}, the last one that is read."
            raise FileProblem(message, self._row, self._column)
        if value != "":
            self._cells += [""] * (self._column - len(self._cells))
            self._cells.append(value)
            self._size += _CELL_SIZE + (len(value) if isinstance(value, str) else 0)
        self._column += 1

    def _cell(self) -> object:
        if self._value is None:
            return _NO_RESULT if self._has_formula else ""
        read = self._READERS.get(self._attributes.get("t", "n"), _SheetReader._number)
        return read(self, self._value)

    def _shared(self, text: str) -> str:
        return self._strings[int(text) if text.isdecimal() else -1]

    def _number(self, text: str) -> object:
        if text == "":
            return ""
        if self._attributes.get("s") in self._dates:
            return moment(text, is_1904=self._is_1904)
        return number(text)

    def _start_formula(self, _: Mapping[str, str]) -> None:
        self._has_formula = True

    def _start_text(self, _: Mapping[str, str]) -> None:
        self._takes_text = True

    def _end_text(self) -> None:
        self._takes_text = False
        self._value = "".join(self._text)

    def _start_phonetic(self, _: Mapping[str, str]) -> None:
        self._kept, self._text = self._text, []

    def _end_phonetic(self) -> None:
        self._text = self._kept
        self._value = "".join(self._text)

    _STARTS: Final = {
        "row": _start_row,
        "c": _start_cell,
        "v": _start_text,
        "t": _start_text,
        "f": _start_formula,
        "rPh": _start_phonetic,
    }
    _READERS: Final[Mapping[str, Callable[[Any, str], object]]] = {
        "s": _shared,
        "n": _number,
        "str": lambda _, text: unescaped(text),
        "inlineStr": lambda _, text: unescaped(text),
        "b": lambda _, text: text.strip() == "1",
        "e": lambda _, text: unreadable(f"The cell shows the error {text[:20]}: correct its formula, or empty it."),
        "d": lambda _, text: iso_moment(text),
    }
    _ENDS: Final = {"row": _end_row, "c": _end_cell, "v": _end_text, "t": _end_text, "rPh": _end_phonetic}


@cache
def _column(letters: str) -> int:
    """Return the index of a column from 0."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1
