"""Leaving with everything: a whole database as a directory, and back (decisions 143 to 147)."""

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias, TypeVar

import attrs

from crm_core.archives import lines
from crm_core.archives.lines import ArchivedFile, ArchivedRecord
from crm_core.archives.parts import (
    FILES,
    FILES_FOLDER,
    GROUPS,
    HISTORY,
    MANIFEST,
    RECORDS,
    STAYS,
    USERS,
    Manifest,
    Part,
    manifest_text,
    names_of,
    read_manifest,
)
from crm_core.errors import ArchiveError
from crm_core.model.accounts import SYSTEM
from crm_core.model.entities import Attribute
from crm_core.model.events import Event
from crm_core.model.files import KEY
from crm_core.model.plain_values import entity_of, parse_json
from crm_core.model.recorded_changes import record_changes
from crm_core.ports import ArchiveDirectory, Archives, FileStore, Filling, Snapshot
from crm_core.resources import ATTRIBUTES, RESOURCES, WEBHOOKS

_S = TypeVar("_S")
_T = TypeVar("_T")

_LINES_AT_ONCE: Final = 1_000
_BASELINE_REQUEST: Final = "import all"
_KEYS: Final = re.compile(KEY.pattern.encode())

#: Is called with each part when it is complete.
OnPart: TypeAlias = Callable[[Part], None]


@attrs.frozen
class ArchivedStores:
    """What is exported, or filled.

    Attributes:
        database: the database.
        files: the files of its records.
    """

    database: Archives
    files: FileStore


def _ignore(_: Part) -> None:
    pass


async def export_all(
    stores: ArchivedStores,
    directory: ArchiveDirectory,
    *,
    history: bool = False,
    secrets: bool = False,
    on_part: OnPart = _ignore,
) -> Manifest:
    """Write everything to a directory, as it is at one moment; return what was written. Raises ArchiveError.

    Passwords, tokens, deliveries and runs of imports stay behind.

    Args:
        stores: what is exported.
        directory: an empty directory.
        history: write all events, too.
        secrets: write the secrets of webhooks. Without them webhooks are exported disabled, without what is secret.
        on_part: is called with each part when it is written.
    """
    parts, keys = list[Part](), set[str]()

    async def write(name: str, batches: AsyncIterator[Sequence[bytes]]) -> None:
        parts.append(await _write(directory, name, batches))
        on_part(parts[-1])

    async with stores.database.snapshot() as snapshot:
        for name in names_of(has_history=history)[:-1]:
            await write(name, _noting_keys(_exported(snapshot, name, secrets=secrets), keys))
    await write(FILES, _exported_files(stores.files, directory, sorted(keys)))
    manifest = Manifest(history, secrets, tuple(parts))
    await directory.write(MANIFEST, _one(manifest_text(manifest)))
    return manifest


async def import_all(stores: ArchivedStores, directory: ArchiveDirectory, *, on_part: OnPart = _ignore) -> Manifest:
    """Fill an empty database with a directory, all or nothing; return what came. Raises ArchiveError.

    The manifest and the hashes of all files are checked first. Ids, versions and times stay. Without the history each
    record has one event, a baseline. After a kill the import can be begun again.

    Args:
        stores: an empty database, and its files; those that are there already stay as they are.
        directory: what ``export_all`` has written.
        on_part: is called with each part when it is in the database.
    """
    manifest = read_manifest(b"".join([piece async for piece in directory.read(MANIFEST)]))
    for part in manifest.parts:
        await _check(directory, part)
    async with stores.database.filling() as filling:
        taking = _Taking(filling, has_history=manifest.has_history)
        for part in manifest.parts:
            if part.name == FILES:
                await _import_files(stores.files, directory)
            else:
                await taking.add(part.name, _lines(directory, part.name))
            on_part(part)
    return manifest


# Out


async def _exported(snapshot: Snapshot, name: str, *, secrets: bool) -> AsyncIterator[Sequence[bytes]]:
    if name == GROUPS:
        yield [lines.group_line(group) for group in await snapshot.groups()]
    elif name == USERS:
        yield [lines.account_line(account) for account in await snapshot.users()]
    elif name == HISTORY:
        async for events in snapshot.events():
            yield events
    elif name == STAYS:
        async for stays in snapshot.stays():
            yield [lines.stay_line(stay) for stay in stays]
    else:
        resource = RECORDS[name]
        is_shown = lines.without_secrets if resource is WEBHOOKS and not secrets else _as_it_is
        async for records in snapshot.records(resource.name):
            yield [lines.record_line(is_shown(record)) for record in records]


def _as_it_is(record: ArchivedRecord) -> ArchivedRecord:
    return record


async def _noting_keys(batches: AsyncIterator[Sequence[bytes]], keys: set[str]) -> AsyncIterator[Sequence[bytes]]:
    """Yield the same lines; add the keys of files that they name to ``keys``."""
    async for batch in batches:
        keys |= {match[0].decode() for line in batch for match in _KEYS.finditer(line)}
        yield batch


