"""Runs the commands on a database: migrate, manage users, import, deliver, sweep files, load demo data."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from crm_adapters.passwords import Argon2Passwords
from crm_adapters.postgres import demo
from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.archives import PostgresArchives
from crm_adapters.postgres.connection.errors import translated
from crm_adapters.postgres.connection.options import connect
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.imports import PostgresImportRuns
from crm_adapters.postgres.outbox import OUTBOX_CONNECTIONS, PostgresOutbox
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.sql import migrations
from crm_adapters.postgres.sql.indexes import follow_definitions
from crm_adapters.tables.reader import ChildTableReader
from crm_core.errors import InUseError, NotFoundError
from crm_core.model.accounts import SYSTEM
from crm_core.model.erasures import ErasureReport
from crm_core.ports import Database, Passwords, Users
from crm_core.resources import Resource
from crm_core.use_cases import caller, erasures
from crm_core.use_cases.archives import ArchivedStores
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.import_stores import ImportStores
from crm_core.use_cases.sweeping import Finding, Orphan
from crm_core.use_cases.sweeping import sweep as find_astray
from crm_http.server.background import delivering
from crm_http.server.errors import FailedError, command_errors
from crm_http.server.file_stores import file_store
from crm_http.settings import Settings


async def migrate(url: str) -> Sequence[str]:
    """Apply the missing migration steps, under a lock; return their names. Raises FailedError."""
    with command_errors():
        return await migrations.migrate(url)


async def foreign_resources(url: str) -> str:
    """Return the resources that a database has tables of, and that no package registers here; empty if there is none.

    Raises FailedError.
    """
    with command_errors(), translated():
        async with await connect(url) as connection:
            return ", ".join(await migrations.foreign_resources(connection))


@asynccontextmanager
async def manage_users(url: str, settings: Settings) -> AsyncIterator[Users]:
    """Yield users, groups and tokens, on a connection of their own. Raises FailedError."""
    async with manage_users_and_records(url, settings) as (users, _):
        yield users


@asynccontextmanager
async def manage_users_and_records(url: str, settings: Settings) -> AsyncIterator[tuple[Users, Database]]:
    """Yield what ``manage_users`` yields, and the records. Raises FailedError."""
    with command_errors():
        await _check_migrated(url)
        async with Pool(url, size=1) as pool:
            users = PostgresAccounts(pool, token_days=settings.token_days)
            try:
                yield users, PostgresDatabase(pool)
            finally:
                await users.close()


@asynccontextmanager
async def import_stores(url: str) -> AsyncIterator[ImportStores]:
    """Yield what imports read and write. Raises FailedError."""
    with command_errors():
        await _check_migrated(url)
        async with Pool(url, size=2) as pool:
            database = PostgresDatabase(pool)
            yield ImportStores(database, PostgresImportRuns(pool), ChildTableReader())
            await database.close()


@asynccontextmanager
async def attribute_store(url: str) -> AsyncIterator[Database]:
    """Yield the records, and bring the indexes of attributes in line afterwards. Raises FailedError."""
    with command_errors():
        await _check_migrated(url)
        async with Pool(url, size=2) as pool:
            database = PostgresDatabase(pool)
            yield database
            await database.close()
        await follow_definitions(url)


@asynccontextmanager
async def archived_stores(url: str, settings: Settings) -> AsyncIterator[ArchivedStores]:
    """Yield what an export of everything reads, or an import of everything fills. Raises FailedError."""
    with command_errors("The database or the file store", "CRM_DATABASE_URL and CRM_S3_BUCKET"):
        await _check_migrated(url)
        files = file_store(settings)
        try:
            yield ArchivedStores(PostgresArchives(url), files)
        finally:
            files.close()


@contextmanager
def open_passwords() -> Iterator[Passwords]:
    """Yield the hasher of passwords that the app uses."""
    passwords = Argon2Passwords()
    try:
        yield passwords
    finally:
        passwords.close()


async def deliver(url: str, settings: Settings, stopped: asyncio.Event) -> None:
    """Send the deliveries of webhooks, and do nothing else, until ``stopped`` is set. Raises FailedError.

    Loopback is reached only if the settings name it: this process cannot know for whom a server serves.
    """
    if settings.is_embedded:  # no other process migrates it
        await migrate(url)
    with command_errors():
        await _check_migrated(url)
    async with Pool(url, size=OUTBOX_CONNECTIONS) as pool:
        outbox = PostgresOutbox(pool)
        async with delivering(PostgresDatabase(pool, outbox.wake), outbox, settings, allow_loopback=False):
            await stopped.wait()


async def sweep(url: str, settings: Settings, report: Callable[[Finding], None], *, delete: bool) -> None:
    """Report the files that no record names, and the files that records name and that are missing.

    Args:
        url: the database.
        settings: they name the file store.
        report: is called with one finding at a time.
        delete: whether to delete the files that no record names.
    """
    with command_errors("The database or the file store", "CRM_DATABASE_URL and CRM_S3_BUCKET"):
        await _check_migrated(url)
        pool, files = Pool(url, size=1), file_store(settings)
        await pool.open()
        try:
            async for finding in find_astray(
                PostgresDatabase(pool), files, datetime.now(UTC), restorable=timedelta(days=settings.restore_days)
            ):
                if delete and isinstance(finding, Orphan):
                    await files.delete(finding.key)
                report(finding)
        finally:
            await pool.close()
            files.close()


async def erase(url: str, settings: Settings, resource: Resource, id_: UUID, *, dry_run: bool) -> ErasureReport:
    """Erase a record for good, or find out what would be erased. Raises FailedError.

    Args:
        url: the database.
        settings: they name the file store.
        resource: the record's resource.
        id_: its id.
        dry_run: whether nothing is changed.
    """
    with command_errors("The database or the file store", "CRM_DATABASE_URL and CRM_S3_BUCKET"):
        await _check_migrated(url)
        files = file_store(settings)
        carry_out = erasures.erase_dry_run if dry_run else erasures.erase
        try:
            async with Pool(url, size=1) as pool:
                return await carry_out(PostgresDatabase(pool), files, caller(SYSTEM), ErasureTarget(resource, id_))
        except (NotFoundError, InUseError) as error:
            raise FailedError(str(error)) from error
        finally:
            files.close()


async def load_demo(
    url: str, *, clients: int, leads: int, seed: int, progress: Callable[[int, int], None]
) -> Mapping[str, int]:
    """Load demo data; return how many records of every resource. Raises FailedError.

    Args:
        url: the database.
        clients: how many clients.
        leads: how many leads.
        seed: the same seed gives the same records.
        progress: is called with the number of records loaded so far and the number of all.
    """
    with command_errors():
        await _check_migrated(url)
        try:
            company = await demo.load(url, clients=clients, leads=leads, seed=seed, progress=progress)
        except demo.DemoError as error:
            raise FailedError(str(error)) from error
    return company.counts


async def _check_migrated(url: str) -> None:
    with translated():
        async with await connect(url) as connection:
            if await migrations.pending(connection):
                raise FailedError("The database is not up to date: run `crm migrate`.")
