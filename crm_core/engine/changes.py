"""Changes, and the run of a decision that returns them.

Changes are records to put and to remove, their events, and the deliveries that follow. A store runs a decision, reads
what it needs, and commits its changes all or nothing, provided that everything that was known is still true; otherwise
it starts another run.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias
from uuid import UUID

import attrs

from crm_core.engine.receipts import ReceiptKey
from crm_core.model.events import Event
from crm_core.model.records import Key
from crm_core.rules.needs import Known, Needs, Steps
from crm_core.webhooks.deliveries import Delivery


@attrs.frozen
class Put:
    """A record to write, with its event.

    Attributes:
        key: its key.
        value: the entity.
        event: the change.
        hidden: values that are stored beside the document and never shown, by name (``Resource.hidden``); searches can
            use them. Names that are missing here keep their values.
    """

    key: Key
    value: object
    event: Event
    hidden: Mapping[str, UUID] = attrs.field(factory=dict)


@attrs.frozen
class Remove:
    """A record to delete, with its event."""

    key: Key
    event: Event


@attrs.frozen(kw_only=True)
class Changes:
    """The result of a decision: what to commit, in this order, all or nothing. Each record appears once.

    Attributes:
        writes: a put comes before the remove of a record that it referred to, and children before their parent.
        deliveries: the requests to webhooks that follow from the writes.
        answer: the key of the record that the caller gets, as it is after the commit; None after a delete.
        receipt: the user and the idempotency key of the request; it is kept with the answer in the same commit.
    """

    writes: tuple[Put | Remove, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    answer: Key | None = None
    receipt: ReceiptKey | None = None


#: Starts a decision. It is pure: a store may start it several times before it commits the changes of one run.
Decide: TypeAlias = Callable[[], Steps[Changes]]


class Decision:
    """One run of a decision. A store keeps it while it reads what the decision needs.

    .. code-block:: python

        decision = Decision(decide)
        while decision.needs:
            decision.send(read(decision.needs))
        commit(decision.changes)

    If something that was known is no longer true at the commit, the store starts another run.

    Attributes:
        needs: what must be read next, without what is known already; false when the decision is complete.
        known: everything that it was sent.
    """

    def __init__(self, decide: Decide) -> None:
        self.needs = Needs()
        self.known = Known()
        self._changes: Changes | None = None
        self._steps = decide()
        self._advance(next)

    def send(self, known: Known) -> None:
        """Continue with the answers to ``needs``. Raises the errors of the rules."""
        self.known |= known
        self._advance(self._resume)

    @property
    def changes(self) -> Changes:
        """Return what to commit, once nothing more is needed."""
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