async def _write(directory: ArchiveDirectory, name: str, batches: AsyncIterator[Sequence[bytes]]) -> Part:
    digest, rows, size = hashlib.sha256(), 0, 0

    async def content() -> AsyncIterator[bytes]:
        nonlocal rows, size
        async for batch in batches:
            piece = b"".join(line + b"\n" for line in batch)
            digest.update(piece)
            rows, size = rows + len(batch), size + len(piece)
            yield piece

    await directory.write(name, content())
    return Part(name, rows, size, digest.hexdigest())


async def _exported_files(
    files: FileStore, directory: ArchiveDirectory, keys: Sequence[str]
) -> AsyncIterator[Sequence[bytes]]:
    """Write the files that are there; yield their lines. Those that records name and that are missing are left out."""
    for key in keys:
        if file := await files.fetch(key):
            digest = hashlib.sha256()
            await directory.write(FILES_FOLDER + key, _hashed(file.read(0, file.size), digest.update))
            yield [lines.file_line(ArchivedFile(key, file.size, digest.hexdigest()))]


async def _hashed(pieces: AsyncIterator[bytes], update: Callable[[bytes], None]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        update(piece)
        yield piece


async def _one(piece: bytes) -> AsyncIterator[bytes]:
    yield piece


# In


async def _check(directory: ArchiveDirectory, part: Part) -> None:
    """Raise ArchiveError unless a part, and the files that it lists, are as they were written."""
    await _check_hash(directory, part.name, part.size, part.sha256)
    if part.name == FILES:
        async for batch in _lines(directory, FILES):
            for file in _read(FILES, batch, lines.file_of):
                await _check_hash(directory, FILES_FOLDER + file.key, file.size, file.sha256)


async def _check_hash(directory: ArchiveDirectory, name: str, size: int, sha256: str) -> None:
    digest, found = hashlib.sha256(), 0
    async for piece in directory.read(name):
        digest.update(piece)
        found += len(piece)
    if found != size or digest.hexdigest() != sha256:
        raise ArchiveError(f"{name} is not as it was exported ({found:,} of {size:,} bytes): copy it again.")


async def _lines(directory: ArchiveDirectory, name: str) -> AsyncIterator[Sequence[bytes]]:
    rest, batch = b"", list[bytes]()
    async for piece in directory.read(name):
        *whole, rest = (rest + piece).split(b"\n")
        batch += whole
        while len(batch) >= _LINES_AT_ONCE:
            yield batch[:_LINES_AT_ONCE]
            batch = batch[_LINES_AT_ONCE:]
    if batch:
        yield batch


def _read(name: str, batch: Sequence[_S], read: Callable[[_S], _T]) -> Sequence[_T]:
    """Return what lines say. Raises ArchiveError."""
    try:
        return [read(line) for line in batch]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ArchiveError(f"{name} has a line that cannot be read: the directory was not made by an export.") from None


async def _import_files(files: FileStore, directory: ArchiveDirectory) -> None:
    async for batch in _lines(directory, FILES):
        for file in _read(FILES, batch, lines.file_of):
            if await files.fetch(file.key) is None:
                await files.put(file.key, directory.read(FILES_FOLDER + file.key), name=file.key.rpartition("/")[2])


class _Taking:
    """Adds the parts of an archive to a database; without the history, a baseline of each record."""

    def __init__(self, filling: Filling, *, has_history: bool) -> None:
        self._filling = filling
        self._has_history = has_history
        self._names: dict[int, str] = {}
        self._definitions: dict[str, dict[str, Attribute]] = {}

    async def add(self, name: str, batches: AsyncIterator[Sequence[bytes]]) -> None:
        """Add a part."""
        async for batch in batches:
            if name == GROUPS:
                await self._filling.add_groups(_read(name, batch, lines.group_of))
            elif name == USERS:
                accounts = _read(name, batch, lines.account_of)
                self._names |= {account.user.id: account.user.name for account in accounts}
                await self._filling.add_users(accounts)
            elif name == HISTORY:
                await self._filling.add_events(_read(name, batch, lines.event_of))
            elif name == STAYS:
                await self._filling.add_stays(_read(name, batch, lines.stay_of))
            else:
                await self._add_records(name, batch)

    async def _add_records(self, name: str, batch: Sequence[bytes]) -> None:
        resource = RECORDS[name].name
        records = _read(name, batch, lambda line: lines.record_of(resource, line))
        await self._filling.add_records(resource, records)
        if not self._has_history:
            await self._filling.add_events(_read(name, records, self._baseline))

    def _baseline(self, record: ArchivedRecord) -> Event:
        """Return the event from which the record's later versions go on (decision 119)."""
        resource = RESOURCES[record.key.resource]
        value = entity_of(resource.entity, parse_json(record.document))
        if resource is ATTRIBUTES:
            self._definitions.setdefault(value.entity, {})[value.name] = value
        return Event(
            resource=resource.name,
            record=value.id,
            version=record.version,
            kind="baseline",
            actor=value.updated_by,
            actor_name=self._names.get(value.updated_by, SYSTEM.user.name),
            request_id=_BASELINE_REQUEST,
            at=value.updated_at or datetime.now(UTC),
            changes=record_changes(None, value, self._definitions.get(resource.name, {})),
        )
