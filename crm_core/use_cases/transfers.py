"""Accepts and declines transfer requests (decisions 121 to 123)."""

from functools import partial
from typing import Final
from uuid import UUID

import attrs

from crm_core.engine import transfers
from crm_core.engine.decision_runs import Decide
from crm_core.engine.decisions import key_of
from crm_core.engine.receipts import Document
from crm_core.errors import InvalidError
from crm_core.input.declarations import reference
from crm_core.input.drafts import read_payload
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller, require
from crm_core.model.records import Versions
from crm_core.ports import Database
from crm_core.resources import ENROLLMENT_DETAILS, SERVICES, TRANSFER_REQUESTS
from crm_core.use_cases.idempotency import answered_once
from crm_core.use_cases.records import NamingChangedFields, look_up

#: The resources whose records an accepted request changes.
CHANGED: Final = (TRANSFER_REQUESTS, SERVICES, ENROLLMENT_DETAILS)


@attrs.frozen
class Acceptance:
    """The body of ``accept``.

    Attributes:
        cohort: the id of the cohort to which the student moves; without it, the one that ``cohort_request`` names by
            its id or its name.
    """

    cohort: UUID | None = reference("cohort", default=None)


async def accept(
    db: Database, who: Caller, id_: UUID, data: object, *, expected: Versions = None, strict: bool = True
) -> Document:
    """Accept a transfer request, and move the student in the same commit; return the request.

    Args:
        db: the store of records.
        who: the caller, who may change transfer requests, services and enrollment details.
        id_: the id of the request.
        data: plain values (``Acceptance``).
        expected: the versions that the request may have; None for any.
        strict: refuse unknown members instead of ignoring them.

    Raises PermissionDeniedError, NotFoundError, InvalidError, VersionConflictError, TransferDecidedError.
    """
    for resource in CHANGED:
        require(who.actor, resource.permission("change"))
    try:
        values = read_payload(Acceptance, data, ReadContext(who.new_id, strict))
    except InvalidError:
        await look_up(db, TRANSFER_REQUESTS, id_)  # 404 comes before 400 (decision 2)
        raise
    decide = partial(transfers.accept, who, key_of(TRANSFER_REQUESTS, id_), values["cohort"], expected)
    return await _decide(db, who, id_, decide, expected)


async def decline(db: Database, who: Caller, id_: UUID, *, expected: Versions = None) -> Document:
    """Decline a transfer request; return it.

    Args:
        db: the store of records.
        who: the caller, who may change transfer requests.
        id_: the id of the request.
        expected: the versions that the request may have; None for any.

    Raises PermissionDeniedError, NotFoundError, VersionConflictError, TransferDecidedError.
    """
    require(who.actor, TRANSFER_REQUESTS.permission("change"))
    decide = partial(transfers.decline, who, key_of(TRANSFER_REQUESTS, id_), expected)
    return await _decide(db, who, id_, decide, expected)


async def _decide(db: Database, who: Caller, id_: UUID, decide: Decide, expected: Versions) -> Document:
    async with NamingChangedFields(db, key_of(TRANSFER_REQUESTS, id_), expected):
        _, document = await answered_once(db, who, id_, lambda: db.change(decide))
    return document
