"""What `crm doctor` makes of what it finds: each rule here is from values to checks, and looks at nothing itself."""

import datetime as dt
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

import attrs

from crm_http.server.supervisor import MOST_CONNECTIONS, connections_within
from crm_http.settings import Network, Settings

#: Seconds by which clocks may differ before somebody should know; beyond the second figure those who receive webhooks
#: refuse what we sign (Standard Webhooks), logins are counted wrongly, and soon S3 refuses as well.
_CLOCK_SECONDS: Final = 2.0
_CLOCK_SECONDS_AT_MOST: Final = 300.0
#: How long a delivery may wait. One endpoint that is down makes some wait longer, and is worth a look.
_OUTBOX_SECONDS: Final = 3_600.0
_CONNECTIONS_OF_A_WORKER: Final = 20
_FREE_BYTES, _FREE_BYTES_AT_LEAST = 2 * 2**30, 100 * 2**20
#: Networks that are larger than these are hardly meant.
_WIDEST: Final = {4: 8, 6: 16}


class State(StrEnum):
    """What came of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@attrs.frozen
class Check:
    """One line of the doctor's.

    Attributes:
        name: what was looked at.
        state: what came of it.
        found: what there is.
        mend: what to do about it; empty if nothing.
    """

    name: str
    state: State
    found: str
    mend: str = ""


def ok(name: str, found: str) -> Check:
    """All is well."""
    return Check(name, State.OK, found)


def warning(name: str, found: str, mend: str) -> Check:
    """It works, but not as it should."""
    return Check(name, State.WARNING, found, mend)


def failed(name: str, found: str, mend: str = "") -> Check:
    """It does not work; what a `FailedError` says has in it what to do."""
    return Check(name, State.FAILED, found, mend)


def fitness(version: int, unfit: str) -> Check:
    """The server's version, and the database's encoding and locale."""
    if unfit:
        return failed("fitness", unfit, "Make another: create database crm template template0 locale 'C.UTF-8'.")
    return ok("fitness", f"PostgreSQL {version // 10_000}.{version % 10_000}, UTF8, a locale that knows all letters.")


def durability(settings: Mapping[str, str]) -> Check:
    """Whether what is committed outlives a power cut."""
    names = ("fsync", "full_page_writes", "synchronous_commit")
    if off := [name for name in names if settings.get(name, "on") == "off"]:
        mend = f"Set {' and '.join(off)} to on: what was acknowledged may be lost in a crash."
        return warning("durability", f"{' and '.join(off)} off.", mend)
    return ok("durability", f"fsync, full_page_writes and synchronous_commit ({settings['synchronous_commit']}) on.")


def time_limits(settings: Mapping[str, str]) -> Check:
    """Whether the server cuts off what takes long for a reason."""
    names = ("statement_timeout", "transaction_timeout", "idle_session_timeout")
    if on := [f"{name} = {settings[name]} ms" for name in names if settings.get(name, "0") != "0"]:
        mend = "Set them to 0 for the role, or migrations are cut off; requests have limits of their own."
        return warning("time limits", f"The server's {', '.join(on)}.", mend)
    return ok("time limits", "None of the server's.")


def connections(settings: Mapping[str, str], workers: int) -> Check:
    """Whether the server has room for our pools."""
    room = int(settings["max_connections"]) - int(settings["superuser_reserved_connections"])
    wanted = workers * _CONNECTIONS_OF_A_WORKER
    found = f"Up to {wanted} are opened by CRM_WORKERS={workers}; the server has {room} for all."
    if wanted > room:
        return warning("connections", found, "Raise max_connections, lower CRM_WORKERS, or put PgBouncer between.")
    return ok("connections", found)


def pooler(*, is_pooled: bool) -> Check:
    """Whether something stands between."""
    if is_pooled:
        return ok("pooler", "In transaction mode: time limits go with each transaction, webhooks wait up to 1 s.")
    return ok("pooler", "None.")


def hosts(roles: Mapping[str, str]) -> Iterator[Check]:
    """Several hosts of one URL."""
    if len(roles) > 1:
        found = f"{', '.join(f'{host} {role}' for host, role in roles.items())}."
        gone = "gone" in roles.values()
        yield warning("hosts", found, "See to those that are gone.") if gone else ok("hosts", found)


def clock(ahead: float) -> Check:
    """Our clock beside the database's."""
    found = f"The database's is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's."
    mend = "Let both follow NTP: signatures of webhooks, the wait after failed logins and S3 go by the clock."
    if abs(ahead) > _CLOCK_SECONDS_AT_MOST:
        return failed("clock", found, mend)
    return warning("clock", found, mend) if abs(ahead) > _CLOCK_SECONDS else ok("clock", found)


