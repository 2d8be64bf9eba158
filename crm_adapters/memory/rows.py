"""The records in memory: documents with their values, and the searches and lists of them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import attrs

from crm_adapters import json_documents
from crm_core.engine.changes import Put, Remove
from crm_core.engine.matching import cursor_of, matches, sort_key
from crm_core.engine.queries import Query
from crm_core.engine.receipts import Document
from crm_core.model.authors import with_author
from crm_core.model.records import Key, Record
from crm_core.rules.needs import Search


@attrs.frozen
class Row:
    """A record as it is kept.

    Attributes:
        version: its version.
        body: its document.
        value: its value.
        hidden: what is kept beside the document.
    """

    version: int
    body: bytes
    value: Any
    hidden: Mapping[str, object]

    def get(self, name: str) -> object:
        """Return a field, or what is kept beside the document."""
        return getattr(self.value, name) if hasattr(self.value, name) else self.hidden.get(name)


def written_row(write: Put | Remove, before: Row | None) -> Row | None:
    """Return the row of a record after a write; None if the record is removed."""
    if isinstance(write, Remove):
        return None
    body = json_documents.encode(write.value)
    value = json_documents.decode(write.key.resource, body)
    hidden = {**before.hidden, **write.hidden} if before else write.hidden
    return Row(write.event.version, body, value, hidden)


class MemoryRows:
    """The rows of all resources."""

    def __init__(self) -> None:
        self._by_resource: defaultdict[str, dict[UUID | int, Row]] = defaultdict(dict)

    def of(self, resource: str) -> Mapping[UUID | int, Row]:
        """Return the rows of a resource by id, in the order in which they were written."""
        return self._by_resource[resource]

    def by_id(self, resource: str) -> Sequence[tuple[UUID | int, Row]]:
        """Return the ids and rows of a resource, in the order of the ids."""
        return sorted(self._by_resource[resource].items())

    def values(self, resource: str) -> Iterator[Any]:
        """Yield the values of a resource."""
        return (row.value for row in self._by_resource[resource].values())

    def get(self, key: Key) -> Row | None:
        """Return the row of a record, or None."""
        return self._by_resource[key.resource].get(key.id)

    def document(self, key: Key) -> Document | None:
        """Return a record as clients see it, or None."""
        row = self.get(key)
        return Document(row.version, row.body) if row else None

    def record(self, key: Key) -> Record | None:
        """Return a record, or None."""
        row = self.get(key)
        return Record(key, row.version, row.value) if row else None

    def records(self, resource: str) -> Sequence[Record]:
        """Return the records of a resource, by id."""
        return [Record(Key(resource, id_), row.version, row.value) for id_, row in self.by_id(resource)]

    def keep(self, key: Key, row: Row | None) -> Row | None:
        """Put a row in place of another, or remove it; return the earlier one."""
        rows = self._by_resource[key.resource]
        before = rows.pop(key.id, None)
        if row is not None:
            rows[key.id] = row
        return before

    def search(self, search: Search) -> tuple[Record, ...]:
        """Return the records that a search finds, by id."""
        combine = any if search.any_field else all
        conditions = [(name, value if isinstance(value, tuple) else (value,)) for name, value in search.where]
        return tuple(
            Record(Key(search.resource, id_), row.version, row.value)
            for id_, row in self.by_id(search.resource)
            if combine(row.get(name) in values for name, values in conditions)
        )

    def select(self, query: Query) -> Sequence[Row]:
        """Return the rows of a list in its order, those after its cursor if it has one."""
        rows = (row for row in self._by_resource[query.resource.name].values() if matches(query, row.value))
        # A place ends with the record's id, so that no two are the same and rows are never compared.
        placed = [(sort_key(query, cursor_of(query, row.value)), row) for row in rows]
        if query.after is not None:
            after = sort_key(query, query.after)
            placed = [(at, row) for at, row in placed if (at < after if query.descending else at > after)]
        return [row for _, row in sorted(placed, reverse=query.descending)]

    def named(self, resource: str, field: str, texts: Sequence[str]) -> Mapping[str, Sequence[UUID]]:
        """Return the ids of the records whose field is exactly one of some texts, two of each at most."""
        found: dict[str, list[UUID]] = {text: [] for text in texts}
        for _, row in self.by_id(resource):
            if (text := row.get(field)) in found:
                found[str(text)].append(row.value.id)
        return {text: ids[:2] for text, ids in found.items()}

    def mentions(self, texts: Sequence[str], limit: int) -> Sequence[Key]:
        """Return the keys of some records in which a text occurs."""
        sought = [json_documents.encode(text)[1:-1] for text in texts]
        rows = ((Key(resource, id_), row) for resource in self._by_resource for id_, row in self.by_id(resource))
        return [key for key, row in rows if any(text in row.body for text in sought)][:limit]

    def rename_author(self, user: int, name: str) -> int:
        """Put a name in place of a user's in all records; return how many changed."""
        return sum(self._rename_author(resource, user, name) for resource in self._by_resource)

    def _rename_author(self, resource: str, user: int, name: str) -> int:
        changed = {
            id_: attrs.evolve(row, version=row.version + 1, body=body, value=json_documents.decode(resource, body))
            for id_, row in self._by_resource[resource].items()
            if (body := with_author(row.body.decode(), user, name).encode()) != row.body
        }
        self._by_resource[resource] |= changed
        return len(changed)
