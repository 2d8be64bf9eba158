"""`crm import`: the rows of a file as records."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import UUID

import attrs
import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from crm_core.errors import InvalidError, SameFileError, flatten
from crm_core.imports.options import BLANKS, FORMATS, read_options
from crm_core.imports.refused_files import refused_header, refused_lines
from crm_core.imports.runs import ColumnProblems, ImportRun
from crm_core.model.accounts import SYSTEM
from crm_core.tables.formats import DECIMALS, ISO_DATES, THOUSANDS
from crm_core.use_cases import imports
from crm_core.use_cases.callers import caller
from crm_core.use_cases.import_stores import ImportStores
from crm_core.use_cases.imports import IMPORTED_RESOURCES
from crm_http.cli.archives import ALL, import_everything
from crm_http.cli.connecting import on_database
from crm_http.cli.help_texts import examples
from crm_http.cli.terminal import count, out, say
from crm_http.failures import FAILED
from crm_http.server.errors import FailedError
from crm_http.server.garbage import WORKING, collect_less
from crm_http.server.maintenance import import_stores
from crm_http.settings import Settings

#: Rows between two lines of progress where there is no terminal.
_ROWS_PER_LINE: Final = 10_000


@attrs.frozen
class _Asked:
    """What is to be done: import a new file, go on with a run, or undo one; and where the refused rows are written."""

    resource: str | None
    file: Path | None
    run: UUID | None
    undo: UUID | None
    errors: Path | None
    options: Mapping[str, object]


@click.command(
    "import",
    epilog=examples(
        "crm import clients clients.csv --dry-run",
        'crm import clients clients.xlsx --map "Company name=name" --ignore Notes',
        "crm import services services.csv --lenient --errors refused.csv",
        "crm import --resume 0199c1a2-5b1f-7c3d-8e21-1f0a5c9d7b42",
        "crm import all crm-2026-11-26",
        "crm import --undo 0199c1a2-5b1f-7c3d-8e21-1f0a5c9d7b42 --dry-run",
    ),
)
@click.argument("resource", required=False, type=click.Choice([*IMPORTED_RESOURCES, ALL]))
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check every row by the rules, and write nothing.")
@click.option("--map", multiple=True, metavar="COLUMN=FIELD", help="The field of a column; may be repeated.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column that is not read; may be repeated.")
@click.option("--upsert-by", metavar="id", help="Change the records whose ids are in the column id.")
@click.option("--blank", type=click.Choice(BLANKS), help="What an empty cell does to a record that is changed.")
@click.option("--lenient", is_flag=True, help="Leave out the rows that are refused; otherwise one refuses all.")
@click.option("--atomic", is_flag=True, help="Write all rows in one commit.")
@click.option("--no-webhooks", is_flag=True, help="Tell no webhook; the change feed has everything.")
@click.option("--again", is_flag=True, help="Import the file although it was imported before.")
@click.option("--format", type=click.Choice(FORMATS), help="By default as FILE ends.")
@click.option("--decimal", type=click.Choice(DECIMALS), help="The sign before the fraction of a number.")
@click.option("--thousands", type=click.Choice(THOUSANDS), help="The sign between thousands.")
@click.option("--dates", metavar="FORMAT", help=f"The format of dates, by default {ISO_DATES}, such as DD.MM.YYYY.")
@click.option("--encoding", help="The encoding of a CSV or JSONL file, by default UTF-8.")
@click.option("--sheet", help="The sheet of a workbook, if it has several.")
@click.option(
    "--errors", type=click.Path(dir_okay=False, path_type=Path), help="Write the refused rows to this CSV file."
)
@click.option("--resume", "run", type=click.UUID, metavar="RUN", help="Go on with a run that was interrupted.")
@click.option(
    "--undo", type=click.UUID, metavar="RUN", help="Take back what a run did, as far as nobody changed it since."
)
@click.option(
    "--even-edited", is_flag=True, help="With --undo: delete what the run created also if it was edited since."
)
def import_(
    resource: str | None, file: Path | None, run: UUID | None, undo: UUID | None, errors: Path | None, **options: Any
) -> int:
    """Make a record of each row of FILE.

    All rows are checked before the first is written. They are written 1,000 at a time; after an interruption --resume
    goes on exactly where the import was.

    --undo deletes what a run created, and gives what it changed the values from before. What others have changed or
    referred to since stays; --errors says what and why.

    With `all` FILE is a directory that `crm export all` has written, and the database must be empty.
    """
    asked = _Asked(resource, file, run, undo, errors, {name: value for name, value in options.items() if value})
    if resource == ALL:
        if file is None or run or undo or errors or asked.options:
            raise click.UsageError("An import of all takes a directory, and no options.")
        import_everything(file)
        return 0
    _check(asked)
    ended = on_database(Settings.from_env(os.environ), lambda url: _import(url, asked))
    for line in _summary(ended):
        say(line)
    return 0 if ended.state == "done" else FAILED


def _check(asked: _Asked) -> None:
    """Raise UsageError for options that do not go together."""
    if asked.run is not None and (asked.undo or asked.resource or asked.options):
        raise click.UsageError("--resume takes the options of its run: leave out all others but --errors.")
    if asked.undo is not None and (asked.resource or asked.options.keys() - _OF_UNDO):
        raise click.UsageError("--undo takes --dry-run, --even-edited and --errors: leave out all others.")
    if asked.undo is None and "even_edited" in asked.options:
        raise click.UsageError("--even-edited goes with --undo.")
    if asked.run is None and asked.undo is None and (asked.resource is None or asked.file is None):
        raise click.UsageError("Name a RESOURCE and a FILE.")


async def _import(url: str, asked: _Asked) -> ImportRun:
    collect_less(WORKING)
    async with import_stores(url) as stores:
        try:
            run = await _started(stores, asked)
            with _progress(run) as progress:
                run = await imports.carry_out(stores, caller(SYSTEM), run.id, run.file, progress.show)
            if asked.errors is not None:
                await _write_refused(stores, run, asked.errors)
        except SameFileError as error:
            raise FailedError(
                f"This file was imported before, by the run {error.run}: --again does it again."
            ) from error
        except InvalidError as error:
            raise FailedError(" ".join(each.partition(": ")[2] for each in flatten(error.problems))) from error
        return run


async def _started(stores: ImportStores, asked: _Asked) -> ImportRun:
    if asked.run is not None:
        return await imports.get(stores.runs, asked.run)
    if asked.undo is not None:
        options: Mapping[str, Any] = asked.options
        run = await imports.start_undo(stores.runs, caller(SYSTEM), asked.undo, **options)
        click.echo(f"Undo {run.id} begins.", err=True)
        return run
    assert asked.file is not None  # noqa: S101  # the command has checked both
    assert asked.resource is not None  # noqa: S101
    format_ = asked.options.get("format") or asked.file.suffix.removeprefix(".").lower()
    if format_ not in FORMATS:
        raise FailedError(f"What format is {asked.file}? Name it with --format: {', '.join(FORMATS)}.")
    read = read_options({**asked.options, "format": format_})
    resource = IMPORTED_RESOURCES[asked.resource]
    run = await imports.start(stores, caller(SYSTEM), resource, str(asked.file.absolute()), read)
    click.echo(f"Import {run.id} begins.", err=True)
    return run


class _Progress:
    """Shows how far a run is: as a bar on a terminal, elsewhere as lines on stderr."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task
        self._told = 0
        self._total: int | None = None
        self._last: ImportRun | None = None

    def show(self, run: ImportRun) -> None:
        """Show the state of a run."""
        if self._last is not None and self._last.state == "checking" and run.state == "writing":
            self._total = self._last.report.rows
            self._told = 0
        word = "Checked" if run.state == "checking" else "Written" if run.undo is None else "Undone"
        self._bar.update(self._task, description=word, completed=run.report.rows, total=self._total)
        if self._bar.disable and run.report.rows >= self._told + _ROWS_PER_LINE:
            self._told = run.report.rows
            click.echo(f"{word} {run.report.rows:,} {'rows' if run.undo is None else 'changes'}.", err=True)
        self._last = run


