"""What the operations of transfer requests take.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from typing import Literal, Required, TypedDict
from uuid import UUID


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
