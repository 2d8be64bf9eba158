"""The checks of the database and its content. The first functions judge values; the last ones fetch them."""

import asyncio
import datetime as dt
import ipaddress
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from crm_adapters.postgres import diagnostics
from crm_adapters.postgres.connection.pool import POOL_SIZE
from crm_adapters.postgres.connection.timeouts import MAX_REPLICA_LAG
from crm_adapters.postgres.outbox import OUTBOX_CONNECTIONS, outbox_statistics
from crm_core.model.registered import registered
from crm_core.use_cases.users import list_users
from crm_core.use_cases.webhooks import active_webhooks
from crm_http.cli.doctor.checks import Check, State, failed, ok, run_probe, warning
from crm_http.server.maintenance import manage_users, manage_users_and_records, migrate
from crm_http.settings import Settings

#: Seconds by which clocks may differ before the administrator should know; beyond the second figure those who receive
#: webhooks refuse what we sign (Standard Webhooks), logins are counted wrongly, and soon S3 refuses as well.
_CLOCK_SECONDS: Final = 2.0
_MAX_CLOCK_SECONDS: Final = 300.0
#: How long a delivery may wait. If an endpoint is down, its deliveries wait longer, and an administrator should know.
_OUTBOX_SECONDS: Final = 3_600.0
#: Minutes after which an import should have gone on.
_IMPORT_MINUTES: Final = 10
#: This many users from one address are probably behind a proxy.
_MIN_LOGINS: Final = 2
#: Those of requests, those of the outbox, and the one that listens for deliveries.
_CONNECTIONS_OF_A_WORKER: Final = POOL_SIZE + OUTBOX_CONNECTIONS + 1
_NAME_A_STANDBY: Final = "Let CRM_DATABASE_REPLICA_URL name a standby, or unset it."
#: If one of these fails, the others cannot be checked.
_FIRST: Final = frozenset({"database", "fitness", "migrations"})


def fitness(version: int, unfit: str) -> Check:
    """Check the server's version, and the database's encoding and locale."""
    if unfit:
        return failed("fitness", unfit, "Create another one: create database crm template template0 locale 'C.UTF-8'.")
    return ok("fitness", f"PostgreSQL {version // 10_000}.{version % 10_000}, UTF8, a locale that knows all letters.")


def durability(settings: Mapping[str, str]) -> Check:
    """Check that commits outlive a power cut."""
    names = ("fsync", "full_page_writes", "synchronous_commit")
    if off := [name for name in names if settings.get(name, "on") == "off"]:
        advice = f"Set {' and '.join(off)} to on: a crash may lose acknowledged changes."
        return warning("durability", f"{' and '.join(off)} off.", advice)
    return ok("durability", f"fsync, full_page_writes and synchronous_commit ({settings['synchronous_commit']}) on.")


def time_limits(settings: Mapping[str, str]) -> Check:
    """Check that the server ends no migration early."""
    names = ("statement_timeout", "transaction_timeout", "idle_session_timeout")
    if on := [f"{name} = {settings[name]} ms" for name in names if settings.get(name, "0") != "0"]:
        advice = "Set them to 0 for the role, or they end migrations early; requests have limits of their own."
        return warning("time limits", f"The server's {', '.join(on)}.", advice)
    return ok("time limits", "None of the server's.")


def connections(settings: Mapping[str, str], workers: int) -> Check:
    """Check that the server takes as many connections as our pools may open."""
    room = int(settings["max_connections"]) - int(settings["superuser_reserved_connections"])
    needed = workers * _CONNECTIONS_OF_A_WORKER
    found = f"CRM_WORKERS={workers} opens up to {needed}; the server takes {room} in all."
    if needed > room:
        return warning("connections", found, "Raise max_connections, lower CRM_WORKERS, or put PgBouncer between.")
    return ok("connections", found)


def pooler(*, is_pooled: bool) -> Check:
    """Check whether a pooler is between us and the server."""
    if is_pooled:
        return ok("pooler", "In transaction mode: time limits go with each transaction, webhooks wait up to 1 s.")
    return ok("pooler", "None.")


def hosts(roles: Mapping[str, str]) -> Iterator[Check]:
    """Check the hosts of a URL that names several."""
    if len(roles) > 1:
        found = f"{', '.join(f'{host} {role}' for host, role in roles.items())}."
        gone = "gone" in roles.values()
        yield warning("hosts", found, "Check those that are gone.") if gone else ok("hosts", found)


