import asyncio
import datetime as dt
import os
import random
import time
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest
import xlsxwriter

from crm_adapters.tables.reader import ChildTableReader
from crm_core.errors import UnreadableTableError
from crm_core.tables.rows import Header, Row, TableOptions, UnreadableCell
from crm_core.testing.scene import OnOneLoop, fact
from tests.adapters.tables.workbooks import row, sheet, text_cell, write_workbook
from tests.near_tables import NearTableReader

#: What a file comes to is the same without a child, whose start takes half a second.
NEAR = NearTableReader()


def read(path: Path, reader: ChildTableReader = NEAR, **options: Any) -> tuple[Header, list[Row], Sequence[str]]:
    async def read_all() -> tuple[Header, list[Row], Sequence[str]]:
        stated = TableOptions(**{"format": path.suffix[1:], **options})
        async with reader.open(str(path), stated) as table:
            rows = [row async for some in table for row in some]
            return table.header, rows, table.notes

    return asyncio.run(read_all())


def cells_of(path: Path, **options: Any) -> list[Any]:
    return [row.cells for row in read(path, **options)[1]]


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(UnreadableTableError) as refused:
        read(path, **options)
    message = str(refused.value).removeprefix("file: ")
    assert "\n" not in message
    return message


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


@pytest.fixture
def xlsx(tmp_path: Path) -> Path:
    return tmp_path / "a.xlsx"


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    return tmp_path / "a.jsonl"


# CSV


