"""The calls of transfer requests: those of all records, and their decisions."""

from uuid import UUID

import attrs

from crm_core.arguments.values import sendable
from crm_core.embedding.calls import R_co, call
from crm_core.embedding.records import expected_versions
from crm_core.embedding.resources.transfer_requests import TransferRequestCalls
from crm_core.engine.decisions import id_of
from crm_core.model.entities import TransferRequest
from crm_core.use_cases import transfers


@attrs.define(slots=False, eq=False)
class TransferCalls(TransferRequestCalls[R_co]):
    """The calls of transfer requests, with those that accept and decline them."""

    @call
    async def accept(
        self,
        id_: UUID | str,
        /,
        *,
        cohort: UUID | str | None = None,
        if_match: TransferRequest | int | None = None,
        idempotency_key: str | None = None,
    ) -> TransferRequest:
        """Accept a transfer request, which moves the student in the same commit; return the request.

        A request that was decided before is a TransferDecidedError.

        Args:
            id_: the id of the request.
            cohort: the id of the cohort to which the student moves, if the request does not name it.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
        """
        request, data = id_of(id_), {} if cohort is None else {"cohort": sendable(cohort)}
        who, expected = self._caller("accept", idempotency_key, [request, data]), expected_versions(if_match)
        return self._entity(await transfers.accept(self.context.db, who, request, data, expected=expected, strict=True))

    @call
    async def decline(
        self,
        id_: UUID | str,
        /,
        *,
        if_match: TransferRequest | int | None = None,
        idempotency_key: str | None = None,
    ) -> TransferRequest:
        """Decline a transfer request; return it. The arguments are as in ``accept``."""
        request = id_of(id_)
        who, expected = self._caller("decline", idempotency_key, request), expected_versions(if_match)
        return self._entity(await transfers.decline(self.context.db, who, request, expected=expected))
