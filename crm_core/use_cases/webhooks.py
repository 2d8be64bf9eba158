"""Looking after webhooks: trying one without sending anything, what became of its deliveries, its secret."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.engine.cursors import pack, unpack
from crm_core.engine.decisions import event_of, no_such
from crm_core.engine.query_strings import read_limit
from crm_core.engine.receipts import Document
from crm_core.errors import ACROSS_FIELDS, InvalidError, NotFoundError, invalid
from crm_core.input.drafts import read_payload
from crm_core.input.fields import choice, datetime_value, integer, text, uuid
from crm_core.input.readers import ReadContext, RefusedError, read_datetime, read_uuid
from crm_core.model.accounts import Caller, require
from crm_core.model.documents import plain
from crm_core.ports import Database, DeliveryLog
from crm_core.resources import RESOURCES, WEBHOOKS
from crm_core.rules.needs import Key, Needs
from crm_core.use_cases import records
from crm_core.use_cases.callers import new_secret
from crm_core.webhooks.deliveries import Delivery, body_of, compose, fires
from crm_core.webhooks.delivery_log import DeliveryDetail, LoggedDelivery, LogQuery
from crm_core.webhooks.entity import MODELS, Webhook

_PER_PAGE: Final = 100


@attrs.frozen
class DryRunRequest:
    """What ``dry-run`` takes: a record of the webhook's model, and what is to be thought to have happened to it."""

    record: UUID = uuid()
    event: str = choice("created", "updated", "deleted", default="updated")


@attrs.frozen
class Listing:
    """The query parameters of a list of deliveries."""

    state: str | None = choice("pending", "sending", "delivered", "dead", default=None)
    limit: int = integer(default=_PER_PAGE)
    cursor: str = text(default="")


@attrs.frozen
class Recovery:
    """What ``recover`` takes."""

    since: datetime | None = datetime_value()


class LogPage(NamedTuple):
    """Some deliveries as plain values, and the cursor of the next page if there is one."""

    deliveries: Sequence[Mapping[str, object]]
    next: str | None


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
    trial = read_payload(DryRunRequest, data, ReadContext(who.new_id, strict))
    resource = RESOURCES[MODELS[webhook.model][0]]
    require(who.actor, resource.permission("view"))
    subject = Key(resource.name, trial["record"])
    record = (await db.known(Needs(records=frozenset({subject})))).records[subject]
    if record is None:
        raise InvalidError({"record": no_such(subject)})
    before = None if trial["event"] == "created" else record
    after = None if trial["event"] == "deleted" else record.value
    event = event_of(who, subject, before, after)
    would_fire = fires(webhook, event, before.value if before else None, after)
    return would_fire, compose(webhook, event, record.value, body_of(event, record.value))


async def find(
    db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, params: Mapping[str, str], *, strict: bool = False
) -> LogPage:
    """The deliveries of a webhook, the newest first. Raises PermissionDeniedError, NotFoundError, InvalidError."""
    require(who.actor, WEBHOOKS.permission("view"))
    await records.look_up(db, WEBHOOKS, webhook_id)
    query = _read_query({name: value for name, value in params.items() if value}, ReadContext(who.new_id, strict))
    found = await log.find(webhook_id, query._replace(limit=query.limit + 1))
    page = found[: query.limit]
    cursor = _write_cursor(page[-1]) if len(found) > query.limit else None
    return LogPage([_summary(each) for each in page], cursor)


async def get(db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, delivery_id: UUID) -> Mapping[str, object]:
    """One delivery as plain values, with what is sent and what the receiver answered.

    Those are for callers who may change webhooks, the body for those who may also view the record that it shows;
    others see null. Raises PermissionDeniedError, NotFoundError.
    """
    require(who.actor, WEBHOOKS.permission("view"))
    await records.look_up(db, WEBHOOKS, webhook_id)
    found = await log.get(webhook_id, delivery_id)
    if found is None:
        raise NotFoundError
    return _shown(who, *found)


