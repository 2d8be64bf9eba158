"""Webhook administration: dry runs, the delivery log, redelivery, and secrets."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, get_args
from uuid import UUID

import attrs

from crm_core.engine.cursors import read_place, write_place
from crm_core.engine.decisions import key_of
from crm_core.engine.queries import Page
from crm_core.engine.query_strings import page_limit
from crm_core.engine.receipts import Document
from crm_core.engine.validation import does_not_exist
from crm_core.engine.writing import RecordChange, event_of
from crm_core.errors import ACROSS_FIELDS, IS_REQUIRED, DeliveryFinishedError, InvalidError, NotFoundError, invalid
from crm_core.input.declarations import choice, datetime_value, text, uuid
from crm_core.input.drafts import read_parameters, read_payload
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import SYSTEM, Caller, require
from crm_core.model.events import EventKind
from crm_core.model.plain_values import parse_json, plain
from crm_core.model.records import Key
from crm_core.ports import Database, DeliveryLog
from crm_core.resources import RESOURCES, WEBHOOKS
from crm_core.rules.needs import Needs
from crm_core.rules.webhooks import view_permission
from crm_core.use_cases import records
from crm_core.use_cases.callers import caller, new_secret
from crm_core.webhooks.deliveries import Delivery, DeliveryState, body_of, compose, fires
from crm_core.webhooks.delivery_log import DeliveryDetail, LoggedDelivery, LogQuery
from crm_core.webhooks.entity import MODELS, Webhook
from crm_core.webhooks.headers import redacted_headers
from crm_core.webhooks.requests import WebhookRequest, filled_from_body
from crm_core.webhooks.urls import redacted_url

_PER_PAGE: Final = 100


@attrs.frozen
class DryRunRequest:
    """The body of a dry run: a record of the webhook's model, and the event to assume.

    Attributes:
        record: the id of a record of the webhook's model.
        event: the change to assume; an update changes no field.
    """

    record: UUID = uuid()
    event: str = choice(*get_args(EventKind), default="updated")


@attrs.frozen
class Listing:
    """The query parameters of the delivery log.

    Attributes:
        state: only deliveries in this state.
        limit: the number of deliveries on a page.
        cursor: the beginning of a page, as the ``Link`` header of another page has it.
    """

    state: str | None = choice(*get_args(DeliveryState), default=None)
    limit: int = page_limit(_PER_PAGE)
    cursor: str = text(default="")


@attrs.frozen
class Recovery:
    """The body of ``recover``: redeliver what died since this time.

    Attributes:
        since: send again what failed for good since this time.
    """

    since: datetime | None = datetime_value()


class CreatedWebhook(NamedTuple):
    """A webhook, and the id of the user who created it."""

    id: UUID
    name: str
    model: str
    created_by: int


class LogPage(NamedTuple):
    """A page of the delivery log: deliveries as plain values, and the cursor of the next page if there is one."""

    deliveries: Sequence[Mapping[str, object]]
    next: str | None


async def dry_run(
    db: Database, who: Caller, webhook_id: UUID, data: object, *, strict: bool = True
) -> tuple[bool, Delivery]:
    """Return whether a webhook would fire for a record as it is now, and the delivery that would be sent.

    An update is assumed to change nothing, so the operators ``changed`` and ``changed_to`` are not met. The webhook
    need not be active. Raises PermissionDeniedError, NotFoundError, InvalidError.
    """
    require(who.actor, WEBHOOKS.permission("change"))
    webhook = await _look_up(db, webhook_id)
    request = read_payload(DryRunRequest, data, ReadContext(who.new_id, strict))
    resource = RESOURCES[MODELS[webhook.model][0]]
    require(who.actor, resource.permission("view"))
    subject = Key(resource.name, request["record"])
    record = (await db.known(Needs(records=frozenset({subject})))).records[subject]
    if record is None:
        raise InvalidError({"record": does_not_exist(subject)})
    before = None if request["event"] == "created" else record
    after = None if request["event"] == "deleted" else record.value
    event, was = event_of(who, RecordChange(subject, before, after)), before.value if before else None
    would_fire = fires(webhook, event, was, after)
    return would_fire, compose(webhook, event, record.value, body_of(event, was, after))


async def find(
    db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, params: Mapping[str, str], *, strict: bool = True
) -> LogPage:
    """Return deliveries of a webhook, newest first. Raises PermissionDeniedError, NotFoundError, InvalidError."""
    require(who.actor, WEBHOOKS.permission("view"))
    await records.look_up(db, WEBHOOKS, webhook_id)
    query = _read_query(params, ReadContext(who.new_id, strict))
    deliveries = await log.find(webhook_id, query._replace(limit=query.limit + 1))
    page = deliveries[: query.limit]
    cursor = write_place(page[-1].created_at, page[-1].id) if len(deliveries) > query.limit else None
    return LogPage([_summary(delivery) for delivery in page], cursor)


async def get(db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, delivery_id: UUID) -> Mapping[str, object]:
    """Return one delivery as plain values, with its request and the receiver's answer.

    The request is that of the last attempt, or for a delivery that waits the one that would be sent now. ``request``
    and ``answer`` are null unless the caller may change webhooks; whatever shows the record in them is left out unless
    the caller may also view it. Raises PermissionDeniedError, NotFoundError.
    """
    require(who.actor, WEBHOOKS.permission("view"))
    webhook = await _look_up(db, webhook_id)
    logged, detail = await _look_up_delivery(log, webhook_id, delivery_id)
    return {**_summary(logged), **_details(who, webhook, logged, detail)}


async def redeliver(
    db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, delivery_id: UUID
) -> Mapping[str, object]:
    """Send a delivery again from its first attempt, under the same id; return it as ``get`` does.

    Raises what ``get`` does, and InvalidError if the webhook as it is now cannot be filled for it.
    """
    webhook = await _look_up_own(db, who, webhook_id)
    logged, detail = await _look_up_delivery(log, webhook_id, delivery_id)
    require(who.actor, _view_permission(logged))
    _, error = filled_from_body(webhook, detail.body, detail.request)
    if error:
        raise invalid(ACROSS_FIELDS, "invalid", f"This delivery cannot be sent. {error}")
    await log.redeliver(webhook_id, delivery_id)
    logged, detail = await log.get(webhook_id, delivery_id) or (logged, detail)
    return {**_summary(logged), **_details(who, webhook, logged, detail)}


async def cancel(db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, delivery_id: UUID) -> None:
    """Finish a delivery that waits, without another attempt; the record's next one becomes due.

    An attempt under way goes on, and no other follows. Cancelling twice is cancelling once.

    Raises PermissionDeniedError, NotFoundError, DeliveryFinishedError if it was delivered or is dead.
    """
    require(who.actor, WEBHOOKS.permission("change"))
    await _look_up(db, webhook_id)
    await log.cancel(webhook_id, delivery_id)
    logged, _ = await _look_up_delivery(log, webhook_id, delivery_id)
    if logged.state != "cancelled":
        raise DeliveryFinishedError(f"This delivery is {logged.state}, so there is nothing to cancel.")


async def recover(
    db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID, data: object, *, strict: bool = True
) -> int:
    """Send all deliveries of a webhook again that died ``since`` a time; return how many.

    Raises PermissionDeniedError, NotFoundError, InvalidError.
    """
    await _look_up_own(db, who, webhook_id)
    since = read_payload(Recovery, data, ReadContext(who.new_id, strict))["since"]
    if since is None:
        raise InvalidError({"since": (IS_REQUIRED,)})
    return await log.recover(webhook_id, since)


async def with_secret(log: DeliveryLog, webhook_id: UUID, document: Document) -> Document:
    """Return a new webhook's document with its secret, which is returned again only when the request is repeated.

    Then it is null if the webhook has another secret by now, or is gone.
    """
    secret = json.dumps(await log.first_secret(webhook_id))
    return document._replace(body=document.body[:-1] + b',"secret":%b}' % secret.encode())


async def active_webhooks(db: Database, created_by: Collection[int]) -> Sequence[CreatedWebhook]:
    """Return the active webhooks that some users created, newest first.

    They go on sending records that their creators may not view any more. No caller is checked here.
    """
    _, pieces = await records.find(db, caller(SYSTEM), WEBHOOKS, {"is_active": "true"})
    assert not isinstance(pieces, Page)  # noqa: S101  # without a limit lists are whole
    documents = json.loads(b"[%b]" % b"".join([piece async for piece in pieces]))
    return [
        CreatedWebhook(UUID(document["id"]), document["name"], document["model"], document["created_by"])
        for document in documents
        if document["created_by"] in created_by
    ]


async def rotate_secret(db: Database, log: DeliveryLog, who: Caller, webhook_id: UUID) -> str:
    """Return a new secret for a webhook; for a day requests are signed with the previous one too.

    Raises PermissionDeniedError, NotFoundError.
    """
    await _look_up_own(db, who, webhook_id)
    await log.rotate(webhook_id, secret := new_secret())
    return secret


async def _look_up(db: Database, webhook_id: UUID) -> Webhook:
    """Return a webhook. Raises NotFoundError."""
    key = key_of(WEBHOOKS, webhook_id)
    webhook = (await db.known(Needs(records=frozenset({key})))).value(key)
    if not isinstance(webhook, Webhook):
        raise NotFoundError
    return webhook


async def _look_up_own(db: Database, who: Caller, webhook_id: UUID) -> Webhook:
    """Return a webhook that the caller may change, and whose records they may view (decision 27)."""
    require(who.actor, WEBHOOKS.permission("change"))
    webhook = await _look_up(db, webhook_id)
    require(who.actor, view_permission(webhook.model))
    return webhook


async def _look_up_delivery(
    log: DeliveryLog, webhook_id: UUID, delivery_id: UUID
) -> tuple[LoggedDelivery, DeliveryDetail]:
    logged = await log.get(webhook_id, delivery_id)
    if logged is None:
        raise NotFoundError
    return logged


def _read_query(params: Mapping[str, str], context: ReadContext) -> LogQuery:
    parameters = read_parameters(Listing, params, context)
    after = read_place(parameters["cursor"]) if parameters["cursor"] else None
    return LogQuery(parameters["limit"], parameters["state"], after)


_SUMMARY: Final = (
    *("id", "record", "type", "state", "attempts", "status"),
    *("created_at", "attempted_at", "next_attempt_at", "finished_at"),
)


def _summary(logged: LoggedDelivery) -> Mapping[str, object]:
    members = {name: plain(getattr(logged, name)) for name in _SUMMARY}
    return {**members, "error": logged.error or None}


def _details(who: Caller, webhook: Webhook, logged: LoggedDelivery, detail: DeliveryDetail) -> Mapping[str, object]:
    if not who.actor.may(WEBHOOKS.permission("change")):
        return {"request": None, "answer": None}
    request = detail.request
    if logged.state == "pending":
        request, _ = filled_from_body(webhook, detail.body, request)
    if not who.actor.may(_view_permission(logged)):
        return {"request": _without_record(request), "answer": None}
    body = parse_json(detail.body) if detail.body and request.method != "GET" else None
    return {"request": attrs.asdict(request) | {"body": body}, "answer": detail.answer or None}


def _without_record(request: WebhookRequest) -> Mapping[str, object]:
    """Return a request for those who may not view the record, whose values may be anywhere in it (decision 27)."""
    url = redacted_url(request.url) if request.url else ""
    return {"method": request.method, "url": url, "headers": redacted_headers(request.headers), "body": None}


def _view_permission(logged: LoggedDelivery) -> str:
    return RESOURCES[logged.type.partition(".")[0]].permission("view")
