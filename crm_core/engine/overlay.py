"""The overlay: what is known, as it will be after writes that are decided and not yet committed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from crm_core.engine.changes import Changes, Put
from crm_core.model.entities import Attribute
from crm_core.model.records import Key, Record
from crm_core.resources import RESOURCES
from crm_core.rules.needs import Catalog, Holder, Known, Needs, Search, UniqueAttribute, UniqueValue
from crm_core.rules.uniqueness import UniqueKey, holder_among, unique_key
from crm_core.webhooks.entity import MODELS, Webhook


class Written(NamedTuple):
    """A record that was written; None stands for no record.

    Attributes:
        before: the stored record, before all of the writes.
        after: the record after them.
        hidden: the values beside it that were written.
        step: the step of the latest of these writes.
    """

    before: Record | None
    after: Record | None
    hidden: Mapping[str, UUID]
    step: int


class Overlay:
    """Collects the writes of decisions, and answers needs as if they had been committed."""

    def __init__(self) -> None:
        self._written: dict[Key, Written] = {}
        self._keys: defaultdict[str, dict[Key, None]] = defaultdict(dict)
        # The written records by resource and the value that a reference, or the id, has or had.
        self._index: defaultdict[tuple[str, str, object], dict[Key, None]] = defaultdict(dict)
        # The written records by the value that a unique attribute has or had, for attributes that were asked for.
        self._unique: dict[UniqueAttribute, defaultdict[UniqueKey, dict[Key, None]]] = {}

    def add(self, changes: Changes, known: Known, step: int) -> None:
        """Add the writes of a decision; ``known`` is what it knew."""
        stored = {child.key: child for children in known.children.values() for child in children}
        for write in changes.writes:
            key, earlier = write.key, self._written.get(write.key)
            before = earlier.before if earlier else stored.get(key) or known.records.get(key)
            hidden = {**(earlier.hidden if earlier else {}), **(write.hidden if isinstance(write, Put) else {})}
            after = Record(key, write.event.version, write.value) if isinstance(write, Put) else None
            self._written[key] = Written(before, after, hidden, step)
            self._keys[key.resource][key] = None
            for record in (before, after):
                if record is not None:
                    for name in _indexed(key.resource):
                        self._index[key.resource, name, getattr(record.value, name)][key] = None
            for attribute in self._unique:
                if attribute.entity == key.resource:
                    self._add_unique(attribute, key)

    def step_after(self, consulted: Iterable[Needs]) -> int | None:
        """Return the first step after all writes that change an answer to these needs; None if no write does."""
        steps = [self._written[key].step for needs in consulted for key in self._touching(needs)]
        return max(steps) + 1 if steps else None

    def base_of(self, needs: Needs) -> Needs:
        """Return what the store must say for ``answer`` to answer these needs."""
        searches = needs.children | needs.counts
        unsure = {question for search in searches for question in self._questions(search)}
        return Needs(
            records=frozenset(key for key in needs.records if key not in self._written),
            references=frozenset(key for key in needs.references if key not in self._written),
            children=needs.children,
            counts=needs.counts | unsure,
            catalogs=needs.catalogs,
            holders=needs.holders,
            duplicates=needs.duplicates,
        )

    def answer(self, needs: Needs, base: Known) -> Known:
        """Return the answers to needs, given what the store says."""
        written = self._written
        return Known(
            records={key: self.record(key, base) for key in needs.records},
            references={k: written[k].after is not None if k in written else base.exists(k) for k in needs.references},
            children={search: self._children(search, base) for search in needs.children},
            counts={search: self._count(search, base) for search in needs.counts},
            catalogs={entity: self._catalog(entity, base.catalogs[entity]) for entity in needs.catalogs},
            holders={asked: self._holder(asked, base.holders[asked]) for asked in needs.holders},
            duplicates={attribute: base.duplicates[attribute] for attribute in needs.duplicates},
        )

    def has(self, key: Key) -> bool:
        """Return whether a record was written."""
        return key in self._written

    def record(self, key: Key, base: Known) -> Record | None:
        """Return a record after the writes, given what the store says."""
        return self._written[key].after if key in self._written else base.records[key]

    # Searches

    def _children(self, search: Search, base: Known) -> tuple[Record, ...]:
        kept = (record for record in base.children[search] if record.key not in self._written)
        found = (written.after for written in self._found_after(search, base) if written.after)
        return tuple(sorted((*kept, *found), key=lambda record: str(record.key.id)))

    def _count(self, search: Search, base: Known) -> int:
        gone = sum(
            _holds(search, before, self._beside(key, {}, base))
            for key in self._candidates(search)
            if (before := self._written[key].before) is not None
        )
        return base.counts[search] - gone + len(self._found_after(search, base))

    def _found_after(self, search: Search, base: Known) -> list[Written]:
        """Return the written records that a search finds after the writes."""
        each = [(key, self._written[key]) for key in self._candidates(search)]
        return [
            written
            for key, written in each
            if written.after and _holds(search, written.after, self._beside(key, written.hidden, base))
        ]

    def _beside(self, key: Key, hidden: Mapping[str, UUID], base: Known) -> "_Beside":
        return _Beside(key, hidden, base if self._written[key].before else None)

    def _questions(self, search: Search) -> Iterator[Search]:
        """Yield what to ask the store about values that it keeps beside records which the search may find."""
        for name, value in search.where:
            if name in RESOURCES[search.resource].hidden:
                stored = (key for key in self._candidates(search) if self._written[key].before)
                yield from (_question(key, name, value) for key in stored)

    def _candidates(self, search: Search) -> Iterable[Key]:
        """Return the written records that a search may find, or may have found before."""
        indexed = _indexed(search.resource)
        known = [(name, value if isinstance(value, tuple) else (value,)) for name, value in search.where]
        buckets = [
            {key: None for value in values for key in self._index.get((search.resource, name, value), ())}
            for name, values in known
            if name in indexed
        ]
        if search.any_field and len(buckets) == len(known):
            return {key: None for bucket in buckets for key in bucket}
        if buckets and not search.any_field:
            return min(buckets, key=len)
        return self._keys.get(search.resource, ())

    # Unique values

    def _holder(self, asked: UniqueValue, stored: Holder | None) -> Holder | None:
        """Return the record that has a value after the writes, given the one that the store says."""
        after = (self._written[key].after for key in self._with_value(asked))
        found = holder_among(asked, (record.value for record in after if record))
        if found is not None or stored is None:
            return found
        return None if Key(asked.attribute.entity, stored.id) in self._written else stored

    def _with_value(self, asked: UniqueValue) -> Iterable[Key]:
        """Return the written records that have a value, or had it before."""
        attribute = asked.attribute
        if attribute not in self._unique:
            self._unique[attribute] = defaultdict(dict)
            for key in self._keys.get(attribute.entity, ()):
                self._add_unique(attribute, key)
        value = unique_key(attribute.type, asked.value)
        return () if value is None else self._unique[attribute].get(value, ())

    def _add_unique(self, attribute: UniqueAttribute, key: Key) -> None:
        for record in (self._written[key].before, self._written[key].after):
            held = unique_key(attribute.type, record.value.attributes.get(attribute.name)) if record else None
            if held is not None:
                self._unique[attribute][held][key] = None

    # Catalogs

    def _catalog(self, entity: str, base: Catalog) -> Catalog:
        changed = [self._written[key] for key in self._of_catalog(entity)]
        if not changed:
            return base
        gone = {each.before.value.id for each in changed if each.before}
        values = [each.after.value for each in changed if each.after and _watches(each.after.value, entity)]
        definitions = [each for each in base.definitions.values() if each.id not in gone]
        definitions += [value for value in values if isinstance(value, Attribute)]
        webhooks = [each for each in base.webhooks if each.id not in gone]
        webhooks += [value for value in values if isinstance(value, Webhook) and value.is_active]
        by_id = sorted(webhooks, key=lambda webhook: webhook.id)
        return Catalog(base.version, {each.name: each for each in definitions}, tuple(by_id))

    def _of_catalog(self, entity: str) -> Iterator[Key]:
        """Yield the written attributes and webhooks that an entity's catalog has or had."""
        for name in ("attribute", "webhook"):
            for key in self._keys.get(name, ()):
                records = (self._written[key].before, self._written[key].after)
                if any(record is not None and _watches(record.value, entity) for record in records):
                    yield key

    # Dependence

    def _touching(self, needs: Needs) -> Iterator[Key]:
        """Yield the written records that change an answer, or may."""
        yield from (key for key in (*needs.records, *needs.references) if key in self._written)
        for search in needs.children | needs.counts:
            for key in self._candidates(search):
                records = (self._written[key].before, self._written[key].after)
                if any(record is not None and _holds(search, record, None) for record in records):
                    yield key
        for entity in needs.catalogs:
            yield from self._of_catalog(entity)
        for asked in needs.holders:
            yield from self._with_value(asked)