async def redeliver(
    db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, delivery_id: UUID
) -> Mapping[str, object]:
    """Have a delivery sent from its first attempt on, under the same id; gives it as ``get`` does.

    Raises what ``get`` does, and InvalidError for one that could not be composed.
    """
    require(who.actor, WEBHOOKS.permission("change"))
    await records.look_up(db, WEBHOOKS, webhook_id)
    found = await log.get(webhook_id, delivery_id)
    if found is None:
        raise NotFoundError
    if not found[1].url:
        raise invalid(ACROSS_FIELDS, "invalid", f"This delivery cannot be sent. {found[0].error}")
    await log.redeliver(webhook_id, delivery_id)
    return _shown(who, *(await log.get(webhook_id, delivery_id) or found))


async def recover(
    db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, data: object, *, strict: bool = False
) -> int:
    """Have all deliveries of a webhook that died ``since`` sent anew; how many.

    Raises PermissionDeniedError, NotFoundError, InvalidError.
    """
    require(who.actor, WEBHOOKS.permission("change"))
    await records.look_up(db, WEBHOOKS, webhook_id)
    since = read_payload(Recovery, data, ReadContext(who.new_id, strict))["since"]
    if since is None:
        raise invalid("since", "required", "This field is required.")
    return await log.recover(webhook_id, since)


async def with_secret(log: DeliveryLog, webhook_id: UUID, document: Document) -> Document:
    """A new webhook's document with its secret, which is shown this once."""
    secret = json.dumps(await log.secret(webhook_id))
    return document._replace(body=document.body[:-1] + b',"secret":%b}' % secret.encode())


async def rotate_secret(db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID) -> str:
    """A new secret for a webhook, shown this once; for a day the one before signs too.

    Raises PermissionDeniedError, NotFoundError.
    """
    require(who.actor, WEBHOOKS.permission("change"))
    await records.look_up(db, WEBHOOKS, webhook_id)
    await log.rotate(webhook_id, secret := new_secret())
    return secret


def _read_query(params: Mapping[str, str], context: ReadContext) -> LogQuery:
    listing = read_payload(Listing, params, context)
    try:
        limit = read_limit(str(listing["limit"]))
    except RefusedError as error:
        raise InvalidError({"limit": error.problems}) from None
    return LogQuery(limit, listing["state"], _read_cursor(listing["cursor"]) if listing["cursor"] else None)


def _write_cursor(last: LoggedDelivery) -> str:
    return pack(last.created_at.isoformat(), str(last.id))


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, id_ = unpack(cursor)
        return read_datetime(at), read_uuid(id_)
    except (ValueError, TypeError, RecursionError, RefusedError):
        raise invalid("cursor", "invalid", "Invalid cursor") from None


_SUMMARY: Final = (
    *("id", "record", "type", "state", "attempts", "status"),
    *("created_at", "attempted_at", "next_attempt_at", "finished_at"),
)


def _summary(found: LoggedDelivery) -> Mapping[str, object]:
    shown = {name: plain(getattr(found, name)) for name in _SUMMARY}
    return {**shown, "error": found.error or None}


def _shown(who: Caller, logged: LoggedDelivery, exchange: DeliveryDetail) -> Mapping[str, object]:
    return {**_summary(logged), **_details(who, logged, exchange)}


def _details(who: Caller, logged: LoggedDelivery, exchange: DeliveryDetail) -> Mapping[str, object]:
    if not who.actor.may(WEBHOOKS.permission("change")):
        return {"request": None, "answer": None}
    may_view = who.actor.may(RESOURCES[logged.type.partition(".")[0]].permission("view"))
    request = {
        "method": exchange.method,
        "url": exchange.url,
        "headers": dict(exchange.headers),
        "body": json.loads(exchange.body) if exchange.body and may_view else None,
    }
    return {"request": request, "answer": exchange.answer or None}
