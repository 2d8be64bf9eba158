"""Databases whose lists are in another order, or whose pages skip or repeat records."""

from collections.abc import Sequence
from typing import Any

import attrs

from crm_adapters.memory import MemoryDatabase
from crm_core import AgendaPage, AgendaQuery, Page, Query, cursor_of


class SortsByCodePoint(MemoryDatabase):
    """Sorts as release 0.1.0 did: capitals first, accents last."""

    def _select(self, query: Query) -> Sequence[Any]:
        rows = list(super()._select(query))
        name = query.order_by
        if name and query.resource.fields[name].kind == "text":
            rows.sort(key=lambda row: (getattr(row.value, name) or "", row.value.id), reverse=query.descending)
        return rows


class SortsNullsLast(MemoryDatabase):
    """Records without a value come at the other end, as in PostgreSQL and Oracle."""

    def _select(self, query: Query) -> Sequence[Any]:
        rows = super()._select(query)
        if not (name := query.order_by):
            return rows
        return sorted(rows, key=lambda row: (getattr(row.value, name) is None) is not query.descending)


class TakesNullForSmall(MemoryDatabase):
    """Records without a value are in ranges that have no lower end."""

    def _select(self, query: Query) -> Sequence[Any]:
        ranges = [each for each in query.filters if each.is_attribute and each.operator in {"lt", "lte"}]
        rows = super()._select(attrs.evolve(query, filters=tuple(set(query.filters) - set(ranges))))
        inside = {row.value.id for row in super()._select(query)}
        return [
            row
            for row in rows
            if row.value.id in inside or all(row.value.attributes.get(each.field) is None for each in ranges)
        ]


class SkipsBetweenPages(MemoryDatabase):
    """Begins each page one record too late."""

    async def page(self, query: Query, *, reader: int | None = None) -> Page:
        page = await super().page(query, reader=reader)
        if query.after is None or page.next is None:
            return page
        return await super().page(attrs.evolve(query, after=page.next))


class RepeatsBetweenPages(MemoryDatabase):
    """Begins each page with the last record of the page before."""

    def _select(self, query: Query) -> Sequence[Any]:
        rows = super()._select(attrs.evolve(query, after=None))
        if query.after is None:
            return rows
        later = super()._select(query)
        return rows[len(rows) - len(later) - 1 :]


class LosesItsPlace(MemoryDatabase):
    """Looks up the record that a page ended with, and begins at the start if it is gone."""

    async def page(self, query: Query, *, reader: int | None = None) -> Page:
        is_gone = query.after is not None and query.after.id not in self._rows.of(query.resource.name)
        return await super().page(attrs.evolve(query, after=None) if is_gone else query, reader=reader)


class IgnoresTies(MemoryDatabase):
    """The place of a page has no id, so that of equal records all but the first are skipped."""

    def _select(self, query: Query) -> Sequence[Any]:
        rows = super()._select(query)
        if query.after is None or not query.order_by:
            return rows
        return [row for row in rows if cursor_of(query, row.value).value != query.after.value]


class ForgetsTasksOfLeads(MemoryDatabase):
    """Leaves the tasks of leads out of the agenda; no usual step shows it, only what is drawn."""

    async def agenda(self, query: AgendaQuery, *, reader: int | None = None) -> AgendaPage:
        others = attrs.evolve(query, resources=query.resources - {"lead"})
        return await super().agenda(others, reader=reader)
