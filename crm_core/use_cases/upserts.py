"""Records by the values of their unique attributes: get one, or create or change it (decisions 86 and 87)."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.engine import decisions
from crm_core.engine.query_strings import read_attribute_value
from crm_core.engine.receipts import Document
from crm_core.errors import (
    BLANK,
    NOT_UNIQUE,
    IdempotencyKeyReusedError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
    Problem,
    Problems,
    UnavailableError,
    VersionConflictError,
)
from crm_core.input.declarations import text
from crm_core.input.drafts import Draft, read_draft, read_payload
from crm_core.input.readers import ReadContext, RefusedError, abbreviated, text_problems
from crm_core.input.texts import is_blank, normal
from crm_core.model.accounts import Actor, Caller, Idempotency, require
from crm_core.model.entities import Attribute
from crm_core.model.records import Versions
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.rules.attributes import name_by_now, renamed_to
from crm_core.rules.needs import Holder, Needs, catalog_of
from crm_core.rules.uniqueness import MAX_UNIQUE_LENGTH, is_same_value, unique_value
from crm_core.use_cases import records
from crm_core.use_cases.idempotency import kept_receipt

#: How often an upsert looks again, after somebody else created, changed or deleted the record at the same moment.
_MAX_ROUNDS: Final = 20

_OTHER_VALUE: Final = Problem("invalid", "This must be the value by which the record is found, or be left out.")


class Upserted(NamedTuple):
    """A record that was created or changed."""

    id: UUID
    document: Document
    is_new: bool


@attrs.frozen(kw_only=True)
class Condition:
    """What an upsert may do.

    Attributes:
        exists: True to change a record only, False to create one only, None for either.
        versions: the versions that the record may have, if it exists; None for any.
    """

    exists: bool | None = None
    versions: Versions = None


_ANY: Final = Condition()


@attrs.frozen
class ByValue:
    """The query parameters of a record that is found by a value.

    Attributes:
        value: the value of the attribute; required.
    """

    value: str = text(max_length=MAX_UNIQUE_LENGTH)


def read_value(params: Mapping[str, str], who: Caller, *, strict: bool) -> str:
    """Return the value that query parameters name. Raises InvalidError."""
    value: str = read_payload(ByValue, params, ReadContext(who.new_id, strict))["value"]
    return value


class _MovedError(Exception):
    """The record does not have the value any more."""


@attrs.frozen
class _Place:
    """A value of a unique attribute of a resource, as a caller asks for it."""

    resource: Resource
    parent: object
    definition: Attribute
    value: object

    @property
    def name(self) -> str:
        return self.definition.name

    def has(self, value: object) -> bool:
        """Return whether a value is the same as this one."""
        return is_same_value(self.definition.type, value, self.value)


async def get(
    db: Database, who: Caller, resource: Resource, name: str, value: str, *, parent: object = None
) -> tuple[UUID, Document]:
    """Return the id of the record that has a value of a unique attribute, and the record.

    Raises PermissionDeniedError, NotFoundError also for an attribute that is not unique, InvalidError for a value that
    the attribute cannot have.
    """
    require(who.actor, resource.permission("view"))
    place = await _find_place(db, who, resource, name, value, parent)
    holder = await _holder(db, place)
    if holder is None:
        raise NotFoundError
    return holder.id, await records.get(db, _reading_ahead(who, place, holder), resource, holder.id, parent=parent)


async def upsert(
    db: Database,
    who: Caller,
    resource: Resource,
    name: str,
    value: str,
    data: object,
    *,
    parent: object = None,
    strict: bool = True,
    condition: Condition = _ANY,
) -> Upserted:
    """Change the record that has a value of a unique attribute as ``records.patch`` does, or create one.

    Many at once of one value create one record.

    Args:
        db: the store of records.
        who: the caller.
        resource: the record's resource.
        name: the attribute.
        value: the value, as a query parameter has it; compared as unique values are.
        data: plain values; the attribute's value may be left out, and cannot be another one.
        parent: the value of the parent field in the path.
        strict: refuse unknown and output-only fields instead of ignoring them.
        condition: what may be done.

    Raises PermissionDeniedError, NotFoundError for a parent that does not exist or an attribute that is not unique,
    InvalidError with every problem, VersionConflictError where the condition is not met, UnavailableError.
    """
    check_permission(who.actor, resource, condition)
    place = await _find_place(db, who, resource, name, value, parent)
    for _ in range(_MAX_ROUNDS):
        if replayed := await _replayed(db, who):
            return replayed
        holder = await _holder(db, place)
        try:
            if holder is None:
                return await _create(db, who, place, data, strict=strict, condition=condition)
            ahead = _reading_ahead(who, place, holder)
            return await _change(db, ahead, place, holder.id, data, strict=strict, condition=condition)
        except (_MovedError, IdempotencyKeyReusedError):
            continue
        except NotFoundError:
            if holder is not None and await db.get(decisions.key_of(resource, holder.id)) is not None:
                raise _invalid(place, NOT_UNIQUE) from None  # of a record inside another parent
        except InvalidError as error:
            if holder is not None or not _is_taken(place, error):
                raise
    raise UnavailableError


def check_permission(actor: Actor, resource: Resource, condition: Condition = _ANY) -> None:
    """Raise PermissionDeniedError unless the actor may do one of the things that an upsert can do."""
    if condition.exists is not None:
        require(actor, resource.permission("change" if condition.exists else "add"))
    elif not actor.may(resource.permission("add")) and not actor.may(resource.permission("change")):
        raise PermissionDeniedError


async def look_up(db: Database, who: Caller, resource: Resource, name: object, parent: object) -> Attribute:
    """Return the definition of a unique attribute. Raises NotFoundError, also for a parent that does not exist."""
    await records.look_up_parent(db, resource, parent)
    definitions = (await db.known(catalog_of(resource.name, who))).catalogs[resource.name].definitions
    definition = definitions.get(normal(name)) if isinstance(name, str) else None
    if definition is None or not definition.is_unique:
        unique = ", ".join(sorted(each.name for each in definitions.values() if each.is_unique)) or "none"
        new = name_by_now(normal(name), definitions) if isinstance(name, str) else None
        renamed = "" if new is None else f" {renamed_to(new).message}"
        raise NotFoundError(
            f'"{abbreviated(name)}" is no unique attribute.{renamed} Those that are unique (is_unique): {unique}.'
        )
    return definition


async def _find_place(db: Database, who: Caller, resource: Resource, name: str, value: str, parent: object) -> _Place:
    definition = await look_up(db, who, resource, name, parent)
    return _Place(resource, parent, definition, _typed_value(definition, value))


def _typed_value(definition: Attribute, sent: str) -> object:
    value = normal(sent).strip()
    problems: Problems = (BLANK,) if is_blank(value) else text_problems(value, MAX_UNIQUE_LENGTH)
    try:
        if not problems:
            return read_attribute_value(definition, value)
    except RefusedError as error:
        problems = error.problems
    raise InvalidError({"value": problems})


async def _holder(db: Database, place: _Place) -> Holder | None:
    asked = unique_value(place.definition, place.value)
    return (await db.known(Needs(holders=frozenset({asked})))).holders[asked]


def _reading_ahead(who: Caller, place: _Place, holder: Holder) -> Caller:
    """Return the caller with the record, if it was read together with its id."""
    if holder.document is None:
        return who
    return attrs.evolve(who, ahead={decisions.key_of(place.resource, holder.id): holder.document})


async def _create(
    db: Database, who: Caller, place: _Place, data: object, *, strict: bool, condition: Condition
) -> Upserted:
    if condition.exists:
        raise VersionConflictError(0, detail="No record has this value.")
    values = _with_value(place, data, place.value, is_new=True)
    creating = attrs.evolve(who, idempotency=_of_creation(who.idempotency))
    id_, document = await records.create(db, creating, place.resource, values, parent=place.parent, strict=strict)
    return Upserted(id_, document, is_new=True)


async def _change(
    db: Database, who: Caller, place: _Place, id_: UUID, data: object, *, strict: bool, condition: Condition
) -> Upserted:
    if condition.exists is False:
        found = await db.get(decisions.key_of(place.resource, id_))
        if found is None:
            raise _MovedError
        if replayed := await _replayed(db, who):  # by another process, since the look for its receipt
            return replayed
        raise VersionConflictError(found.version, detail="A record has this value.")
    context = ReadContext(who.new_id, strict)

    def edit(record: Any) -> Draft:
        held = record.attributes.get(place.name)
        if not place.has(held):
            raise _MovedError
        return read_draft(place.resource.entity, _with_value(place, data, held), context, require_all=False)

    document = await records.apply(db, who, place.resource, id_, edit, parent=place.parent, expected=condition.versions)
    return Upserted(id_, document, is_new=False)


def _with_value(place: _Place, data: object, value: object, *, is_new: bool = False) -> object:
    """Return the data with the value that names the record, where attributes are written without it."""
    if not isinstance(data, Mapping) or not (is_new or "attributes" in data):
        return data
    sent = data.get("attributes", {})
    if not isinstance(sent, Mapping):
        return data
    named = {normal(name): each for name, each in sent.items() if isinstance(name, str)}
    if place.name not in named:
        return {**data, "attributes": {**sent, place.name: value}}
    if not place.has(named[place.name]):
        raise _invalid(place, _OTHER_VALUE)
    return data


def _invalid(place: _Place, problem: Problem) -> InvalidError:
    return InvalidError({"attributes": {place.name: (problem,)}})


def _is_taken(place: _Place, error: InvalidError) -> bool:
    """Return whether a record with the value was created in between."""
    problems = error.problems.get("attributes", {})
    return isinstance(problems, Mapping) and NOT_UNIQUE in problems.get(place.name, ())


def _of_creation(idempotency: Idempotency | None) -> Idempotency | None:
    """Return the idempotency under which a creation is kept, so that its repetition is known to have created."""
    if idempotency is None:
        return None
    return idempotency._replace(fingerprint=hashlib.sha256(b"created" + idempotency.fingerprint).digest())


async def _replayed(db: Database, who: Caller) -> Upserted | None:
    """Return the answer to a request that was repeated. Raises IdempotencyKeyReusedError."""
    known = {each.fingerprint: is_new for each, is_new in _meanings(who.idempotency)}
    receipt = await kept_receipt(db, who, known)
    return Upserted(receipt.record, receipt.answer, is_new=known[receipt.fingerprint]) if receipt else None


def _meanings(idempotency: Idempotency | None) -> list[tuple[Idempotency, bool]]:
    created = _of_creation(idempotency)
    return [(idempotency, False), (created, True)] if idempotency and created else []