class _Beside(NamedTuple):
    """What is kept beside a record: values that were written, and the store's answers about others.

    ``base`` is None for a new record, beside which nothing else is kept.
    """

    key: Key
    hidden: Mapping[str, UUID]
    base: Known | None

    def meets(self, name: str, value: object) -> bool:
        """Return whether the value of this name is the wanted one, or one of those."""
        if name in self.hidden or self.base is None:
            return self.hidden.get(name) in (value if isinstance(value, tuple) else (value,))
        return self.base.counts[_question(self.key, name, value)] > 0


def _holds(search: Search, record: Record, beside: _Beside | None) -> bool:
    """Return whether a search finds a record; without ``beside``, whether it may."""

    def is_met(name: str, value: object) -> bool:
        if name in RESOURCES[search.resource].hidden:
            return beside is None or beside.meets(name, value)
        return getattr(record.value, name) in (value if isinstance(value, tuple) else (value,))

    return (any if search.any_field else all)(is_met(name, value) for name, value in search.where)


def _question(key: Key, name: str, value: object) -> Search:
    """Return the search that finds a record if the store keeps the value beside it."""
    return Search(key.resource, (("id", key.id), (name, value)))


def _indexed(resource: str) -> tuple[str, ...]:
    return ("id", *RESOURCES[resource].references)


def _watches(value: object, entity: str) -> bool:
    """Return whether an attribute or webhook belongs to the catalog of an entity."""
    if isinstance(value, Attribute):
        return value.entity == entity
    return isinstance(value, Webhook) and MODELS[value.model][0] == entity
