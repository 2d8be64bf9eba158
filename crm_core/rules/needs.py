"""Needs and Known: how rules and decisions say what they must know, and how they get it.

A rule is a generator function that reads from top to bottom. Where it must know something it yields :class:`Needs`, and
it is sent :class:`Known`, which answers these needs and all earlier ones of the same decision.

.. code-block:: python

    def validate_transfer_request(proposal: Proposal) -> Steps[Mapping[str, object]]:
        known = yield Needs(records=frozenset({student := Key("service", proposal.sent["student"])}))
        return {"student_name": known.value(student).name}

How a store finds the answers is no concern of the rule, nor is what is known already: it yields all that it needs.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cached_property, wraps
from typing import Any, Final, NamedTuple, ParamSpec, TypeAlias, TypeVar
from uuid import UUID

import attrs

from crm_core.model.accounts import Caller
from crm_core.model.entities import Attribute
from crm_core.webhooks.entity import Webhook
from crm_core.webhooks.index import WebhookIndex

P = ParamSpec("P")
T = TypeVar("T")


#: Names the users who are not disabled, in keys of references: only they can be newly referred to (decision 12).
ACTIVE_USER: Final = "active_user"


class Key(NamedTuple):
    """Names one record of one resource, or one user (``user`` or ACTIVE_USER, and a whole number)."""

    resource: str
    id: UUID | int


@attrs.frozen
class Record:
    """A stored entity with its version: 1 when new, one more with each change."""

    key: Key
    version: int
    value: Any


class Search(NamedTuple):
    """The records of a resource whose fields have the given values; a tuple of values means any of them, None also.

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
    def webhook_index(self) -> WebhookIndex:
        """Return the webhooks, arranged once for all events."""
        return WebhookIndex.of(self.webhooks)


@attrs.frozen(kw_only=True)
class Needs:
    """What a decision must know. It is true when there is anything.

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
        """Return both needs as one."""
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
        """Return what either knows."""
        return Known(
            records={**self.records, **other.records},
            references={**self.references, **other.references},
            children={**self.children, **other.children},
            counts={**self.counts, **other.counts},
            catalogs={**self.catalogs, **other.catalogs},
        )

    def lacks(self, needs: Needs) -> Needs:
        """Return the part of ``needs`` that is not known yet."""
        return Needs(
            records=needs.records - self.records.keys(),
            references=needs.references - self.references.keys() - self.records.keys(),
            children=needs.children - self.children.keys(),
            counts=needs.counts - self.counts.keys(),
            catalogs={name: version for name, version in needs.catalogs.items() if name not in self.catalogs},
        )

    def exists(self, key: Key) -> bool:
        """Return whether a needed reference is there."""
        if key in self.records:
            return self.records[key] is not None
        return self.references[key]

    def value(self, key: Key) -> object | None:
        """Return the entity of a needed record; None when it is not there."""
        record = self.records[key]
        return record.value if record else None


@attrs.frozen(kw_only=True)
class Proposal:
    """A record as a caller wants it, which the rules of a resource accept or refuse.

    Attributes:
        who: the caller.
        before: the record as it is, or None for a new one.
        sent: checked values of the fields that are to be set, already without those that had problems.
    """

    who: Caller
    before: Any
    sent: Mapping[str, Any]

    def value(self, name: str) -> Any:
        """Return a field as it would become; None when a new record has no such value yet."""
        return self.sent[name] if name in self.sent else getattr(self.before, name, None)

    def touches(self, *names: str) -> bool:
        """Return whether any of the fields is to be set."""
        return any(name in self.sent for name in names)


#: The steps of a rule or a decision: it yields what it must know, is sent what is known, and returns a T.
Steps: TypeAlias = Generator[Needs, Known, T]

#: A rule of a resource: returns more values to set. Raises InvalidError or NotFoundError.
Validate: TypeAlias = Callable[[Proposal], Steps[Mapping[str, object]]]

#: What else changes when a record has changed from one value to the next (None stands for no record): other records
#: that the rule needed as children, each with its new value.
Cascade: TypeAlias = Callable[[Any, Any], Steps[Sequence[tuple[Record, object]]]]


def without_needs(rule: Callable[P, T]) -> Callable[P, Steps[T]]:
    """Return a plain function as the steps of a rule that must know nothing."""

    @wraps(rule)
    def steps(*args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        yield from ()
        return rule(*args, **kwargs)

    return steps


def catalog_of(entity: str, who: Caller) -> Needs:
    """Return the need for an entity's catalog, as fresh as the caller's credentials were."""
    return Needs(catalogs={entity: who.catalogs.get(entity)})