def clock(ahead: float) -> Check:
    """Compare our clock with the database's."""
    found = f"The database's is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's."
    advice = "Synchronize both by NTP: signatures of webhooks, the wait after failed logins and S3 depend on the clock."
    if abs(ahead) > _MAX_CLOCK_SECONDS:
        return failed("clock", found, advice)
    return warning("clock", found, advice) if abs(ahead) > _CLOCK_SECONDS else ok("clock", found)


def migrations(pending: Sequence[str]) -> Check:
    """Check that the schema is that of this version."""
    if pending:
        return failed("migrations", f"{', '.join(pending)} missing.", "Run `crm migrate`, or start `crm serve`.")
    return ok("migrations", "None is missing.")


def resources(registered: Collection[str], foreign: Collection[str]) -> Check:
    """Check that the resources of packages are those that the database has tables of.

    Args:
        registered: those that packages register here.
        foreign: those that the database has tables of, and that no package registers here.
    """
    if foreign:
        advice = "Install the packages: until then nobody sees these records, and what they refer to stays."
        return warning("resources", f"No package registers {', '.join(foreign)}, of which there are tables.", advice)
    return ok("resources", f"Of packages: {', '.join(registered) or 'none'}.")


def feed(*, is_foreign_era: bool) -> Check:
    """Check that the change feed counts transactions as this server does, which a restored one does not at first."""
    if is_foreign_era:
        advice = "Run `crm migrate`, or start `crm serve`: the change feed then goes on without a gap."
        return warning("change feed", "The database was restored from another server.", advice)
    return ok("change feed", "It counts the transactions of this server.")


def superusers(names: Collection[str]) -> Check:
    """Check that there is a user who may do everything."""
    if not names:
        return failed(
            "superusers",
            "There is none.",
            "Run `crm user add NAME --superuser`, or `crm serve` if there is no user at all.",
        )
    return ok("superusers", f"{len(names)} may do everything.")


def addresses(users: Mapping[str, int], settings: Settings) -> Check:
    """Check that logins come from the addresses of clients, and not all from that of a proxy.

    Args:
        users: the number of users who logged in, by address; IPv6 by network.
        settings: which proxies are trusted.
    """
    logins = sum(users.values())
    if settings.zero_setup or logins < _MIN_LOGINS or len(users) > 1 or not all(map(_is_private, users)):
        return ok("addresses", f"Users logged in from {len(users)} of them.")
    [proxy] = users
    if settings.trusted_proxies:
        advice = f"Let the proxy at {proxy} append the client's address to X-Forwarded-For, or write Forwarded."
    else:
        advice = "If that is a proxy, name its network in CRM_TRUSTED_PROXIES: wrong passwords of one slow all down."
    return warning("addresses", f"All {logins} users logged in from {proxy}.", advice)


def _is_private(address: str) -> bool:
    try:
        return ipaddress.ip_network(address).is_private
    except ValueError:
        return True


def webhooks_of_disabled_users(names: Collection[str]) -> Check:
    """Check that no active webhook was created by a user who is disabled by now."""
    if names:
        advice = "Check where they send records; PATCH /api/webhooks/ID/ with is_active false stops one."
        return warning("creators", f"Active, but created by disabled users: {', '.join(names)}.", advice)
    return ok("creators", "No active one was created by a disabled user.")


def unique_attributes(unbuilt: Mapping[str, bool]) -> Check:
    """Check that unique attributes have their indexes.

    Args:
        unbuilt: those that are not known to have one, each with whether somebody builds it.
    """
    if missing := [name for name, is_built in unbuilt.items() if not is_built]:
        advice = "Restart `crm serve`: it drops what is half built, and builds the index again."
        return warning("unique attributes", f"No index, and nobody builds one: {', '.join(missing)}.", advice)
    if unbuilt:
        return ok("unique attributes", f"Being built: {', '.join(unbuilt)}.")
    return ok("unique attributes", "Each has its index.")


def outbox(figures: Mapping[str, float]) -> Check:
    """Check the deliveries that wait, and those that were given up."""
    oldest, dead = dt.timedelta(seconds=round(figures["oldest_seconds"])), int(figures["dead"])
    found = f"{int(figures['waiting'])} wait, the oldest for {oldest}; {dead} dead."
    if figures["oldest_seconds"] > _OUTBOX_SECONDS:
        advice = (
            "Is `crm serve` or `crm deliver` running? GET /api/webhooks/ID/deliveries/ shows what receivers answer."
        )
        return warning("outbox", found, advice)
    if dead:
        return warning(
            "outbox", found, "When the receiver works again, POST /api/webhooks/ID/recover/ sends them again."
        )
    return ok("outbox", found)


