"""What typed calls in process cost beside the use cases, and calls without ``await`` beside those.

Processor time of this process for a call, on the memory and on PostgreSQL: medians of rounds in which the ways take
turns, and in brackets how many times that of the awaited typed call it is.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import psycopg

from crm_adapters.embedded import embedded_server
from crm_adapters.memory import MemoryDatabase
from crm_adapters.postgres import Pool, PostgresAccounts, PostgresDatabase, migrate
from crm_core import LEADS, Actor, User
from crm_core.embedding import Awaiting, Crm, Portal, Runner, Session, SyncCrm
from crm_core.use_cases import records, users

_ROUNDS: Final = 9
_ME: Final = Actor(user=User(id=1, username="me"), is_superuser=True)
#: The kinds of calls, by name.
Calls: TypeAlias = Mapping[str, Callable[[], Any]]
#: Returns the microseconds of a call.
Measure: TypeAlias = Callable[[Callable[[], Any]], float]


def use_cases(session: Session[Any], lead: Any) -> Calls:
    """Return calls of the functions of the core, whose results are documents."""
    db, caller = session.context.db, session.caller
    return {
        "create": lambda: records.create(db, caller(), LEADS, {"name": "Ann"}),
        "get": lambda: records.get(db, caller(), LEADS, lead.id),
        "list of 50": lambda: records.find(db, caller(), LEADS, {"limit": "50"}),
        "change": lambda: records.patch(db, caller(), LEADS, lead.id, {"name": caller().new_id().hex}),
    }


def typed(session: Session[Awaiting] | Session[Runner], lead: Any) -> Calls:
    """Return typed calls, awaited or not."""
    leads: Any = session.leads
    return {
        "create": lambda: leads.create(name="Ann"),
        "get": lambda: leads.retrieve(lead.id),
        "list of 50": lambda: leads.list(page_size=50).page(),
        "change": lambda: leads.change(lead.id, name=session.caller().new_id().hex),
    }


def blocking(count: int) -> Measure:
    """Measure calls that return their results."""

    def measure(call: Callable[[], Any]) -> float:
        begin = time.process_time()
        for _ in range(count):
            call()
        return (time.process_time() - begin) / count * 1e6

    return measure


def awaited(portal: Portal, count: int) -> Measure:
    """Measure calls that are awaited, in the loop of a portal."""

    async def measure(call: Callable[[], Any]) -> float:
        begin = time.process_time()
        for _ in range(count):
            await call()
        return (time.process_time() - begin) / count * 1e6

    return lambda call: portal.run(measure(call))


def compare(store: str, ways: Mapping[str, tuple[Calls, Measure]]) -> None:
    """Print a line for each kind of call."""
    print(f"\n{store}, us".ljust(18), *(f"{way:>20}" for way in ways))
    for kind in ("create", "get", "list of 50", "change"):
        rounds = [{way: measure(calls[kind]) for way, (calls, measure) in ways.items()} for _ in range(_ROUNDS)]
        medians = {way: statistics.median(each[way] for each in rounds) for way in ways}
        shown = (f"{each:.0f} ({each / medians['typed']:.2f})" for each in medians.values())
        print(f"{kind:16}", *(f"{each:>20}" for each in shown))


def on_memory(portal: Portal) -> None:
    """Compare on one memory database for each way, as lists look through all records."""
    sessions: list[Session[Any]] = [Crm(MemoryDatabase()).as_(_ME) for _ in range(2)]
    sessions += [SyncCrm(MemoryDatabase(), runner=runner).as_(_ME) for runner in (None, portal)]
    made = [portal.run(records.create(each.context.db, each.caller(), LEADS, {"name": "Ann"}))[0] for each in sessions]
    leads = [
        portal.run(Crm(each.context.db).as_(_ME).leads.retrieve(id_)) for each, id_ in zip(sessions, made, strict=True)
    ]
    calls = [(use_cases if place == 0 else typed)(each, leads[place]) for place, each in enumerate(sessions)]
    measures = [awaited(portal, 100), awaited(portal, 100), blocking(100), blocking(100)]
    names = ("use case", "typed", "sync", "sync, portal")
    compare("memory", dict(zip(names, zip(calls, measures, strict=True), strict=True)))


def on_postgres(portal: Portal, url: str) -> None:
    """Compare on one database, where a page of a list is the same work however many records there are."""
    pool = portal.open(lambda: Pool(url))
    accounts = PostgresAccounts(pool)
    portal.run(users.add_external_user(accounts, "me", groups=["Sales"]))
    through = SyncCrm(PostgresDatabase(pool), runner=portal, users=accounts).as_user("me")
    session = Crm(PostgresDatabase(pool)).as_(through.actor)
    lead = through.leads.create(name="Ann")
    with psycopg.connect(url) as connection:
        own = SyncCrm(PostgresDatabase.on(connection)).as_(through.actor)
        other = own.leads.create(name="Ann")
        ways = {
            "use case": (use_cases(session, lead), awaited(portal, 50)),
            "typed": (typed(session, lead), awaited(portal, 50)),
            "sync, portal": (typed(through, lead), blocking(50)),
            "sync, blocking": (typed(own, other), blocking(50)),
        }
        compare("PostgreSQL", ways)


def main() -> None:
    """Print both comparisons."""
    with Portal() as portal, tempfile.TemporaryDirectory() as directory:
        on_memory(portal)
        with embedded_server(Path(directory)) as url:
            portal.run(migrate(url))
            with Portal() as other:
                on_postgres(other, url)


if __name__ == "__main__":
    main()
