"""Workbooks of hand-written XML, as other programs than ours make them."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def row(number: int, *cells: str, more: str = "") -> str:
    return f'<row r="{number}"{more}>{"".join(cells)}</row>'


def sheet(*rows: str, after: str = "", before: str = "") -> str:
    return f'{before}<worksheet xmlns="{_MAIN}"><sheetData>{"".join(rows)}</sheetData>{after}</worksheet>'


def _related(*targets: tuple[str, str]) -> str:
    each = (
        f'<Relationship Id="r{n}" Type="{_RELATIONS}/{kind}" Target="{to}"/>' for n, (kind, to) in enumerate(targets)
    )
    return f'<Relationships xmlns="{_PACKAGE}">{"".join(each)}</Relationships>'


def write_workbook(  # the parts of a workbook
    path: Path,
    sheets: Mapping[str, str],
    *,
    strings: str = "",
    styles: str = "",
    properties: str = "",
    hidden: str = "",
    compression: int = zipfile.ZIP_DEFLATED,
) -> Path:
    named = "".join(
        f'<sheet name="{name}" sheetId="{n + 1}" r:id="r{n}" state="{"hidden" if name == hidden else "visible"}"/>'
        for n, name in enumerate(sheets)
    )
    book = f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">{properties}<sheets>{named}</sheets></workbook>'
    targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(len(sheets))]
    parts = {
        "_rels/.rels": _related(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": book,
        "xl/_rels/workbook.xml.rels": _related(
            *targets,
            *([("sharedStrings", "sharedStrings.xml")] if strings else []),
            *([("styles", "/xl/styles.xml")] if styles else []),
        ),
        "xl/sharedStrings.xml": strings,
        "xl/styles.xml": styles,
    } | {f"xl/worksheets/sheet{n}.xml": content for n, content in enumerate(sheets.values())}
    with zipfile.ZipFile(path, "w", compression) as packed:
        for name, content in parts.items():
            if content:
                packed.writestr(name, content)
    return path
