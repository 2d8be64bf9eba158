"""F8: cut off from its database the server answers 503 in time; cut off from receivers it does not notice."""

import pathlib
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.adapters.receivers import Receiver
from tests.faults.aftermath import tell_of_leads, verify
from tests.faults.history import History
from tests.faults.installation import Installation
from tests.faults.load import Load
from tests.faults.network import Network, postgres

CUT_SECONDS = 20.0


@pytest.fixture
def network() -> Iterator[Network]:
    with Network().laid() as laid:
        yield laid


@pytest.mark.parametrize("cable", ["database", "receivers"])
def test_a_cut_cable_loses_nothing(history: History, folder: pathlib.Path, network: Network, cable: str) -> None:
    with (
        postgres(folder / "database", network.outside("database")) as url,
        Receiver(host=network.outside("receivers")) as receiver,
        Installation(folder / "data", url, host=network.server, within=network.within) as installation,
    ):
        api = installation.api()
        tell_of_leads(api, receiver)
        with Load([installation.url], api.token, history, clients=20, records=30):
            history.wait_for_write(begun_after=time.monotonic() + 2)
            began = time.monotonic()
            history.break_(f"cut from {cable}")
            network.cut(cable)
            time.sleep(CUT_SECONDS)  # that is the fault
            network.mend(cable)
            mended = time.monotonic()
            history.break_("cable mended")
            history.wait_for_write(begun_after=mended + 2)
        during = sum(each.result == "ok" and began < each.start and each.end < mended for each in history.operations)
        print(f"\n{during} writes while cut from {cable}", end="")
        with psycopg.connect(url) as connection:
            idle = connection.execute("select count(*) from pg_stat_activity where state like 'idle in trans%'")
            assert idle.fetchone() == (0,)
        verify(installation, history, receiver)
    assert history.longest() < CUT_SECONDS  # 6 s are promised: what a statement has, and one
    assert (during > 0) == (cable == "receivers")
