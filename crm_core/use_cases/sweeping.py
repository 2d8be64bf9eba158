"""Finding what a file store and the records disagree about."""

import datetime as dt
import json
import re
from collections.abc import AsyncIterator
from typing import Final, TypeAlias
from uuid import UUID

import attrs

from crm_core.engine.queries import Query
from crm_core.model.files import KEY
from crm_core.ports import Database, FileStore
from crm_core.resources import RESOURCES, Resource

#: Younger files may belong to an upload that is under way.
_GRACE: Final = dt.timedelta(hours=1)
_NAMED = re.compile(KEY.pattern.encode())


@attrs.frozen
class Orphan:
    """A file that no record names."""

    key: str


@attrs.frozen
class Missing:
    """A file that a record names and that is not there."""

    resource: Resource
    id: UUID
    url: str


Finding: TypeAlias = Orphan | Missing


async def sweep(db: Database, files: FileStore, now: dt.datetime) -> AsyncIterator[Finding]:
    """What is amiss, orphans first.

    A file is named wherever its key occurs in any record: among the images, in an attribute, in a note; so a change
    of the address under which files are public makes no orphans. The keys are all that is held in memory.

    Args:
        db: where records are.
        files: where files are, which must be those of this database alone.
        now: the time, UTC.
    """
    named = {match[0].decode() async for _, body in _documents(db) for match in _NAMED.finditer(body)}
    missing = set(named)
    async for file in files.stored():
        if file.key in named:
            missing.discard(file.key)
        elif KEY.match(file.key) and now - file.modified > _GRACE:
            yield Orphan(file.key)
    async for resource, body in _documents(db):
        if missing and resource.has_images:
            for record in json.loads(b"[%b]" % body):
                for url in record["list_of_images"]:
                    if files.key(url) in missing:
                        yield Missing(resource, UUID(record["id"]), url)


async def _documents(db: Database) -> AsyncIterator[tuple[Resource, bytes]]:
    """All records as documents joined by commas, some at a time."""
    for resource in RESOURCES.values():
        async for piece in db.stream(Query(resource=resource)):
            yield resource, piece.removeprefix(b",")
