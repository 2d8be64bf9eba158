"""Which webhooks an event may concern, found without asking each of them.

Most webhooks wait for one text in one field, such as a stage. They are kept by that, so that a thousand of which none
fires cost a write as much as none.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple, Self
from uuid import UUID

import attrs

from crm_core.model.documents import plain
from crm_core.webhooks.conditions import required_value
from crm_core.webhooks.entity import Webhook


class _Placed(NamedTuple):
    """A webhook with its place among all."""

    place: int
    webhook: Webhook


@attrs.frozen
class WebhookIndex:
    """The active webhooks of one model.

    Attributes:
        waiting: those that fire only for records that have a text in a field, by both.
        others: those that must be asked about every event.
    """

    waiting: Mapping[str, Mapping[str, Sequence[_Placed]]]
    others: Sequence[_Placed]

    @classmethod
    def of(cls, webhooks: Sequence[Webhook]) -> Self:
        """Arrange webhooks."""
        waiting: defaultdict[str, defaultdict[str, list[_Placed]]] = defaultdict(lambda: defaultdict(list))
        others: list[_Placed] = []
        for placed in map(_Placed, range(len(webhooks)), webhooks):
            needed = required_value(placed.webhook.conditions, placed.webhook.condition_logic)
            (waiting[needed.field][needed.text] if needed else others).append(placed)
        return cls(waiting, others)

    def asked(self, record: object) -> list[Webhook]:
        """The webhooks that an event may concern which leaves a record like this, or deletes it, in their order."""
        found = list(self.others)
        for name, by_text in self.waiting.items():
            text = _text(record, name)
            if text in by_text:
                found += by_text[text]
        return [each.webhook for each in sorted(found, key=lambda placed: placed.place)]


def _text(record: object, name: str) -> str:
    """A field as conditions see it, if that is a text; what is none equals no text that is waited for."""
    top, _, attribute = name.partition(".")
    value = getattr(record, top, None)
    if attribute:
        value = value.get(attribute) if isinstance(value, Mapping) else None
    return str(plain(value)) if isinstance(value, str | UUID | date) else ""