def test_rows_have_their_number_in_the_spreadsheet_and_blank_ones_are_left_out(csv: Path) -> None:
    header, rows, _ = read(written(csv, 'name,city\r\nAnn,Lyon\r\n\r\n"B\r\nC",\r\n,,\r\nD\r\n'))

    assert header == Header(["name", "city"], 1, delimiter=",")
    assert rows == [Row(2, ["Ann", "Lyon"]), Row(4, ["B\r\nC", ""]), Row(6, ["D", ""])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_names_the_encoding(csv: Path, encoding: str) -> None:
    assert cells_of(written(csv, "name\nRenée\n".encode(encoding))) == [["Renée"]]


def test_cp1252_is_read_only_if_it_is_stated(csv: Path) -> None:
    written(csv, "name;city\nAnn;Lyon\nRené;Orléans\nZoë;Liège\n".encode("cp1252"))

    assert cells_of(csv, encoding="cp1252") == [["Ann", "Lyon"], ["René", "Orléans"], ["Zoë", "Liège"]]
    assert refusal(csv) == (
        'The file is not UTF-8. With the encoding cp1252 these lines would be: line 3 "René;Orléans"; line 4 '
        '"Zoë;Liège". If that is right, state the encoding cp1252; else save the file as UTF-8.'
    )


def test_bytes_that_are_not_utf8_are_found_far_down(csv: Path) -> None:
    written(csv, b"name\n" + (b"x" * 1_000 + b"\n") * 1_300 + "René\n".encode("cp1252"))

    assert 'line 1302 "René"' in refusal(csv)


@pytest.mark.parametrize(
    ("encoding", "says"), [("klingon", 'The encoding "klingon" is not known.'), ("hex", '"hex" is')]
)
def test_an_encoding_that_there_is_not_is_refused(csv: Path, encoding: str, says: str) -> None:
    assert refusal(written(csv, "a\n"), encoding=encoding).startswith(says)


@pytest.mark.parametrize("line", ["sep=;\n", '"sep=;"\r\n', "SEP=;\r\n"])
def test_the_line_by_which_excel_knows_the_delimiter_is_no_row(csv: Path, line: str) -> None:
    header, rows, _ = read(written(csv, f"{line}name;a,b\nAnn;1\n"))

    assert header == Header(["name", "a,b"], 1, delimiter=";")
    assert rows == [Row(2, ["Ann", "1"])]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_gives_even_rows(csv: Path, delimiter: str) -> None:
    rows = [["name", "note"], ["Ann", "x"], ["Ben", '"a, b; c | d\te"']]
    header, _, _ = read(written(csv, "".join(delimiter.join(cells) + "\n" for cells in rows)))

    assert header == Header(["name", "note"], 1, delimiter=delimiter)


def test_the_delimiter_is_the_one_that_gives_known_headers(csv: Path) -> None:
    written(csv, "Name;size,unit\n1,5;2,5\n")

    assert read(csv, known_headers=frozenset({"name"}))[0].names == ("Name", "size,unit")
    assert read(csv, delimiter=",")[0].names == ("Name;size", "unit")


def test_a_row_with_more_cells_than_the_header_has_a_problem_of_its_own(csv: Path) -> None:
    _, rows, _ = read(written(csv, "a,b\n1,2,\n1,2,3\n4,5\n"))

    assert rows == [
        Row(2, ["1", "2"]),
        Row(
            *(3, ["1", "2"]),
            "The row has 3 cells and the header has 2: is a text with ',' in it without quotes?",
        ),
        Row(4, ["4", "5"]),
    ]


def test_an_unclosed_quote_in_row_3_of_1_000_000_is_known_in_a_second(csv: Path) -> None:
    written(csv, 'name,note\nAnn,x\nBen,"open\n' + "Carl,x\n" * 1_000_000)
    begin = time.perf_counter()
    message = refusal(csv)
    seconds = time.perf_counter() - begin

    assert message == (
        "Row 3, column B: A quote is opened here and not closed, or text follows it: close it, and write quotes inside "
        'twice ("").'
    )
    print(f"an unclosed quote in row 3 of 1,000,000 is known in {seconds:.2f} s")
    assert seconds < 5  # a second on a machine that does nothing else


@pytest.mark.parametrize("content", ['a,b\n1,"x\n', 'a,b\n1,"x" y\n', 'a,b\n1,"x\n2,"y"\n'])
def test_broken_quotes_are_refused_with_their_place(csv: Path, content: str) -> None:
    assert refusal(written(csv, content)).startswith("Row 2, column B: A quote is opened here")


def test_a_nul_character_is_refused(csv: Path) -> None:
    says = "There is a NUL character. If the file is UTF-16, state the encoding utf-16."

    assert refusal(written(csv, "a\nb\nc\x00\n")) == f"Row 3: {says}"
    assert refusal(written(csv, "a\nb\n".encode("utf-16-le"))) == f"Row 1: {says}"


def test_a_cell_of_10_megabytes_is_refused_with_its_place(csv: Path) -> None:
    written(csv, "a,b\n1,2\n3," + "x" * 10_000_000 + "\n")

    assert refusal(csv) == "Row 3, column B: The cell has more than 1,100,000 characters."


def test_a_line_without_an_end_is_refused(csv: Path) -> None:
    assert refusal(written(csv, "a\n" + "x," * 10_000_000)) == "Row 2: The line is longer than 16,000,000 characters."


def test_20_000_columns_are_refused(csv: Path) -> None:
    written(csv, ",".join(f"c{n}" for n in range(20_000)) + "\n")

    assert refusal(csv) == "Row 1: The header has 20,000 columns; at most 1,000 are read."


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "The file is empty."), (b"\n\n,,\n", "The file is empty: it has no row with the names of the columns.")],
)
def test_an_empty_file_is_refused(csv: Path, content: bytes, says: str) -> None:
    assert refusal(written(csv, content)) == says


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.csv")

    assert refusal(tmp_path, format="csv") == "It is a folder, not a file."
    assert refusal(tmp_path / "fifo.csv") == "It is not a file on a disk."
    assert refusal(tmp_path / "none.csv") == "The file cannot be opened: No such file or directory."


# JSONL


def test_the_objects_of_jsonl_keep_their_digits_and_lines_their_numbers(jsonl: Path) -> None:
    header, rows, _ = read(written(jsonl, '\ufeff{"a": 1.10}\n\n{"b": [1, {"c": null}]}\r\n'))

    assert header == Header()
    assert rows == [Row(1, {"a": Decimal("1.10")}), Row(3, {"b": [1, {"c": None}]})]


def test_a_bad_line_of_jsonl_does_not_affect_others(jsonl: Path) -> None:
    deep = '{"a": ' + "[" * 40 + "]" * 40 + "}"
    _, rows, _ = read(written(jsonl, f'{{"a"\n[1]\n{deep}\n{{"a": NaN}}\n{{"a": 1}}\n'))

    assert [row.problem for row in rows] == [
        "The line is not JSON: Expecting ':' delimiter: line 1 column 5 (char 4).",
        "The line is not an object: { and } around its members.",
        "The line is nested too deeply.",
        "",
        "",
    ]


