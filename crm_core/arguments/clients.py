"""What the operations of clients take.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict

from crm_core.arguments.items import FilterValue, NoteInput, TaskInput
from crm_core.model.entities import Note, Task


class ClientCreate(TypedDict, total=False):
    """The fields of a new client.

    Attributes:
        name: the name of the company or person.
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
        list_of_images: the URLs of the images; uploads add to it, and it can be sent to reorder or to drop images.
    """

    name: Required[str]
    attributes: Mapping[str, object]
    list_of_tasks: Sequence[TaskInput | Task]
    list_of_notes: Sequence[NoteInput | Note]
    list_of_images: list[str] | tuple[str, ...]


class ClientUpdate(TypedDict, total=False):
    """The fields of a client that can be changed.

    Attributes:
        name: the name of the company or person.
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
        list_of_images: the URLs of the images; uploads add to it, and it can be sent to reorder or to drop images.
    """

    name: str
    attributes: Mapping[str, object]
    list_of_tasks: Sequence[TaskInput | Task]
    list_of_notes: Sequence[NoteInput | Note]
    list_of_images: list[str] | tuple[str, ...]


class ClientMerge(TypedDict, total=False):
    """The fields of a client that can be merged; None resets a field.

    Attributes:
        name: the name of the company or person.
        attributes: the values of attributes to set, by name; None removes one, and those that are not named stay.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
        list_of_images: the URLs of the images; uploads add to it, and it can be sent to reorder or to drop images.
    """

    name: str
    attributes: Mapping[str, object] | None
    list_of_tasks: Sequence[TaskInput | Task] | None
    list_of_notes: Sequence[NoteInput | Note] | None
    list_of_images: list[str] | tuple[str, ...] | None


class ClientFilters(TypedDict, total=False):
    """Which clients are listed, and in which order.

    Attributes:
        name: only those whose ``name`` contains this text; case and accents are ignored.
        created_by: only those with this ``created_by``.
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        created_at__isnull: only those without ``created_at``, or with ``False`` those that have one.
        created_by__isnull: only those without ``created_by``, or with ``False`` those that have one.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        attributes: only those with these values of attributes, by name. A name may end with ``__gt``, ``__gte``,
            ``__lt``, ``__lte``, ``__in``, ``__contains`` or ``__isnull``.
        search: only those that have each of these words, or phrases in quotes, in: name, text attributes.
        ordering: the order; without it newest first.
    """

    name: str
    created_by: int
    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    created_at__isnull: bool
    created_by__isnull: bool
    updated_at__isnull: bool
    attributes: Mapping[str, FilterValue]
    search: str
    ordering: Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]