@contextmanager
def _progress(run: ImportRun) -> Iterator[_Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        yield _Progress(bar, bar.add_task("Checked", completed=run.report.rows, total=None))


async def _write_refused(stores: ImportStores, run: ImportRun, path: Path) -> None:
    try:
        with path.open("wb") as file:
            file.write(refused_header(run))
            async for row in imports.refused_rows(stores.runs, run.id):
                _write(file, refused_lines([row]))
    except OSError as error:
        raise FailedError(f"{path} cannot be written: {error.strerror}.") from error


def _write(file: BinaryIO, lines: bytes) -> None:
    file.write(lines)


def _summary(run: ImportRun) -> Iterator[str]:
    report = run.report
    for problem in report.problems:
        yield _told(problem, _WORDS if run.undo is None else _WORDS_OF_UNDO)
    yield from report.notes
    if run.options.no_webhooks:
        yield "No webhook is told."
    if run.undo is not None:
        would = "would be " if run.options.dry_run else ""
        undone = f"{report.reversed:,} {would}undone, {report.kept:,} kept, {report.refused:,} refused"
        yield f"{count(report.rows, 'change')}: {undone}."
        yield _ENDS_OF_UNDO[run.state].format(run.id)
        return
    would = "would be " if run.options.dry_run or run.state == "refused" else ""
    counts = (
        f"{number:,} {would}{word}"
        for word, number in (("created", report.created), ("updated", report.updated), ("unchanged", report.unchanged))
        if number or word == "created"
    )
    yield f"{count(report.rows, 'row')}: {', '.join(counts)}, {report.refused:,} refused."
    yield _ENDS[run.state].format(run.id, run.row)


def _told(problem: ColumnProblems, words: tuple[str, str, str]) -> str:
    column, whole, row_ = words
    place = f'{column} "{problem.column}"' if problem.column else whole
    examples_ = "; ".join(f"{row_} {row}: {message}" if row else message for row, message in problem.examples)
    return f"{place}, {count(problem.count, 'time')}: {examples_}"


#: What the problems of a run are about: a column, all of it, and a row.
_WORDS: Final = ("Column", "The file", "row")
_WORDS_OF_UNDO: Final = ("Field", "The record", "change")
_OF_UNDO: Final = frozenset({"dry_run", "even_edited"})
_ENDS_OF_UNDO: Final = {
    "done": "Undo {0} is done.",
    "refused": "Undo {0} was refused: nothing is undone.",
    "stopped": "Undo {0} stopped.",
    "cancelled": "Undo {0} was cancelled.",
}
_ENDS: Final = {
    "done": "Import {0} is done.",
    "refused": "Nothing was written. Correct the file, or leave out what is refused by --lenient.",
    "stopped": "Import {0} stopped, as others changed what it depends on. The rows up to {1} are written.",
    "cancelled": "Import {0} was cancelled. The rows up to {1} are written.",
}
