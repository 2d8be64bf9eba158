"""The webhook index: the webhooks that may fire for an event are found without checking all of them.

Most webhooks require one text in one field, such as a stage. They are indexed by that text, so that a thousand webhooks
of which none fires add nothing to the cost of a write.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple, Self
from uuid import UUID

import attrs

from crm_core.input.decimals import FixedPoint, written_decimal
from crm_core.model.plain_values import plain
from crm_core.webhooks.conditions import required_value
from crm_core.webhooks.entity import Webhook


class _Placed(NamedTuple):
    """A webhook and its place in the order of creation."""

    place: int
    webhook: Webhook


@attrs.frozen
class WebhookIndex:
    """The active webhooks of one model.

    Attributes:
        by_value: webhooks that fire only if a field equals a text, by field and text.
        others: webhooks whose conditions must be checked for every event.
    """

    by_value: Mapping[str, Mapping[str, Sequence[_Placed]]]
    others: Sequence[_Placed]

    @classmethod
    def of(cls, webhooks: Sequence[Webhook]) -> Self:
        """Return an index of the webhooks."""
        by_value: defaultdict[str, defaultdict[str, list[_Placed]]] = defaultdict(lambda: defaultdict(list))
        others: list[_Placed] = []
        for placed in map(_Placed, range(len(webhooks)), webhooks):
            required = required_value(placed.webhook.conditions, placed.webhook.condition_logic)
            (by_value[required.field][required.text] if required else others).append(placed)
        return cls(by_value, others)

    def candidates(self, record: object) -> list[Webhook]:
        """Return the webhooks that may fire for a record after a change (or before its delete), oldest first."""
        candidates = list(self.others)
        for name, by_text in self.by_value.items():
            for text in _texts(record, name, by_text):
                candidates += by_text.get(text, ())
        return [placed.webhook for placed in sorted(candidates, key=lambda placed: placed.place)]


def _texts(record: object, name: str, required: Iterable[str]) -> Iterable[str]:
    """Return those of some required texts that a field equals: the text that it is, or all spellings of its number."""
    top, _, attribute = name.partition(".")
    value = getattr(record, top, None)
    if attribute:
        value = value.get(attribute) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return (value,)
    if isinstance(value, FixedPoint):
        return [text for text in required if written_decimal(text) == value]
    return (plain(value),) if isinstance(value, UUID | date) else ()
