"""F13, F14: two servers on one database, of which one is stopped, or killed, under load."""

import pathlib
import time
from collections.abc import Callable, Iterator

import pytest

from tests.adapters.receivers import Receiver
from tests.faults.aftermath import count_events, strike, tell_of_leads, verify
from tests.faults.history import History
from tests.faults.installation import Installation
from tests.faults.load import Load


@pytest.fixture
def servers(folder: pathlib.Path, new_database: Callable[[], str]) -> Iterator[list[Installation]]:
    url = new_database()
    with Installation(folder / "one", url) as one, Installation(folder / "other", url) as other:
        yield [one, other]


def test_a_rolling_restart_cuts_off_nothing_that_was_begun(history: History, servers: list[Installation]) -> None:
    with Receiver() as receiver:
        api = servers[0].api()
        tell_of_leads(api, receiver)
        took = []
        with Load([server.url for server in servers], api.token, history):
            for server in servers * 3:
                history.wait_for_writes(history.acknowledged + 50)
                began = time.monotonic()
                history.break_("stop")
                assert server.stop() == 0
                took.append(time.monotonic() - began)
                server.start()
        print(f"\nended at most {max(took):.2f} s after SIGTERM", end="")
        sent = verify(servers[0], history, receiver)
        assert len(receiver.requests) == sent  # and none twice
        # A connection may be closed just as a client sends on it; but what was begun was answered.
        assert count_events(servers[0].database_url) == history.acknowledged
    assert max(status for each in history.operations for status in each.statuses) < 300


def test_the_other_server_goes_on_for_a_killed_one(history: History, servers: list[Installation]) -> None:
    with Receiver() as receiver:
        api = servers[0].api()
        tell_of_leads(api, receiver)
        with Load([server.url for server in servers], api.token, history):
            for server in servers * 3:
                strike(history, "kill of one", server.kill_server, between=50)
        verify(servers[0], history, receiver)
