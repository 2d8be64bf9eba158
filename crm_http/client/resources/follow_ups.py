"""The inputs and operations of follow-ups.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Mapping
from typing import BinaryIO, Literal, TypedDict, Unpack
from uuid import UUID

from crm_core.model.entities import FollowUp
from crm_http.client.inputs import FilterValue
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.records import PAGE_SIZE, RecordOperationsWithBulk, UniqueParameter


class FollowUpCreate(TypedDict, total=False):
    """The fields of a new follow-up.

    Attributes:
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        follow_up_date: when the contact took place; the time of creation if none is sent.
        comment: what was said or done.
    """

    attributes: Mapping[str, object]
    follow_up_date: dt.datetime | str
    comment: str | None


class FollowUpUpdate(TypedDict, total=False):
    """The fields of a follow-up that can be changed.

    Attributes:
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        follow_up_date: when the contact took place; the time of creation if none is sent.
        comment: what was said or done.
    """

    attributes: Mapping[str, object]
    follow_up_date: dt.datetime | str
    comment: str | None


class FollowUpMerge(TypedDict, total=False):
    """The fields of a follow-up that can be merged; None resets a field.

    Attributes:
        attributes: the values of attributes to set, by name; None removes one, and those that are not named stay.
        follow_up_date: when the contact took place; the time of creation if none is sent.
        comment: what was said or done.
    """

    attributes: Mapping[str, object] | None
    follow_up_date: dt.datetime | str | None
    comment: str | None


class FollowUpFilters(TypedDict, total=False):
    """Which follow-ups are listed, and in which order.

    Attributes:
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        follow_up_date__isnull: only those without ``follow_up_date``, or with ``False`` those that have one.
        created_at__isnull: only those without ``created_at``, or with ``False`` those that have one.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        attributes: only those with these values of attributes, by name. A name may end with ``__gt``, ``__gte``,
            ``__lt``, ``__lte``, ``__in``, ``__contains`` or ``__isnull``.
        search: only those that have each of these words, or phrases in quotes, in: comment, text attributes.
        ordering: the order; without it newest first.
    """

    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    follow_up_date__isnull: bool
    created_at__isnull: bool
    updated_at__isnull: bool
    attributes: Mapping[str, FilterValue]
    search: str
    ordering: Literal["follow_up_date", "-follow_up_date", "created_at", "-created_at", "updated_at", "-updated_at"]


class FollowUpOperations(RecordOperationsWithBulk[D_co, FollowUp]):
    """The operations of follow-ups."""

    @listing
    def list(
        self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE, **filters: Unpack[FollowUpFilters]
    ) -> ListQuery[FollowUp]:
        """Return the follow-ups that match all filters; they are requested page by page while they are read.

        Args:
            limit: the most records in all.
            page_size: the records that are requested at once, from 1 to 1,000.
            filters: what to compare with. None and empty values are refused, as the server would ignore them.
        """
        return self._list(limit, page_size, filters)

    @operation
    def export(
        self,
        to: BinaryIO,
        /,
        *,
        format: Literal["csv", "xlsx", "jsonl"] = "csv",
        bom: bool = False,
        **filters: Unpack[FollowUpFilters],
    ) -> Operation[None]:
        """Write the follow-ups that match all filters to a binary file, piece by piece.

        It is not retried after a lost answer (NoResponseError), as a part may have been written.

        Args:
            to: the file.
            format: the format of the file.
            bom: begin a CSV file with a byte order mark, by which Excel knows UTF-8.
            filters: as in ``list``.
        """
        return self._export(to, format, filters, bom=bom)

    @operation
    def create(self, /, *, idempotency_key: str | None = None, **values: Unpack[FollowUpCreate]) -> Operation[FollowUp]:
        """Create a follow-up; return it.

        Args:
            idempotency_key: a key of your own. A repetition with the same key, for a day and also by a program that
                was started again, creates nothing and returns the same record. Without one, the client makes a key
                for its own retries.
            values: the fields of the record.
        """
        return self._create(values, idempotency_key)

    @operation
    def change(
        self,
        id_: UUID | str,
        /,
        *,
        if_match: FollowUp | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[FollowUpUpdate],
    ) -> Operation[FollowUp]:
        """Set some fields of a follow-up; return it.

        Args:
            id_: the id of the record.
            if_match: the record as it was retrieved, or its version. If the record was changed since, nothing is
                changed and VersionConflictError is raised.
            idempotency_key: as in ``create``.
            values: the fields to set.
        """
        return self._change(id_, values, if_match, idempotency_key)

    @operation
    def merge(
        self,
        id_: UUID | str,
        /,
        *,
        if_match: FollowUp | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[FollowUpMerge],
    ) -> Operation[FollowUp]:
        """Set some fields, and of fields that are objects only the named members (RFC 7396); return the record.

        This sets single attributes, or removes them with None.

        Args:
            id_: the id of the record.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
            values: the fields to set.
        """
        return self._merge(id_, values, if_match, idempotency_key)

    @operation
    def upsert(
        self,
        /,
        *,
        by: str,
        value: UniqueParameter,
        only: Literal["create", "change"] | None = None,
        if_match: FollowUp | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[FollowUpUpdate],
    ) -> Operation[FollowUp]:
        """Set some fields of the follow-up that has a value of a unique attribute, or create one; return it.

        Args:
            by: the name of the unique attribute.
            value: its value; ``attributes`` may leave it out.
            only: ``create`` or ``change`` to do nothing else; VersionConflictError is raised where that cannot be done.
            if_match: as in ``change``; nothing is created then.
            idempotency_key: as in ``create``.
            values: the fields to set; those that a new record needs are needed where there may be none.
        """
        return self._upsert(by, value, values, only, if_match, idempotency_key)

    @operation
    def retrieve_by(self, by: str, value: UniqueParameter, /) -> Operation[FollowUp]:
        """Return the follow-up that has a value of a unique attribute.

        Args:
            by: the name of the unique attribute.
            value: its value.
        """
        return self._retrieve_by(by, value)
