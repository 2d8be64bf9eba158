"""The inputs and operations of transfer requests.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from typing import BinaryIO, Literal, Required, TypedDict, Unpack
from uuid import UUID

from crm_core.model.entities import TransferRequest
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.records import PAGE_SIZE, RecordOperationsWithBulk


class TransferRequestCreate(TypedDict, total=False):
    """The fields of a new transfer request.

    Attributes:
        student: the id of the service (student) who asks to move.
        cohort_request: the name of the cohort that the student asks for.
        possible_transfer_date: the day on which the student could move.
    """

    student: Required[UUID | str]
    cohort_request: Required[str]
    possible_transfer_date: dt.date | str | None


class TransferRequestUpdate(TypedDict, total=False):
    """The fields of a transfer request that can be changed.

    Attributes:
        student: the id of the service (student) who asks to move.
        cohort_request: the name of the cohort that the student asks for.
        possible_transfer_date: the day on which the student could move.
    """

    student: UUID | str
    cohort_request: str
    possible_transfer_date: dt.date | str | None


class TransferRequestMerge(TypedDict, total=False):
    """The fields of a transfer request that can be merged; None resets a field.

    Attributes:
        student: the id of the service (student) who asks to move.
        cohort_request: the name of the cohort that the student asks for.
        possible_transfer_date: the day on which the student could move.
    """

    student: UUID | str
    cohort_request: str
    possible_transfer_date: dt.date | str | None


class TransferRequestFilters(TypedDict, total=False):
    """Which transfer requests are listed, and in which order.

    Attributes:
        student_name: only those whose ``student_name`` contains this text; case and accents are ignored.
        state: only those with this ``state``.
        student: only those with this ``student``.
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        student__isnull: only those without ``student``, or with ``False`` those that have one.
        possible_transfer_date__isnull: only those without ``possible_transfer_date``, or with ``False`` those that have
            one.
        decided_at__isnull: only those without ``decided_at``, or with ``False`` those that have one.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        search: only those that have each of these words, or phrases in quotes, in: student_name, cohort_request.
        ordering: the order; without it newest first.
    """

    student_name: str
    state: Literal["open", "accepted", "declined"]
    student: UUID | str
    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    student__isnull: bool
    possible_transfer_date__isnull: bool
    decided_at__isnull: bool
    updated_at__isnull: bool
    search: str
    ordering: Literal[
        "student_name",
        "-student_name",
        "cohort_request",
        "-cohort_request",
        "possible_transfer_date",
        "-possible_transfer_date",
        "updated_at",
        "-updated_at",
    ]


class TransferRequestOperations(RecordOperationsWithBulk[D_co, TransferRequest]):
    """The operations of transfer requests."""

    @listing
    def list(
        self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE, **filters: Unpack[TransferRequestFilters]
    ) -> ListQuery[TransferRequest]:
        """Return the transfer requests that match all filters; they are requested page by page while they are read.

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
        **filters: Unpack[TransferRequestFilters],
    ) -> Operation[None]:
        """Write the transfer requests that match all filters to a binary file, piece by piece.

        It is not retried after a lost answer (NoResponseError), as a part may have been written.

        Args:
            to: the file.
            format: the format of the file.
            bom: begin a CSV file with a byte order mark, by which Excel knows UTF-8.
            filters: as in ``list``.
        """
        return self._export(to, format, filters, bom=bom)

    @operation
    def create(
        self, /, *, idempotency_key: str | None = None, **values: Unpack[TransferRequestCreate]
    ) -> Operation[TransferRequest]:
        """Create a transfer request; return it.

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
        if_match: TransferRequest | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[TransferRequestUpdate],
    ) -> Operation[TransferRequest]:
        """Set some fields of a transfer request; return it.

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
        if_match: TransferRequest | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[TransferRequestMerge],
    ) -> Operation[TransferRequest]:
        """Set some fields, and of fields that are objects only the named members (RFC 7396); return the record.

        This sets single attributes, or removes them with None.

        Args:
            id_: the id of the record.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
            values: the fields to set.
        """
        return self._merge(id_, values, if_match, idempotency_key)
