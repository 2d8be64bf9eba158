"""The numbers of workbooks: those that are dates by their format, and those that Excel has not rounded."""

import re
import zipfile
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from crm_adapters.tables.frames import dated, unreadable
from crm_adapters.tables.xlsx.parts import walk

#: The formats of dates that every workbook has (ECMA-376, 18.8.30), those of East Asian languages included.
_BUILT_IN_DATES: Final = frozenset({*range(14, 23), *range(27, 37), *range(50, 59)})
#: What a format shows as it stands, and what it says about colours and languages.
_LITERALS: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_DATE_SIGNS: Final = re.compile("[dmyhs]", re.IGNORECASE)
_ELAPSED: Final = re.compile(r"\[[hms]+\]", re.IGNORECASE)
#: A number of more digits was rounded when it was typed.
_MAX_DIGITS: Final = 15
_MAX_WHOLE: Final = 10**_MAX_DIGITS
#: Excel counts 29 February 1900, which was none; days before it are one too many.
_NO_DAY: Final = 60
_EPOCH: Final = date(1899, 12, 30)
_DAYS_TO_1904: Final = 1_462
_LAST_DAY: Final = (date.max - _EPOCH).days
_SECONDS_A_DAY: Final = 86_400
_ROUNDED: Final = unreadable(
    "The cell holds a number of more than 15 digits, which spreadsheets round: format the column as text and enter it "
    "again."
)


def date_styles(packed: zipfile.ZipFile, part: str) -> frozenset[str]:
    """Return the styles of cells whose numbers are dates, by their index as cells name them."""
    codes: dict[str, str] = {}
    styles: list[str] = []
    inside: list[str] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == "numFmt":
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            inside.append(name)
        elif name == "xf" and inside:
            styles.append(attributes.get("numFmtId", "0"))

    def end(name: str) -> None:
        if name == "cellXfs":
            inside.clear()

    if part:
        walk(packed, part, start, end)
    return frozenset(str(index) for index, id_ in enumerate(styles) if _is_date(id_, codes.get(id_)))


def _is_date(id_: str, code: str | None) -> bool:
    if code is None:
        return id_.isdigit() and int(id_) in _BUILT_IN_DATES
    positive = code.partition(";")[0]
    return not _ELAPSED.search(positive) and _DATE_SIGNS.search(_LITERALS.sub("", positive)) is not None


def number(text: str) -> object:
    """Return a number as a cell in a frame; with the 15 digits that spreadsheets show."""
    bare = text.removeprefix("-")
    if bare.isdecimal() and bare.isascii():
        return int(text) if len(bare.lstrip("0")) <= _MAX_DIGITS else _ROUNDED
    try:
        value = float(text)
        if value.is_integer():
            return int(value) if abs(value) < _MAX_WHOLE else _ROUNDED
        return float(f"{value:.15g}")
    except (ValueError, OverflowError):
        return unreadable(f'"{text[:100]}" is not a number.')


def moment(text: str, *, is_1904: bool) -> object:
    """Return a number that is a date as a cell in a frame."""
    try:
        serial = float(text) + (_DAYS_TO_1904 if is_1904 else 0)
        days, seconds = divmod(round(serial * _SECONDS_A_DAY), _SECONDS_A_DAY)
    except (ValueError, OverflowError):
        return unreadable(f'"{text[:100]}" is not a date.')
    if not 1 <= days <= _LAST_DAY or days == _NO_DAY:
        meaning = "a time without a date" if days == 0 else "a date that there is not"
        return unreadable(f"The cell holds {meaning} (the number {text[:100]}).")
    day = _EPOCH + timedelta(days=days + (days < _NO_DAY))
    return dated(day.isoformat() if not seconds else f"{day}T{timedelta(seconds=seconds)!s:0>8}")


def iso_moment(text: str) -> object:
    """Return a date that is written as a text in ISO 8601 as a cell in a frame."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return unreadable(f'"{text[:100]}" is not a date.')
    return dated(at.date().isoformat() if at == datetime.combine(at, datetime.min.time()) else at.isoformat())
