"""What the operations of services take.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict
from uuid import UUID

from crm_core.arguments.items import FilterValue, NoteInput, TaskInput
from crm_core.model.entities import Note, Task


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
