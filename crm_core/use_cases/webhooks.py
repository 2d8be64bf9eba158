"""Webhook administration: dry runs, the delivery log, redelivery, and secrets."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, get_args
from uuid import UUID

import attrs

from crm_core.engine.cursors import pack, unpack
from crm_core.engine.decisions import does_not_exist, event_of
from crm_core.engine.query_strings import read_limit
from crm_core.engine.receipts import Document
from crm_core.errors import ACROSS_FIELDS, IS_REQUIRED, InvalidError, NotFoundError, invalid
from crm_core.input.drafts import read_payload
from crm_core.input.fields import choice, datetime_value, integer, text, uuid
from crm_core.input.readers import ReadContext, RefusedError, read_datetime, read_uuid
from crm_core.model.accounts import Caller, require
from crm_core.model.documents import parse_json, plain
from crm_core.model.events import EventKind
from crm_core.ports import Database, DeliveryLog
from crm_core.resources import RESOURCES, WEBHOOKS
from crm_core.rules.needs import Key, Needs
from crm_core.use_cases import records
from crm_core.use_cases.callers import new_secret
from crm_core.webhooks.deliveries import Delivery, DeliveryState, body_of, compose, fires
from crm_core.webhooks.delivery_log import DeliveryDetail, LoggedDelivery, LogQuery
from crm_core.webhooks.entity import MODELS, Webhook

_PER_PAGE: Final = 100


@attrs.frozen
class DryRunRequest:
    """The body of a dry run: a record of the webhook's model, and the event to assume."""

    record: UUID = uuid()
    event: str = choice(*get_args(EventKind), default="updated")


@attrs.frozen
class Listing:
    """The query parameters of the delivery log."""

    state: str | None = choice(*get_args(DeliveryState), default=None)
    limit: int = integer(default=_PER_PAGE)
    cursor: str = text(default="")


@attrs.frozen
class Recovery:
    """The body of ``recover``: redeliver what died since this time."""

    since: datetime | None = datetime_value()


class LogPage(NamedTuple):
    """A page of the delivery log: deliveries as plain values, and the cursor of the next page if there is one."""

    deliveries: Sequence[Mapping[str, object]]
    next: str | None


async def dry_run(
    db: Database, who: Caller, webhook_id: UUID, data: object, *, strict: bool = False
) -> tuple[bool, Delivery]:
    """Return whether a webhook would fire for a record as it is now, and the delivery that would be sent.

    An update is assumed to change nothing, so the operators ``changed`` and ``changed_to`` are not met. The webhook
    need not be active. Raises PermissionDeniedError, NotFoundError, InvalidError.
    """
    require(who.actor, WEBHOOKS.permission("change"))
    key = Key(WEBHOOKS.name, webhook_id)
    webhook = (await db.known(Needs(records=frozenset({key})))).value(key)
    if not isinstance(webhook, Webhook):
        raise NotFoundError
    request = read_payload(DryRunRequest, data, ReadContext(who.new_id, strict))
    resource = RESOURCES[MODELS[webhook.model][0]]
    require(who.actor, resource.permission("view"))
    subject = Key(resource.name, request["record"])
    record = (await db.known(Needs(records=frozenset({subject})))).records[subject]
    if record is None:
        raise InvalidError({"record": does_not_exist(subject)})
    before = None if request["event"] == "created" else record
    after = None if request["event"] == "deleted" else record.value
    event = event_of(who, subject, before, after)
    would_fire = fires(webhook, event, before.value if before else None, after)
    return would_fire, compose(webhook, event, record.value, body_of(event, record.value))


async def find(
    db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, params: Mapping[str, str], *, strict: bool = False
) -> LogPage:
    """Return deliveries of a webhook, newest first. Raises PermissionDeniedError, NotFoundError, InvalidError."""
    require(who.actor, WEBHOOKS.permission("view"))
    await records.look_up(db, WEBHOOKS, webhook_id)
    query = _read_query({name: value for name, value in params.items() if value}, ReadContext(who.new_id, strict))
    deliveries = await log.find(webhook_id, query._replace(limit=query.limit + 1))
    page = deliveries[: query.limit]
    cursor = _write_cursor(page[-1]) if len(deliveries) > query.limit else None
    return LogPage([_summary(delivery) for delivery in page], cursor)


