"""Trying a webhook without sending anything."""

from uuid import UUID

import attrs

from crm_core.accounts import Caller, require
from crm_core.changes import Key, Needs
from crm_core.deliveries import Delivery, compose, fires
from crm_core.drafts import read_whole_draft
from crm_core.entities import Webhook
from crm_core.errors import InvalidError, NotFoundError, Problem
from crm_core.events import Event, Kind, differences
from crm_core.fields import choice, uuid
from crm_core.ports import Database
from crm_core.readers import Intake
from crm_core.resources import RESOURCES, WEBHOOKS
from crm_core.webhooks import MODELS
from crm_core.wire import plain


@attrs.frozen
class _Trial:
    """What ``dry-run`` takes: a record of the webhook's model, and what is to be thought to have happened to it."""

    record: UUID = uuid()
    event: str = choice("created", "updated", "deleted", default="updated")


async def dry_run(db: Database, who: Caller, webhook_id: UUID, data: object) -> tuple[bool, Delivery]:
    """Whether a webhook would fire for a record as it is now, and the request that would be sent.

    An update is taken to have changed nothing, so that ``changed`` and ``changed_to`` do not hold for it. A webhook
    that is not active is tried like others. Raises PermissionDeniedError, NotFoundError, InvalidError.
    """
    require(who.actor, WEBHOOKS.permission("change"))
    key = Key(WEBHOOKS.name, webhook_id)
    webhook = (await db.known(Needs(records=frozenset({key})))).value(key)
    if not isinstance(webhook, Webhook):
        raise NotFoundError
    trial = read_whole_draft(_Trial, data, Intake(who.new_id))
    resource = RESOURCES[MODELS[webhook.model][0]]
    require(who.actor, resource.permission("view"))
    event, record = await _imagine(db, who, Key(resource.name, trial["record"]), trial["event"])
    was, now = None if event.kind == "created" else record, None if event.kind == "deleted" else record
    return fires(webhook, event, was, now), compose(webhook, event, was, now)


async def _imagine(db: Database, who: Caller, key: Key, kind: Kind) -> tuple[Event, dict[str, object]]:
    record = (await db.known(Needs(records=frozenset({key})))).records[key]
    if record is None or not isinstance(key.id, UUID):
        message = f'Invalid pk "{key.id}" - object does not exist.'
        raise InvalidError({"record": (Problem("does_not_exist", message),)})
    event = Event(
        resource=key.resource,
        record=key.id,
        version=record.version,
        kind=kind,
        actor=who.actor.user.id,
        actor_name=who.actor.user.name,
        request_id=who.request_id,
        at=who.now,
        changes=differences(None if kind == "created" else record.value, None if kind == "deleted" else record.value),
    )
    return event, plain(record.value)
