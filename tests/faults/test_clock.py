"""F12: the server's clock jumps; leases, retries and tokens go by the database's, and nothing is lost."""

import pathlib
import time

import pytest

from tests.adapters.receivers import Receiver, answers
from tests.faults.aftermath import tell_of_leads, verify
from tests.faults.history import History
from tests.faults.installation import Installation
from tests.faults.load import Load
from tests.faults.needs import FAKETIME


@pytest.mark.parametrize("jumps", [["+1h", "-1h"], ["+10y", "-10y"]])
def test_a_clock_that_jumps_disturbs_nothing(history: History, folder: pathlib.Path, jumps: list[str]) -> None:
    clock = folder / "clock"
    clock.write_text("+0")
    faked = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    faked |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
    with Receiver() as receiver, Installation(folder / "data", **faked) as installation:
        api = installation.api()
        tell_of_leads(api, receiver)
        with Load([installation.url], api.token, history):
            for jump in [*jumps, "+0"]:
                history.break_(jump)
                clock.write_text(jump)
                receiver.then(*[answers(500)] * 3)
                history.wait_for_write(begun_after=time.monotonic() + 1)
                receiver.wait_for(len(receiver.requests) + 10, 60)  # deliveries go on, and so do retries
        years = {lead["created_at"][:4] for lead in api.get("/api/leads/").json()}
        verify(installation, history, receiver)
    assert {status for each in history.operations for status in each.statuses} == {200, 201}
    assert len(years) == (3 if "+10y" in jumps else 1), years  # it did jump
