"""Encodes and decodes records as JSON, for every adapter.

Documents are stored as clients see them, so this is the only module that converts between values and bytes.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from crm_core.extras import needs
from crm_core.input.decimals import FixedPoint, fixed_point
from crm_core.input.fields import fields_of
from crm_core.input.numbers import Number, parse_decimal
from crm_core.model.events import Event
from crm_core.resources import RESOURCES, Resource
from crm_core.webhooks.deliveries import Delivery

with needs("memory"):
    import msgspec

__all__ = ["body_of", "decode", "decode_list", "encode", "feed_body"]


def _as_it_is_written(value: object) -> object:
    if isinstance(value, FixedPoint):
        return str(value)
    if isinstance(value, Number):
        return msgspec.Raw(str(value).encode())
    raise NotImplementedError(type(value).__name__)


# Numbers keep their digits: those with a point or an exponent are Decimals on the way in and out.
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_as_it_is_written)


def encode(value: object) -> bytes:
    """Return a record or plain values as compact JSON."""
    return _encoder.encode(value)


def body_of(delivery: Delivery) -> bytes:
    """Return the exact bytes of a delivery's body."""
    return encode(delivery.body)


def feed_body(event: Event, transaction: str | None = None) -> bytes:
    """Return an event as the change feed shows it, but for its ``id``; in archives it has no transaction either."""
    members = {
        "resource": event.resource,
        "record": event.record,
        "version": event.version,
        "kind": event.kind,
        "at": event.at,
        "actor": event.actor,
        "actor_name": event.actor_name,
        "request_id": event.request_id,
        **({} if transaction is None else {"transaction": transaction}),
        "changes": event.changes,
        "cause": event.cause,
    }
    return encode(members)


def decode(resource: str, document: bytes) -> Any:
    """Return the entity of a stored document of a resource."""
    return _decoder(RESOURCES[resource]).decode(document)


@cache
def _decoder(resource: Resource) -> msgspec.json.Decoder[Any]:
    entity = resource.entity
    return msgspec.json.Decoder(entity, float_hook=parse_decimal, dec_hook=_hook_of(entity))


def decode_list(resource: str, documents: bytes) -> tuple[Any, ...]:
    """Return the entities of a JSON array of stored documents."""
    return _list_decoder(RESOURCES[resource]).decode(documents)


@cache
def _list_decoder(resource: Resource) -> msgspec.json.Decoder[tuple[Any, ...]]:
    entity: Any = resource.entity
    return msgspec.json.Decoder(tuple[entity, ...], float_hook=parse_decimal, dec_hook=_hook_of(entity))


def _hook_of(entity: type) -> Callable[[type, object], object] | None:
    """Return the hook for the decimals of an entity; it is asked for every attribute, too, so others go without."""
    fields = list(fields_of(entity).values())
    inner = [field for outer in fields if outer.item for field in fields_of(outer.item).values()]
    return fixed_point if any(field.precision for field in (*fields, *inner)) else None
