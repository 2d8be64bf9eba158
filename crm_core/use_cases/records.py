"""The use cases that serve every resource: find, get, create, patch, apply, delete.

``parent`` is the value that comes with the path for resources that live inside others: the service of a follow-up,
the entity of an attribute.
"""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from uuid import UUID

from attrs import evolve

from crm_core.engine import decisions
from crm_core.engine.parameters import dotted, parameter_texts
from crm_core.engine.queries import Filter, Page, Query
from crm_core.engine.query_strings import parse_query, refuse_missing
from crm_core.engine.receipts import Document
from crm_core.errors import (
    InvalidError,
    NotFoundError,
    VersionConflictError,
)
from crm_core.input.drafts import Edit, read_draft
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller, require
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.model.plain_values import has_secrets, redacted
from crm_core.model.records import NOTHING_AHEAD, Key, ReadAhead, Versions
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.rules.needs import Needs, catalog_of
from crm_core.use_cases.idempotency import answered_once
from crm_core.use_cases.merged_records import refuse_merged


async def find(
    db: Database,
    who: Caller,
    resource: Resource,
    params: Mapping[str, object],
    *,
    parent: object = None,
    strict: bool = True,
) -> tuple[Query, Page | AsyncIterator[bytes]]:
    """Return the query that parameters ask for, and one page where ``limit`` is given, else the list in pieces.

    Raises PermissionDeniedError, NotFoundError for a parent that does not exist, InvalidError for bad parameters.
    """
    query = await query_of(db, who, resource, params, parent=parent, strict=strict)
    hides = hides_secrets(who, resource)
    if query.limit is None:
        pieces = db.stream(query, reader=who.actor.user.id)
        return query, _redacted_pieces(resource, pieces) if hides else pieces
    page = await db.page(query, reader=who.actor.user.id)
    return query, Page(redacted(resource.entity, page.body), page.next) if hides else page


async def query_of(
    db: Database,
    who: Caller,
    resource: Resource,
    params: Mapping[str, object],
    *,
    parent: object = None,
    strict: bool = True,
) -> Query:
    """Return the query that parameters ask for. Raises as ``find``."""
    require(who.actor, resource.permission("view"))
    try:
        texts = parameter_texts(params, ignores_blanks=True)
        definitions = await _needed_definitions(db, who, resource, texts)
        query = parse_query(resource, texts, definitions, strict=strict)
    except InvalidError:
        if parent is not None:  # one that does not exist comes first (decision 2)
            await look_up_parent(db, resource, parent)
        raise
    if parent is not None and resource.parent is not None:
        within = Filter(resource.parent, "exact", parent, resource.fields[resource.parent].kind)
        query = evolve(query, filters=(within, *query.filters))
    await _check_references(db, resource, query)
    return query


async def get(db: Database, who: Caller, resource: Resource, id_: UUID, *, parent: object = None) -> Document:
    """Return one record. Raises PermissionDeniedError, NotFoundError, MergedError."""
    require(who.actor, resource.permission("view"))
    try:
        document = await look_up(db, resource, id_, parent=parent, reader=who.actor.user.id, ahead=who.ahead)
    except NotFoundError:
        await refuse_merged(db, resource, id_)
        raise
    if hides_secrets(who, resource):
        return Document(document.version, redacted(resource.entity, document.body))
    return document


async def look_up(
    db: Database,
    resource: Resource,
    id_: UUID,
    *,
    parent: object = None,
    reader: int | None = None,
    ahead: ReadAhead = NOTHING_AHEAD,
) -> Document:
    """Return one record, for callers whose permission was already checked. Raises NotFoundError."""
    key = decisions.key_of(resource, id_)
    document = ahead[key] if key in ahead else await db.get(key, reader=reader)
    if document is None:
        raise NotFoundError
    if parent is not None:
        decisions.existing_record(resource, key, parent, await db.known(Needs(records=frozenset({key}))))
    return document


async def look_up_parent(db: Database, resource: Resource, parent: object) -> None:
    """Raise NotFoundError when the record that the path names as the parent does not exist."""
    owner = decisions.owner_needs(resource, parent)
    if owner and not all((await db.known(owner)).references.values()):
        raise NotFoundError


async def create(
    db: Database, who: Caller, resource: Resource, data: object, *, parent: object = None, strict: bool = True
) -> tuple[UUID, Document]:
    """Create a record from plain values; return its id, and the record.

    Raises PermissionDeniedError, NotFoundError for a parent that does not exist, InvalidError with every problem.
    """
    require(who.actor, resource.permission("add"))
    key = decisions.key_of(resource, id_ := who.new_id())
    draft = read_draft(resource.entity, data, ReadContext(who.new_id, strict), require_all=True)
    decide = partial(decisions.create, resource, who, key, draft, parent)
    return await answered_once(db, who, id_, lambda: db.change(decide))


