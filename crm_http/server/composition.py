"""The composition root: settings to adapters to the app. Nothing else in this package knows that adapters exist."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from crm_adapters.embedded.cluster import LOG
from crm_adapters.embedded.server import EmbeddedServerError, embedded_server
from crm_adapters.image_headers import read_header
from crm_adapters.local_files import LocalFileStore
from crm_adapters.passwords import Argon2Passwords
from crm_adapters.postgres import demo
from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.connection.errors import translated
from crm_adapters.postgres.connection.options import connect
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.outbox import PostgresOutbox, outbox_figures
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.records.replica import Replica
from crm_adapters.postgres.sql import migrations
from crm_adapters.webhooks.policy import policy_of
from crm_adapters.webhooks.sender import HttpWebhookSender
from crm_core.errors import CrmError, UnavailableError
from crm_core.use_cases.delivery_worker import DeliveryWorker
from crm_core.use_cases.sweeping import Finding, Orphan
from crm_core.use_cases.sweeping import sweep as find_astray
from crm_core.use_cases.uploads import Images
from crm_core.webhooks.retries import Retries
from crm_http.settings import SettingError, Settings

if TYPE_CHECKING:
    from litestar import Litestar

    from crm_adapters.s3 import S3FileStore
    from crm_http.middleware import RequestMiddleware
    from crm_http.telemetry.metrics import Metrics

__all__ = [
    "LOG",
    "FailedError",
    "PostgresAccounts",
    "app",
    "check_database",
    "check_files",
    "command_errors",
    "database_url",
    "deliver",
    "exposed_metrics",
    "file_store",
    "hash_password",
    "load_demo",
    "manage",
    "migrate",
    "sweep",
]

_READY_SECONDS: Final = 1.0
#: Connections of the outbox, which must not wait behind requests: leases would run out.
_OUTBOX_CONNECTIONS: Final = 3


class FailedError(Exception):
    """Something that was asked for on the command line cannot be done; one line that says what to do."""


def app() -> "RequestMiddleware":
    """The app on the database of the environment; each worker makes its own."""
    # The command line shall not wait for the web framework.
    from crm_http.app import create_app  # noqa: PLC0415
    from crm_http.telemetry.observers import Observers  # noqa: PLC0415

    settings = Settings.from_env(os.environ)
    if settings.database_url is None:
        raise SettingError("CRM_DATABASE_URL is not set: start the workers by `crm serve`, or name a server.")
    pool, own_pool = Pool(settings.database_url), Pool(settings.database_url, size=_OUTBOX_CONNECTIONS)
    outbox, passwords = PostgresOutbox(own_pool), Argon2Passwords()
    replica = Replica(settings.database_replica_url, pool) if settings.database_replica_url else None
    database = PostgresDatabase(pool, outbox.wake, replica=replica)
    accounts = PostgresAccounts(pool, token_days=settings.token_days, replica=replica)
    files, observers = file_store(settings), Observers.wanted(settings)
    images = Images(
        files=files,
        read_header=read_header,
        max_bytes=settings.upload_mb * 2**20,
        is_private=settings.s3_private,
    )

    @asynccontextmanager
    async def running(_: "Litestar") -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(observers.close)
            stack.callback(files.close)
            stack.callback(passwords.close)
            for each in (pool, own_pool):
                await stack.enter_async_context(each)
            stack.push_async_callback(database.close)
            stack.push_async_callback(accounts.close)
            database.follow_definitions()
            if replica is not None:
                await stack.enter_async_context(replica)
            await stack.enter_async_context(
                _delivering(database, outbox, settings, allow_loopback=settings.zero_setup, metrics=observers.metrics)
            )
            if observers.metrics:
                pools = {"requests": pool.figures, "outbox": own_pool.figures}
                await stack.enter_async_context(observers.metrics.sampled(lambda: served.in_flight, pools))
            yield

    served = create_app(
        database,
        accounts,
        passwords,
        outbox,
        images,
        ready=_readiness(pool),
        lifespan=[running],
        observers=observers.all,
    )
    return served


def file_store(settings: Settings) -> "LocalFileStore | S3FileStore":
    """Where files are kept. Raises SettingError where they cannot be as the settings say."""
    if settings.s3_bucket is None:
        return LocalFileStore(settings.data_dir / "files")
    try:
        from crm_adapters.s3 import S3FileStore  # noqa: PLC0415 - it is large, and not all have it
    except ModuleNotFoundError as error:
        raise SettingError("CRM_S3_BUCKET needs boto3: install crm-core[s3].") from error
    try:
        return S3FileStore(
            settings.s3_bucket,
            endpoint_url=settings.s3_endpoint_url,
            public_url=settings.s3_public_url,
            is_private=settings.s3_private,
        )
    except ValueError as error:
        raise SettingError(f"CRM_S3_BUCKET cannot be used with CRM_S3_ENDPOINT_URL and AWS_…: {error}.") from error


@asynccontextmanager
async def _delivering(
    database: PostgresDatabase,
    outbox: PostgresOutbox,
    settings: Settings,
    *,
    allow_loopback: bool,
    metrics: "Metrics | None" = None,
) -> AsyncIterator[None]:
    """Send what is in the outbox meanwhile."""
    sender = HttpWebhookSender(policy_of(settings.webhook_allow, allow_loopback=allow_loopback))
    counted = metrics.counted(sender) if metrics else sender
    worker = DeliveryWorker(database, outbox, counted, Retries(settings.webhook_retry_delays))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(outbox.close)
        stack.push_async_callback(sender.close)
        running = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await running


def _readiness(pool: Pool) -> Callable[[], Awaitable[bool]]:
    asking: asyncio.Task[bool] | None = None

    async def ask() -> bool:
        try:
            async with pool.connect() as connection:
                return not await migrations.pending(connection)
        except UnavailableError:
            return False

    async def ready() -> bool:
        nonlocal asking
        if asking is None or asking.done():
            asking = asyncio.create_task(ask())
        # It is not cancelled: that waits for the server, which may be what does not answer.
        await asyncio.wait({asking}, timeout=_READY_SECONDS)
        return asking.done() and asking.result()

    return ready


# What follows is for the command line.


@contextmanager
def exposed_metrics(url: str, settings: Settings) -> Iterator[None]:
    """Serve the figures of the workers meanwhile, where the settings ask for that. Raises FailedError."""
    if settings.metrics_port is None:
        yield
        return
    from crm_http.telemetry.metrics import exposed  # noqa: PLC0415 - not all want them

    with ExitStack() as stack:
        try:
            stack.enter_context(exposed(settings.metrics_host, settings.metrics_port, partial(outbox_figures, url)))
        except OSError as error:
            raise FailedError(
                f"Cannot listen for Prometheus on port {settings.metrics_port}: {error.strerror or error}. "
                "Choose by CRM_METRICS_HOST and CRM_METRICS_PORT."
            ) from error
        yield


def check_files(settings: Settings) -> None:
    """Raise SettingError where files cannot be kept as the settings say; whether the store answers shows later."""
    file_store(settings).close()


async def deliver(url: str, settings: Settings, stopped: asyncio.Event) -> None:
    """Send what is in the outbox, and do nothing else, until it is told to stop.

    What is on loopback is reached only if the settings name it: this process cannot know whom a server serves.
    """
    if settings.is_embedded:  # which is nobody's to migrate but ours
        await migrate(url)
    with command_errors():
        await _check_migrated(url)
    async with Pool(url, size=_OUTBOX_CONNECTIONS) as pool:
        outbox = PostgresOutbox(pool)
        async with _delivering(PostgresDatabase(pool, outbox.wake), outbox, settings, allow_loopback=False):
            await stopped.wait()


@contextmanager
def database_url(settings: Settings, *, on_failure: Callable[[], None] = lambda: None) -> Iterator[str]:
    """The database that the settings name, or that of an embedded server, which runs meanwhile.

    Args:
        settings: where to look, and where an embedded server keeps its data.
        on_failure: called, in another thread, when an embedded server has died for good.
    """
    check_database(settings)
    if settings.database_url is not None:
        yield settings.database_url
        return
    try:
        with embedded_server(settings.data_dir, on_failure=on_failure) as url:
            yield url
    except EmbeddedServerError as error:
        raise FailedError(str(error)) from error


def check_database(settings: Settings) -> None:
    """Raise SettingError where the driver, or the policy for webhooks, would not take a setting."""
    _check_networks(settings)
    if settings.database_replica_url is not None:
        _check(settings.database_replica_url, "CRM_DATABASE_REPLICA_URL")
    if settings.database_url is not None:
        _check(settings.database_url, "CRM_DATABASE_URL")


def _check_networks(settings: Settings) -> None:
    try:
        policy_of(settings.webhook_allow)
    except ValueError as error:
        raise SettingError(
            "CRM_WEBHOOK_ALLOW has a network that carries IPv4 addresses inside, such as 64:ff9b::/96: "
            "it takes the IPv4 network that is meant."
        ) from error


def _check(url: str, setting: str) -> None:
    """Refuse what libpq would misread: its own complaints may show parts of a password, and these do not."""
    try:
        known = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        known = {"host": "@"}
    if "@" in str(known.get("host") or "") or not str(known.get("port") or "0").replace(",", "").isdigit():
        raise SettingError(
            f"{setting} cannot be read: it takes a libpq URL, postgresql://user@host/name, "
            "with signs such as @ and / in a password percent-encoded."
        )


async def migrate(url: str) -> Sequence[str]:
    """Apply the steps that are missing, under a lock; gives their names."""
    with command_errors():
        return await migrations.migrate(url)


@asynccontextmanager
async def manage(url: str, *, token_days: int = 30) -> AsyncIterator[PostgresAccounts]:
    """Users, groups and tokens, on a pool of their own."""
    with command_errors():
        await _check_migrated(url)
        async with Pool(url, size=1) as pool:
            accounts = PostgresAccounts(pool, token_days=token_days)
            try:
                yield accounts
            finally:
                await accounts.close()


async def sweep(url: str, settings: Settings, tell: Callable[[Finding], None], *, delete: bool) -> None:
    """Tell of each file that no record names, which is deleted if so asked, and of each that is named and not there."""
    with command_errors("The database or the file store", "CRM_DATABASE_URL and CRM_S3_BUCKET"):
        await _check_migrated(url)
        pool, files = Pool(url, size=1), file_store(settings)
        await pool.open()
        try:
            async for finding in find_astray(PostgresDatabase(pool), files, datetime.now(UTC)):
                if delete and isinstance(finding, Orphan):
                    await files.delete(finding.key)
                tell(finding)
        finally:
            await pool.close()
            files.close()


async def load_demo(
    url: str, *, clients: int, leads: int, seed: int, tell: Callable[[int, int], None]
) -> Mapping[str, int]:
    """Load demo data, telling of its progress; gives how many records of each resource."""
    with command_errors():
        await _check_migrated(url)
        try:
            company = await demo.load(url, clients=clients, leads=leads, seed=seed, tell=tell)
        except demo.DemoError as error:
            raise FailedError(str(error)) from error
    return company.counts


async def _check_migrated(url: str) -> None:
    with translated():
        async with await connect(url) as connection:
            if await migrations.pending(connection):
                raise FailedError("The database is not up to date: run `crm migrate`.")


@contextmanager
def command_errors(store: str = "The database", setting: str = "CRM_DATABASE_URL") -> Iterator[None]:
    """What fails inside ends the command with one line, so the log is quiet about it."""
    logger = logging.getLogger("crm")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    except UnavailableError as error:
        reason = str(error.__cause__ or error).partition("\n")[0].rstrip(".")
        raise FailedError(f"{store} cannot be used: {reason}. See to the server, or {setting}.") from error
    except (CrmError, migrations.UnfitDatabaseError) as error:
        raise FailedError(str(error)) from error
    finally:
        logger.setLevel(level)


async def hash_password(password: str) -> str:
    """A hash of a password, as the app verifies it."""
    passwords = Argon2Passwords()
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()
