"""What the operations of attributes take.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from typing import Literal, Required, TypedDict


class AttributeCreate(TypedDict, total=False):
    """The fields of a new attribute.

    Attributes:
        name: the name by which records hold the value: letters, digits, ``_`` and ``-``, never two ``_`` in a row; only
            a rename changes it.
        label: the name for people.
        type: the type of the values; only a conversion changes it.
        is_required: whether records must have a value when their attributes are written. Default: ``False``.
        list_values: the values that a ``list`` may have; for other types, suggestions for a form.
        is_indexed: whether range filters on the attribute are fast. Default: ``False``.
        is_unique: whether no two records have the same value, of a text, number or date; ``building`` until all records
            are known to differ. Default: ``False``.
    """

    name: Required[str]
    label: Required[str]
    type: Required[Literal["text", "number", "date", "boolean", "list", "file"]]
    is_required: bool
    list_values: list[str] | tuple[str, ...]
    is_indexed: bool
    is_unique: bool


class AttributeUpdate(TypedDict, total=False):
    """The fields of an attribute that can be changed.

    Attributes:
        name: the name by which records hold the value: letters, digits, ``_`` and ``-``, never two ``_`` in a row; only
            a rename changes it.
        label: the name for people.
        type: the type of the values; only a conversion changes it.
        is_required: whether records must have a value when their attributes are written.
        list_values: the values that a ``list`` may have; for other types, suggestions for a form.
        is_indexed: whether range filters on the attribute are fast.
        is_unique: whether no two records have the same value, of a text, number or date; ``building`` until all records
            are known to differ.
    """

    name: str
    label: str
    type: Literal["text", "number", "date", "boolean", "list", "file"]
    is_required: bool
    list_values: list[str] | tuple[str, ...]
    is_indexed: bool
    is_unique: bool


class AttributeMerge(TypedDict, total=False):
    """The fields of an attribute that can be merged; None resets a field.

    Attributes:
        name: the name by which records hold the value: letters, digits, ``_`` and ``-``, never two ``_`` in a row; only
            a rename changes it.
        label: the name for people.
        type: the type of the values; only a conversion changes it.
        is_required: whether records must have a value when their attributes are written. Default: ``False``.
        list_values: the values that a ``list`` may have; for other types, suggestions for a form.
        is_indexed: whether range filters on the attribute are fast. Default: ``False``.
        is_unique: whether no two records have the same value, of a text, number or date; ``building`` until all records
            are known to differ. Default: ``False``.
    """

    name: str
    label: str
    type: Literal["text", "number", "date", "boolean", "list", "file"]
    is_required: bool | None
    list_values: list[str] | tuple[str, ...] | None
    is_indexed: bool | None
    is_unique: bool | None


class AttributeFilters(TypedDict, total=False):
    """Which attributes are listed, and in which order.

    Attributes:
        name: only those whose ``name`` contains this text; case and accents are ignored.
        type: only those with this ``type``.
        is_required: only those with this ``is_required``.
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        search: only those that have each of these words, or phrases in quotes, in: name, label.
        ordering: the order; without it newest first.
    """

    name: str
    type: Literal["text", "number", "date", "boolean", "list", "file"]
    is_required: bool
    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    updated_at__isnull: bool
    search: str
    ordering: Literal["name", "-name", "label", "-label", "updated_at", "-updated_at"]
