"""The inputs and operations of attributes.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from typing import BinaryIO, Literal, Required, TypedDict, Unpack
from uuid import UUID

from crm_core.model.entities import Attribute
from crm_http.client.evolutions import EvolvingOperations
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.records import PAGE_SIZE


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
        is_unique: whether no two records have the same value; ``building`` until all records are known to differ.
            Default: ``False``.
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
        is_unique: whether no two records have the same value; ``building`` until all records are known to differ.
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
        is_unique: whether no two records have the same value; ``building`` until all records are known to differ.
            Default: ``False``.
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


class AttributeOperations(EvolvingOperations[D_co]):
    """The operations of attributes."""

    @listing
    def list(
        self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE, **filters: Unpack[AttributeFilters]
    ) -> ListQuery[Attribute]:
        """Return the attributes that match all filters; they are requested page by page while they are read.

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
        **filters: Unpack[AttributeFilters],
    ) -> Operation[None]:
        """Write the attributes that match all filters to a binary file, piece by piece.

        It is not retried after a lost answer (NoResponseError), as a part may have been written.

        Args:
            to: the file.
            format: the format of the file.
            bom: begin a CSV file with a byte order mark, by which Excel knows UTF-8.
            filters: as in ``list``.
        """
        return self._export(to, format, filters, bom=bom)

    @operation
    def create(
        self, /, *, idempotency_key: str | None = None, **values: Unpack[AttributeCreate]
    ) -> Operation[Attribute]:
        """Create an attribute; return it.

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
        if_match: Attribute | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[AttributeUpdate],
    ) -> Operation[Attribute]:
        """Set some fields of an attribute; return it.

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
        if_match: Attribute | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[AttributeMerge],
    ) -> Operation[Attribute]:
        """Set some fields, and of fields that are objects only the named members (RFC 7396); return the record.

        This sets single attributes, or removes them with None.

        Args:
            id_: the id of the record.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
            values: the fields to set.
        """
        return self._merge(id_, values, if_match, idempotency_key)
