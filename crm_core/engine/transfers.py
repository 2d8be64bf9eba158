"""The decisions to accept and to decline a transfer request (decisions 121 to 123)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from attrs import evolve

from crm_core.engine.changes import Changes
from crm_core.engine.decisions import expected_record
from crm_core.engine.writing import RecordChange, changes_of
from crm_core.errors import TransferDecidedError
from crm_core.model.accounts import SYSTEM, Caller
from crm_core.model.entities import ACCEPTED, DECLINED, OPEN, Service, TransferRequest
from crm_core.model.recorded_changes import with_unchanged
from crm_core.model.records import Key, Record, Versions
from crm_core.resources import TRANSFER_REQUESTS
from crm_core.rules.education import moved_details, requested_cohort
from crm_core.rules.needs import Needs, Steps


def accept(who: Caller, key: Key, cohort: UUID | None, expected: Versions) -> Steps[Changes]:
    """Decide to accept a transfer request: the student moves to the cohort, in the same commit.

    Args:
        who: the caller.
        key: the key of the request.
        cohort: the id of the cohort, if the text of the request does not name it.
        expected: the versions that the request may have; None for any.

    Raises NotFoundError, VersionConflictError, TransferDecidedError, and InvalidError if it is not known which cohort.
    """
    request = yield from _open_request(who, key, expected)
    to, is_by_id = yield from requested_cohort(request.value, cohort)
    known = yield Needs(records=frozenset({of_student := Key("service", request.value.student)}))
    student = known.records[of_student]
    moves: list[RecordChange] = []
    if student is not None and isinstance(student.value, Service):
        details = (yield from moved_details(student.value, to)) if is_by_id else ()
        moves = _changed([(student, evolve(student.value, actual_cohort=to)), *details])
    return (yield from changes_of(who, _decided(who, request, ACCEPTED), after=moves, answer=key))


def decline(who: Caller, key: Key, expected: Versions) -> Steps[Changes]:
    """Decide to decline a transfer request. Raises NotFoundError, VersionConflictError, TransferDecidedError."""
    request = yield from _open_request(who, key, expected)
    return (yield from changes_of(who, _decided(who, request, DECLINED), answer=key))


def _open_request(who: Caller, key: Key, expected: Versions) -> Steps[Record]:
    record = yield from expected_record(TRANSFER_REQUESTS, who, key, None, expected)
    if record.value.state != OPEN:
        raise TransferDecidedError(record.value.state)
    return record


def _decided(who: Caller, request: Record, state: str) -> RecordChange:
    decided_by = None if who.actor is SYSTEM else who.actor.user.id
    before: TransferRequest = request.value
    after = evolve(before, state=state, decided_at=who.now, decided_by=decided_by)
    return RecordChange(request.key, request, with_unchanged(before, after))


def _changed(moves: Sequence[tuple[Record, Any]]) -> list[RecordChange]:
    return [
        RecordChange(record.key, record, with_unchanged(record.value, value))
        for record, value in moves
        if value != record.value
    ]
