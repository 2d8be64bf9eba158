"""The fields of webhooks and their conditions, and the models that webhooks can watch."""

import datetime as dt
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, get_args
from uuid import UUID

import attrs

from crm_core.errors import UnregisteredError
from crm_core.input.declarations import (
    boolean,
    choice,
    choice_of,
    identity,
    items,
    json_value,
    last_change,
    mapping,
    output_only,
    text,
    texts,
    user,
)
from crm_core.model.entities import Client, FollowUp, Lead, Service
from crm_core.model.events import EventKind
from crm_core.model.registered import DerivedTable, registered
from crm_core.webhooks.conditions import OPERATORS, Logic, OperatorName
from crm_core.webhooks.headers import read_headers, redacted_headers
from crm_core.webhooks.urls import redacted_url

MAX_CONDITIONS: Final = 50
#: How long the previous secrets of a webhook go on signing after a rotation.
SECRET_OVERLAP: Final = timedelta(hours=24)

#: The models that webhooks can watch: their names on the wire, the names of their resources, and their entities.
MODELS: Final[Mapping[str, tuple[str, type]]] = DerivedTable(
    lambda: {
        "Lead": ("lead", Lead),
        "Client": ("client", Client),
        "Service": ("service", Service),
        "FollowUp": ("follow_up", FollowUp),
        **{each.entity.__name__: (each.name, each.entity) for each in registered() if each.has_catalog},
    },
    UnregisteredError,
)

_EVENT_KINDS: Final[tuple[EventKind, ...]] = get_args(EventKind)


@attrs.frozen(kw_only=True, slots=False)
class Condition:
    """A condition that a record must meet for a webhook to fire (``api.md`` 13).

    Attributes:
        field: a field of the model, or ``attributes.`` and the name of an attribute.
        operator: how to compare; ``changed`` and ``changed_to`` compare with the record before the change.
        value: what to compare with: a text, number, boolean or null; a list for ``in``; left out for ``changed``.
    """

    field: str = text(max_length=120)
    operator: OperatorName = choice(*OPERATORS)
    value: object = json_value()


@attrs.frozen(kw_only=True, slots=False)
class Webhook:
    """A subscription to changes of the records of a model (``api.md`` 13, decisions 26 to 30).

    Attributes:
        id: the id of the record, which the server sets.
        name: the name of the webhook.
        model: the kind of records that it watches.
        url: the http or https URL that is called; ``{field}`` in its path or query stands for a field of the record.
        method: the HTTP method of the call; GET sends no body.
        headers: further headers of the call, by name; ``{field}`` stands for a field of the record.
        is_active: whether it is called at all.
        conditions: what a record must meet; without conditions every record does.
        condition_logic: whether all conditions must be met (``AND``) or one is enough (``OR``).
        events: the changes that it is called for; all of them unless some are sent.
        disabled_reason: why the server disabled it; null if it did not.
        created_by: the id of the user who created it.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

    id: UUID = identity()
    name: str = text()
    model: str = choice_of(MODELS)
    url: str = text(max_length=2_048, redact=redacted_url)
    method: str = choice("POST", "PUT", "PATCH", "DELETE", "GET", default="POST")
    headers: Mapping[str, str] = mapping(read_headers, redact=redacted_headers)
    is_active: bool = boolean(default=True)
    conditions: tuple[Condition, ...] = items(Condition, max_items=MAX_CONDITIONS)
    condition_logic: Logic = choice(*get_args(Logic), default="AND")
    events: tuple[str, ...] = texts(options=_EVENT_KINDS)
    disabled_reason: str | None = output_only("text")
    created_by: int | None = user(output_only=True)
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")
