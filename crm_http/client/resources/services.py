"""The inputs and operations of services.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Literal, Required, TypedDict, Unpack
from uuid import UUID

from crm_core.model.entities import Note, Service, Task
from crm_http.client.inputs import FilterValue, NoteInput, TaskInput
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.records import PAGE_SIZE, RecordOperationsWithImages, UniqueParameter


class ServiceCreate(TypedDict, total=False):
    """The fields of a new service.

    Attributes:
        name: the name of the student.
        client: the id of the client who bought the training.
        actual_cohort: the id of the cohort that the student is in now.
        origin_cohort: the id of the cohort that the student started in.
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
        list_of_images: the URLs of the images; uploads add to it, and it can be sent to reorder or to drop images.
    """

    name: Required[str]
    client: Required[UUID | str]
    actual_cohort: UUID | str | None
    origin_cohort: UUID | str | None
    attributes: Mapping[str, object]
    list_of_tasks: Sequence[TaskInput | Task]
    list_of_notes: Sequence[NoteInput | Note]
    list_of_images: list[str] | tuple[str, ...]


class ServiceUpdate(TypedDict, total=False):
    """The fields of a service that can be changed.

    Attributes:
        name: the name of the student.
        client: the id of the client who bought the training.
        actual_cohort: the id of the cohort that the student is in now.
        origin_cohort: the id of the cohort that the student started in.
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
        list_of_images: the URLs of the images; uploads add to it, and it can be sent to reorder or to drop images.
    """

    name: str
    client: UUID | str
    actual_cohort: UUID | str | None
    origin_cohort: UUID | str | None
    attributes: Mapping[str, object]
    list_of_tasks: Sequence[TaskInput | Task]
    list_of_notes: Sequence[NoteInput | Note]
    list_of_images: list[str] | tuple[str, ...]


class ServiceMerge(TypedDict, total=False):
    """The fields of a service that can be merged; None resets a field.

    Attributes:
        name: the name of the student.
        client: the id of the client who bought the training.
        actual_cohort: the id of the cohort that the student is in now.
        origin_cohort: the id of the cohort that the student started in.
        attributes: the values of attributes to set, by name; None removes one, and those that are not named stay.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
        list_of_images: the URLs of the images; uploads add to it, and it can be sent to reorder or to drop images.
    """

    name: str
    client: UUID | str
    actual_cohort: UUID | str | None
    origin_cohort: UUID | str | None
    attributes: Mapping[str, object] | None
    list_of_tasks: Sequence[TaskInput | Task] | None
    list_of_notes: Sequence[NoteInput | Note] | None
    list_of_images: list[str] | tuple[str, ...] | None


class ServiceFilters(TypedDict, total=False):
    """Which services are listed, and in which order.

    Attributes:
        name: only those whose ``name`` contains this text; case and accents are ignored.
        client: only those with this ``client``.
        actual_cohort: only those with this ``actual_cohort``.
        origin_cohort: only those with this ``origin_cohort``.
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        client__isnull: only those without ``client``, or with ``False`` those that have one.
        actual_cohort__isnull: only those without ``actual_cohort``, or with ``False`` those that have one.
        origin_cohort__isnull: only those without ``origin_cohort``, or with ``False`` those that have one.
        created_at__isnull: only those without ``created_at``, or with ``False`` those that have one.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        attributes: only those with these values of attributes, by name. A name may end with ``__gt``, ``__gte``,
            ``__lt``, ``__lte``, ``__in``, ``__contains`` or ``__isnull``.
        search: only those that have each of these words, or phrases in quotes, in: name, text attributes.
        ordering: the order; without it newest first.
    """

    name: str
    client: UUID | str
    actual_cohort: UUID | str
    origin_cohort: UUID | str
    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    client__isnull: bool
    actual_cohort__isnull: bool
    origin_cohort__isnull: bool
    created_at__isnull: bool
    updated_at__isnull: bool
    attributes: Mapping[str, FilterValue]
    search: str
    ordering: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]


class ServiceOperations(RecordOperationsWithImages[D_co, Service]):
    """The operations of services."""

    @listing
    def list(
        self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE, **filters: Unpack[ServiceFilters]
    ) -> ListQuery[Service]:
        """Return the services that match all filters; they are requested page by page while they are read.

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
        **filters: Unpack[ServiceFilters],
    ) -> Operation[None]:
        """Write the services that match all filters to a binary file, piece by piece.

        It is not retried after a lost answer (NoResponseError), as a part may have been written.

        Args:
            to: the file.
            format: the format of the file.
            bom: begin a CSV file with a byte order mark, by which Excel knows UTF-8.
            filters: as in ``list``.
        """
        return self._export(to, format, filters, bom=bom)

    @operation
    def create(self, /, *, idempotency_key: str | None = None, **values: Unpack[ServiceCreate]) -> Operation[Service]:
        """Create a service; return it.

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
        if_match: Service | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[ServiceUpdate],
    ) -> Operation[Service]:
        """Set some fields of a service; return it.

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
        if_match: Service | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[ServiceMerge],
    ) -> Operation[Service]:
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
        if_match: Service | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[ServiceUpdate],
    ) -> Operation[Service]:
        """Set some fields of the service that has a value of a unique attribute, or create one; return it.

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
    def retrieve_by(self, by: str, value: UniqueParameter, /) -> Operation[Service]:
        """Return the service that has a value of a unique attribute.

        Args:
            by: the name of the unique attribute.
            value: its value.
        """
        return self._retrieve_by(by, value)
