"""Records as the JSON documents that clients see, for every adapter.

The documents are stored as they are shown, so this is the one place where a value becomes bytes and bytes a value.
"""

from functools import cache
from typing import Any

import msgspec

from crm_core.resources import RESOURCES
from crm_core.webhooks.deliveries import Delivery

__all__ = ["body_of", "decode", "decode_list", "encode"]

_encoder = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    """A record, or anything made of plain values, as compact JSON."""
    return _encoder.encode(value)


def body_of(delivery: Delivery) -> bytes:
    """The exact bytes that a webhook is sent."""
    return b"" if delivery.body is None else encode(delivery.body)


def decode(resource: str, document: bytes) -> Any:
    """The entity that a stored document of the resource is."""
    return _decoder(resource).decode(document)


@cache
def _decoder(resource: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(RESOURCES[resource].entity)


def decode_list(resource: str, documents: bytes) -> tuple[Any, ...]:
    """The entities of an array of stored documents."""
    return _list_decoder(resource).decode(documents)


@cache
def _list_decoder(resource: str) -> msgspec.json.Decoder[tuple[Any, ...]]:
    entity: Any = RESOURCES[resource].entity
    return msgspec.json.Decoder(tuple[entity, ...])
