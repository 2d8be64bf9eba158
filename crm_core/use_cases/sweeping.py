"""The sweep: finds files that no record names, and files that records name but that are missing."""

import datetime as dt
import json
import re
from collections.abc import AsyncIterator, Collection
from typing import Final, TypeAlias
from uuid import UUID

import attrs

from crm_core.engine.queries import Query
from crm_core.model.files import KEY
from crm_core.ports import Database, FileStore
from crm_core.resources import RESOURCES, Resource

#: Newer files may belong to an upload in progress.
_GRACE: Final = dt.timedelta(hours=1)
#: How long the files of deleted records are kept, so that the records can be restored.
RESTORABLE: Final = dt.timedelta(days=30)
_KEY_IN_DOCUMENT = re.compile(KEY.pattern.encode())


@attrs.frozen
class Orphan:
    """A file that no record names."""

    key: str


@attrs.frozen
class Missing:
    """A file that a record names but the store does not have."""

    resource: Resource
    id: UUID
    url: str


Finding: TypeAlias = Orphan | Missing


async def sweep(
    db: Database, files: FileStore, now: dt.datetime, *, restorable: dt.timedelta = RESTORABLE
) -> AsyncIterator[Finding]:
    """Yield orphans, then missing files.

    A file is named if its key occurs anywhere in a record: in the images, an attribute or a note; or in a record that
    was deleted in the last days, as it may be restored. So changing the public address of files makes
    no orphans. Only the keys are held in memory.

    Args:
        db: the database.
        files: the file store, which no other database may use.
        now: the time, UTC.
        restorable: how long the files of deleted records are kept.
    """
    named = {match[0].decode() async for _, body in _documents(db) for match in _KEY_IN_DOCUMENT.finditer(body)}
    missing = set(named)
    named |= await _named_by_deletions(db, now - restorable)
    paths = {resource.path for resource in RESOURCES.values()}
    async for file in files.stored():
        if file.key in named:
            missing.discard(file.key)
        elif _is_below(paths, file.key) and now - file.modified > _GRACE:
            yield Orphan(file.key)
    async for resource, body in _documents(db):
        if missing and resource.has_images:
            for record in json.loads(b"[%b]" % body):
                for url in record["list_of_images"]:
                    if files.key(url) in missing:
                        yield Missing(resource, UUID(record["id"]), url)


def _is_below(paths: Collection[str], key: str) -> bool:
    """Return whether a file is of a resource that is known; those of a package that is missing here are left alone."""
    found = KEY.match(key)
    return found is not None and found[1] in paths


async def _named_by_deletions(db: Database, since: dt.datetime) -> set[str]:
    found = db.deletions_since(since)
    return {match[0].decode() async for changes in found for match in _KEY_IN_DOCUMENT.finditer(changes)}


async def _documents(db: Database) -> AsyncIterator[tuple[Resource, bytes]]:
    """Yield all records as documents joined by commas, some at a time."""
    for resource in RESOURCES.values():
        async for piece in db.stream(Query(resource=resource)):
            yield resource, piece.removeprefix(b",")
