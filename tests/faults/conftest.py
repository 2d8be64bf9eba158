import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from tests.faults.history import History
from tests.faults.needs import missing


def pytest_sessionstart() -> None:
    if lack := missing():
        pytest.exit(lack, returncode=2)


@pytest.fixture
def folder() -> Iterator[pathlib.Path]:
    """A folder that PostgreSQL's own user can enter, which pytest's are not when root runs the tests."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="crm-faults-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def history(folder: pathlib.Path) -> Iterator[History]:
    with (folder / "history.jsonl").open("w") as file:
        yield History(file)
