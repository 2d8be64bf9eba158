"""Changes: the result of a decision, which a store commits all or nothing.

They are records to put and to remove, their events, and the deliveries that follow.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias
from uuid import UUID

import attrs

from crm_core.engine.receipts import Document, ReceiptKey
from crm_core.imports.runs import Advance
from crm_core.model.accounts import Caller
from crm_core.model.entities import Attribute
from crm_core.model.events import Event
from crm_core.model.records import Key
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
    """A record to delete, with its event. After the event of an erasure no store keeps a value of the record.

    Attributes:
        key: its key.
        event: the change, ``deleted`` or ``erased``.
        is_stored: whether the record is there; one that was deleted before can still be erased.
    """

    key: Key
    event: Event
    is_stored: bool = True


class Copy(NamedTuple):
    """A field of a record that held a copy of a value that is erased; the record itself stays.

    Attributes:
        key: the key of the record.
        field: the name of the field. In the record's events only its latest value stays.
    """

    key: Key
    field: str


class Reply(NamedTuple):
    """An answer that is no record: JSON, and an id for its receipt."""

    id: UUID
    body: bytes

    @property
    def document(self) -> Document:
        """Return it as a document. It has no versions."""
        return Document(0, self.body)


#: Returns the new values of attributes by their names, given the value that a record holds; None takes one away.
#: Raises errors of the core, which refuse the whole.
NewValues: TypeAlias = Callable[[object], Mapping[str, object]]


@attrs.frozen(kw_only=True)
class Rewrite:
    """A change of the values of an attribute in all records that hold it (``engine.rewrites``).

    Attributes:
        name: the name under which records hold the values.
        new_values: returns what becomes of a value.
        before: the definition before the change.
        after: the definition after it. A store with indexes for attributes puts those of ``after`` in place of those of
            ``before`` in the same commit.
        who: the caller.
        cause: why the records change (``Event.cause``).
        item: only records change whose value is this text, or a list that has it; None for all.
        unlike: records that hold the same value under this name do not change.
    """

    name: str
    new_values: NewValues = attrs.field(eq=False)  # functions are equal to nothing but themselves
    before: Attribute
    after: Attribute
    who: Caller
    cause: Mapping[str, object]
    item: str | None = None
    unlike: str | None = None


@attrs.frozen(kw_only=True)
class Changes:
    """The result of a decision: what to commit, in this order, all or nothing.

    Attributes:
        writes: a put comes before the remove of a record that it referred to, and children before their parent. A
            record appears once in each step.
        steps: the places in ``writes`` where a new step begins. What a step writes can depend on all earlier steps, so
            a store that writes many records by one statement ends it there.
        deliveries: the requests to webhooks that follow from the writes.
        answer: the key of the record that the caller gets, as it is after the commit, or the answer itself; None after
            a delete.
        receipt: the user and the idempotency key of the request; it is kept with the answer in the same commit.
        advance: the step of an import that is made in the same commit. A store without ImportRuns is never given one.
        copies: copies of erased values. Their records' events and receipts lose them in the same commit.
        erased_texts: the names and ids of what is erased. Refused rows of imports that have one of them are forgotten
            in the same commit.
        rewrite: a change of the values of an attribute in all records that hold it. The store makes it after the
            writes, in the same commit; nobody can write a value in the meantime that it would miss.
    """

    writes: tuple[Put | Remove, ...] = ()
    steps: tuple[int, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    answer: Key | Reply | None = None
    receipt: ReceiptKey | None = None
    advance: Advance | None = None
    copies: tuple[Copy, ...] = ()
    erased_texts: tuple[str, ...] = ()
    rewrite: Rewrite | None = None

    @property
    def erasures(self) -> Sequence[Event]:
        """Return the events of the erasures.

        What the store holds of these records is erased in the same commit: the values in their earlier events
        (``erased_events``), their earlier deliveries, and the answers in their receipts
        (``receipts.ERASED_ANSWER``).
        """
        return [write.event for write in self.writes if write.event.kind == "erased"]
