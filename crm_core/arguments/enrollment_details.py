"""What the operations of enrollment details take.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from typing import Literal, Required, TypedDict
from uuid import UUID


class EnrollmentDetailCreate(TypedDict, total=False):
    """The fields of a new enrollment detail.

    Attributes:
        enrollment: the id of the enrollment.
        student: the id of the service (student); once per enrollment.
    """

    enrollment: Required[UUID | str]
    student: Required[UUID | str]


class EnrollmentDetailUpdate(TypedDict, total=False):
    """The fields of an enrollment detail that can be changed.

    Attributes:
        enrollment: the id of the enrollment.
        student: the id of the service (student); once per enrollment.
    """

    enrollment: UUID | str
    student: UUID | str


class EnrollmentDetailMerge(TypedDict, total=False):
    """The fields of an enrollment detail that can be merged; None resets a field.

    Attributes:
        enrollment: the id of the enrollment.
        student: the id of the service (student); once per enrollment.
    """

    enrollment: UUID | str
    student: UUID | str


class EnrollmentDetailFilters(TypedDict, total=False):
    """Which enrollment details are listed, and in which order.

    Attributes:
        enrollment: only those with this ``enrollment``.
        student: only those with this ``student``.
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        enrollment__isnull: only those without ``enrollment``, or with ``False`` those that have one.
        student__isnull: only those without ``student``, or with ``False`` those that have one.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        search: only those that have each of these words, or phrases in quotes, in: nothing.
        ordering: the order; without it newest first.
    """

    enrollment: UUID | str
    student: UUID | str
    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    enrollment__isnull: bool
    student__isnull: bool
    updated_at__isnull: bool
    search: str
    ordering: Literal["updated_at", "-updated_at"]
