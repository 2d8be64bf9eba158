"""The inputs and operations of webhooks.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Literal, Required, TypedDict, Unpack
from uuid import UUID

from crm_core.webhooks.entity import Condition
from crm_http.client.inputs import ConditionInput
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.records import PAGE_SIZE, RecordOperations
from crm_http.client.webhook_responses import WebhookWithSecret


class WebhookCreate(TypedDict, total=False):
    """The fields of a new webhook.

    Attributes:
        name: the name of the webhook.
        model: the kind of records that it watches.
        url: the http or https URL that is called; ``{field}`` in its path or query stands for a field of the record.
        method: the HTTP method of the call; GET sends no body. Default: ``POST``.
        headers: further headers of the call, by name; ``{field}`` stands for a field of the record.
        is_active: whether it is called at all. Default: ``True``.
        conditions: what a record must meet; without conditions every record does.
        condition_logic: whether all conditions must be met (``AND``) or one is enough (``OR``). Default: ``AND``.
        events: the changes that it is called for; all of them unless some are sent. Default: ``created, updated,
            deleted``.
    """

    name: Required[str]
    model: Required[Literal["Lead", "Client", "Service", "FollowUp"]]
    url: Required[str]
    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"]
    headers: Mapping[str, str]
    is_active: bool
    conditions: Sequence[ConditionInput | Condition]
    condition_logic: Literal["AND", "OR"]
    events: Sequence[Literal["created", "updated", "deleted"]]


class WebhookUpdate(TypedDict, total=False):
    """The fields of a webhook that can be changed.

    Attributes:
        name: the name of the webhook.
        model: the kind of records that it watches.
        url: the http or https URL that is called; ``{field}`` in its path or query stands for a field of the record.
        method: the HTTP method of the call; GET sends no body.
        headers: further headers of the call, by name; ``{field}`` stands for a field of the record.
        is_active: whether it is called at all.
        conditions: what a record must meet; without conditions every record does.
        condition_logic: whether all conditions must be met (``AND``) or one is enough (``OR``).
        events: the changes that it is called for; all of them unless some are sent.
    """

    name: str
    model: Literal["Lead", "Client", "Service", "FollowUp"]
    url: str
    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"]
    headers: Mapping[str, str]
    is_active: bool
    conditions: Sequence[ConditionInput | Condition]
    condition_logic: Literal["AND", "OR"]
    events: Sequence[Literal["created", "updated", "deleted"]]


class WebhookMerge(TypedDict, total=False):
    """The fields of a webhook that can be merged; None resets a field.

    Attributes:
        name: the name of the webhook.
        model: the kind of records that it watches.
        url: the http or https URL that is called; ``{field}`` in its path or query stands for a field of the record.
        method: the HTTP method of the call; GET sends no body. Default: ``POST``.
        headers: further headers of the call, by name; ``{field}`` stands for a field of the record.
        is_active: whether it is called at all. Default: ``True``.
        conditions: what a record must meet; without conditions every record does.
        condition_logic: whether all conditions must be met (``AND``) or one is enough (``OR``). Default: ``AND``.
        events: the changes that it is called for; all of them unless some are sent. Default: ``created, updated,
            deleted``.
    """

    name: str
    model: Literal["Lead", "Client", "Service", "FollowUp"]
    url: str
    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"] | None
    headers: Mapping[str, str] | None
    is_active: bool | None
    conditions: Sequence[ConditionInput | Condition] | None
    condition_logic: Literal["AND", "OR"] | None
    events: Sequence[Literal["created", "updated", "deleted"]] | None


class WebhookFilters(TypedDict, total=False):
    """Which webhooks are listed, and in which order.

    Attributes:
        name: only those whose ``name`` contains this text; case and accents are ignored.
        model: only those with this ``model``.
        is_active: only those with this ``is_active``.
        created_by: only those with this ``created_by``.
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        created_by__isnull: only those without ``created_by``, or with ``False`` those that have one.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        search: only those that have each of these words, or phrases in quotes, in: name.
        ordering: the order; without it newest first.
    """

    name: str
    model: Literal["Lead", "Client", "Service", "FollowUp"]
    is_active: bool
    created_by: int
    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    created_by__isnull: bool
    updated_at__isnull: bool
    search: str
    ordering: Literal["name", "-name", "updated_at", "-updated_at"]


class WebhookRecordOperations(RecordOperations[D_co, WebhookWithSecret]):
    """The operations of webhooks."""

    @listing
    def list(
        self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE, **filters: Unpack[WebhookFilters]
    ) -> ListQuery[WebhookWithSecret]:
        """Return the webhooks that match all filters; they are requested page by page while they are read.

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
        **filters: Unpack[WebhookFilters],
    ) -> Operation[None]:
        """Write the webhooks that match all filters to a binary file, piece by piece.

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
        self, /, *, idempotency_key: str | None = None, **values: Unpack[WebhookCreate]
    ) -> Operation[WebhookWithSecret]:
        """Create a webhook; return it.

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
        if_match: WebhookWithSecret | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[WebhookUpdate],
    ) -> Operation[WebhookWithSecret]:
        """Set some fields of a webhook; return it.

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
        if_match: WebhookWithSecret | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[WebhookMerge],
    ) -> Operation[WebhookWithSecret]:
        """Set some fields, and of fields that are objects only the named members (RFC 7396); return the record.

        This sets single attributes, or removes them with None.

        Args:
            id_: the id of the record.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
            values: the fields to set.
        """
        return self._merge(id_, values, if_match, idempotency_key)
