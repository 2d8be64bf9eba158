"""What the operations of enrollments take.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Literal, Required, TypedDict
from uuid import UUID

from crm_core.arguments.items import TeachingAssistantInput
from crm_core.model.entities import TeachingAssistant


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
