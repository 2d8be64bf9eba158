"""Changes, and the running decision that leads to them.

Changes are records to put and to remove, their events, and the deliveries that follow. A store runs a decision, reads
what it needs, and commits its changes all or nothing, provided that what was known still holds; otherwise it starts the
decision again.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias
from uuid import UUID

import attrs

from crm_core.engine.receipts import ReceiptKey
from crm_core.model.events import Event
from crm_core.rules.needs import Key, Known, Needs, Steps
from crm_core.webhooks.deliveries import Delivery


@attrs.frozen
class Put:
    """A record to be written, with the event that tells of it.

    Attributes:
        key: its key.
        value: the entity.
        event: the change.
        hidden: values that are kept beside the document and never shown, by their names (``Resource.hidden``):
            searches can name them. Those that are not here stay as they are.
    """

    key: Key
    value: object
    event: Event
    hidden: Mapping[str, UUID] = attrs.field(factory=dict)


@attrs.frozen
class Remove:
    """A record to be deleted, with the event that tells of it."""

    key: Key
    event: Event


@attrs.frozen(kw_only=True)
class Changes:
    """What a decision wants committed, in this order, all or nothing; each record appears once.

    Attributes:
        writes: puts before removes of what they referred to, children's removes before their parent's.
        deliveries: the requests to webhooks that follow from the writes.
        answer: the record that the caller gets, as it is after the commit; None after a delete.
        receipt: the user and the idempotency key of the request; it is kept with the answer in the same commit.
    """

    writes: tuple[Put | Remove, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    answer: Key | None = None
    receipt: ReceiptKey | None = None


class DuplicateRequestError(Exception):
    """Another request with the same idempotency key was committed first."""


#: Starts a decision. It is pure: a store may start it several times before it commits what one run says.
Decide: TypeAlias = Callable[[], Steps[Changes]]


class Decision:
    """One run of a decision. A store keeps it while it reads what the decision must know.

    .. code-block:: python

        decision = Decision(decide)
        while decision.needs:
            decision.send(read(decision.needs))
        commit(decision.changes)

    When what was known does not hold at the commit, the store starts another run.

    Attributes:
        needs: what must be read next, never what is known already; false when the decision is made.
        known: all that it was sent.
    """

    def __init__(self, decide: Decide) -> None:
        self.needs = Needs()
        self.known = Known()
        self._changes: Changes | None = None
        self._steps = decide()
        self._advance(next)

    def send(self, known: Known) -> None:
        """Go on with the answer to ``needs``. Raises whatever the rules raise."""
        self.known |= known
        self._advance(self._resume)

    @property
    def changes(self) -> Changes:
        """Return what is to be committed, once nothing more is needed."""
        if self._changes is None:
            raise AssertionError("the decision must know more")
        return self._changes

    def _resume(self, steps: Steps[Changes]) -> Needs:
        return steps.send(self.known)

    def _advance(self, step: Callable[[Steps[Changes]], Needs]) -> None:
        try:
            needs = step(self._steps)
            while not (lacking := self.known.lacks(needs)):
                needs = self._steps.send(self.known)
        except StopIteration as end:
            self.needs, self._changes = Needs(), end.value
        else:
            self.needs = lacking
