"""Reads CSV files: the delimiter by the header, quotes strictly, rows with their number in the spreadsheet."""

import csv
import re
from collections.abc import Iterator, Sequence
from io import BufferedReader, StringIO, TextIOWrapper
from itertools import islice
from typing import Final

from crm_adapters.tables.problems import FileProblem
from crm_adapters.tables.text_files import open_text, read_line, undecodable
from crm_core.tables.rows import MAX_CELL_LENGTH, MAX_COLUMNS, Header, TableOptions

#: A row: its number, its cells, why it cannot be read, and the characters that it takes.
ReadRow = tuple[int, Sequence[object] | str, str, int]

DELIMITERS: Final = (",", ";", "\t", "|")
_SAMPLE: Final = 65_536
_SAMPLE_ROWS: Final = 20
#: The line by which a file tells Excel its delimiter.
_SEP: Final = re.compile('"?sep=(.)"?\r?\n?', re.IGNORECASE)


class CsvRows:
    """The header and rows of a CSV file.

    Args:
        file: the file.
        options: what it does not say about itself.
    """

    def __init__(self, file: BufferedReader, options: TableOptions) -> None:
        csv.field_size_limit(MAX_CELL_LENGTH)
        self.notes: list[str] = []
        self._file = file
        self._text = open_text(file, options.encoding)
        self._lines = _Lines(self._text)
        self._rows = self._read(options)

    def header(self) -> Header:
        """Return the header. Raises FileProblem."""
        row, names, _, _ = next(self._rows)
        return Header([str(name) for name in names], row, delimiter=self._delimiter)

    def rows(self) -> Iterator[ReadRow]:
        """Yield the rows below the header that are not blank. Raises FileProblem."""
        return self._rows

    def _read(self, options: TableOptions) -> Iterator[ReadRow]:
        try:
            self._delimiter = self._find_delimiter(options)
            yield from self._aligned()
        except UnicodeDecodeError:
            raise undecodable(self._file, self._text.encoding) from None

    def _find_delimiter(self, options: TableOptions) -> str:
        sample = self._text.read(_SAMPLE)
        self._text.seek(0)
        if stated := _SEP.fullmatch(sample.partition("\n")[0]):
            self._text.readline()
            return options.delimiter or stated[1]
        return options.delimiter or _delimiter_of(sample, options.known_headers)

    def _aligned(self) -> Iterator[ReadRow]:
        numbered = self._numbered()
        row, header, size = next(numbered, (0, [], 0))
        names = trimmed(header)
        if not names:
            raise FileProblem("The file is empty: it has no row with the names of the columns.")
        check_width(names, row)
        yield row, names, "", size
        for row, cells, size in numbered:
            aligned, problem = align(cells, len(names), f"is a text with {self._delimiter!r} in it without quotes?")
            yield row, aligned, problem, size

    def _numbered(self) -> Iterator[tuple[int, list[str], int]]:
        reader, lines, row = csv.reader(self._lines, delimiter=self._delimiter, strict=True), self._lines, 0
        try:
            for cells in reader:
                row += 1
                if any(cells):
                    yield row, cells, lines.size
                lines.begin_row()
        except csv.Error as error:
            raise self._problem(str(error), row + 1) from None

    def _problem(self, reason: str, row: int) -> FileProblem:
        text = "".join(self._lines.of_row)
        column = _last_quoted(text, self._delimiter)
        if "limit" in reason and len(self._lines.of_row) == 1:
            return FileProblem(f"The cell has more than {MAX_CELL_LENGTH:,} characters.", row, column)
        return FileProblem(
            'A quote is opened here and not closed, or text follows it: close it, and write quotes inside twice ("").',
            row,
            column,
        )


class _Lines:
    """The lines of a text, with those of the row that is being read."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self._row = 1
        self.of_row: list[str] = []

    @property
    def size(self) -> int:
        """Return the characters of the row."""
        return sum(map(len, self.of_row))

    def begin_row(self) -> None:
        """Forget the lines of the row before."""
        self._row += 1
        self.of_row.clear()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = read_line(self._text, self._row)
        if not line:
            raise StopIteration
        self.of_row.append(line)
        return line


def trimmed(cells: Sequence[str]) -> list[str]:
    """Return the names in a header without the empty ones at its end."""
    names = [name.strip() for name in cells]
    while names and not names[-1]:
        names.pop()
    return names


def check_width(names: Sequence[str], row: int) -> None:
    """Raise FileProblem for a header that has more columns than are read."""
    if len(names) > MAX_COLUMNS:
        raise FileProblem(f"The header has {len(names):,} columns; at most {MAX_COLUMNS:,} are read.", row)


def align(cells: Sequence[object], width: int, hint: str) -> tuple[Sequence[object], str]:
    """Return the cells of a row, as many as the header has, and the problem of a row that has more."""
    if len(cells) == width:
        return cells, ""
    if len(cells) < width:
        return [*cells, *[""] * (width - len(cells))], ""
    if not any(cell != "" for cell in cells[width:]):
        return cells[:width], ""
    return cells[:width], f"The row has {len(cells)} cells and the header has {width}: {hint}"


def _delimiter_of(sample: str, known: frozenset[str]) -> str:
    """Return the delimiter that gives most known headers; of those the one with rows as long as the header."""
    folded = {name.strip().casefold() for name in known}

    def fitness(delimiter: str) -> tuple[int, bool, int]:
        rows = list(islice(csv.reader(StringIO(sample, newline=""), delimiter=delimiter), _SAMPLE_ROWS))
        if len(sample) == _SAMPLE and len(rows) < _SAMPLE_ROWS:
            rows.pop()  # it may have been cut
        header, *others = [row for row in rows if row] or [[]]
        is_even = len(header) > 1 and all(len(row) == len(header) for row in others)
        return len(folded & {name.strip().casefold() for name in header}), is_even, len(header)

    try:
        return max(DELIMITERS, key=fitness)
    except csv.Error:  # a cell that is too long; reading says where
        return DELIMITERS[0]


def _last_quoted(text: str, delimiter: str) -> int:
    """Return the index of the column in which the last quote of a broken row is opened; of its last cell if none is."""
    column = quoted = 0
    is_inside = at_begin = False
    at_begin = True
    for letter in text:
        if is_inside:
            is_inside = letter != '"'
        elif letter == '"':
            is_inside, quoted = True, column if at_begin else quoted
        elif letter == delimiter:
            column += 1
        at_begin = letter == delimiter and not is_inside
    return quoted if '"' in text else column
