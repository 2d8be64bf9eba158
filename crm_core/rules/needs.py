"""Needs and Known: how rules and decisions get the data that they need.

A rule is a generator function that reads from top to bottom. Where it needs data it yields :class:`Needs`, and is sent
:class:`Known`, which has the answers to these needs and to all earlier ones of the same decision.

.. code-block:: python

    def validate_transfer_request(proposal: Proposal) -> Steps[Mapping[str, object]]:
        known = yield Needs(records=frozenset({student := Key("service", proposal.sent["student"])}))
        return {"student_name": known.value(student).name}

A rule yields all that it needs, whatever is known already; the store decides how to find the answers.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import cached_property, wraps
from itertools import chain
from typing import Any, Final, NamedTuple, ParamSpec, TypeAlias, TypeVar
from uuid import UUID

import attrs

from crm_core.model.accounts import Caller
from crm_core.model.entities import Attribute
from crm_core.model.records import NOTHING_AHEAD, Document, Key, ReadAhead, Record
from crm_core.webhooks.entity import Webhook
from crm_core.webhooks.index import WebhookIndex

P = ParamSpec("P")
T = TypeVar("T")


#: The resource of users who are not disabled, in keys: only they can be newly referred to (decision 12).
ACTIVE_USER: Final = "active_user"


class Search(NamedTuple):
    """The records of a resource whose fields have the given values.

    Values are ids, texts, whole numbers and booleans, and None for a field without a value; a tuple of values means any
    of them. Texts are equal by code point. With ``any_field`` one of the fields is enough.
    """

    resource: str
    where: tuple[tuple[str, object], ...]
    any_field: bool = False


class UniqueAttribute(NamedTuple):
    """An attribute of an entity, of which no two records may have the same value, by its name and type."""

    entity: str
    name: str
    type: str


class UniqueValue(NamedTuple):
    """A value of a unique attribute, as records hold it.

    Attributes:
        attribute: the attribute.
        value: a text, number or date of at most ``rules.uniqueness.MAX_UNIQUE_LENGTH`` characters; not blank.
        is_building: a store may not have an index of the values yet. Then nobody else may get the value before the
            commit.
    """

    attribute: UniqueAttribute
    value: Any
    is_building: bool = False


class Holder(NamedTuple):
    """The record that has a value of a unique attribute.

    Attributes:
        id: its id.
        document: the record, if the store reads it together with the id.
    """

    id: UUID
    document: Document | None = None


@attrs.frozen
class Duplicates:
    """The records that keep an attribute from being unique.

    Attributes:
        groups: how many values several records have.
        first: the ids of the records of the first groups, by id; at most MAX_GROUPS, with MAX_GROUP_IDS of each.
        too_long: how many records have a text that is too long to be compared.
    """

    groups: int = 0
    first: tuple[tuple[UUID, ...], ...] = ()
    too_long: int = 0


#: The most groups of records with one value that are listed, and the most records of each.
MAX_GROUPS: Final = 20
MAX_GROUP_IDS: Final = 100


@attrs.frozen
class Catalog:
    """The attributes and active webhooks that users defined for one entity, at one version."""

    version: int
    definitions: Mapping[str, Attribute]
    webhooks: tuple[Webhook, ...]

    @cached_property
    def webhook_index(self) -> WebhookIndex:
        """Return an index of the webhooks, built once for all events."""
        return WebhookIndex.of(self.webhooks)


@attrs.frozen(kw_only=True)
class Needs:
    """The data that a decision needs. It is false if there is none.

    Attributes:
        records: whole records; the commit succeeds only if each still has the version that was read.
        references: keys for which only existence matters.
        children: all records that a search finds; they are read under locks on ``records``, so that none is missed.
        counts: how many records a search finds.
        catalogs: entities whose definitions and webhooks are needed, each with the lowest version that is fresh enough
            (the one read with the caller's credentials), or None for the current version.
        holders: values of unique attributes, for which it matters which record has one.
        duplicates: attributes that are to be unique.
        ahead: records that were read with the caller's credentials. A store may take them in the first run of a
            decision instead of reading them again.
    """

    records: frozenset[Key] = frozenset()
    references: frozenset[Key] = frozenset()
    children: frozenset[Search] = frozenset()
    counts: frozenset[Search] = frozenset()
    catalogs: Mapping[str, int | None] = attrs.field(factory=dict)
    holders: frozenset[UniqueValue] = frozenset()
    duplicates: frozenset[UniqueAttribute] = frozenset()
    ahead: ReadAhead = NOTHING_AHEAD

    def __or__(self, other: "Needs") -> "Needs":
        """Return both needs as one."""
        return Needs(
            records=self.records | other.records,
            references=self.references | other.references,
            children=self.children | other.children,
            counts=self.counts | other.counts,
            catalogs={**self.catalogs, **other.catalogs},
            holders=self.holders | other.holders,
            duplicates=self.duplicates | other.duplicates,
            ahead={**self.ahead, **other.ahead},
        )

    @classmethod
    def union(cls, several: "Iterable[Needs]") -> "Needs":
        """Return all of several needs as one. It takes time in proportion to their number, as ``|`` would not."""
        each = list(several)
        return cls(
            records=frozenset(chain.from_iterable(needs.records for needs in each)),
            references=frozenset(chain.from_iterable(needs.references for needs in each)),
            children=frozenset(chain.from_iterable(needs.children for needs in each)),
            counts=frozenset(chain.from_iterable(needs.counts for needs in each)),
            holders=frozenset(chain.from_iterable(needs.holders for needs in each)),
            duplicates=frozenset(chain.from_iterable(needs.duplicates for needs in each)),
            catalogs=dict(chain.from_iterable(needs.catalogs.items() for needs in each)),
            ahead=dict(chain.from_iterable(needs.ahead.items() for needs in each)),
        )

    def __bool__(self) -> bool:
        own = (self.records, self.references, self.children, self.counts, self.catalogs, self.holders, self.duplicates)
        return any(own)


@attrs.frozen(kw_only=True)
class Known:
    """The answers to needs; None for a record that does not exist, and for a value that no record has."""

    records: Mapping[Key, Record | None] = attrs.field(factory=dict)
    references: Mapping[Key, bool] = attrs.field(factory=dict)
    children: Mapping[Search, tuple[Record, ...]] = attrs.field(factory=dict)
    counts: Mapping[Search, int] = attrs.field(factory=dict)
    catalogs: Mapping[str, Catalog] = attrs.field(factory=dict)
    holders: Mapping[UniqueValue, Holder | None] = attrs.field(factory=dict)
    duplicates: Mapping[UniqueAttribute, Duplicates] = attrs.field(factory=dict)

    def __or__(self, other: "Known") -> "Known":
        """Return the answers of both as one."""
        if self is NOTHING_KNOWN:
            return other
        return Known(
            records={**self.records, **other.records},
            references={**self.references, **other.references},
            children={**self.children, **other.children},
            counts={**self.counts, **other.counts},
            catalogs={**self.catalogs, **other.catalogs},
            holders={**self.holders, **other.holders},
            duplicates={**self.duplicates, **other.duplicates},
        )

    def lacks(self, needs: Needs) -> Needs:
        """Return the part of ``needs`` that is not known yet."""
        if self is NOTHING_KNOWN:
            return needs
        # Not by ``-``, which would go through all that is known for each of the many decisions of a bulk.
        return Needs(
            records=frozenset(key for key in needs.records if key not in self.records),
            references=frozenset(k for k in needs.references if k not in self.references and k not in self.records),
            children=frozenset(search for search in needs.children if search not in self.children),
            counts=frozenset(search for search in needs.counts if search not in self.counts),
            catalogs={name: version for name, version in needs.catalogs.items() if name not in self.catalogs},
            holders=frozenset(value for value in needs.holders if value not in self.holders),
            duplicates=frozenset(attribute for attribute in needs.duplicates if attribute not in self.duplicates),
            ahead=needs.ahead,
        )

    def suffices(self, needs: Needs) -> bool:
        """Return whether all of ``needs`` is known: what ``lacks`` finds out, without saying what is lacking."""
        # Most needs are of one or two kinds, and this is found out several times in every decision.
        return (
            (not needs.catalogs or needs.catalogs.keys() <= self.catalogs.keys())
            and (not needs.holders or needs.holders <= self.holders.keys())
            and (not needs.references or all(k in self.references or k in self.records for k in needs.references))
            and (not needs.records or needs.records <= self.records.keys())
            and (not needs.children or needs.children <= self.children.keys())
            and (not needs.counts or needs.counts <= self.counts.keys())
            and (not needs.duplicates or needs.duplicates <= self.duplicates.keys())
        )

    def exists(self, key: Key) -> bool:
        """Return whether a needed reference exists."""
        if key in self.records:
            return self.records[key] is not None
        return self.references[key]

    def value(self, key: Key) -> object | None:
        """Return the entity of a needed record; None if it does not exist."""
        record = self.records[key]
        return record.value if record else None


#: What a decision needs in the end, and what it knows at first; neither changes, so that all decisions share them.
NO_NEEDS: Final = Needs()
NOTHING_KNOWN: Final = Known()


@attrs.frozen(kw_only=True)
class Proposal:
    """A record as the caller wants it to be; the rules of a resource accept or refuse it.

    Attributes:
        who: the caller.
        before: the current record, or None for a new one.
        sent: checked values of the fields to set, without those that had problems.
    """

    who: Caller
    before: Any
    sent: Mapping[str, Any]

    def value(self, name: str) -> Any:
        """Return the new value of a field; None if a new record has no value for it yet."""
        return self.sent[name] if name in self.sent else getattr(self.before, name, None)

    def touches(self, *names: str) -> bool:
        """Return whether any of the fields is set."""
        return not self.sent.keys().isdisjoint(names)


#: The steps of a rule or a decision: it yields the data that it needs, is sent what is known, and returns a T.
Steps: TypeAlias = Generator[Needs, Known, T]

#: A rule of a resource: returns more values to set. Raises InvalidError or NotFoundError.
Validate: TypeAlias = Callable[[Proposal], Steps[Mapping[str, object]]]

#: A rule of a resource: returns the other records that change with a record, each with its new value. Its arguments are
#: the values before and after (None for no record); it needs the other records as children.
Cascade: TypeAlias = Callable[[Any, Any], Steps[Sequence[tuple[Record, object]]]]


def without_needs(rule: Callable[P, T]) -> Callable[P, Steps[T]]:
    """Turn a plain function into a rule that needs no data (a decorator)."""

    @wraps(rule)
    def steps(*args: P.args, **kwargs: P.kwargs) -> Steps[T]:
        yield from ()
        return rule(*args, **kwargs)

    return steps


def catalog_of(entity: str, who: Caller) -> Needs:
    """Return the need for an entity's catalog, as fresh as the caller's credentials were."""
    return Needs(catalogs={entity: who.catalogs.get(entity)})
