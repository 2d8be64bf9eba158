"""Facts about `crm export all` and `crm import all`: the commands, on databases of their own."""

import asyncio
import filecmp
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from crm_adapters.postgres.sql.migrations import migrate
from crm_http.cli import main


@pytest.fixture(scope="module")
def urls(new_database: Callable[[], str]) -> tuple[str, str]:
    """A migrated database with a user, and an empty one."""
    full, empty = new_database(), new_database()
    asyncio.run(migrate(full))
    asyncio.run(migrate(empty))
    with psycopg.connect(full) as connection:
        connection.execute("insert into app_user (username, password_hash) values ('ann', 'a hash')")
    return full, empty


class Crm:
    """The command, in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._patch = monkeypatch
        self._capsys = capsys
        for name in [name for name in os.environ if name.startswith("CRM_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("CRM_DATA_DIR", str(folder / "data"))
        monkeypatch.chdir(folder)

    def __call__(self, url: str, words: str) -> tuple[int, str, str]:
        self._patch.setenv("CRM_DATABASE_URL", url)
        self._patch.setattr("sys.argv", ["crm", *shlex.split(words)])
        code = main.main()
        out, err = self._capsys.readouterr()
        return code, out, err


@pytest.fixture
def crm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Crm:
    return Crm(tmp_path, monkeypatch, capsys)


def test_everything_goes_to_a_directory_and_into_an_empty_database_which_gives_the_same(
    crm: Crm, urls: tuple[str, str]
) -> None:
    full, empty = urls
    code, out, err = crm(full, "export all here --history")
    assert (code, out.splitlines()[0]) == (0, "Exported 0 records, 1 user, 0 events to here.")
    assert "users.jsonl: 1 row." in err.splitlines()
    assert "without their secrets" in out

    code, out, _ = crm(empty, "import all here")
    assert (code, out.splitlines()[0]) == (0, "Imported 0 records, 1 user, 0 events from here.")
    assert "`crm user passwd`" in out

    assert crm(empty, "export all there --history")[0] == 0
    compared = filecmp.dircmp(crm.folder / "here", crm.folder / "there")
    assert (compared.diff_files, compared.left_only, compared.right_only) == ([], [], [])
    assert crm(empty, "import all here")[::2] == (1, "crm: The database is not empty: take a new one.\n")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("import all none", 1, "none/manifest.json cannot be read: No such file or directory."),
        ("export all /proc/crm", 1, "/proc/crm cannot be written: No such file or directory."),
        ("export all", 2, "An export of all takes a new directory"),
        ("export all here --bom", 2, "An export of all takes a new directory"),
        ("export clients --history", 2, "--history and --secrets are for an export of all."),
        ("export clients --bom --format jsonl", 2, "--bom is for CSV files."),
        ("export clients .", 2, ". is a directory."),
        ("import all", 2, "An import of all takes a directory, and no options."),
        ("import all here --lenient", 2, "An import of all takes a directory, and no options."),
    ],
)
def test_a_wrong_use_is_one_line(crm: Crm, urls: tuple[str, str], words: str, code: int, says: str) -> None:
    got, out, err = crm(urls[0], words)

    assert (got, out) == (code, "")
    assert says in err
    assert err.count("\n") == 1
