"""Webhooks that name an attribute: what becomes of them when its name, values or type change (decision 130)."""

from collections.abc import Callable
from typing import TypeAlias

import attrs

from crm_core.errors import AttributeInUseError, UnregisteredError
from crm_core.input.fields import fields_of
from crm_core.input.readers import RefusedError
from crm_core.model.entities import ATTRIBUTE_PREFIX, Attribute
from crm_core.rules.conditions import read_conditions
from crm_core.webhooks.entity import MODELS, Condition, Webhook
from crm_core.webhooks.headers import MAX_HEADER_LENGTH
from crm_core.webhooks.requests import placeholders_of
from crm_core.webhooks.templates import with_renamed

#: Returns a webhook as it is after a change of an attribute. Raises AttributeInUseError.
ChangeWebhook: TypeAlias = Callable[[Webhook], Webhook]
#: Returns the new value that a condition compares with. Raises AttributeInUseError.
_NewValue: TypeAlias = Callable[[object], object]

_MAX_URL_LENGTH = fields_of(Webhook)["url"].limits["maxLength"]


def model_of(entity: str) -> str:
    """Return the model whose webhooks watch an entity. Raises UnregisteredError."""
    found = next((model for model, (name, _) in MODELS.items() if name == entity), None)
    if found is None:
        raise UnregisteredError(entity)
    return found


def names_attribute(webhook: Webhook, name: str) -> bool:
    """Return whether a condition, the URL or a header of a webhook names an attribute."""
    field = f"{ATTRIBUTE_PREFIX}{name}"
    return field in placeholders_of(webhook) or any(each.field == field for each in webhook.conditions)


def with_renamed_attribute(webhook: Webhook, old: str, new: str) -> Webhook:
    """Return a webhook with the new name of an attribute. Raises AttributeInUseError for what would be too long."""
    before, after = f"{ATTRIBUTE_PREFIX}{old}", f"{ATTRIBUTE_PREFIX}{new}"
    headers = {name: with_renamed(template, before, after) for name, template in webhook.headers.items()}
    url = with_renamed(webhook.url, before, after)
    if len(url) > _MAX_URL_LENGTH or any(len(each.encode()) > MAX_HEADER_LENGTH for each in headers.values()):
        raise AttributeInUseError(f"The URL or a header of the webhook {webhook.name} would be too long.")
    conditions = tuple(attrs.evolve(each, field=after) if each.field == before else each for each in webhook.conditions)
    return attrs.evolve(webhook, url=url, headers=headers, conditions=conditions)


def with_renamed_value(webhook: Webhook, attribute: str, old: str, new: str) -> Webhook:
    """Return a webhook whose conditions compare an attribute with the new one of its values."""
    return _with_values(webhook, attribute, lambda value: new if value == old else value)


def with_converted_values(webhook: Webhook, after: Attribute, convert: _NewValue) -> Webhook:
    """Return a webhook whose conditions compare a converted attribute.

    Args:
        webhook: the webhook.
        after: the attribute after the conversion.
        convert: returns a converted value.

    Raises AttributeInUseError for a condition that would not make sense any more.
    """
    changed = _with_values(webhook, after.name, convert)
    about = [each for each in changed.conditions if each.field == f"{ATTRIBUTE_PREFIX}{after.name}"]
    try:
        read_conditions(webhook.model, {after.name: after}, about, ())
    except RefusedError:
        raise AttributeInUseError(
            f"A condition of the webhook {webhook.name} cannot be used with the type {after.type}: change it first."
        ) from None
    return changed


def _with_values(webhook: Webhook, attribute: str, change: _NewValue) -> Webhook:
    field = f"{ATTRIBUTE_PREFIX}{attribute}"
    conditions = tuple(_with_value(each, change) if each.field == field else each for each in webhook.conditions)
    return attrs.evolve(webhook, conditions=conditions)


def _with_value(condition: Condition, change: _NewValue) -> Condition:
    value = condition.value
    if condition.operator == "in" and isinstance(value, list | tuple):
        changed = [None if item is None else change(item) for item in value]
        return attrs.evolve(condition, value=[item for at, item in enumerate(changed) if item not in changed[:at]])
    return condition if value is None else attrs.evolve(condition, value=change(value))
