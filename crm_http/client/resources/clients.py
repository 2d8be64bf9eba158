"""The operations of clients.

Made by tests/generate_client.py from the entities; do not edit.
"""

from typing import BinaryIO, Literal, Unpack
from uuid import UUID

from crm_core.arguments.clients import ClientCreate, ClientFilters, ClientMerge, ClientUpdate
from crm_core.arguments.values import UniqueParameter
from crm_core.embedding.listings import PAGE_SIZE
from crm_core.model.entities import Client
from crm_http.client.item_operations import RecordOperationsWithImages
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, operation


class ClientOperations(RecordOperationsWithImages[D_co, Client]):
    """The operations of clients."""

    @listing
    def list(
        self, /, *, limit: int | None = None, page_size: int = PAGE_SIZE, **filters: Unpack[ClientFilters]
    ) -> ListQuery[Client]:
        """Return the clients that match all filters; they are requested page by page while they are read.

        Args:
            limit: the most records in all.
            page_size: the records that are read at once, from 1 to 1,000.
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
        **filters: Unpack[ClientFilters],
    ) -> Operation[None]:
        """Write the clients that match all filters to a binary file, piece by piece.

        It is not retried after a lost answer (NoResponseError), as a part may have been written.

        Args:
            to: the file.
            format: the format of the file.
            bom: begin a CSV file with a byte order mark, by which Excel knows UTF-8.
            filters: as in ``list``.
        """
        return self._export(to, format, filters, bom=bom)

    @operation
    def create(self, /, *, idempotency_key: str | None = None, **values: Unpack[ClientCreate]) -> Operation[Client]:
        """Create a client; return it.

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
        if_match: Client | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[ClientUpdate],
    ) -> Operation[Client]:
        """Set some fields of a client; return it.

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
        if_match: Client | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[ClientMerge],
    ) -> Operation[Client]:
        """Set some fields, and of fields that are objects only the named members (RFC 7396); return the record.

        This sets single attributes, or removes them with None.

        Args:
            id_: the id of the record.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
            values: the fields to set.
        """
        return self._merge(id_, values, if_match, idempotency_key)

    @operation
    def upsert(
        self,
        /,
        *,
        by: str,
        value: UniqueParameter,
        only: Literal["create", "change"] | None = None,
        if_match: Client | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[ClientUpdate],
    ) -> Operation[Client]:
        """Set some fields of the client that has a value of a unique attribute, or create one; return it.

        Args:
            by: the name of the unique attribute.
            value: its value; ``attributes`` may leave it out.
            only: ``create`` or ``change`` to do nothing else; VersionConflictError is raised where that cannot be done.
            if_match: as in ``change``; nothing is created then.
            idempotency_key: as in ``create``.
            values: the fields to set; those that a new record needs are needed where there may be none.
        """
        return self._upsert(by, value, values, only, if_match, idempotency_key)

    @operation
    def retrieve_by(self, by: str, value: UniqueParameter, /) -> Operation[Client]:
        """Return the client that has a value of a unique attribute.

        Args:
            by: the name of the unique attribute.
            value: its value.
        """
        return self._retrieve_by(by, value)
