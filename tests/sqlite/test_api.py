"""The app on SqliteDatabase: the documentation as it is written, and what is known of resources and repeats."""

import pathlib
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from crm_adapters.memory import MemoryAccounts
from tests.http.conftest import Api, on_memory
from tests.http.test_documentation import test_the_documentation_works_as_it_is_written  # noqa: F401  # run here again
from tests.http.test_idempotency import *  # noqa: F403  # the same
from tests.http.test_preconditions import *  # noqa: F403
from tests.http.test_resources import *  # noqa: F403
from tests.http.test_webhooks import *  # noqa: F403
from tests.sqlite.database import SqliteDatabase

del test_of_a_hundred_changes_at_once_none_is_lost  # noqa: F821  # it sends from many threads, to a server


@pytest.fixture
def api(tmp_path: pathlib.Path) -> Iterator[Api]:
    """The administrator, on a file."""
    with ExitStack() as stack:

        def database(accounts: MemoryAccounts) -> SqliteDatabase:
            opened = SqliteDatabase(tmp_path / "records.sqlite", accounts)
            stack.callback(opened.close)
            return opened

        yield stack.enter_context(on_memory(database))


@pytest.fixture
def memory_api(api: Api) -> Api:
    """The same here: no worker sends, as in memory."""
    return api
