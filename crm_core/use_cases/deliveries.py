"""Trying a webhook without sending anything."""

from uuid import UUID

import attrs

from crm_core.accounts import Caller, require
from crm_core.changes import Key, Needs
from crm_core.decisions import event_of, no_such
from crm_core.deliveries import Delivery, compose, fires
from crm_core.drafts import read_whole_draft
from crm_core.entities import Webhook
from crm_core.errors import InvalidError, NotFoundError
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


async def dry_run(
    db: Database, who: Caller, webhook_id: UUID, data: object, *, strict: bool = False
) -> tuple[bool, Delivery]:
    """Whether a webhook would fire for a record as it is now, and the request that would be sent.

    An update is taken to have changed nothing, so that ``changed`` and ``changed_to`` do not hold for it. A webhook
    that is not active is tried like others. Raises PermissionDeniedError, NotFoundError, InvalidError.
    """
    require(who.actor, WEBHOOKS.permission("change"))
    key = Key(WEBHOOKS.name, webhook_id)
    webhook = (await db.known(Needs(records=frozenset({key})))).value(key)
    if not isinstance(webhook, Webhook):
        raise NotFoundError
    trial = read_whole_draft(_Trial, data, Intake(who.new_id, strict))
    resource = RESOURCES[MODELS[webhook.model][0]]
    require(who.actor, resource.permission("view"))
    subject = Key(resource.name, trial["record"])
    record = (await db.known(Needs(records=frozenset({subject})))).records[subject]
    if record is None:
        raise InvalidError({"record": no_such(subject)})
    before = None if trial["event"] == "created" else record
    after = None if trial["event"] == "deleted" else record.value
    event = event_of(who, subject, before, after)
    was, now = plain(before.value) if before else None, plain(after) if after else None
    return fires(webhook, event, was, now), compose(webhook, event, was, now)
