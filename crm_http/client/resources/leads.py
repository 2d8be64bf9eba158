"""The inputs and operations of leads.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Literal, Required, TypedDict, Unpack
from uuid import UUID

from crm_core.model.entities import Lead, Note, Task
from crm_http.client.inputs import FilterValue, NoteInput, TaskInput
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.records import PAGE_SIZE, RecordOperationsWithTasks, UniqueParameter


class LeadCreate(TypedDict, total=False):
    """The fields of a new lead.

    Attributes:
        name: the name of the prospective client.
        responsible: the id of the user who is responsible for the lead.
        pipeline: the id of the pipeline that the lead goes through.
        possible_client: the id of the client that the lead may belong to.
        moodle_course_id: the id of a course in Moodle.
        stage: the name of the present stage; with a pipeline, one of its stages.
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
    """

    name: Required[str]
    responsible: int | None
    pipeline: UUID | str | None
    possible_client: UUID | str | None
    moodle_course_id: str | None
    stage: str | None
    attributes: Mapping[str, object]
    list_of_tasks: Sequence[TaskInput | Task]
    list_of_notes: Sequence[NoteInput | Note]


class LeadUpdate(TypedDict, total=False):
    """The fields of a lead that can be changed.

    Attributes:
        name: the name of the prospective client.
        responsible: the id of the user who is responsible for the lead.
        pipeline: the id of the pipeline that the lead goes through.
        possible_client: the id of the client that the lead may belong to.
        moodle_course_id: the id of a course in Moodle.
        stage: the name of the present stage; with a pipeline, one of its stages.
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
    """

    name: str
    responsible: int | None
    pipeline: UUID | str | None
    possible_client: UUID | str | None
    moodle_course_id: str | None
    stage: str | None
    attributes: Mapping[str, object]
    list_of_tasks: Sequence[TaskInput | Task]
    list_of_notes: Sequence[NoteInput | Note]


class LeadMerge(TypedDict, total=False):
    """The fields of a lead that can be merged; None resets a field.

    Attributes:
        name: the name of the prospective client.
        responsible: the id of the user who is responsible for the lead.
        pipeline: the id of the pipeline that the lead goes through.
        possible_client: the id of the client that the lead may belong to.
        moodle_course_id: the id of a course in Moodle.
        stage: the name of the present stage; with a pipeline, one of its stages.
        attributes: the values of attributes to set, by name; None removes one, and those that are not named stay.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
    """

    name: str
    responsible: int | None
    pipeline: UUID | str | None
    possible_client: UUID | str | None
    moodle_course_id: str | None
    stage: str | None
    attributes: Mapping[str, object] | None
    list_of_tasks: Sequence[TaskInput | Task] | None
    list_of_notes: Sequence[NoteInput | Note] | None


class LeadFilters(TypedDict, total=False):
    """Which leads are listed, and in which order.

    Attributes:
        name: only those whose ``name`` contains this text; case and accents are ignored.
        stage: only those with this ``stage``.
        responsible: only those with this ``responsible``.
        pipeline: only those with this ``pipeline``.
        possible_client: only those with this ``possible_client``.
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        responsible__isnull: only those without ``responsible``, or with ``False`` those that have one.
        pipeline__isnull: only those without ``pipeline``, or with ``False`` those that have one.
        possible_client__isnull: only those without ``possible_client``, or with ``False`` those that have one.
        stage__isnull: only those without ``stage``, or with ``False`` those that have one.
        created_at__isnull: only those without ``created_at``, or with ``False`` those that have one.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        attributes: only those with these values of attributes, by name. A name may end with ``__gt``, ``__gte``,
            ``__lt``, ``__lte``, ``__in``, ``__contains`` or ``__isnull``.
        search: only those that have each of these words, or phrases in quotes, in: name, text attributes.
        ordering: the order; without it newest first.
    """

    name: str
    stage: str
    responsible: int
    pipeline: UUID | str
    possible_client: UUID | str
    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    responsible__isnull: bool
    pipeline__isnull: bool
    possible_client__isnull: bool
    stage__isnull: bool
    created_at__isnull: bool
    updated_at__isnull: bool
    attributes: Mapping[str, FilterValue]
    search: str
    ordering: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]


class LeadOperations(RecordOperationsWithTasks[D_co, Lead]):
    """The operations of leads."""

    @listing
    def list(
        self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE, **filters: Unpack[LeadFilters]
    ) -> ListQuery[Lead]:
        """Return the leads that match all filters; they are requested page by page while they are read.

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
        **filters: Unpack[LeadFilters],
    ) -> Operation[None]:
        """Write the leads that match all filters to a binary file, piece by piece.

        It is not retried after a lost answer (NoResponseError), as a part may have been written.

        Args:
            to: the file.
            format: the format of the file.
            bom: begin a CSV file with a byte order mark, by which Excel knows UTF-8.
            filters: as in ``list``.
        """
        return self._export(to, format, filters, bom=bom)

    @operation
    def create(self, /, *, idempotency_key: str | None = None, **values: Unpack[LeadCreate]) -> Operation[Lead]:
        """Create a lead; return it.

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
        if_match: Lead | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[LeadUpdate],
    ) -> Operation[Lead]:
        """Set some fields of a lead; return it.

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
        if_match: Lead | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[LeadMerge],
    ) -> Operation[Lead]:
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
        if_match: Lead | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[LeadUpdate],
    ) -> Operation[Lead]:
        """Set some fields of the lead that has a value of a unique attribute, or create one; return it.

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
    def retrieve_by(self, by: str, value: UniqueParameter, /) -> Operation[Lead]:
        """Return the lead that has a value of a unique attribute.

        Args:
            by: the name of the unique attribute.
            value: its value.
        """
        return self._retrieve_by(by, value)
