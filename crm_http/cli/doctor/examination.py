"""`crm doctor`: looks at all that the CRM stands on. Like `main`, it knows which adapters exist."""

import asyncio
import resource
import shutil
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from crm_adapters.postgres import diagnostics
from crm_adapters.postgres.outbox import outbox_figures
from crm_adapters.webhooks.policy import opens_metadata
from crm_core.model.files import OpenFile
from crm_core.ports import FileStore
from crm_http.cli.doctor import checks
from crm_http.cli.doctor.checks import Check, State, failed, ok, warning
from crm_http.server.composition import (
    FailedError,
    check_database,
    check_files,
    command_errors,
    file_store,
    manage,
    migrate,
)
from crm_http.settings import PREFIX, SettingError, Settings

#: How long each look may take.
_SECONDS: Final = 30.0
_URL_SECONDS: Final = 5.0
#: What is looked at elsewhere than in the database, and the settings that name it.
_STORES: Final = {
    "files": ("The file store", "CRM_S3_BUCKET and CRM_DATA_DIR"),
    "replica": ("The replica", "CRM_DATABASE_REPLICA_URL"),
}
#: Without these the rest cannot be looked at.
_FIRST: Final = frozenset({"database", "fitness", "migrations"})
_PROBE: Final = b"written by crm doctor"


def check_settings(environ: Mapping[str, str]) -> Iterator[Check]:
    """Each setting that is wrong, or that none is."""
    wrong = [check for name in sorted(environ) for check in _check_setting(name, environ[name])]
    yield from wrong or _check_together(Settings.from_env(environ), environ)


def _check_setting(name: str, text: str) -> Iterator[Check]:
    try:
        Settings.from_env({name: text})
    except SettingError as error:
        yield failed("settings", str(error))


def _check_together(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    try:
        check_database(settings)
        check_files(settings)
    except SettingError as error:
        yield failed("settings", str(error))
        return
    given = [name for name in sorted(environ) if name.startswith(PREFIX) and environ[name].strip()]
    yield ok("settings", f"{', '.join(given) or 'None'} set, the rest by default.")


def check_machine(settings: Settings) -> Iterator[Check]:
    """What can be known without any server."""
    yield checks.egress(settings, [each for each in settings.webhook_allow if opens_metadata(each)])
    yield checks.open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def check_disk(settings: Settings) -> Iterator[Check]:
    """The room that is left, where something of ours is kept on this machine."""
    if settings.is_embedded or settings.s3_bucket is None:
        place = settings.data_dir.resolve()
        there = next(each for each in (place, *place.parents) if each.exists())
        yield checks.disk(shutil.disk_usage(there).free, str(place))


async def check_files_kept(settings: Settings) -> Sequence[Check]:
    """Whether a file can be written, read and deleted."""
    return await _looked("files", partial(_probe, settings))


async def check_servers(url: str, settings: Settings) -> AsyncIterator[Check]:
    """The database and what is in it."""
    looks: list[tuple[str, Callable[[], Awaitable[Sequence[Check]]]]] = [
        ("database", partial(_examine, url, settings)),
        ("superusers", partial(_superusers, url)),
        ("outbox", partial(_outbox, url)),
    ]
    if settings.database_replica_url is not None:
        looks.append(("replica", partial(_replica, url, settings.database_replica_url)))
    for name, look in looks:
        found = await _looked(name, look)
        for check in found:
            yield check
        if any(check.state is State.FAILED and check.name in _FIRST for check in found):
            return  # the others would only say the same again


async def _looked(name: str, look: Callable[[], Awaitable[Sequence[Check]]]) -> Sequence[Check]:
    store, setting = _STORES.get(name, ("The database", "CRM_DATABASE_URL"))
    try:
        with command_errors(store, setting):
            async with asyncio.timeout(_SECONDS):
                return await look()
    except FailedError as error:
        return [failed(name, str(error))]
    except TimeoutError:
        return [failed(name, f"{store} does not answer in {_SECONDS:.0f} s.", f"See to the server, or {setting}.")]


async def _examine(url: str, settings: Settings) -> Sequence[Check]:
    if settings.is_embedded:  # which is nobody's to migrate but ours
        await migrate(url)
    found = await diagnostics.examine(url)
    roles = {name: await diagnostics.role(each) for name, each in diagnostics.hosts(url).items()}
    return [
        ok("database", "The embedded server answers." if settings.is_embedded else f"{found.place} answers."),
        *checks.hosts(roles),
        checks.pooler(is_pooled=found.is_pooled),
        checks.durability(found.settings),
        checks.time_limits(found.settings),
        checks.connections(found.settings, settings.workers),
        checks.clock(found.clock_ahead),
        checks.fitness(found.version, found.unfit),
        checks.migrations(found.pending),
    ]


async def _superusers(url: str) -> Sequence[Check]:
    async with manage(url) as accounts:
        return [
            checks.superusers(
                [each.username for each in await accounts.users() if each.is_superuser and each.is_active]
            )
        ]


async def _outbox(url: str) -> Sequence[Check]:
    return [checks.outbox(await asyncio.to_thread(outbox_figures, url))]


async def _replica(url: str, replica: str) -> Sequence[Check]:
    return [checks.replica(await diagnostics.seconds_behind(url, replica))]


async def _probe(settings: Settings) -> Sequence[Check]:
    store, key = file_store(settings), f"doctor/{uuid4()}/{uuid4()}.png"
    place = f"the bucket {settings.s3_bucket}" if settings.s3_bucket else str(settings.data_dir.resolve() / "files")
    try:
        await store.put(key, _content(), name="doctor.png")
        try:
            problem = await _problem_of_reading(store, key)
        finally:
            await store.delete(key)
    finally:
        store.close()
    if not problem:
        return [ok("files", f"A file was written to {place}, read and deleted.")]
    if settings.s3_private or settings.s3_bucket is None:
        return [
            failed("files", f"A file was written to {place}, but {problem}.", "Grant s3:GetObject to the CRM's user.")
        ]
    mend = "Let everybody read the bucket (docs/how-to/images.md), correct CRM_S3_PUBLIC_URL, or set CRM_S3_PRIVATE=1."
    return [warning("files", f"A file was written to {place}, but from here {problem}.", mend)]


async def _content() -> AsyncIterator[bytes]:
    yield _PROBE


async def _problem_of_reading(store: FileStore, key: str) -> str:
    found = await store.open(key)
    if isinstance(found, str):
        return await asyncio.to_thread(_problem_of_address, found)
    read = b"".join([piece async for piece in found.read(0, found.size)]) if isinstance(found, OpenFile) else b""
    return "" if read == _PROBE else "it is not there when it is read"


def _problem_of_address(url: str) -> str:
    """What is wrong with an address, which is never shown: a signed one lets in whoever has it."""
    try:
        with urllib.request.urlopen(url, timeout=_URL_SECONDS) as answer:  # noqa: S310  # of our own store
            return "" if answer.read(len(_PROBE) + 1) == _PROBE else "its address shows something else"
    except urllib.error.HTTPError as error:
        return f"its address answers {error.code} {HTTPStatus(error.code).phrase}"
    except OSError:
        return "its address does not answer"
