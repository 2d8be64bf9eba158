"""F1, F3, F4, F5: whatever is killed under load, nothing that was acknowledged is lost, doubled or untold."""

import pathlib
import random

from tests.adapters.receivers import Receiver
from tests.faults.aftermath import strike, tell_of_leads, verify
from tests.faults.history import History
from tests.faults.installation import Installation
from tests.faults.load import Load

KINDS = ["kill_server", "kill_postmaster", "kill_backend", "kill_worker", "kill_both", "terminate_connections"]
#: Writes that are acknowledged between two kills, at least.
BETWEEN = 40


def test_nothing_is_lost_or_doubled_by_thirty_kills(history: History, folder: pathlib.Path) -> None:
    with Receiver() as receiver, Installation(folder / "data") as installation:
        api = installation.api()
        tell_of_leads(api, receiver)
        with Load([installation.url], api.token, history, records=60):
            for kind in (each for _ in range(5) for each in random.sample(KINDS, len(KINDS))):
                strike(history, kind, getattr(installation, kind), between=BETWEEN)
        verify(installation, history, receiver)
    assert history.acknowledged >= 1000
    assert len(history.faults) == 30
