"""The calls that find duplicates and merge them into one record."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

import attrs

from crm_core.arguments.values import sendable
from crm_core.embedding.calls import R_co, call
from crm_core.embedding.listings import PAGE_SIZE, ListQuery, listing
from crm_core.embedding.records import RecordCallsWithBulk, expected_versions, page_parameters, restoration_entry
from crm_core.engine.decisions import id_of
from crm_core.model.duplicates import DuplicateGroup
from crm_core.model.history_entries import RestorationEntry
from crm_core.model.list_pages import ListPage
from crm_core.use_cases import duplicates, merges

E = TypeVar("E")


@attrs.define(slots=False, eq=False)
class RecordCallsWithMerges(RecordCallsWithBulk[R_co, E]):
    """The calls of a resource whose records can be merged."""

    @listing
    def duplicates(self, *, limit: int | None = None, page_size: int = PAGE_SIZE) -> ListQuery[DuplicateGroup]:
        """Return groups of records that may be duplicates, with reasons and scores."""

        async def read(cursor: str, size: int) -> ListPage[DuplicateGroup]:
            params = page_parameters(cursor, size)
            page = await duplicates.find(self.context.db, self.context.caller(), self.resource, params, strict=True)
            return ListPage(tuple(page.groups), page.next or "")

        return ListQuery(read=read, page_size=page_size, limit=limit)

    @call
    async def merge_records(
        self,
        id_: UUID | str,
        others: Sequence[UUID | str],
        /,
        *,
        take: Mapping[str, UUID | str] | None = None,
        if_match: E | int | None = None,
        idempotency_key: str | None = None,
    ) -> E:
        """Merge other records into one, and return it: what belongs to them moves, and they are deleted.

        Args:
            id_: the id of the record that stays.
            others: the ids of the others, at most 20.
            take: whose value is kept, by field or ``attributes.`` and the name of one. Otherwise the record keeps its
                own values, and gets those that it lacks.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
        """
        record, data = id_of(id_), _merge(others, take)
        who = self._caller("merge-records", idempotency_key, [record, data])
        expected = expected_versions(if_match)
        return self._entity(
            await merges.merge(self.context.db, who, self.resource, record, data, expected=expected, strict=True)
        )

    @call
    async def merge_records_dry_run(
        self, id_: UUID | str, others: Sequence[UUID | str], /, *, take: Mapping[str, UUID | str] | None = None
    ) -> tuple[RestorationEntry, ...]:
        """Return the versions that ``merge_records`` would make, that of the record first; nothing is changed.

        Args:
            id_: the id of the record that stays.
            others: as in ``merge_records``.
            take: as in ``merge_records``.
        """
        context, data = self.context, _merge(others, take)
        entries = await merges.merge_dry_run(context.db, context.caller(), self.resource, id_of(id_), data, strict=True)
        return tuple(map(restoration_entry, entries))


def _merge(others: Sequence[UUID | str], take: Mapping[str, UUID | str] | None) -> Mapping[str, object]:
    return {"from": sendable(others), "take": sendable(take or {})}
