"""Reads every version of a record, as its history has it."""

from collections.abc import Sequence
from uuid import UUID

from crm_core.errors import ErasedError, NotFoundError
from crm_core.model.accounts import Caller
from crm_core.model.plain_values import has_secrets
from crm_core.model.records import Key
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.use_cases import history


async def versions_of(db: Database, who: Caller, resource: Resource, id_: UUID) -> Sequence[tuple[object, bytes]]:
    """Return the entries of a record's history, each with the document of the version; empty for none.

    Raises AssertionError unless the latest version is the record as it is.
    """
    try:
        page = await history.find(db, who, resource, id_, {"limit": "1000"})
    except NotFoundError:
        return []
    entries = page.entries
    documents = [await _document(db, who, resource, id_, entry["version"]) for entry in entries]
    current = await db.get(Key(resource.name, id_))
    if current is not None and not has_secrets(resource.entity):
        assert (documents[0], entries[0]["version"]) == (current.body, current.version)
    return list(zip(entries, documents, strict=True))


async def _document(db: Database, who: Caller, resource: Resource, id_: UUID, version: object) -> bytes:
    assert isinstance(version, int)
    try:
        return (await history.version(db, who, resource, id_, version)).body
    except (NotFoundError, ErasedError):
        return b""
