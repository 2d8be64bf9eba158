"""Attributes that change: another name, other values, another type (decisions 128 to 134).

Each use case has a dry run, which counts the records, webhooks and indexes concerned and says why it would be refused.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import attrs

from crm_core.engine import decisions
from crm_core.engine.changes import Put
from crm_core.engine.evolutions import webhooks_of
from crm_core.engine.receipts import Document
from crm_core.errors import AttributeInUseError
from crm_core.model.accounts import Caller, require
from crm_core.model.evolutions import ConcernedWebhook, EvolutionReport
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES, WEBHOOKS
from crm_core.rules.named_attributes import names_attribute
from crm_core.rules.needs import Needs
from crm_core.use_cases.dry_runs import decided
from crm_core.use_cases.evolution_plans import plan_of, report_of
from crm_core.use_cases.evolution_requests import EvolutionKind, Target, definition_of
from crm_core.use_cases.idempotency import answered_once
from crm_core.use_cases.records import NamingChangedFields
from crm_core.webhooks.entity import Webhook


async def evolve(
    db: Database, who: Caller, kind: EvolutionKind, target: Target, data: object, *, strict: bool = True
) -> Document:
    """Change an attribute, the webhooks that name it, and all records that hold it, in one commit; return it.

    Args:
        db: the store of records.
        who: the caller.
        kind: what to change.
        target: the attribute.
        data: the body, one of ``evolution_plans.BODIES``.
        strict: refuse unknown fields instead of ignoring them.

    Raises PermissionDeniedError without the permission to change attributes, NotFoundError, InvalidError,
    VersionConflictError, and AttributeInUseError, which says why it cannot be done, and counts.
    """
    require(who.actor, ATTRIBUTES.permission("change"))

    async def change() -> Document | None:
        plan = await plan_of(db, who, kind, target, data, strict=strict)
        if plan.report.refusals:
            with suppress(AttributeInUseError):
                await decided(db, plan.decide)  # other errors come first, as in a dry run
            raise AttributeInUseError(" ".join(plan.report.refusals))
        return await db.change(plan.decide)

    async with NamingChangedFields(db, target.key, target.expected):
        _, document = await answered_once(db, who, target.id, change)
    return document


async def dry_run(
    db: Database, who: Caller, kind: EvolutionKind, target: Target, data: object, *, strict: bool = True
) -> EvolutionReport:
    """Return what ``evolve`` would do, and why it would be refused; it raises the other errors of ``evolve``."""
    require(who.actor, ATTRIBUTES.permission("change"))
    async with NamingChangedFields(db, target.key, target.expected):
        plan = await plan_of(db, who, kind, target, data, strict=strict)
        try:
            changes = await decided(db, plan.decide)
        except AttributeInUseError as error:
            return attrs.evolve(plan.report, refusals=tuple(dict.fromkeys((*plan.report.refusals, str(error)))))
    named = [write.value for write in changes.writes if isinstance(write, Put) and isinstance(write.value, Webhook)]
    return attrs.evolve(plan.report, **_named(who, named))


async def delete_dry_run(db: Database, who: Caller, target: Target) -> EvolutionReport:
    """Return what uses an attribute, whose values and mentions stay when it is deleted (decision 22).

    Raises PermissionDeniedError without the permission to delete attributes, NotFoundError, VersionConflictError.
    """
    require(who.actor, ATTRIBUTES.permission("delete"))
    async with NamingChangedFields(db, target.key, target.expected):
        await decided(db, partial(decisions.delete, ATTRIBUTES, who, target.key, None, target.expected))
    definition = await definition_of(db, target)
    records = await db.count_holders(definition.entity, definition.name)
    search = webhooks_of(definition.entity)
    found = (await db.known(Needs(children=frozenset({search})))).children[search]
    named = [each.value for each in found if names_attribute(each.value, definition.name)]
    return attrs.evolve(report_of(definition, records), seconds=0, **_named(who, named))


def _named(who: Caller, webhooks: Sequence[Webhook]) -> Mapping[str, Any]:
    shown = webhooks if who.actor.may(WEBHOOKS.permission("view")) else ()
    named = tuple(ConcernedWebhook(webhook=each.id, name=each.name) for each in shown)
    return {"webhooks": len(webhooks), "named_webhooks": named}
