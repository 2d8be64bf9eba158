"""What a decision wants committed: records to put and to remove, their events, and the deliveries that follow.

A store reads what a decision needs, asks it, and commits the answer all or nothing, provided that what was known still
holds; otherwise it reads and asks again.
"""

from collections.abc import Callable
from typing import TypeAlias

import attrs

from crm_core.engine.receipts import ReceiptKey
from crm_core.model.events import Event
from crm_core.rules.needs import Key, Known, Needs
from crm_core.webhooks.deliveries import Delivery


@attrs.frozen
class Put:
    """Write a record as it is now, and the event that tells of it."""

    key: Key
    value: object
    event: Event


@attrs.frozen
class Remove:
    """Delete a record, and the event that tells of it."""

    key: Key
    event: Event


@attrs.frozen(kw_only=True)
class Changes:
    """What a decision wants committed, in this order, all or nothing; each record appears once.

    Attributes:
        writes: puts before removes of what they referred to, children's removes before their parent's.
        deliveries: what webhooks are told of the writes.
        answer: the record that the caller is shown, as it is after the commit; None after a delete.
        receipt: whose request it is and by what it is known; it is kept with the answer in the same commit.
    """

    writes: tuple[Put | Remove, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    answer: Key | None = None
    receipt: "ReceiptKey | None" = None


class DuplicateRequestError(Exception):
    """At the commit: a request with the same idempotency key has been committed meanwhile."""


#: Pure: it may be asked several times before an answer of it is committed.
Decide: TypeAlias = Callable[[Known], Changes | Needs]
