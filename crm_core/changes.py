"""The language between deciding and storing: what must be known, what is known, what changes.

A change is two values: :class:`Needs` and a pure function from :class:`Known` to :class:`Changes`. The store reads the
needs, asks, and commits the answer all or nothing, provided that what was known still holds; otherwise it reads and
asks again. A decision may also answer with further needs, when what it must know depends on what it has seen.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import attrs

from crm_core.accounts import Caller, Idempotency
from crm_core.deliveries import Delivery
from crm_core.entities import Attribute, Webhook
from crm_core.events import Event
from crm_core.listeners import Listeners


class Key(NamedTuple):
    """Names one record of one resource, or one user (``user`` and a whole number)."""

    resource: str
    id: UUID | int


@attrs.frozen
class Record:
    """A stored entity with its version: 1 when new, one more with each change."""

    key: Key
    version: int
    value: Any


class Search(NamedTuple):
    """The records of a resource whose fields have the given values; a tuple of values means any of them.

    With ``any_field`` one of the fields is enough.
    """

    resource: str
    where: tuple[tuple[str, object], ...]
    any_field: bool = False


@attrs.frozen
class Catalog:
    """What users defined for one entity: attributes and active webhooks, as of one version of them."""

    version: int
    definitions: Mapping[str, Attribute]
    webhooks: tuple[Webhook, ...]

    @cached_property
    def listeners(self) -> Listeners:
        """The webhooks, arranged once for all events."""
        return Listeners.of(self.webhooks)


@attrs.frozen(kw_only=True)
class Needs:
    """What a decision must know.

    Attributes:
        records: whole records; the commit holds only if each still has the version that was read.
        references: ids of which it matters only whether they exist.
        children: all records that a search finds. They are read under locks on ``records``, so that none is missed.
        counts: how many records a search finds.
        catalogs: entities whose definitions and webhooks matter, with the least version that is fresh enough
            (seen with the caller's credentials), or None to look.
    """

    records: frozenset[Key] = frozenset()
    references: frozenset[Key] = frozenset()
    children: frozenset[Search] = frozenset()
    counts: frozenset[Search] = frozenset()
    catalogs: Mapping[str, int | None] = attrs.field(factory=dict)

    def __or__(self, other: "Needs") -> "Needs":
        """Both needs as one."""
        return Needs(
            records=self.records | other.records,
            references=self.references | other.references,
            children=self.children | other.children,
            counts=self.counts | other.counts,
            catalogs={**self.catalogs, **other.catalogs},
        )

    def __bool__(self) -> bool:
        return bool(self.records or self.references or self.children or self.counts or self.catalogs)


@attrs.frozen(kw_only=True)
class Known:
    """The answers to needs; what was looked for and is not there is None."""

    records: Mapping[Key, Record | None] = attrs.field(factory=dict)
    references: Mapping[Key, bool] = attrs.field(factory=dict)
    children: Mapping[Search, tuple[Record, ...]] = attrs.field(factory=dict)
    counts: Mapping[Search, int] = attrs.field(factory=dict)
    catalogs: Mapping[str, Catalog] = attrs.field(factory=dict)

    def __or__(self, other: "Known") -> "Known":
        """What either knows."""
        return Known(
            records={**self.records, **other.records},
            references={**self.references, **other.references},
            children={**self.children, **other.children},
            counts={**self.counts, **other.counts},
            catalogs={**self.catalogs, **other.catalogs},
        )

    def lacks(self, needs: Needs) -> Needs:
        """The part of ``needs`` that is not known yet."""
        return Needs(
            records=needs.records - self.records.keys(),
            references=needs.references - self.references.keys() - self.records.keys(),
            children=needs.children - self.children.keys(),
            counts=needs.counts - self.counts.keys(),
            catalogs={name: version for name, version in needs.catalogs.items() if name not in self.catalogs},
        )

    def exists(self, key: Key) -> bool:
        """Whether a needed reference is there."""
        if key in self.records:
            return self.records[key] is not None
        return self.references[key]

    def value(self, key: Key) -> object | None:
        """The entity of a needed record, if it is there."""
        record = self.records[key]
        return record.value if record else None


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


class DoneBeforeError(Exception):
    """At the commit: a request with the same idempotency key has been committed meanwhile."""


#: Pure: it may be asked several times before an answer of it is committed.
Decide: TypeAlias = Callable[[Known], Changes | Needs]


class Document(NamedTuple):
    """A record as clients see it: JSON bytes, and the version that they show.

    With ``is_replayed`` it is what an earlier request with the same idempotency key was answered.
    """

    version: int
    body: bytes
    is_replayed: bool = False


#: How long a request is known when it comes again.
RECEIPTS_KEPT: Final = timedelta(hours=24)


class ReceiptKey(NamedTuple):
    """Whose request it was, by id, and by what it is known."""

    user: int
    idempotency: Idempotency


class Receipt(NamedTuple):
    """That a request was carried out: what it was, and the answer to it."""

    fingerprint: bytes
    record: UUID
    answer: Document


@attrs.frozen(kw_only=True)
class Proposal:
    """A record as somebody wants it: what the rules of a resource are asked about.

    Attributes:
        who: the caller.
        before: the record as it is, or None for a new one.
        sent: checked values of the fields that are to be set, already without those that had problems.
    """

    who: Caller
    before: Any
    sent: Mapping[str, Any]

    def value(self, name: str) -> Any:
        """A field as it would become; None when a new record has no such value yet."""
        return self.sent[name] if name in self.sent else getattr(self.before, name, None)

    def touches(self, *names: str) -> bool:
        """Whether any of the fields is to be set."""
        return any(name in self.sent for name in names)


#: A rule of a resource: more values to set, or what must be known first. Raises InvalidError.
Settle: TypeAlias = Callable[[Proposal, Known], "Needs | Mapping[str, object]"]

#: What else changes when a record has changed from one value to the next: other records, or what must be known first.
Follow: TypeAlias = Callable[[Any, Any, Known], "Needs | Mapping[Key, object]"]


def catalog_of(entity: str, who: Caller) -> Needs:
    """The need for an entity's catalog, as fresh as the caller's credentials were."""
    return Needs(catalogs={entity: who.catalogs.get(entity)})
