"""The primary is lost and its synchronous replica promoted, behind PgBouncer: all that was acknowledged is there."""

import pathlib
import time

import psycopg

from tests.adapters.receivers import Receiver
from tests.faults.aftermath import tell_of_leads, verify
from tests.faults.history import History
from tests.faults.installation import Installation
from tests.faults.load import Load
from tests.faults.servers import pgbouncer, primary, standby, until

#: So that we may tell it where to go, and it does not wait for fifteen seconds after a failure.
SETTINGS = ("admin_users = postgres", "server_login_retry = 0.2")


def test_a_promoted_replica_has_all_that_was_acknowledged_and_is_found_by_pgbouncer(
    history: History, folder: pathlib.Path
) -> None:
    with (
        primary(folder / "dying") as dying,
        standby(dying, folder / "promoted") as promoted,
        pgbouncer(dying, folder, *SETTINGS) as port,
        Receiver() as receiver,
    ):
        # What is acknowledged is on the standby's disk from now on.
        dying.execute("alter system set synchronous_standby_names = '*'")
        dying.execute("select pg_reload_conf()")
        until(lambda: dying.execute("select sync_state from pg_stat_replication") == [("sync",)], "it is synchronous")
        with Installation(folder / "data", f"postgresql://postgres@127.0.0.1:{port}/crm") as installation:
            api = installation.api()
            tell_of_leads(api, receiver)
            with Load([installation.url], api.token, history):
                history.wait_for_writes(200)
                history.break_("primary lost")
                dying.kill()
                promoted.promote()
                point(folder / "pgbouncer.ini", port, dying.port, promoted.port)
                history.wait_for_write(begun_after=time.monotonic() + 2)
            verify(installation, history, receiver)


def point(settings: pathlib.Path, port: int, old: int, new: int) -> None:
    """Have PgBouncer go elsewhere, as an administrator does."""
    settings.write_text(settings.read_text().replace(f"port={old}", f"port={new}"))
    with psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/pgbouncer", autocommit=True) as console:
        console.execute("reload")
