"""What the state machine reads from a database to compare it: records, lists, pages, and the texts in them."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_core.engine.cursors import write_cursor
from crm_core.engine.parameters import filter_parameters
from crm_core.engine.queries import Page
from crm_core.engine.receipts import Document
from crm_core.model.accounts import Caller
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.records import Key
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.use_cases import records


async def look_at(db: Database, _: Caller, *, keys: Sequence[Key]) -> object:
    """Return the documents of records."""
    return [await db.get(key) for key in keys]


async def changed_fields(db: Database, _: Caller, *, key: Key, since: int) -> object:
    """Return the fields of a record that changed since a version."""
    return list(await db.changed_fields(key, since))


def answer_of(outcome: object) -> Document | None:
    """Return the document in an outcome, if there is one."""
    if isinstance(outcome, Document):
        return outcome
    return outcome[1] if isinstance(outcome, tuple) and isinstance(outcome[1], Document) else None


async def whole_list(  # as the use case
    db: Database,
    who: Caller,
    resource: Resource,
    params: Mapping[str, str],
    *,
    parent: object = None,
    strict: bool = False,
) -> bytes:
    """Return the records of a list, separated by commas."""
    _, pieces = await records.find(db, who, resource, params, parent=parent, strict=strict)
    assert not isinstance(pieces, Page)
    return b"".join([piece async for piece in pieces])


async def all_pages(
    db: Database, who: Caller, resource: Resource, params: Mapping[str, str], *, parent: object = None
) -> list[bytes]:
    """Return the pages of a list; ``params`` has their ``limit``."""
    query, page = await records.find(db, who, resource, params, parent=parent)
    assert isinstance(page, Page)
    if page.next is None:
        return [page.body]
    following = {**params, "cursor": write_cursor(query, page.next)}
    return [page.body, *await all_pages(db, who, resource, following, parent=parent)]


def texts_of(resource: Resource, record: Any) -> Sequence[tuple[str, str]]:
    """Return the texts of a record by the parameters that lists are filtered by them with."""
    filtered = ((name, getattr(record, field)) for name, (field, _) in filter_parameters(resource).items())
    own = [(name, value) for name, value in filtered if resource.fields.get(name) and isinstance(value, str)]
    values = getattr(record, "attributes", {})
    return [*own, *((f"{ATTRIBUTE_PREFIX}{name}", value) for name, value in values.items() if isinstance(value, str))]
