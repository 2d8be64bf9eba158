"""The webhook and its conditions: the one description of their fields."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import attrs

from crm_core.input.fields import (
    boolean,
    choice,
    identity,
    items,
    json_value,
    mapping,
    output_only,
    text,
    texts,
)
from crm_core.webhooks import conditions, templates

MAX_CONDITIONS: Final = 50


@attrs.frozen(kw_only=True, slots=False)
class Condition:
    """One rule that a webhook's event must meet (``api.md`` 13)."""

    field: str = text(max_length=120)
    operator: str = choice(*conditions.OPERATORS)
    value: object = json_value()


@attrs.frozen(kw_only=True, slots=False)
class Webhook:
    """A request to be sent when records of a model change (``api.md`` 13, rulings 26 to 30)."""

    id: UUID = identity()
    name: str = text()
    model: str = choice("Lead", "Client", "Service", "FollowUp")
    url: str = text(max_length=2_048)
    method: str = choice("POST", "PUT", "PATCH", "DELETE", "GET", default="POST")
    headers: Mapping[str, str] = mapping(templates.read_headers, secret=True)
    is_active: bool = boolean(default=True)
    conditions: tuple[Condition, ...] = items(Condition, max_items=MAX_CONDITIONS)
    condition_logic: str = choice("AND", "OR", default="AND")
    events: tuple[str, ...] = texts(max_items=3, options=("created", "updated", "deleted"))
    disabled_reason: str | None = output_only("text")
