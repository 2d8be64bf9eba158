"""Receiving webhooks: requests are verified (Standard Webhooks 1.0.0) and become typed events.

>>> receiver = WebhookReceiver("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
>>> def handle(body: bytes, headers: Mapping[str, str]) -> None:
...     event = receiver.read(body, headers)
...     if isinstance(event.data, Lead) and "stage" in event.changes:
...         print(event.data.name, event.data.stage)
"""

import base64
import datetime as dt
import hmac
import re
import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, Generic, Literal, Protocol, TypeAlias, TypeVar, get_args
from uuid import UUID

import attrs
import msgspec

from crm_core.errors import CrmError
from crm_core.input.decimals import fixed_point
from crm_core.input.numbers import parse_decimal
from crm_core.model.entities import Client, FollowUp, Lead, Service
from crm_core.model.events import EventKind
from crm_core.model.registered import DerivedTable
from crm_core.webhooks.entity import MODELS

T = TypeVar("T")
E_co = TypeVar("E_co", covariant=True)


@attrs.frozen
class Erased:
    """All that is known of an erased record: its id."""

    id: UUID


#: The records whose changes webhooks report.
WatchedRecord: TypeAlias = Client | Service | Lead | FollowUp | Erased

#: How far the time of a request may be from the receiver's clock.
TOLERANCE: Final = dt.timedelta(minutes=5)
_PREFIX: Final = "whsec_"
_TIMESTAMP: Final = re.compile("[0-9]{1,12}")
_ENTITIES: Final = DerivedTable(lambda: dict(MODELS.values()))
_KINDS: Final[Any] = Literal[EventKind, "erased"]


class SignatureError(CrmError):
    """A request was not sent by the CRM, or is too old; it must not be handled."""


class UnreadableEventError(CrmError):
    """A request is signed by the CRM, but its body is no event that this version knows."""


@attrs.frozen
class FieldChange:
    """The change of a field, or of an item of a list.

    Attributes:
        before: the value before the change; None for a new record.
        after: the value after it; None for a deleted record.
    """

    before: Any
    after: Any


@attrs.frozen
class ItemChanges:
    """The changes in a list of tasks or notes: items that were added, removed and changed."""

    added: tuple[Any, ...]
    removed: tuple[Any, ...]
    changed: tuple[FieldChange, ...]


@attrs.frozen(kw_only=True)
class WebhookEvent(Generic[E_co]):
    """One change of one record.

    Attributes:
        id: the id of the delivery, the same whenever it is repeated: events with an id that was handled before can be
            dropped.
        kind: created, updated, deleted, or erased: of an erased record only the id is known, and copies of its values
            must be deleted.
        timestamp: when the change was made.
        data: the record after the change; the last value of a deleted record; ``Erased`` for an erased one.
        changes: what changed, by field; values have the types that they have in ``data``.
    """

    id: str
    kind: EventKind | Literal["erased"]
    timestamp: dt.datetime
    data: E_co
    changes: Mapping[str, FieldChange | ItemChanges]


class Headers(Protocol):
    """The headers of a request: a mapping, or the headers of a web framework."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return names, in any case, and values."""
        ...


class WebhookReceiver:
    """Reads the requests that webhooks send.

    Args:
        secrets: the secret of the webhook, as it was shown once; several are accepted while one is replaced by
            another, or if several webhooks have the same URL.
        tolerance: how far the time of a request may be from the clock.
        clock: returns the time in seconds since 1970.
    """

    def __init__(
        self, *secrets: str, tolerance: dt.timedelta = TOLERANCE, clock: Callable[[], float] = time.time
    ) -> None:
        if not secrets:
            raise ValueError("a receiver needs the secret of its webhook")
        self._keys = [_key(secret) for secret in secrets]
        self._tolerance = tolerance
        self._clock = clock

    def read(self, body: bytes, headers: Headers) -> WebhookEvent[WatchedRecord]:
        """Return the event in a request. Raises SignatureError, UnreadableEventError.

        Args:
            body: the exact bytes of the body.
            headers: the headers of the request.
        """
        named = {name.lower(): value for name, value in headers.items()}
        id_ = named.get("webhook-id", "")
        self._verify(body, id_, named.get("webhook-timestamp", ""), named.get("webhook-signature", ""))
        return _event(id_, body)

    def _verify(self, body: bytes, id_: str, timestamp: str, signatures: str) -> None:
        if not (id_ and timestamp and signatures):
            raise SignatureError("The request has no webhook-id, webhook-timestamp or webhook-signature.")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise SignatureError("The request's webhook-timestamp is no number.")
        # Some frameworks read headers that are no UTF-8 as text that cannot be encoded.
        signed = f"{id_}.{timestamp}.".encode(errors="replace") + body
        given = [text[3:].encode(errors="replace") for text in signatures.split() if text.startswith("v1,")]
        expected = [base64.b64encode(hmac.digest(key, signed, sha256)) for key in self._keys]
        if not any(hmac.compare_digest(one, other) for one in given for other in expected):
            raise SignatureError("The request is not signed with a secret of this receiver.")
        if abs(self._clock() - int(timestamp)) > self._tolerance.total_seconds():
            raise SignatureError("The request is too old, or the clock of the sender or of the receiver is wrong.")


class _Body(msgspec.Struct):
    type: str
    timestamp: dt.datetime
    data: msgspec.Raw
    changes: dict[str, dict[str, Any]]


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key:  # with an empty key anybody could sign
        raise ValueError(f"a secret is {_PREFIX} and text in Base64")
    return key


def _event(id_: str, body: bytes) -> WebhookEvent[WatchedRecord]:
    if not body:
        raise UnreadableEventError("The request has no body, as the webhook's method is GET.")
    try:
        sent = _read_as(_Body, body)
        resource, _, kind = sent.type.partition(".")
        watched = _ENTITIES[resource]
        entity: Any = Erased if kind == "erased" else watched
        return WebhookEvent(
            id=id_,
            kind=msgspec.convert(kind, _KINDS),
            timestamp=sent.timestamp,
            data=_read_as(entity, sent.data),
            changes={name: _change(entity, name, change) for name, change in sent.changes.items()},
        )
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError) as error:
        raise UnreadableEventError(f"The request holds no event that can be read. {error}") from error


def _read_as(kind: type[T], text: bytes | msgspec.Raw) -> T:
    return msgspec.json.Decoder(kind, float_hook=parse_decimal, dec_hook=fixed_point).decode(text)


def _converted(value: object, kind: Any) -> Any:
    return msgspec.convert(value, kind, dec_hook=fixed_point)


def _change(entity: type, name: str, change: Mapping[str, Any]) -> FieldChange | ItemChanges:
    field = attrs.fields_dict(entity).get(name)
    kind: Any = Any if field is None else field.type
    if "added" not in change:
        return _ends(kind, change)
    item: Any = next(iter(get_args(kind)), Any)
    return ItemChanges(
        added=tuple(_converted(each, item) for each in change["added"]),
        removed=tuple(_converted(each, item) for each in change["removed"]),
        changed=tuple(_ends(item, each) for each in change["changed"]),
    )


def _ends(kind: Any, change: Mapping[str, Any]) -> FieldChange:
    before, after = (None if change.get(end) is None else _converted(change[end], kind) for end in ("from", "to"))
    return FieldChange(before, after)
