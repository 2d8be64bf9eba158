"""What is read from two databases to compare them: records, lists, pages, the texts in them, deliveries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_core.engine.cursors import write_cursor
from crm_core.engine.parameters import filter_parameters
from crm_core.engine.queries import Page
from crm_core.engine.receipts import Document
from crm_core.model.accounts import Caller
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.plain_values import parse_json
from crm_core.model.records import Key
from crm_core.ports import Database, DeliveryLog
from crm_core.resources import WEBHOOKS, Resource
from crm_core.testing.differences import difference
from crm_core.testing.steps import is_made
from crm_core.use_cases import records
from crm_core.webhooks.delivery_log import LogQuery


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


def assert_done(outcome: object) -> None:
    """Check that an operation was not refused."""
    assert not (isinstance(outcome, tuple) and isinstance(outcome[0], type)), outcome


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


async def all_pages(  # as the use case
    db: Database,
    who: Caller,
    resource: Resource,
    params: Mapping[str, str],
    *,
    limit: int = 1,
    parent: object = None,
) -> list[bytes]:
    """Return the pages of a list, which together must be the whole list.

    Raises AssertionError with the records that are missing or repeated, also if the pages would never end.
    """
    whole = await whole_list(db, who, resource, params, parent=parent)
    pages: list[bytes] = []
    more: Mapping[str, str] | None = {"limit": str(limit)}
    while more is not None and len(pages) <= whole.count(b'"id":'):
        query, page = await records.find(db, who, resource, {**params, **more}, parent=parent)
        assert isinstance(page, Page)
        pages.append(page.body)
        more = None if page.next is None else {**more, "cursor": write_cursor(query, page.next)}
    if (joined := b",".join(filter(None, pages))) != whole:
        raise AssertionError(f"the pages are not the whole list, which is the model here: {difference(whole, joined)}")
    return pages


async def logged_deliveries(db: Database, who: Caller, log: DeliveryLog) -> object:
    """Return the states and errors of the deliveries by webhook, record and type.

    Their times and ids are left out: the times are those of the store.
    """
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for webhook in parse_json(b"[%b]" % await whole_list(db, who, WEBHOOKS, {})):
        for each in filter(lambda each: is_made(each.record), await log.find(UUID(webhook["id"]), LogQuery(1_000))):
            found[f"{each.type} of {each.record} for webhook {webhook['id']}"].append((each.state, each.error))
    return {name: sorted(states) for name, states in found.items()}


def texts_of(resource: Resource, record: Any) -> Sequence[tuple[str, str]]:
    """Return the texts of a record by the parameters that lists are filtered by them with."""
    filtered = ((name, getattr(record, field)) for name, (field, _) in filter_parameters(resource).items())
    own = [(name, value) for name, value in filtered if resource.fields.get(name) and isinstance(value, str)]
    values = getattr(record, "attributes", {})
    return [*own, *((f"{ATTRIBUTE_PREFIX}{name}", value) for name, value in values.items() if isinstance(value, str))]