async def patch(
    db: Database,
    who: Caller,
    resource: Resource,
    id_: UUID,
    data: object,
    *,
    parent: object = None,
    merge: bool = False,
    strict: bool = True,
    expected: Versions = None,
) -> Document:
    """Set the fields that are sent and keep the others; PUT and PATCH both (decision 6).

    Args:
        db: the store of records.
        who: the caller.
        resource: the record's resource.
        id_: the record's id.
        data: plain values.
        parent: the value of the parent field in the path.
        merge: ``data`` is a merge patch (RFC 7396).
        strict: refuse unknown and output-only fields instead of ignoring them.
        expected: the versions that the record may have; None for any.
    """
    draft = read_draft(resource.entity, data, ReadContext(who.new_id, strict), require_all=False, merge=merge)
    return await apply(db, who, resource, id_, lambda _: draft, parent=parent, expected=expected)


async def apply(
    db: Database,
    who: Caller,
    resource: Resource,
    id_: UUID,
    edit: Edit,
    *,
    parent: object = None,
    expected: Versions = None,
) -> Document:
    """Change a record by a pure function of its current value. Every change of a record uses this function.

    Raises PermissionDeniedError, NotFoundError, InvalidError, VersionConflictError, and the errors of ``edit``.
    """
    require(who.actor, resource.permission("change"))
    key = decisions.key_of(resource, id_)
    decide = partial(decisions.change, resource, who, key, edit, parent, expected)
    async with NamingChangedFields(db, key, expected):
        _, document = await answered_once(db, who, id_, lambda: db.change(decide))
    return document


async def delete(
    db: Database, who: Caller, resource: Resource, id_: UUID, *, parent: object = None, expected: Versions = None
) -> None:
    """Remove a record and what belongs to it.

    Raises PermissionDeniedError, NotFoundError, VersionConflictError, InUseError while others refer to it.
    """
    require(who.actor, resource.permission("delete"))
    key = decisions.key_of(resource, id_)
    decide = partial(decisions.delete, resource, who, key, parent, expected)
    async with NamingChangedFields(db, key, expected):
        await db.change(decide)


class NamingChangedFields:
    """Adds to a VersionConflictError of a block the fields that changed since the latest expected version.

    Where no expected version is an earlier one, nothing has changed, and the error says so.
    """

    def __init__(self, db: Database, key: Key, expected: Versions) -> None:
        self._db = db
        self._key = key
        self._expected = expected

    async def __aenter__(self) -> None:
        """Do nothing."""

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Raise the error with the names of the fields."""
        if isinstance(error, VersionConflictError):
            raise await with_changed_fields(self._db, self._key, self._expected, error) from None


async def with_changed_fields(
    db: Database, key: Key, expected: Versions, error: VersionConflictError
) -> VersionConflictError:
    """Return the error of a change that expected other versions of a record, with the fields that changed since."""
    known = [version for version in expected or () if version < error.version]
    if not known:
        detail = f"The record never had such a version: it is version {error.version}."
        return VersionConflictError(error.version, detail=detail)
    return VersionConflictError(error.version, await db.changed_fields(key, max(known)))


async def _needed_definitions(
    db: Database, who: Caller, resource: Resource, params: Mapping[str, str]
) -> Mapping[str, Attribute]:
    if not resource.has_catalog or not any(dotted(name).startswith(ATTRIBUTE_PREFIX) for name in params):
        return {}
    return (await db.known(catalog_of(resource.name, who))).catalogs[resource.name].definitions


def hides_secrets(who: Caller, resource: Resource) -> bool:
    """Return whether secret values are hidden from the caller, who may view but not change (decision 27)."""
    return not who.actor.may(resource.permission("change")) and has_secrets(resource.entity)


async def _redacted_pieces(resource: Resource, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        comma = b"," if piece.startswith(b",") else b""
        yield comma + redacted(resource.entity, piece.removeprefix(b","))


async def _check_references(db: Database, resource: Resource, query: Query) -> None:
    references = query.references()
    if not references:
        return
    known = await db.known(Needs(references=frozenset(references.values())))
    parent = references.get(resource.parent or "")
    if parent is not None and not known.exists(parent):
        raise NotFoundError
    refuse_missing(references, known.exists)
