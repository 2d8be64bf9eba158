"""The records of a transaction: documents as clients see them, and what decisions need to know of them."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast
from uuid import UUID

from crm_adapters import json_documents
from crm_core import (
    ACTIVE_USER,
    Catalog,
    Cursor,
    Document,
    Key,
    Known,
    Needs,
    Put,
    Query,
    Record,
    Search,
    cursor_of,
    duplicates_among,
    holder_among,
    matches,
    sort_key,
)
from crm_core.model.plain_values import plain
from crm_core.webhooks.entity import MODELS
from tests.mariadb.connection import Session

_PUT: Final = """
    insert into record (resource, id, version, document, hidden) values (%s, %s, %s, %s, %s)
    on duplicate key update version = value(version), document = value(document),
        hidden = json_merge_patch(hidden, value(hidden))
"""
#: A field of the document, or what is kept beside it. JSON_VALUE returns a text, whatever the JSON has.
_FIELD: Final = "coalesce(json_value(document, %s), json_value(hidden, %s))"


class Records:
    """The records of a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # One record

    async def document(self, key: Key) -> Document | None:
        """Return a record as clients see it."""
        statement = "select version, document from record where resource = %s and id = %s"
        rows = await self._session.rows(statement, key.resource, key.id)
        return Document(rows[0][0], rows[0][1].encode()) if rows else None

    async def record(self, key: Key) -> Record | None:
        """Return a record as decisions know it."""
        found = await self.document(key)
        return Record(key, found.version, json_documents.decode(key.resource, found.body)) if found else None

    async def put(self, write: Put) -> None:
        """Write a record; hidden values that are not named stay."""
        body, hidden = json_documents.encode(write.value).decode(), json_documents.encode(write.hidden).decode()
        await self._session.run(_PUT, write.key.resource, write.key.id, write.event.version, body, hidden)

    async def remove(self, key: Key) -> None:
        """Delete a record."""
        await self._session.run("delete from record where resource = %s and id = %s", key.resource, key.id)

    # Many

    async def where(self, resource: str, condition: str = "true", *params: object) -> tuple[Record, ...]:
        """Return the records of a resource that meet a condition, by id."""
        statement = f"select id, version, document from record where resource = %s and ({condition}) order by id"
        return tuple(
            Record(Key(resource, UUID(id_)), version, json_documents.decode(resource, document.encode()))
            for id_, version, document in await self._session.rows(statement, resource, *params)
        )

    async def values(self, resource: str) -> list[Any]:
        """Return all values of a resource."""
        return [record.value for record in await self.where(resource)]

    async def search(self, search: Search) -> tuple[Record, ...]:
        """Return the records that a search finds. ``<=>`` is the equality for which null is equal to null."""
        conditions, params = list[str](), list[object]()
        for name, value in search.where:
            values = _alternatives(value)
            conditions.append(" or ".join(["false", *[f"{_FIELD} <=> %s"] * len(values)]))
            params += [each for one in values for each in (f"$.{name}", f"$.{name}", _text(one))]
        combine = " or " if search.any_field else " and "
        return await self.where(search.resource, combine.join(f"({each})" for each in conditions), *params)

    async def cursors(self, query: Query) -> Sequence[Cursor]:
        """Return the places of the records of a list in its order, those after its cursor if it has one."""
        cursors = [cursor_of(query, value) for value in await self.values(query.resource.name) if matches(query, value)]
        if (after := query.after) is not None:
            least = sort_key(query, after)
            is_later = operator.lt if query.descending else operator.gt
            cursors = [each for each in cursors if is_later(sort_key(query, each), least)]
        return sorted(cursors, key=lambda each: sort_key(query, each), reverse=query.descending)

    async def bodies(self, query: Query, cursors: Sequence[Cursor], separator: str = ",") -> bytes:
        """Return the documents of some places of a list, joined."""
        if not cursors:
            return b""
        statement = "select id, document from record where resource = %s and id in %s"
        ids = tuple(str(each.id) for each in cursors)
        documents = dict(await self._session.rows(statement, query.resource.name, ids))
        return separator.join(documents[id_] for id_ in ids if id_ in documents).encode()

    # What decisions need

    async def known(self, needs: Needs) -> Known:
        """Read what is needed."""
        searches = {search: await self.search(search) for search in needs.children | needs.counts}
        return Known(
            records={key: await self.record(key) for key in needs.records},
            references={key: await self.exists(key) for key in needs.references},
            children={search: searches[search] for search in needs.children},
            counts={search: len(searches[search]) for search in needs.counts},
            catalogs={entity: await self.catalog(entity) for entity in needs.catalogs},
            holders={each: holder_among(each, await self.values(each.attribute.entity)) for each in needs.holders},
            duplicates={each: duplicates_among(each, await self.values(each.entity)) for each in needs.duplicates},
        )

    async def exists(self, key: Key) -> bool:
        """Return whether there is a record, or a user."""
        if key.resource == "user":
            return bool(await self._session.rows("select 1 from app_user where id = %s", key.id))
        if key.resource == ACTIVE_USER:
            return bool(await self._session.rows("select 1 from app_user where id = %s and is_active", key.id))
        return await self.document(key) is not None

    async def catalog(self, entity: str) -> Catalog:
        """Return the attributes of an entity and its active webhooks."""
        versions = await self._session.rows("select version from catalog where entity = %s", entity)
        definitions = await self.where("attribute", "json_value(document, '$.entity') = %s", entity)
        active = "json_value(document, '$.is_active') and json_value(document, '$.model') in %s"
        models = tuple(model for model, (name, _) in MODELS.items() if name == entity)
        webhooks = await self.where("webhook", active, models) if models else ()
        by_name = {each.value.name: each.value for each in definitions}
        return Catalog(versions[0][0] if versions else 1, by_name, tuple(each.value for each in webhooks))

    async def watched(self, key: Key) -> set[str]:
        """Return the entity to whose catalog an attribute or webhook belongs just now; other records belong to none."""
        record = await self.record(key) if key.resource in {"attribute", "webhook"} else None
        if record is None:
            return set()
        return {record.value.entity if key.resource == "attribute" else MODELS[record.value.model][0]}

    async def advance_catalogs(self, entities: Iterable[str]) -> None:
        """Give catalogs their next versions."""
        for entity in sorted(entities):
            statement = "insert into catalog values (%s, 2) on duplicate key update version = version + 1"
            await self._session.run(statement, entity)


def _alternatives(value: object) -> Sequence[object]:
    """Return the values that a field may have in a search."""
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)


def _text(value: object) -> str | None:
    """Return a value of a search as JSON_VALUE returns that of a field."""
    if value is None or isinstance(value, bool):
        return None if value is None else str(int(value))
    return str(plain(value))
