"""A few of `make faults`: what is acknowledged is kept, once, and told, whatever is killed."""

import pathlib

from tests.adapters.receivers import Receiver
from tests.faults.aftermath import strike, tell_of_leads, verify
from tests.faults.history import History
from tests.faults.installation import Installation
from tests.faults.load import Load


def test_kills_under_load_lose_nothing_double_nothing_and_leave_nothing_untold(place: pathlib.Path) -> None:
    data = place / "faults"
    with (
        data.with_suffix(".jsonl").open("w") as file,
        Receiver() as receiver,
        Installation(data) as installation,
    ):
        history, api = History(file), installation.api()
        tell_of_leads(api, receiver)
        with Load([installation.url], api.token, history, clients=2):
            for kind in ("kill_server", "kill_postmaster", "kill_backend"):
                strike(history, kind, getattr(installation, kind), between=4)
        verify(installation, history, receiver, leases_are_over=True)
