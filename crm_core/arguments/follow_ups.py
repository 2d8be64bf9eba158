"""What the operations of follow-ups take.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Literal, TypedDict

from crm_core.arguments.items import FilterValue


class FollowUpCreate(TypedDict, total=False):
    """The fields of a new follow-up.

    Attributes:
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        follow_up_date: when the contact took place; the time of creation if none is sent.
        comment: what was said or done.
    """

    attributes: Mapping[str, object]
    follow_up_date: dt.datetime | str
    comment: str | None


class FollowUpUpdate(TypedDict, total=False):
    """The fields of a follow-up that can be changed.

    Attributes:
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        follow_up_date: when the contact took place; the time of creation if none is sent.
        comment: what was said or done.
    """

    attributes: Mapping[str, object]
    follow_up_date: dt.datetime | str
    comment: str | None


class FollowUpMerge(TypedDict, total=False):
    """The fields of a follow-up that can be merged; None resets a field.

    Attributes:
        attributes: the values of attributes to set, by name; None removes one, and those that are not named stay.
        follow_up_date: when the contact took place; the time of creation if none is sent.
        comment: what was said or done.
    """

    attributes: Mapping[str, object] | None
    follow_up_date: dt.datetime | str | None
    comment: str | None


class FollowUpFilters(TypedDict, total=False):
    """Which follow-ups are listed, and in which order.

    Attributes:
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        follow_up_date__isnull: only those without ``follow_up_date``, or with ``False`` those that have one.
        created_at__isnull: only those without ``created_at``, or with ``False`` those that have one.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        attributes: only those with these values of attributes, by name. A name may end with ``__gt``, ``__gte``,
            ``__lt``, ``__lte``, ``__in``, ``__contains`` or ``__isnull``.
        search: only those that have each of these words, or phrases in quotes, in: comment, text attributes.
        ordering: the order; without it newest first.
    """

    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    follow_up_date__isnull: bool
    created_at__isnull: bool
    updated_at__isnull: bool
    attributes: Mapping[str, FilterValue]
    search: str
    ordering: Literal["follow_up_date", "-follow_up_date", "created_at", "-created_at", "updated_at", "-updated_at"]