@pytest.mark.parametrize("text", [r"\ud800", r"a\uDFFF", r"\udc00\ud800"])
def test_a_line_of_jsonl_with_half_a_character_is_refused_alone(jsonl: Path, text: str) -> None:
    _, rows, _ = read(written(jsonl, f'{{"a": "{text}"}}\n{{"{text}": 1.5}}\n{{"a": "\\ud83d\\ude00 \\\\ud800"}}\n'))

    assert [bool(row.problem) for row in rows] == [True, True, False]
    assert rows[0] == Row(1, {}, "The line has a surrogate character without the other half of its pair.")
    assert rows[2].cells == {"a": "😀 \\ud800"}


# XLSX


def test_cells_of_workbooks_have_their_types(xlsx: Path) -> None:
    with xlsxwriter.Workbook(xlsx) as book:
        page = book.add_worksheet("Clients")
        day, moment = (book.add_format({"num_format": code}) for code in ("dd.mm.yyyy", "yyyy-mm-dd hh:mm"))
        page.write_row(0, 0, ["text", "number", "half", "true", "day", "moment", "lines"])
        page.write_row(2, 0, ["Ann", 5, 0.1 + 0.2, True])
        page.write_datetime(2, 4, dt.datetime(2026, 1, 31), day)  # noqa: DTZ001
        page.write_datetime(2, 5, dt.datetime(1999, 12, 31, 23, 59, 30), moment)  # noqa: DTZ001
        page.write_string(2, 6, "a\nb\r_x000D_")
    header, rows, notes = read(xlsx)

    assert header == Header(["text", "number", "half", "true", "day", "moment", "lines"], 1, sheet="Clients")
    assert rows == [
        Row(
            3,
            [
                *("Ann", 5, Decimal("0.3"), True, dt.date(2026, 1, 31)),
                *(dt.datetime(1999, 12, 31, 23, 59, 30), "a\nb\r_x000D_"),  # noqa: DTZ001
            ],
        )
    ]
    assert notes == []


def test_shared_texts_with_formats_and_reading_aids_are_read(xlsx: Path) -> None:
    strings = (
        '<sst xmlns="m"><si><t>name</t></si><si><r><t xml:space="preserve">An </t></r><r><t>na</t></r>'
        "<rPh><t>xx</t></rPh></si></sst>"
    )
    page = sheet(row(1, '<c r="A1" t="s"><v>0</v></c>'), row(2, '<c r="A2" t="s"><v>1</v></c>'))

    assert cells_of(write_workbook(xlsx, {"S": page}, strings=strings)) == [["An na"]]


def test_elements_with_a_prefix_and_without_places_are_read(xlsx: Path) -> None:
    page = (
        '<x:worksheet xmlns:x="m"><x:sheetData><x:row><x:c t="str"><x:v>name</x:v></x:c><x:c t="str"><x:v>n</x:v></x:c>'
        "</x:row><x:row><x:c/><x:c><x:v>7</x:v></x:c></x:row></x:sheetData></x:worksheet>"
    )

    assert read(write_workbook(xlsx, {"S": page}))[1] == [Row(2, ["", 7])]


_STYLES = (
    '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[$-407]dd/mm/yyyy"/><numFmt numFmtId="165" '
    'formatCode="0.0&quot;days&quot;"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>'
    '<xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>'
)


@pytest.mark.parametrize(
    ("properties", "serial", "expected"),
    [
        ("", "46053", dt.date(2026, 1, 31)),
        ('<workbookPr date1904="1"/>', "44591", dt.date(2026, 1, 31)),
        ('<workbookPr date1904="true"/><extLst><ext><x15:workbookPr xmlns:x15="x"/></ext></extLst>', "0", None),
        ("", "1", dt.date(1900, 1, 1)),
        ("", "61", dt.date(1900, 3, 1)),
    ],
)
def test_dates_are_known_by_their_format_also_from_1904(
    xlsx: Path, properties: str, serial: str, expected: dt.date | None
) -> None:
    page = sheet(row(1, text_cell("A1", "day")), row(2, f'<c r="A2" s="2"><v>{serial}</v></c>'))
    [cells] = cells_of(write_workbook(xlsx, {"S": page}, styles=_STYLES, properties=properties))

    assert cells == [expected or dt.date(1904, 1, 1)]


_UNREADABLE = {
    "123456789012345678": "a number of more than 15 digits",
    "1.23456789012345678E+17": "a number of more than 15 digits",
    "abc": "is not a number",
}