async def get(db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, delivery_id: UUID) -> Mapping[str, object]:
    """Return one delivery as plain values, with its request and the receiver's answer.

    ``request`` and ``answer`` are null unless the caller may change webhooks; the request's ``body`` is null unless
    the caller may also view the record in it. Raises PermissionDeniedError, NotFoundError.
    """
    require(who.actor, WEBHOOKS.permission("view"))
    await records.look_up(db, WEBHOOKS, webhook_id)
    logged = await log.get(webhook_id, delivery_id)
    if logged is None:
        raise NotFoundError
    return _with_details(who, *logged)


async def redeliver(
    db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, delivery_id: UUID
) -> Mapping[str, object]:
    """Send a delivery again from its first attempt, under the same id; return it as ``get`` does.

    Raises what ``get`` does, and InvalidError if the delivery has no URL.
    """
    require(who.actor, WEBHOOKS.permission("change"))
    await records.look_up(db, WEBHOOKS, webhook_id)
    logged = await log.get(webhook_id, delivery_id)
    if logged is None:
        raise NotFoundError
    if not logged[1].url:
        raise invalid(ACROSS_FIELDS, "invalid", f"This delivery cannot be sent. {logged[0].error}")
    await log.redeliver(webhook_id, delivery_id)
    return _with_details(who, *(await log.get(webhook_id, delivery_id) or logged))


async def recover(
    db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, data: object, *, strict: bool = False
) -> int:
    """Send all deliveries of a webhook again that died ``since`` a time; return how many.

    Raises PermissionDeniedError, NotFoundError, InvalidError.
    """
    require(who.actor, WEBHOOKS.permission("change"))
    await records.look_up(db, WEBHOOKS, webhook_id)
    since = read_payload(Recovery, data, ReadContext(who.new_id, strict))["since"]
    if since is None:
        raise InvalidError({"since": (IS_REQUIRED,)})
    return await log.recover(webhook_id, since)


async def with_secret(log: DeliveryLog, webhook_id: UUID, document: Document) -> Document:
    """Return a new webhook's document with its secret, which is never returned again."""
    secret = json.dumps(await log.secret(webhook_id))
    return document._replace(body=document.body[:-1] + b',"secret":%b}' % secret.encode())


async def rotate_secret(db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID) -> str:
    """Return a new secret for a webhook; for a day requests are signed with the previous one too.

    Raises PermissionDeniedError, NotFoundError.
    """
    require(who.actor, WEBHOOKS.permission("change"))
    await records.look_up(db, WEBHOOKS, webhook_id)
    await log.rotate(webhook_id, secret := new_secret())
    return secret


def _read_query(params: Mapping[str, str], context: ReadContext) -> LogQuery:
    parameters = read_payload(Listing, params, context)
    try:
        limit = read_limit(str(parameters["limit"]))
    except RefusedError as error:
        raise InvalidError({"limit": error.problems}) from None
    return LogQuery(limit, parameters["state"], _read_cursor(parameters["cursor"]) if parameters["cursor"] else None)


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


def _summary(logged: LoggedDelivery) -> Mapping[str, object]:
    members = {name: plain(getattr(logged, name)) for name in _SUMMARY}
    return {**members, "error": logged.error or None}


def _with_details(who: Caller, logged: LoggedDelivery, detail: DeliveryDetail) -> Mapping[str, object]:
    return {**_summary(logged), **_details(who, logged, detail)}


def _details(who: Caller, logged: LoggedDelivery, detail: DeliveryDetail) -> Mapping[str, object]:
    if not who.actor.may(WEBHOOKS.permission("change")):
        return {"request": None, "answer": None}
    may_view = who.actor.may(RESOURCES[logged.type.partition(".")[0]].permission("view"))
    request = {
        "method": detail.method,
        "url": detail.url,
        "headers": dict(detail.headers),
        "body": parse_json(detail.body) if detail.body and may_view else None,
    }
    return {"request": request, "answer": detail.answer or None}
