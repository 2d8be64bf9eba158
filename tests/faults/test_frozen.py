"""F6: a PostgreSQL that neither answers nor hangs up keeps nobody waiting, and is used again when it goes on."""

import pathlib
import time

from tests.adapters.receivers import Receiver
from tests.faults.aftermath import tell_of_leads, verify
from tests.faults.history import History
from tests.faults.installation import Installation
from tests.faults.load import Load

FROZEN_SECONDS = 20.0


def test_a_frozen_postgresql_is_503_in_time_and_nothing_is_lost(history: History, folder: pathlib.Path) -> None:
    with Receiver() as receiver, Installation(folder / "data") as installation:
        api = installation.api()
        tell_of_leads(api, receiver)
        with Load([installation.url], api.token, history, clients=40):
            history.wait_for_write(begun_after=time.monotonic() + 2)
            history.break_("freeze")
            installation.freeze()
            time.sleep(FROZEN_SECONDS)  # that is the fault
            installation.thaw()
            history.break_("thaw")
            history.wait_for_write(begun_after=time.monotonic() + 2)
        verify(installation, history, receiver)
    assert history.longest() < FROZEN_SECONDS  # 6 s are promised: what a statement has, and one
