"""What the operations of cohorts take.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from typing import Literal, Required, TypedDict


class CohortCreate(TypedDict, total=False):
    """The fields of a new cohort.

    Attributes:
        name_cohort: the name of the cohort.
        start_date: the first day.
        end_date: the last day, not before the first.
        instructor: the id of the user who teaches the cohort.
    """

    name_cohort: Required[str]
    start_date: dt.date | str | None
    end_date: dt.date | str | None
    instructor: int | None


class CohortUpdate(TypedDict, total=False):
    """The fields of a cohort that can be changed.

    Attributes:
        name_cohort: the name of the cohort.
        start_date: the first day.
        end_date: the last day, not before the first.
        instructor: the id of the user who teaches the cohort.
    """

    name_cohort: str
    start_date: dt.date | str | None
    end_date: dt.date | str | None
    instructor: int | None


class CohortMerge(TypedDict, total=False):
    """The fields of a cohort that can be merged; None resets a field.

    Attributes:
        name_cohort: the name of the cohort.
        start_date: the first day.
        end_date: the last day, not before the first.
        instructor: the id of the user who teaches the cohort.
    """

    name_cohort: str
    start_date: dt.date | str | None
    end_date: dt.date | str | None
    instructor: int | None


class CohortFilters(TypedDict, total=False):
    """Which cohorts are listed, and in which order.

    Attributes:
        name_cohort: only those whose ``name_cohort`` contains this text; case and accents are ignored.
        instructor: only those with this ``instructor``.
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        start_date__isnull: only those without ``start_date``, or with ``False`` those that have one.
        end_date__isnull: only those without ``end_date``, or with ``False`` those that have one.
        instructor__isnull: only those without ``instructor``, or with ``False`` those that have one.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        search: only those that have each of these words, or phrases in quotes, in: name_cohort.
        ordering: the order; without it newest first.
    """

    name_cohort: str
    instructor: int
    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    start_date__isnull: bool
    end_date__isnull: bool
    instructor__isnull: bool
    updated_at__isnull: bool
    search: str
    ordering: Literal[
        "name_cohort", "-name_cohort", "start_date", "-start_date", "end_date", "-end_date", "updated_at", "-updated_at"
    ]
