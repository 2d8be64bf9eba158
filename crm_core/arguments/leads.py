"""What the operations of leads take.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict
from uuid import UUID

from crm_core.arguments.items import FilterValue, NoteInput, TaskInput
from crm_core.model.entities import Note, Task


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
