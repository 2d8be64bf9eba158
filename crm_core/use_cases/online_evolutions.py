"""Renames and conversions of attributes in the background, for more records than one commit can change (decision 133).

Records change in batches beside all writers, then the definition in one short commit. Each can be stopped at any
moment, and is asked for again to go on.
"""

from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

import attrs

from crm_core.engine import evolutions
from crm_core.engine.changes import Rewrite
from crm_core.engine.decision_runs import Decide
from crm_core.engine.rewrites import in_batch
from crm_core.errors import AttributeInUseError
from crm_core.input.drafts import read_payload
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller, require
from crm_core.model.entities import Attribute
from crm_core.model.evolutions import Holding
from crm_core.model.records import Key
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES
from crm_core.use_cases.dry_runs import decided
from crm_core.use_cases.evolution_plans import plan_of
from crm_core.use_cases.evolution_requests import Rename, Target, definition_of

#: Records that change in one commit. Writers of these wait for it.
_BATCH: Final = 500
#: Returns the caller, with the time.
NewCaller: TypeAlias = Callable[[], Caller]


class Progress(NamedTuple):
    """How far a change in the background is.

    Attributes:
        phase: what is being done: ``copy``, ``convert``, ``switch`` or ``drop``.
        records: how many records were done in this phase.
    """

    phase: str
    records: int


async def rename_online(
    db: Database, new_caller: NewCaller, target: Target, name: str
) -> AsyncGenerator[Progress, None]:
    """Give an attribute another name; yield the progress.

    Records get the value under the new name, too; then the definition and webhooks change; then records lose the value
    under the old name. So no record is ever without the value. Asked for with the present name, a rename that was
    begun and has not changed the definition is undone.

    Raises PermissionDeniedError without the permission to change attributes, NotFoundError, InvalidError,
    AttributeInUseError.
    """
    require(new_caller().actor, ATTRIBUTES.permission("change"))
    name = read_payload(Rename, {"name": name}, ReadContext(new_caller().new_id))["name"]
    before = await definition_of(db, target)
    if name != before.name:
        await _begin(db, new_caller(), target, before, name)
        decide = partial(evolutions.rename, new_caller(), target.key, name, target.expected)
        rewrite = await _rewrite_of(db, decide)
        # The second round is for what others wrote during the first, so that the last commit finds few records.
        for _ in range(2):
            async for records in _in_batches(db, new_caller, target, rewrite, Holding(unlike=name)):
                yield Progress("copy", records)
        await db.change(partial(evolutions.rename, new_caller(), target.key, name, target.expected))
        yield Progress("switch", 1)
    async for records in _drop(db, new_caller, target):
        yield Progress("drop", records)


async def convert_online(
    db: Database, new_caller: NewCaller, target: Target, data: object
) -> AsyncGenerator[Progress, None]:
    """Give an attribute another type; yield the progress. ``data`` is as in ``evolutions.evolve``.

    Records get the converted values, which the definition of before does not allow yet; then the definition changes.

    Raises what ``rename_online`` does; AttributeInUseError also for a unique attribute.
    """
    require(new_caller().actor, ATTRIBUTES.permission("change"))
    if (await definition_of(db, target)).is_unique:
        raise AttributeInUseError("The attribute is unique, which it would not be meanwhile: set is_unique to false.")
    rewrite = await _rewrite_of(db, await _conversion(db, new_caller(), target, data))
    async for records in _in_batches(db, new_caller, target, rewrite, Holding()):
        yield Progress("convert", records)
    await db.change(await _conversion(db, new_caller(), target, data))
    yield Progress("switch", 1)


async def _begin(db: Database, who: Caller, target: Target, before: Attribute, name: str) -> None:
    """Reserve the new name. Raises AttributeInUseError if records hold values of a deleted attribute under it."""
    decide = partial(evolutions.note_rename, who, target.key, name)
    if before.renaming_to is None and (taken := await db.count_holders(before.entity, name)):
        await decided(db, decide)  # the name of another attribute is refused as such
        raise AttributeInUseError(f"{taken:,} records hold a value under `{name}` already, of a deleted attribute.")
    await db.change(decide)


async def _conversion(db: Database, who: Caller, target: Target, data: object) -> Decide:
    """Return the decision to convert an attribute, whatever the number of records. Raises AttributeInUseError."""
    plan = await plan_of(db, who, "convert", target, data, limit=float("inf"))
    if plan.report.refusals:
        raise AttributeInUseError(" ".join(plan.report.refusals))
    return plan.decide


async def _rewrite_of(db: Database, decide: Decide) -> Rewrite:
    """Return what a decision does to records; nothing is committed. Raises the errors of the decision."""
    rewrite = (await decided(db, decide)).rewrite
    assert rewrite is not None  # noqa: S101  # it is a change of an attribute
    return rewrite


async def _drop(db: Database, new_caller: NewCaller, target: Target) -> AsyncGenerator[int, None]:
    """Take the values under the name that is given up from all records; yield how many were done."""
    definition = await definition_of(db, target)
    if definition.renaming_to is None:
        return
    is_renamed = definition.renaming_to == definition.name
    name = definition.former_names[-1] if is_renamed else definition.renaming_to
    rewrite = Rewrite(
        name=name,
        new_values=lambda _: {name: None},
        before=attrs.evolve(definition, name=name),
        after=definition,
        who=new_caller(),
        cause={},
    )
    async for records in _in_batches(db, new_caller, target, rewrite, Holding()):
        yield records
    await db.change(partial(evolutions.note_rename, new_caller(), target.key, None))


async def _in_batches(
    db: Database, new_caller: NewCaller, target: Target, rewrite: Rewrite, which: Holding
) -> AsyncGenerator[int, None]:
    """Change some records after the other; yield how many were done."""
    entity, last, done = rewrite.before.entity, UUID(int=0), 0
    document = await db.get(target.key)
    version = document.version if document else 0
    cause = {"resource": target.key.resource, "record": target.key.id, "version": version}
    while ids := await db.holders(entity, rewrite.name, attrs.evolve(which, after=last), _BATCH):
        own = attrs.evolve(rewrite, who=new_caller(), cause=cause)
        await db.change(partial(in_batch, own, frozenset(Key(entity, id_) for id_ in ids)))
        last, done = ids[-1], done + len(ids)
        yield done
