"""The operations of cohorts.

Made by tests/generate_client.py from the entities; do not edit.
"""

from typing import BinaryIO, Literal, Unpack
from uuid import UUID

from crm_core.arguments.cohorts import CohortCreate, CohortFilters, CohortMerge, CohortUpdate
from crm_core.embedding.calls import R_co, call
from crm_core.embedding.listings import PAGE_SIZE, ListQuery, listing
from crm_core.embedding.records import RecordCallsWithBulk
from crm_core.model.entities import Cohort


class CohortCalls(RecordCallsWithBulk[R_co, Cohort]):
    """The operations of cohorts."""

    @listing
    def list(
        self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE, **filters: Unpack[CohortFilters]
    ) -> ListQuery[Cohort]:
        """Return the cohorts that match all filters; they are read page by page.

        Args:
            limit: the most records in all.
            page_size: the records that are read at once, from 1 to 1,000.
            filters: what to compare with. None and empty values are refused, as a list would ignore them.
        """
        return self._list(limit, page_size, filters)

    @call
    async def export(
        self,
        to: BinaryIO,
        /,
        *,
        format: Literal["csv", "xlsx", "jsonl"] = "csv",
        bom: bool = False,
        **filters: Unpack[CohortFilters],
    ) -> None:
        """Write the cohorts that match all filters to a binary file, piece by piece.

        Args:
            to: the file.
            format: the format of the file.
            bom: begin a CSV file with a byte order mark, by which Excel knows UTF-8.
            filters: as in ``list``.
        """
        return await self._export(to, format, filters, bom=bom)

    @call
    async def create(self, /, *, idempotency_key: str | None = None, **values: Unpack[CohortCreate]) -> Cohort:
        """Create a cohort; return it.

        Args:
            idempotency_key: a key of your own. A repetition with the same key, for a day, creates nothing and returns
                the same record.
            values: the fields of the record.
        """
        return await self._create(values, idempotency_key)

    @call
    async def change(
        self,
        id_: UUID | str,
        /,
        *,
        if_match: Cohort | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[CohortUpdate],
    ) -> Cohort:
        """Set some fields of a cohort; return it.

        Args:
            id_: the id of the record.
            if_match: the record as it was retrieved, or its version. If the record was changed since, nothing is
                changed and VersionConflictError is raised.
            idempotency_key: as in ``create``.
            values: the fields to set.
        """
        return await self._change(id_, values, if_match, idempotency_key)

    @call
    async def merge(
        self,
        id_: UUID | str,
        /,
        *,
        if_match: Cohort | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[CohortMerge],
    ) -> Cohort:
        """Set some fields, and of fields that are objects only the named members (RFC 7396); return the record.

        This sets single attributes, or removes them with None.

        Args:
            id_: the id of the record.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
            values: the fields to set.
        """
        return await self._merge(id_, values, if_match, idempotency_key)