def imports(stuck: Mapping[str, bool]) -> Check:
    """Check that active imports go on.

    Args:
        stuck: those that do not, by id, each with whether servers have its file.
    """
    if of_servers := [id_ for id_, has_file in stuck.items() if has_file]:
        advice = "Is `crm serve` running? Its log says why an import cannot go on. DELETE /api/imports/ID/ cancels one."
        return warning("imports", f"Nobody goes on with {', '.join(of_servers)}.", advice)
    if stuck:
        return warning("imports", f"Interrupted: {', '.join(stuck)}.", "Go on by `crm import --resume ID`.")
    return ok("imports", "None is stuck.")


def replica(behind: float | None) -> Check:
    """Check how many seconds a replica is behind; None if it is not a replica."""
    if behind is None:
        return failed("replica", "The server is a primary, not a standby.", _NAME_A_STANDBY)
    if behind == math.inf:
        advice = "Reads go to the primary until then. See pg_stat_replication there, and the replica's log."
        return warning("replica", f"More than {MAX_REPLICA_LAG:.0f} s behind.", advice)
    return ok("replica", f"It had all of the primary after {behind:.1f} s.")


async def check_servers(url: str, settings: Settings) -> AsyncIterator[Check]:
    """Check the database and what is in it; the order is that of the report."""
    probes: list[tuple[str, Callable[[], Awaitable[Sequence[Check]]]]] = [
        ("database", partial(_examine, url, settings)),
        ("superusers", partial(_superusers, url, settings)),
        ("addresses", partial(_addresses, url, settings)),
        ("creators", partial(_webhooks, url, settings)),
        ("unique attributes", partial(_unique_attributes, url)),
        ("outbox", partial(_outbox, url)),
        ("imports", partial(_imports, url)),
    ]
    if settings.database_replica_url is not None:
        probes.append(("replica", partial(_replica, url, settings.database_replica_url)))
    for name, probe in probes:
        found = await run_probe(name, probe)
        for check in found:
            yield check
        if any(check.state is State.FAILED and check.name in _FIRST for check in found):
            return  # the others would only report the same


async def _examine(url: str, settings: Settings) -> Sequence[Check]:
    if settings.is_embedded:  # no other process migrates it
        await migrate(url)
    server = await diagnostics.examine(url)
    roles = {name: await diagnostics.role(host) for name, host in diagnostics.hosts(url).items()}
    return [
        ok("database", "The embedded server answers." if settings.is_embedded else f"{server.place} answers."),
        *hosts(roles),
        pooler(is_pooled=server.is_pooled),
        durability(server.settings),
        time_limits(server.settings),
        connections(server.settings, settings.workers),
        clock(server.clock_ahead),
        fitness(server.version, server.unfit),
        migrations(server.pending),
        resources([each.name for each in registered()], server.foreign_resources),
        feed(is_foreign_era=server.is_foreign_era),
    ]


async def _superusers(url: str, settings: Settings) -> Sequence[Check]:
    async with manage_users(url, settings) as users:
        accounts = await list_users(users)
    return [superusers([account.user.username for account in accounts if account.is_superuser and account.is_active])]


async def _addresses(url: str, settings: Settings) -> Sequence[Check]:
    return [addresses(await diagnostics.login_addresses(url), settings)]


async def _webhooks(url: str, settings: Settings) -> Sequence[Check]:
    async with manage_users_and_records(url, settings) as (users, db):
        accounts = await list_users(users)
        disabled = {account.user.id: account.user.username for account in accounts if not account.is_active}
        webhooks = await active_webhooks(db, disabled)
    return [webhooks_of_disabled_users([f"{each.name} ({disabled[each.created_by]})" for each in webhooks])]


async def _unique_attributes(url: str) -> Sequence[Check]:
    return [unique_attributes(await diagnostics.unbuilt_attributes(url))]


async def _outbox(url: str) -> Sequence[Check]:
    return [outbox(await asyncio.to_thread(outbox_statistics, url))]


async def _imports(url: str) -> Sequence[Check]:
    return [imports(await diagnostics.stuck_imports(url, _IMPORT_MINUTES))]


async def _replica(url: str, replica_url: str) -> Sequence[Check]:
    return [replica(await diagnostics.seconds_behind(url, replica_url))]
