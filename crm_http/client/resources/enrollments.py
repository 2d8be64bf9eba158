"""The inputs and operations of enrollments.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Sequence
from typing import BinaryIO, Literal, Required, TypedDict, Unpack
from uuid import UUID

from crm_core.model.entities import Enrollment, TeachingAssistant
from crm_http.client.inputs import TeachingAssistantInput
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.records import PAGE_SIZE, RecordOperationsWithBulk


class EnrollmentCreate(TypedDict, total=False):
    """The fields of a new enrollment.

    Attributes:
        cohort: the id of the cohort.
        instructor: the id of the user who teaches the pathway.
        pathway_name: the name of the educational pathway.
        teaching_assistants: the teaching assistants; a list that is sent replaces the whole list.
    """

    cohort: Required[UUID | str]
    instructor: int | None
    pathway_name: Required[str]
    teaching_assistants: Sequence[TeachingAssistantInput | TeachingAssistant]


class EnrollmentUpdate(TypedDict, total=False):
    """The fields of an enrollment that can be changed.

    Attributes:
        cohort: the id of the cohort.
        instructor: the id of the user who teaches the pathway.
        pathway_name: the name of the educational pathway.
        teaching_assistants: the teaching assistants; a list that is sent replaces the whole list.
    """

    cohort: UUID | str
    instructor: int | None
    pathway_name: str
    teaching_assistants: Sequence[TeachingAssistantInput | TeachingAssistant]


class EnrollmentMerge(TypedDict, total=False):
    """The fields of an enrollment that can be merged; None resets a field.

    Attributes:
        cohort: the id of the cohort.
        instructor: the id of the user who teaches the pathway.
        pathway_name: the name of the educational pathway.
        teaching_assistants: the teaching assistants; a list that is sent replaces the whole list.
    """

    cohort: UUID | str
    instructor: int | None
    pathway_name: str
    teaching_assistants: Sequence[TeachingAssistantInput | TeachingAssistant] | None


class EnrollmentFilters(TypedDict, total=False):
    """Which enrollments are listed, and in which order.

    Attributes:
        pathway_name: only those whose ``pathway_name`` contains this text; case and accents are ignored.
        cohort: only those with this ``cohort``.
        instructor: only those with this ``instructor``.
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        cohort__isnull: only those without ``cohort``, or with ``False`` those that have one.
        instructor__isnull: only those without ``instructor``, or with ``False`` those that have one.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        search: only those that have each of these words, or phrases in quotes, in: pathway_name.
        ordering: the order; without it newest first.
    """

    pathway_name: str
    cohort: UUID | str
    instructor: int
    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    cohort__isnull: bool
    instructor__isnull: bool
    updated_at__isnull: bool
    search: str
    ordering: Literal["pathway_name", "-pathway_name", "updated_at", "-updated_at"]


class EnrollmentOperations(RecordOperationsWithBulk[D_co, Enrollment]):
    """The operations of enrollments."""

    @listing
    def list(
        self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE, **filters: Unpack[EnrollmentFilters]
    ) -> ListQuery[Enrollment]:
        """Return the enrollments that match all filters; they are requested page by page while they are read.

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
        **filters: Unpack[EnrollmentFilters],
    ) -> Operation[None]:
        """Write the enrollments that match all filters to a binary file, piece by piece.

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
        self, /, *, idempotency_key: str | None = None, **values: Unpack[EnrollmentCreate]
    ) -> Operation[Enrollment]:
        """Create an enrollment; return it.

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
        if_match: Enrollment | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[EnrollmentUpdate],
    ) -> Operation[Enrollment]:
        """Set some fields of an enrollment; return it.

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
        if_match: Enrollment | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[EnrollmentMerge],
    ) -> Operation[Enrollment]:
        """Set some fields, and of fields that are objects only the named members (RFC 7396); return the record.

        This sets single attributes, or removes them with None.

        Args:
            id_: the id of the record.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
            values: the fields to set.
        """
        return self._merge(id_, values, if_match, idempotency_key)
