"""Facts about `crm import`, on a database of its own."""

import csv
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from tests.http.commands import Crm

CRM = Path(sys.executable).with_name("crm")
SECONDS = 120.0


@pytest.fixture(scope="module")
def url(migrated_database: Callable[[], str]) -> str:
    """A migrated database."""
    return migrated_database()


class Command:
    """Runs the command on a database, in a folder."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.crm = Crm(folder / "data", CRM_DATABASE_URL=url)
        self.crm.folder = folder

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [CRM, "import", *words],
            cwd=self.folder,
            env=self.crm.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str) -> tuple[int, str, str]:
        return self.crm("import", *words)

    def write(self, name: str, rows: Sequence[Sequence[str]]) -> None:
        with (self.folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)

    def count(self, statement: str) -> int:
        with psycopg.connect(self.url) as connection:
            row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def command(url: str, tmp_path: Path) -> Command:
    with psycopg.connect(url) as connection:
        connection.execute("truncate import_run, client, event cascade")
    return Command(url, tmp_path)


def test_a_file_is_checked_then_imported_and_the_same_file_is_not_imported_again(command: Command) -> None:
    command.write("a.csv", [["Company", "note"], ["Ann", "x"], ["Bob", "y"]])
    words = ["clients", "a.csv", "--map", "Company=name", "--ignore", "note"]

    code, out, _ = command(*words, "--dry-run")
    assert (code, out.splitlines()[0]) == (0, "2 rows: 2 would be created, 0 refused.")
    assert command.count("select count(*) from client") == 0

    code, out, err = command(*words)
    assert (code, out.splitlines()[0]) == (0, "2 rows: 2 created, 0 refused.")
    run = re.findall(r"Import (\S+) begins", err)
    assert command.count(f"select count(*) from event where request_id = 'import {run[0]}'") == 2

    code, out, err = command(*words)
    assert (code, out) == (1, "")
    assert err == f"crm: This file was imported before, by the run {run[0]}: --again does it again.\n"
    assert command(*words, "--again")[0] == 0
    assert command.count("select count(*) from client") == 4


def test_what_is_refused_is_summed_up_and_written_to_a_file(command: Command) -> None:
    command.write("a.csv", [["name"], ["Ann"], ['=""'], [" "], ["\u00a0"]])

    code, out, _ = command("clients", "a.csv", "--errors", "refused.csv")

    assert code == 1
    assert out.startswith('Column "name", 2 times: row 4: ')
    assert "Nothing was written." in out
    with (command.folder / "refused.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["row", "column", "message", "name"]
    assert [row[:2] for row in rows] == [["4", "name"], ["5", "name"]]

    assert command("clients", "a.csv", "--lenient")[0] == 0
    assert command.count("select count(*) from client") == 2


def test_an_import_is_undone_but_for_what_was_changed_since(command: Command) -> None:
    command.write("a.csv", [["name"], ["Ann"], ["Bob"]])
    _, _, err = command("clients", "a.csv")
    [run] = re.findall(r"Import (\S+) begins", err)
    command.count("""
        with changed as (update client set version = 2, document = replace(document::text, 'Ann', 'Eve')::json
            where document ->> 'name' = 'Ann' returning id)
        select count(*) from changed""")

    code, out, _ = command("--undo", run, "--dry-run")
    assert (code, out.splitlines()[1]) == (0, "2 changes: 1 would be undone, 1 kept, 0 refused.")
    assert command.count("select count(*) from client") == 2

    code, out, _ = command("--undo", run, "--errors", "kept.csv")
    assert (code, out.splitlines()[:2]) == (
        0,
        ['Field "name", 1 time: change 2: It was changed since.', "2 changes: 1 undone, 1 kept, 0 refused."],
    )
    with (command.folder / "kept.csv").open(newline="") as file:
        header, row = csv.reader(file)
    assert header == ["row", "column", "message", "id", "change", "name"]
    assert (row[:3], row[4:]) == (["2", "name", "It was changed since."], ["created", "Eve"])

    code, _, err = command("--undo", run)
    assert (code, err.startswith("crm: The run "), err.endswith(" undoes this one already.\n")) == (1, True, True)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["clients"], 2, "Name a RESOURCE and a FILE."),
        (["clients", "none.csv"], 1, "The file cannot be opened: No such file or directory."),
        (["clients", "a"], 1, "Name it with --format"),
        (["clients", "a.csv"], 1, 'The column "x" is no field of clients: map x=FIELD, or ignore x.'),
        (["clients", "a.csv", "--ignore", "x"], 1, "No column is name, which every client needs"),
        (["clients", "a.csv", "--map", "x=id"], 1, "ignore id, or upsert_by id"),
        (["clients", "a.csv", "--map", "x=name", "--ignore", "y"], 1, 'The file has no column "y".'),
        (["clients", "a.csv", "--upsert-by", "email"], 1, '"email" is neither id nor a unique attribute.'),
        (["clients", "a.csv", "--dates", "DD.MM"], 1, "dates have YYYY, MM and DD once each"),
        (["clients", "a.csv", "--lenient", "--atomic"], 1, "leave out one of both"),
        (["--resume", "0199c1a2-0000-7000-8000-000000000000"], 1, "Not found."),
        (["--resume", "0199c1a2-0000-7000-8000-000000000000", "--lenient"], 2, "takes the options of its run"),
        (["--undo", "0199c1a2-0000-7000-8000-000000000000"], 1, "Not found."),
        (["--undo", "0199c1a2-0000-7000-8000-000000000000", "--lenient"], 2, "leave out all others"),
        (["clients", "a.csv", "--even-edited"], 2, "--even-edited goes with --undo."),
    ],
)
def test_an_import_that_cannot_begin_is_one_line(command: Command, words: list[str], code: int, says: str) -> None:
    command.write("a.csv", [["x"], ["1"]])

    ended, out, err = command(*words)

    assert (ended, out, err.count("\n"), says in err) == (code, "", 1, True), err


def killed_after_a_batch(command: Command, words: Sequence[str], row: int) -> tuple[str, int]:
    """Run a command until its run is past a row, kill it, and return the run and its row."""
    with command.start(*words) as process:
        deadline = time.monotonic() + SECONDS
        while (now := command.count("select coalesce(max(\"row\"), 0) from import_run where state = 'writing'")) <= row:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.005)  # another process has no event to wait for
        process.send_signal(signal.SIGKILL)
    with psycopg.connect(command.url) as connection:
        # Another worker would wait for the end of the lease, a minute.
        statement = "update import_run set claimed_until = now() where state = 'writing' returning id::text"
        [id_] = connection.execute(statement).fetchone() or ()
    return id_, now


def test_killed_between_batches_and_resumed_doubles_and_misses_nothing_nor_does_its_undo(command: Command) -> None:
    names = [f"client {number}" for number in range(4_500)]
    command.write("a.csv", [["name"], *([name] for name in names)])
    run, row = killed_after_a_batch(command, ["clients", "a.csv"], 0)
    killed_after_a_batch(command, ["--resume", run], row)
    code, out, _ = command("--resume", run)

    assert (code, out.splitlines()[0]) == (0, "4500 rows: 4,500 created, 0 refused.")
    with psycopg.connect(command.url) as connection:
        found = connection.execute("select document ->> 'name' from client order by id").fetchall()
    assert [name for (name,) in found] == names

    undo, row = killed_after_a_batch(command, ["--undo", run], 0)
    assert command.count("select count(*) from client") == len(names) - row
    code, out, _ = command("--resume", undo)
    assert (code, out.splitlines()[0]) == (0, "4500 changes: 4,500 undone, 0 kept, 0 refused.")
    assert command.count("select count(*) from client") == 0
    assert command.count(f"select count(*) from event where request_id = 'import {undo}'") == len(names)


def test_a_run_of_a_file_that_has_changed_does_not_go_on(command: Command) -> None:
    command.write("a.csv", [["name"], ["Ann"]])
    assert command("clients", "a.csv")[0] == 0
    with psycopg.connect(command.url) as connection:
        [id_] = connection.execute("update import_run set state = 'writing' returning id::text").fetchone() or ()
    command.write("a.csv", [["name"], ["Ann"], ["Bob"]])

    code, _, err = command("--resume", id_)

    assert (code, err) == (1, "crm: The file is not what it was when the import began: import it as a new one.\n")


@pytest.mark.parametrize("option", ["--resume", "--undo"])
def test_a_run_whose_package_is_missing_is_one_line_and_stays_as_it_is(command: Command, option: str) -> None:
    command.write("a.csv", [["name"], ["Ann"]])
    assert command("clients", "a.csv")[0] == 0
    state = "writing" if option == "--resume" else "done"
    with psycopg.connect(command.url) as connection:
        statement = "update import_run set resource = 'invoice', state = %s returning id::text"
        [id_] = connection.execute(statement, (state,)).fetchone() or ()

    code, out, err = command(option, id_)

    assert (code, out, err) == (1, "", "crm: This belongs to invoice, which no package registers here.\n")
    assert command.count(f"select count(*) from import_run where state = '{state}' and claim is null") == 1


@pytest.fixture
def visits(command: Command) -> Iterator[None]:
    """A table of somebody else that can refer to clients."""
    with psycopg.connect(command.url) as connection:
        connection.execute("create table visit (client uuid references client)")
    yield
    with psycopg.connect(command.url) as connection:
        connection.execute("drop table visit")


@pytest.mark.usefixtures("visits")
def test_an_undo_is_refused_while_a_table_of_somebody_else_refers_to_its_records(command: Command) -> None:
    command.write("a.csv", [["name"], ["Ann"]])
    _, _, err = command("clients", "a.csv")
    [run] = re.findall(r"Import (\S+) begins", err)
    with psycopg.connect(command.url) as connection:
        connection.execute("insert into visit select id from client")

    for words in (["--dry-run"], []):
        code, out, err = command("--undo", run, *words)
        reason, counts, end = out.splitlines()
        assert (code, err.count("\n")) == (1, 1), err
        assert reason.endswith(": This record is referred to by the table visit, which is of no resource here.")
        assert counts.endswith("undone, 0 kept, 0 refused.")
        assert end.endswith(" was refused: nothing is undone.")
    assert command.count("select count(*) from client") == 1
