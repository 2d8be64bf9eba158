"""The composition root: settings to adapters to the app of a worker."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from crm_adapters import archive_directory
from crm_adapters.calendars import IcsCalendarWriter
from crm_adapters.image_headers import read_header
from crm_adapters.local_files import LocalFileStore
from crm_adapters.passwords import Argon2Passwords
from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.feed import PostgresFeed
from crm_adapters.postgres.imports import PostgresImportRuns
from crm_adapters.postgres.outbox import OUTBOX_CONNECTIONS, PostgresOutbox
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.records.replica import Replica
from crm_adapters.tables.reader import ChildTableReader
from crm_adapters.tables.workbooks import ChildWorkbookWriter
from crm_core.ports import ArchiveDirectory, CalendarWriter, WorkbookWriter
from crm_core.use_cases.changes import forgetting
from crm_core.use_cases.import_requests import Imports
from crm_core.use_cases.import_runner import ImportRunner
from crm_core.use_cases.import_stores import ImportStores
from crm_core.use_cases.retention import folding
from crm_core.use_cases.uploads import Images
from crm_core.use_cases.waiters import Waiters
from crm_http.server.background import delivering, importing
from crm_http.server.file_stores import file_store
from crm_http.server.garbage import SERVING, collect_less
from crm_http.server.import_children import ImportChildren
from crm_http.server.readiness import readiness
from crm_http.server.signals import on_termination
from crm_http.settings import SettingError, Settings

if TYPE_CHECKING:
    from crm_adapters.s3 import S3FileStore
    from crm_http.middleware import RequestMiddleware
    from crm_http.telemetry.observers import Observers


def app() -> "RequestMiddleware":
    """Return the app on the database that the environment names; every worker makes its own."""
    # The other commands need not wait for the web framework.
    from crm_http.app import create_app  # noqa: PLC0415
    from crm_http.middleware import Limits  # noqa: PLC0415
    from crm_http.site import Site  # noqa: PLC0415

    settings = Settings.from_env(os.environ)
    adapters = _Adapters.of(settings)
    images = Images(
        files=adapters.files,
        read_header=read_header,
        max_bytes=settings.upload_mb * 2**20,
        is_private=settings.s3_private,
        keeps_metadata=settings.upload_keep_metadata,
        keeps_deleted=settings.restore_days > 0,
    )
    served = create_app(
        adapters.database,
        adapters.accounts,
        adapters.passwords,
        adapters.outbox,
        adapters.feed,
        images,
        waiters=adapters.waiters,
        workbooks=workbooks(),
        imports=Imports(adapters.import_stores, settings.import_mb * 2**20, adapters.runner.wake),
        calendars=calendar_writer(),
        ready=readiness(adapters.pool),
        lifespan=[lambda _: adapters.running(settings, lambda: served.in_flight)],
        limits=Limits(rate=settings.rate_limit, trusted_proxies=settings.trusted_proxies),
        observers=adapters.observers.all,
        site=Site(root_path=settings.root_path, cors_origins=settings.cors_origins),
    )
    return served


@attrs.frozen(kw_only=True)
class _Adapters:
    """The adapters of a worker."""

    pool: Pool
    outbox_pool: Pool
    replica: Replica | None
    database: PostgresDatabase
    outbox: PostgresOutbox
    feed: PostgresFeed
    waiters: Waiters
    accounts: PostgresAccounts
    import_stores: ImportStores
    runner: ImportRunner
    passwords: Argon2Passwords
    files: "LocalFileStore | S3FileStore"
    observers: "Observers"

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the adapters that the settings name; nothing is opened yet. Raises SettingError."""
        from crm_http.telemetry.observers import Observers  # noqa: PLC0415  # as `app` with the web framework

        if settings.database_url is None:
            raise SettingError("CRM_DATABASE_URL is not set: start the workers by `crm serve`, or name a server.")
        pool, outbox_pool = Pool(settings.database_url), Pool(settings.database_url, size=OUTBOX_CONNECTIONS)
        replica = Replica(settings.database_replica_url, pool) if settings.database_replica_url else None
        outbox, feed = PostgresOutbox(outbox_pool), PostgresFeed(pool, replica)
        database = PostgresDatabase(pool, outbox.wake, replica=replica, wake_feed=feed.wake)
        accounts = PostgresAccounts(pool, token_days=settings.token_days, replica=replica)
        runs = PostgresImportRuns(pool)
        import_stores = ImportStores(database, runs, ChildTableReader())
        children = ImportChildren(settings.database_url, runs)
        return cls(
            pool=pool,
            outbox_pool=outbox_pool,
            replica=replica,
            database=database,
            outbox=outbox,
            feed=feed,
            waiters=Waiters(),
            accounts=accounts,
            import_stores=import_stores,
            runner=ImportRunner(import_stores, accounts, carry_out=children.carry_out),
            passwords=Argon2Passwords(),
            files=file_store(settings),
            observers=Observers.from_settings(settings),
        )

    @asynccontextmanager
    async def running(self, settings: Settings, working: Callable[[], int]) -> AsyncIterator[None]:
        """Open everything before the block and close it after, in the opposite order."""
        async with AsyncExitStack() as stack:
            for resource in (self.observers, self.files, self.passwords):
                stack.callback(resource.close)
            await stack.enter_async_context(self.pool)
            await stack.enter_async_context(self.outbox_pool)
            stack.push_async_callback(self.database.close)
            stack.push_async_callback(self.accounts.close)
            stack.push_async_callback(self.feed.close)
            stack.enter_context(on_termination(self.waiters.stop))
            stack.enter_context(forgetting(self.feed, timedelta(days=settings.feed_days)))
            history_days = settings.history_days
            kept = None if history_days is None else timedelta(days=history_days)
            stack.enter_context(folding(self.database, self.feed, kept))
            self.database.follow_definitions()
            collect_less(SERVING)
            await stack.enter_async_context(importing(self.runner))
            if self.replica is not None:
                await stack.enter_async_context(self.replica)
            metrics = self.observers.metrics
            await stack.enter_async_context(
                delivering(self.database, self.outbox, settings, allow_loopback=settings.zero_setup, metrics=metrics)
            )
            if metrics:
                pools = {"requests": self.pool.figures, "outbox": self.outbox_pool.figures}
                await stack.enter_async_context(metrics.sampling(working, pools))
            yield


def workbooks() -> WorkbookWriter | None:
    """Return what writes exports in XLSX; None where XlsxWriter is not installed (``crm-core[xlsx]``)."""
    return ChildWorkbookWriter() if find_spec("xlsxwriter") else None


def archive(directory: Path) -> ArchiveDirectory:
    """Return the archive in a directory of this machine."""
    return archive_directory.LocalArchive(directory)


def new_archive(directory: Path) -> AbstractAsyncContextManager[ArchiveDirectory]:
    """Return a new archive in a directory of this machine, which is there when the block ends."""
    return archive_directory.new_archive(directory)


def calendar_writer() -> CalendarWriter | None:
    """Return what writes calendars; None where icalendar is not installed (``crm-core[calendars]``)."""
    return IcsCalendarWriter() if find_spec("icalendar") else None