def migrations(pending: Sequence[str]) -> Check:
    """Whether the schema is that of this version."""
    if pending:
        return failed("migrations", f"{', '.join(pending)} missing.", "Run `crm migrate`, or start `crm serve`.")
    return ok("migrations", "None is missing.")


def superusers(names: Collection[str]) -> Check:
    """Whether anybody may do everything."""
    if not names:
        return failed(
            "superusers",
            "There is none.",
            "Run `crm user add NAME --superuser`, or `crm serve` if there is no user at all.",
        )
    return ok("superusers", f"{len(names)} may do everything.")


def outbox(figures: Mapping[str, float]) -> Check:
    """Deliveries that wait, and those that were given up."""
    oldest, dead = dt.timedelta(seconds=round(figures["oldest_seconds"])), int(figures["dead"])
    found = f"{int(figures['waiting'])} wait, the oldest for {oldest}; {dead} dead."
    if figures["oldest_seconds"] > _OUTBOX_SECONDS:
        mend = "Is `crm serve` or `crm deliver` running? GET /api/webhooks/ID/deliveries/ shows what receivers answer."
        return warning("outbox", found, mend)
    if dead:
        return warning("outbox", found, "When the receiver is mended, POST /api/webhooks/ID/recover/ sends them anew.")
    return ok("outbox", found)


def replica(behind: float | None) -> Check:
    """How far a replica is behind; None if it is no replica."""
    if behind is None:
        return failed("replica", "It takes writes.", "Let CRM_DATABASE_REPLICA_URL name a standby, or unset it.")
    if behind == math.inf:
        mend = "The primary is read meanwhile. See pg_stat_replication there, and the replica's log."
        return warning("replica", "More than 4 s behind.", mend)
    return ok("replica", f"It had all of the primary after {behind:.1f} s.")


def disk(free: int, place: str) -> Check:
    """The room where our data is."""
    found, mend = f"{free / 2**30:.1f} GiB free in {place}.", "Make room, or move CRM_DATA_DIR."
    if free < _FREE_BYTES_AT_LEAST:
        return failed("disk", found, mend)
    return warning("disk", found, mend) if free < _FREE_BYTES else ok("disk", found)


def egress(settings: Settings, metadata: Collection[Network]) -> Check:
    """What webhooks may reach.

    Args:
        settings: with the networks that an administrator allows.
        metadata: those of them that open a cloud's metadata.
    """
    if metadata:
        mend = "Take it out of CRM_WEBHOOK_ALLOW: who may write webhooks could read the keys of a cloud's machine."
        return warning("webhooks", f"{', '.join(map(str, metadata))} is reached.", mend)
    if wide := [str(each) for each in settings.webhook_allow if each.prefixlen < _WIDEST[each.version]]:
        mend = "Name in CRM_WEBHOOK_ALLOW only what receives webhooks: the rest of the inside is open, too."
        return warning("webhooks", f"{', '.join(wide)} is reached.", mend)
    named = [*map(str, settings.webhook_allow), *(["this machine"] if settings.zero_setup else [])]
    return ok("webhooks", f"They reach {', '.join(['public addresses', *named])}.")


def open_files(limit: int) -> Check:
    """The limit of open files, which are connections, too."""
    if (taken := connections_within(limit)) < MOST_CONNECTIONS:
        mend = f"Raise the hard limit to {2 * MOST_CONNECTIONS}: LimitNOFILE= in a unit, `ulimit -Hn` in a shell."
        return warning("open files", f"At most {limit}: a worker takes only {taken} connections.", mend)
    return ok("open files", f"Enough for {taken} connections of a worker.")