@pytest.mark.parametrize("number", _UNREADABLE)
def test_numbers_that_excel_has_rounded_are_refused_in_their_cell(xlsx: Path, number: str) -> None:
    page = sheet(row(1, text_cell("A1", "id")), row(2, f'<c r="A2"><v>{number}</v></c>'))
    [[cell]] = cells_of(write_workbook(xlsx, {"S": page}))

    assert isinstance(cell, UnreadableCell)
    assert _UNREADABLE[number] in cell.reason


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ('<c r="A2" t="e"><v>#N/A</v></c>', "The cell shows the error #N/A: correct its formula, or empty it."),
        ('<c r="A2"><f>B2+1</f></c>', "The cell holds a formula without a result"),
        ('<c r="A2" s="1"><v>60</v></c>', "The cell holds a date that there is not (the number 60)."),
        ('<c r="A2" s="1"><v>0.5</v></c>', "The cell holds a time without a date (the number 0.5)."),
    ],
)
def test_cells_without_a_value_say_why(xlsx: Path, cell: str, says: str) -> None:
    page = sheet(row(1, text_cell("A1", "a")), row(2, cell))
    [[read_cell]] = cells_of(write_workbook(xlsx, {"S": page}, styles=_STYLES))

    assert isinstance(read_cell, UnreadableCell)
    assert read_cell.reason.startswith(says)


def test_a_formula_has_its_stored_result(xlsx: Path) -> None:
    page = sheet(row(1, text_cell("A1", "a")), row(2, '<c r="A2" t="str"><f>"x"&amp;1</f><v>x1</v></c>'))

    assert cells_of(write_workbook(xlsx, {"S": page})) == [["x1"]]


def test_which_of_several_sheets_must_be_stated(xlsx: Path) -> None:
    pages = {name: sheet(row(1, text_cell("A1", name))) for name in ("One", "Two")}
    write_workbook(xlsx, pages)

    assert refusal(xlsx) == 'The workbook has several sheets: state which one. There are: "One", "Two".'
    assert refusal(xlsx, sheet="Three") == 'The workbook has no sheet "Three". There are: "One", "Two".'
    assert read(xlsx, sheet="Two")[0].names == ("Two",)
    assert read(write_workbook(xlsx, pages, hidden="One"))[0].names == ("Two",)


def test_hidden_rows_are_read_and_noted(xlsx: Path) -> None:
    page = sheet(row(1, text_cell("A1", "a")), row(2, text_cell("A2", "x"), more=' hidden="1"'))

    assert read(write_workbook(xlsx, {"S": page}))[1:] == ([Row(2, ["x"])], ["A hidden row was read, too."])


def test_merged_cells_in_the_header_are_named(xlsx: Path) -> None:
    page = sheet(
        row(1, text_cell("A1", "name"), text_cell("B1", "address"), '<c r="C1"/>', text_cell("D1", "x")),
        after='<mergeCells count="1"><mergeCell ref="B1:C1"/></mergeCells>',
    )

    assert refusal(write_workbook(xlsx, {"S": page})) == (
        "Row 1: The cells B1:C1 of the header are merged: give each column a name of its own."
    )


