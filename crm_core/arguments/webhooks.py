"""What the operations of webhooks take.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict

from crm_core.arguments.items import ConditionInput
from crm_core.webhooks.entity import Condition


class WebhookCreate(TypedDict, total=False):
    """The fields of a new webhook.

    Attributes:
        name: the name of the webhook.
        model: the kind of records that it watches.
        url: the http or https URL that is called; ``{field}`` in its path or query stands for a field of the record.
        method: the HTTP method of the call; GET sends no body. Default: ``POST``.
        headers: further headers of the call, by name; ``{field}`` stands for a field of the record.
        is_active: whether it is called at all. Default: ``True``.
        conditions: what a record must meet; without conditions every record does.
        condition_logic: whether all conditions must be met (``AND``) or one is enough (``OR``). Default: ``AND``.
        events: the changes that it is called for; all of them unless some are sent. Default: ``created, updated,
            deleted``.
    """

    name: Required[str]
    model: Required[Literal["Lead", "Client", "Service", "FollowUp"]]
    url: Required[str]
    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"]
    headers: Mapping[str, str]
    is_active: bool
    conditions: Sequence[ConditionInput | Condition]
    condition_logic: Literal["AND", "OR"]
    events: Sequence[Literal["created", "updated", "deleted"]]


class WebhookUpdate(TypedDict, total=False):
    """The fields of a webhook that can be changed.

    Attributes:
        name: the name of the webhook.
        model: the kind of records that it watches.
        url: the http or https URL that is called; ``{field}`` in its path or query stands for a field of the record.
        method: the HTTP method of the call; GET sends no body.
        headers: further headers of the call, by name; ``{field}`` stands for a field of the record.
        is_active: whether it is called at all.
        conditions: what a record must meet; without conditions every record does.
        condition_logic: whether all conditions must be met (``AND``) or one is enough (``OR``).
        events: the changes that it is called for; all of them unless some are sent.
    """

    name: str
    model: Literal["Lead", "Client", "Service", "FollowUp"]
    url: str
    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"]
    headers: Mapping[str, str]
    is_active: bool
    conditions: Sequence[ConditionInput | Condition]
    condition_logic: Literal["AND", "OR"]
    events: Sequence[Literal["created", "updated", "deleted"]]


class WebhookMerge(TypedDict, total=False):
    """The fields of a webhook that can be merged; None resets a field.

    Attributes:
        name: the name of the webhook.
        model: the kind of records that it watches.
        url: the http or https URL that is called; ``{field}`` in its path or query stands for a field of the record.
        method: the HTTP method of the call; GET sends no body. Default: ``POST``.
        headers: further headers of the call, by name; ``{field}`` stands for a field of the record.
        is_active: whether it is called at all. Default: ``True``.
        conditions: what a record must meet; without conditions every record does.
        condition_logic: whether all conditions must be met (``AND``) or one is enough (``OR``). Default: ``AND``.
        events: the changes that it is called for; all of them unless some are sent. Default: ``created, updated,
            deleted``.
    """

    name: str
    model: Literal["Lead", "Client", "Service", "FollowUp"]
    url: str
    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"] | None
    headers: Mapping[str, str] | None
    is_active: bool | None
    conditions: Sequence[ConditionInput | Condition] | None
    condition_logic: Literal["AND", "OR"] | None
    events: Sequence[Literal["created", "updated", "deleted"]] | None


class WebhookFilters(TypedDict, total=False):
    """Which webhooks are listed, and in which order.

    Attributes:
        name: only those whose ``name`` contains this text; case and accents are ignored.
        model: only those with this ``model``.
        is_active: only those with this ``is_active``.
        created_by: only those with this ``created_by``.
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        created_by__isnull: only those without ``created_by``, or with ``False`` those that have one.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        search: only those that have each of these words, or phrases in quotes, in: name.
        ordering: the order; without it newest first.
    """

    name: str
    model: Literal["Lead", "Client", "Service", "FollowUp"]
    is_active: bool
    created_by: int
    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    created_by__isnull: bool
    updated_at__isnull: bool
    search: str
    ordering: Literal["name", "-name", "updated_at", "-updated_at"]
