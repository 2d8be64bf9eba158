"""What an import is asked for (decisions 93 to 98)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from crm_core.errors import InvalidError, Problem, Problems, means_nothing_in
from crm_core.input.declarations import boolean, choice, text, texts
from crm_core.input.drafts import read_payload
from crm_core.input.fields import fields_of
from crm_core.input.readers import ReadContext, no_id
from crm_core.tables.formats import DECIMALS, ISO_DATES, THOUSANDS, Formats
from crm_core.tables.rows import MAX_COLUMNS

#: The formats of files that can be imported.
FORMATS: Final = ("csv", "xlsx", "jsonl")
#: The options that say how a file is written, with the formats of files in which they mean something.
_FORMATS_OF: Final[Mapping[str, Sequence[str]]] = {
    "sheet": ("xlsx",),
    "encoding": ("csv", "jsonl"),
    **dict.fromkeys(("decimal", "thousands", "dates"), ("csv", "xlsx")),
}
#: What an empty cell does to a record that is changed.
BLANKS: Final = ("keep", "clear")
#: The column by which rows are records that exist.
BY_ID: Final = "id"


@attrs.frozen(kw_only=True, slots=False)
class ImportOptions:
    """What an import is asked for.

    Attributes:
        format: the format of the file.
        map: ``COLUMN=FIELD`` for each column that is not named like its field.
        ignore: the columns that are not read.
        upsert_by: ``id`` or a unique attribute: a row changes the record that has its value, or creates one if it has
            none or no record has it. Empty: all create.
        blank: what an empty cell of a row that changes a record means: ``keep`` or ``clear``.
        lenient: rows that are refused are left out, and the others count.
        atomic: all rows are written in one commit.
        dry_run: only check all rows.
        no_webhooks: webhooks are not told; the change feed is.
        again: the same file may have been imported before.
        decimal: the sign before the fraction of a number.
        thousands: the sign between thousands.
        dates: YYYY, MM and DD in their order, with what is between them. ISO dates are read too.
        encoding: of a CSV or JSONL file; empty for UTF-8.
        sheet: the name of the sheet of a workbook.
    """

    format: str = choice(*FORMATS)
    map: tuple[str, ...] = texts(max_items=MAX_COLUMNS, max_length=1_000)
    ignore: tuple[str, ...] = texts(max_items=MAX_COLUMNS, max_length=1_000)
    upsert_by: str = text(blank=True, default="")
    blank: str = choice(*BLANKS, default=BLANKS[0])
    lenient: bool = boolean(default=False)
    atomic: bool = boolean(default=False)
    dry_run: bool = boolean(default=False)
    no_webhooks: bool = boolean(default=False)
    again: bool = boolean(default=False)
    decimal: str = choice(*DECIMALS, default=".")
    thousands: str = choice(*THOUSANDS, default="")
    dates: str = text(max_length=30, default=ISO_DATES)
    encoding: str = text(max_length=50, blank=True, default="")
    sheet: str = text(blank=True, default="")

    @property
    def formats(self) -> Formats:
        """Return how the file writes numbers and dates."""
        return Formats(decimal=self.decimal, thousands=self.thousands, dates=self.dates)

    @property
    def actions(self) -> tuple[str, ...]:
        """Return what an import may do to records; each needs its permission."""
        return ("add", "change") if self.upsert_by else ("add",)

    @property
    def meaning(self) -> Mapping[str, object]:
        """Return the options that decide what a file means, as plain values; the others say how it is imported."""
        how = {"lenient", "atomic", "dry_run", "no_webhooks", "again"}
        return {name: value for name, value in attrs.asdict(self).items() if name not in how}


def read_options(sent: Mapping[str, object]) -> ImportOptions:
    """Return the options that plain values ask for. Raises InvalidError with every problem."""
    options = ImportOptions(**read_payload(ImportOptions, sent, ReadContext(no_id, strict=True)))
    problems: dict[str, Problems] = {}
    if options.lenient and options.atomic:
        problems["atomic"] = (Problem("invalid", "All rows or none cannot be lenient: leave out one of both."),)
    if any(not name or not field for name, field in options_map(options)):
        problems["map"] = (Problem("invalid", "Write COLUMN=FIELD, such as Company=name."),)
    try:
        options.formats  # noqa: B018  # it checks what stands beside each other
    except ValueError as error:
        problems["dates" if "dates" in str(error) else "thousands"] = (Problem("invalid", f"{error}."),)
    if problems:
        raise InvalidError(problems)
    return options


def refuse_other_formats(options: ImportOptions) -> None:
    """Raise InvalidError for options that mean nothing in the format of the file; a stored run may have some."""
    fields = fields_of(ImportOptions)
    problems = {
        name: (means_nothing_in(options.format, name),)
        for name, formats in _FORMATS_OF.items()
        if options.format not in formats and getattr(options, name) != fields[name].default
    }
    if problems:
        raise InvalidError(problems)


def format_of(name: str) -> str:
    """Return the format that the ending of a file's name says; empty if it says none."""
    ending = name.rpartition(".")[2].lower()
    return ending if ending in FORMATS else ""


def options_map(options: ImportOptions) -> list[tuple[str, str]]:
    """Return the columns and fields of ``map``; one without a field has an empty one."""
    # A column may have the sign in its name; a field never has.
    parts = (each.rpartition("=") for each in options.map)
    return [(column.strip(), field.strip()) for column, _, field in parts]


def plain_options(options: ImportOptions) -> Mapping[str, Any]:
    """Return options as plain values, which ``read_options`` takes back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in attrs.asdict(options).items()}