def test_a_workbook_of_1780_bytes_with_a_cell_in_the_last_corner_ends_in_one_line(xlsx: Path) -> None:
    page = sheet('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    write_workbook(xlsx, {"S": page})

    assert refusal(xlsx) == ("Row 1048576, column XFD: There are cells beyond column ALL, the last one that is read.")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(xlsx: Path) -> None:
    zipped = zipfile.ZipFile(xlsx, "w", zipfile.ZIP_DEFLATED)
    with zipped as packed, packed.open("xl/worksheets/sheet1.xml", "w") as part:
        for _ in range(200):
            part.write(bytes(1_000_000))

    assert refusal(xlsx) == "xl/worksheets/sheet1.xml would unpack to 200,000,000 bytes: this is not a table."


def test_entities_of_a_files_own_are_refused(xlsx: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    page = sheet(row(1, text_cell("A1", "&e9;")), before=f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]>')

    assert refusal(write_workbook(xlsx, {"S": page})) == (
        "The part xl/worksheets/sheet0.xml of the workbook defines entities: this is not a table."
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name,city\n", "The file is not an .xlsx workbook, or a part of it is missing."),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "The file is an old .xls workbook, or one with a password"),
        (b"PK\x03\x04" + bytes(100), "The file is not an .xlsx workbook, or a part of it is missing."),
    ],
)
def test_other_files_than_workbooks_are_named(xlsx: Path, content: bytes, says: str) -> None:
    assert refusal(written(xlsx, content)).startswith(says)


def test_a_workbook_that_was_cut_or_damaged_is_refused(xlsx: Path) -> None:
    # With some bytes the damage shows first in the XML, which is refused in other words.
    chance = random.Random(1)  # noqa: S311  # no secret
    page = sheet(*(row(n, text_cell(f"A{n}", chance.randbytes(20).hex())) for n in range(1, 2_000)))
    whole = write_workbook(xlsx, {"S": page}).read_bytes()
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2 :][:4] = b"\xff\xff\xff\xff"

    assert refusal(written(xlsx, whole[: len(whole) // 2])).startswith("The file is not an .xlsx workbook")
    spoilt[len(whole) // 2 : len(whole) // 2 + 40] = b"\xff" * 40
    assert "of the workbook is damaged" in refusal(written(xlsx, bytes(spoilt)))


# The child


def _children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "crm_adapters.tables" in _command_of(each)]


def _command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # gone since it was listed
        return ""


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.xlsx"])
def test_the_child_says_what_the_parsers_say(tmp_path: Path, name: str) -> None:
    texts = [f"{number} é" for number in range(1_200)]
    if name == "a.xlsx":
        rows = [row(n, text_cell(f"A{n}", each), more=' hidden="1"') for n, each in enumerate(["x", *texts], 1)]
        file = write_workbook(tmp_path / name, {"S": sheet(*rows)})
    else:
        lines = ["x", *texts] if name == "a.csv" else [f'{{"x": "{each}"}}' for each in texts]
        file = written(tmp_path / name, "\n".join(lines))

    told = read(file, ChildTableReader())

    assert told == read(file)
    assert len(told[1]) == len(texts)


def test_the_child_says_what_is_wrong_and_where(csv: Path) -> None:
    written(csv, b"name,city\nAnn\xff,Lyon\n")

    with pytest.raises(UnreadableTableError) as near:
        read(csv)
    with pytest.raises(UnreadableTableError) as told:
        read(csv, ChildTableReader())
    assert (str(told.value), told.value.row, told.value.column) == (str(near.value), near.value.row, near.value.column)


class TestChild(OnOneLoop):
    @fact
    async def test_a_file_that_changes_while_it_is_read_is_refused(self, csv: Path) -> None:
        written(csv, "name\n" + ("x" * 1_000 + "\n") * 5_000)
        async with ChildTableReader().open(str(csv), TableOptions("csv")) as table:
            with csv.open("a") as file:
                file.write("Ben\n")
            with pytest.raises(UnreadableTableError, match="The file was changed while it was read"):
                _ = [rows async for rows in table]

    @fact
    async def test_the_child_reads_no_further_than_its_parent_has_taken(self, csv: Path) -> None:
        written(csv, "name\n" + ("x" * 1_000 + "\n") * 100_000)
        async with ChildTableReader().open(str(csv), TableOptions("csv")) as table:
            [child] = _children()
            await anext(aiter(table))
            assert child.is_running()
            assert child.memory_info().rss < 100_000_000
        assert not _children()

    @fact
    async def test_the_child_is_killed_when_reading_is_cancelled(self, csv: Path) -> None:
        written(csv, "name\n" + "Ann\n" * 1_000_000)

        async def read_all() -> None:
            async with ChildTableReader().open(str(csv), TableOptions("csv")) as table:
                opened.set()
                async for _ in table:
                    await asyncio.sleep(0)

        opened = asyncio.Event()
        reading = asyncio.create_task(read_all())
        await opened.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert not _children()

    @fact
    async def test_a_child_that_dies_is_one_clear_line(self, csv: Path) -> None:
        written(csv, "name\n" + ("x" * 1_000 + "\n") * 100_000)
        async with ChildTableReader().open(str(csv), TableOptions("csv")) as table:
            [child] = _children()
            child.kill()
            with pytest.raises(UnreadableTableError, match="To read the file takes more than 1024 MB of memory"):
                _ = [rows async for rows in table]


def test_a_file_that_is_left_while_much_of_it_is_unread_is_closed_at_once(tmp_path: Path) -> None:
    csv = tmp_path / "a.csv"
    csv.write_text("name\n" + "client\n" * 200_000)

    async def leave() -> None:
        async with ChildTableReader().open(str(csv), TableOptions("csv")) as table:
            async for _ in table:
                await asyncio.sleep(0.5)  # the pipe fills, and asyncio stops to read it
                return

    asyncio.run(asyncio.wait_for(leave(), 20))
