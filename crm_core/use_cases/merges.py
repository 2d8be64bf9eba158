"""Merges records that stand for the same client, student or lead (decisions 148 to 151)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

import attrs

from crm_core.engine import merging
from crm_core.engine.decision_runs import Decide
from crm_core.engine.decisions import key_of
from crm_core.engine.receipts import Document
from crm_core.errors import NOT_UNIQUE, InvalidError, Problem, Problems, not_a_choice
from crm_core.input.declarations import uuid_by_name, uuids
from crm_core.input.drafts import read_payload
from crm_core.input.readers import ReadContext, abbreviated
from crm_core.model.accounts import Actor, Caller, require
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.records import Versions
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.use_cases.dry_runs import decided
from crm_core.use_cases.idempotency import answered_once
from crm_core.use_cases.records import NamingChangedFields, look_up
from crm_core.use_cases.restorations import entries_of, restorable_fields

#: The most records that are merged into another one by one request.
MAX_LOSERS: Final = 20
_ITSELF: Final = Problem("invalid", "A record cannot be merged into itself.")


@attrs.frozen
class Merge:
    """The body of a merge.

    Attributes:
        from: the ids of the records that are merged into the record of the path, at most 20.
        take: the id of the record whose value is kept, by field or ``attributes.`` and the name of one. Otherwise the
            record of the path keeps its own value; where it has none, that of the first of the others that has one.
    """

    from_: tuple[UUID, ...] = uuids(max_items=MAX_LOSERS)
    take: Mapping[str, UUID] = uuid_by_name()


async def merge(
    db: Database,
    who: Caller,
    resource: Resource,
    id_: UUID,
    data: object,
    *,
    expected: Versions = None,
    strict: bool = True,
) -> Document:
    """Merge records into one, and return it: tasks, notes, images and references move, the others are deleted.

    Args:
        db: the store of records.
        who: the caller.
        resource: the resource of the records (``Resource.merges``).
        id_: the id of the record that stays.
        data: the body, plain values (``Merge``).
        expected: the versions that this record may have; None for any.
        strict: refuse unknown members of the body instead of ignoring them.

    Raises PermissionDeniedError without the permissions to change and to delete, NotFoundError, InvalidError with every
    problem, VersionConflictError.
    """
    decide = await _decision(db, who, resource, id_, data, expected, strict=strict)
    async with NamingChangedFields(db, key_of(resource, id_), expected):
        _, document = await answered_once(db, who, id_, lambda: db.change(decide))
    return document


async def merge_dry_run(
    db: Database,
    who: Caller,
    resource: Resource,
    id_: UUID,
    data: object,
    *,
    expected: Versions = None,
    strict: bool = True,
) -> Sequence[Mapping[str, object]]:
    """Return the entries that ``merge`` would add to histories, that of the record first. Raises what it does."""
    decide = await _decision(db, who, resource, id_, data, expected, strict=strict)
    async with NamingChangedFields(db, key := key_of(resource, id_), expected):
        return entries_of(await decided(db, decide), key, who.actor)


async def _decision(
    db: Database, who: Caller, resource: Resource, id_: UUID, data: object, expected: Versions, *, strict: bool
) -> Decide:
    check_permissions(who.actor, resource)
    try:
        merger = _read_merge(resource, id_, data, ReadContext(who.new_id, strict))
    except InvalidError:
        await look_up(db, resource, id_)  # 404 comes before 400 (decision 2)
        raise
    return partial(merging.merge, who, merger, expected)


def check_permissions(actor: Actor, resource: Resource) -> None:
    """Raise PermissionDeniedError unless a caller may change one record, and delete the others."""
    for action in ("change", "delete"):
        require(actor, resource.permission(action))


def _read_merge(resource: Resource, id_: UUID, data: object, context: ReadContext) -> merging.Merger:
    """Return what the body asks for. Raises InvalidError."""
    values = read_payload(Merge, data, context)
    losers, take = values["from"], values["take"]
    problems: dict[str, Problems] = {}
    if of_losers := _problems_of_losers(id_, losers):
        problems["from"] = of_losers
    if of_take := _problems_of_take(resource, {id_, *losers}, take):
        problems["take"] = of_take
    if problems:
        raise InvalidError(problems)
    return merging.Merger(resource, key_of(resource, id_), tuple(key_of(resource, each) for each in losers), take)


def _problems_of_losers(id_: UUID, losers: Sequence[UUID]) -> Mapping[str, Problems]:
    problems: dict[str, Problems] = {}
    for index, loser in enumerate(losers):
        if loser == id_:
            problems[str(index)] = (_ITSELF,)
        elif loser in losers[:index]:
            problems[str(index)] = (NOT_UNIQUE,)
    return problems


def _problems_of_take(resource: Resource, ids: set[UUID], take: Mapping[str, UUID]) -> Mapping[str, Problems]:
    names = {name for name in restorable_fields(resource) if resource.fields[name].kind not in merging.ADDED_UP}
    problems: dict[str, Problems] = {}
    for name, source in take.items():
        if name not in names - {"attributes"} and not name.startswith(ATTRIBUTE_PREFIX):
            problems[name] = (not_a_choice(abbreviated(name)),)
        elif source not in ids:
            problems[name] = (not_a_choice(str(source)),)
    return problems
