"""What is looked at once all is mended: the records, their events, their deliveries, and what receivers got."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import psycopg

from tests.adapters.receivers import Received, Receiver
from tests.faults.history import Found, History, check
from tests.faults.installation import Installation
from tests.http.conftest import Api

#: Records of these tables whose versions are not those of their events, of which there must be one each.
_UNTOLD = """
    select record.id from ({records}) as record
    where (select array_agg(version order by version) from event where event.record = record.id)
        is distinct from (select array_agg(n) from generate_series(1, record.version) as n)"""
_OF_NOTHING = (
    "select seq from event where resource in ('lead', 'client') and record not in (select id from ({records}) r)"
)
_RECORDS = "select id, version from lead union all select id, version from client"

#: Events of leads without exactly one delivery to a webhook that was there, and deliveries without an event.
_UNDELIVERED = """
    select coalesce(e.record, d.record), coalesce(e.version, d.version), count(d.id)
    from (select * from event, (select id as webhook from webhook) as w where resource = 'lead') as e
    full join delivery as d using (webhook, record, version)
    group by 1, 2, d.webhook, e.webhook having count(d.id) <> 1 or count(e.seq) <> 1"""


def tell_of_leads(api: Api, receiver: Receiver) -> None:
    """Have a receiver told of every change of a lead."""
    api.make("/api/webhooks/", name="every change", model="Lead", url=receiver.url("/{id}"))


def verify(installation: Installation, history: History, receiver: Receiver, *, leases_are_over: bool = False) -> int:
    """Hold all promises against what is there now, and again after one more power cut; gives how many deliveries.

    Args:
        installation: which is healthy again.
        history: what clients asked for and were told.
        receiver: which was told of every change of a lead.
        leases_are_over: whether to let the half-minute pass at once after which a delivery is taken from the dead.
    """
    found = _find(installation.api())
    check(history, found)
    _check_events(installation.database_url, history)
    sent = _wait_for_deliveries(installation.database_url, leases_are_over=leases_are_over)
    _check_received(sent, receiver.requests)
    installation.kill_both()
    assert _find(installation.api()) == found
    print(f"{history.told()}; {len(sent)} deliveries in {len(receiver.requests)} requests")
    return len(sent)


def strike(history: History, kind: str, break_: Callable[[], None], *, between: int) -> None:
    """Break something under load, some writes later, and wait until a write is acknowledged again."""
    history.wait_for_writes(history.acknowledged + between)
    time.sleep(random.uniform(0, 0.2))  # noqa: S311  # at any moment of a request
    history.break_(kind)
    break_()
    history.wait_for_write(begun_after=time.monotonic())


def _find(api: Api) -> Found:
    leads, clients = (api.get(f"/api/{name}/") for name in ("leads", "clients"))
    assert (leads.status_code, clients.status_code) == (200, 200)
    return Found(leads.json(), clients.json())


def _rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def _check_events(url: str, history: History) -> None:
    for statement in (_UNTOLD, _OF_NOTHING):
        assert _rows(url, statement.format(records=_RECORDS)) == []
    assert _rows(url, _UNDELIVERED) == []
    most = sum(each.op != "read" and each.result != "fail" for each in history.operations)
    assert history.acknowledged <= (events := count_events(url)) <= most, (history.acknowledged, events, most)


def count_events(url: str) -> int:
    """How many of the load's writes have been carried out."""
    [[events]] = _rows(url, "select count(*) from event where kind <> 'created' or resource = 'lead'")
    return int(events)


def _wait_for_deliveries(url: str, *, leases_are_over: bool) -> dict[str, tuple[str, int]]:
    """The record and version that each delivery is about, once all are delivered."""
    deadline = time.monotonic() + 120
    if leases_are_over:
        _make_older(url, timedelta(seconds=30))
    while left := _rows(url, "select state, count(*), max(error) from delivery where state <> 'delivered' group by 1"):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)  # another process has no event to wait for
    return {str(id_): (str(record), n) for id_, record, n in _rows(url, "select id, record, version from delivery")}


def _make_older(url: str, time_: timedelta) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("update delivery set next_at = next_at - %s where state = 'sending'", (time_,))


def _check_received(sent: dict[str, tuple[str, int]], received: Sequence[Received]) -> None:
    """Everything came, under its one id and to its one place, and in the order of each record's changes."""
    latest: defaultdict[str, int] = defaultdict(int)
    for each in received:
        record, version = sent[each.header("webhook-id") or ""]
        assert each.path == f"/{record}"
        assert version in (latest[record], latest[record] + 1), f"{record}: {version} came after {latest[record]}"
        latest[record] = version
    assert {each.header("webhook-id") for each in received} == sent.keys()
