"""The operations of transfer requests: those of all records, and their decisions."""

from uuid import UUID

import attrs

from crm_core.model.entities import TransferRequest
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.resources.transfer_requests import TransferRequestOperations


@attrs.define(slots=False, eq=False)
class TransferOperations(TransferRequestOperations[D_co]):
    """The operations of transfer requests, with those that accept and decline them."""

    @operation
    def accept(
        self,
        id_: UUID | str,
        /,
        *,
        cohort: UUID | str | None = None,
        if_match: TransferRequest | int | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[TransferRequest]:
        """Accept a transfer request, which moves the student in the same commit; return the request.

        A request that was decided before is a TransferDecidedError.

        Args:
            id_: the id of the request.
            cohort: the id of the cohort to which the student moves, if the request does not name it.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
        """
        values = {"cohort": cohort} if cohort else {}
        return self._apply("accept", id_, values, if_match, idempotency_key)

    @operation
    def decline(
        self,
        id_: UUID | str,
        /,
        *,
        if_match: TransferRequest | int | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[TransferRequest]:
        """Decline a transfer request; return it. The arguments are as in ``accept``."""
        return self._apply("decline", id_, {}, if_match, idempotency_key)
