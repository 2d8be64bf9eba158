"""Cohorts, enrollments and transfers: the rules of teaching (decisions 10, 12)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import attrs

from crm_core.errors import ACROSS_FIELDS, invalid
from crm_core.input.readers import RefusedError, read_uuid
from crm_core.input.texts import fold
from crm_core.model.entities import Enrollment, EnrollmentDetail, Service, TransferRequest
from crm_core.model.records import Key, Record
from crm_core.rules.needs import Needs, Proposal, Search, Steps, without_needs


class Requested(NamedTuple):
    """The cohort that a transfer request asks for.

    Attributes:
        cohort: its id.
        is_by_id: whether it was named by its id.
    """

    cohort: UUID
    is_by_id: bool


@without_needs
def validate_cohort(proposal: Proposal) -> Mapping[str, object]:
    """Require that a cohort does not end before it starts."""
    start, end = proposal.value("start_date"), proposal.value("end_date")
    if proposal.touches("start_date", "end_date") and start is not None and end is not None and end < start:
        raise invalid(ACROSS_FIELDS, "invalid", "A cohort cannot end before it starts.")
    return {}


def validate_transfer_request(proposal: Proposal) -> Steps[Mapping[str, object]]:
    """Return the student's name, which a transfer request shows."""
    if not proposal.touches("student"):
        return {}
    known = yield Needs(records=frozenset({key := Key("service", proposal.sent["student"])}))
    student = known.value(key)
    return {"student_name": student.name} if isinstance(student, Service) else {}


def cascade_student_name(before: Service | None, after: Service | None) -> Steps[Sequence[tuple[Record, object]]]:
    """Return the student's transfer requests with the student's new name."""
    if before is None or after is None or before.name == after.name:
        return ()
    search = Search("transfer_request", (("student", after.id),))
    known = yield Needs(children=frozenset({search}))
    return [(request, attrs.evolve(request.value, student_name=after.name)) for request in known.children[search]]


def requested_cohort(request: TransferRequest, named: UUID | None) -> Steps[Requested]:
    """Return the cohort to which an accepted transfer request moves the student (decision 123).

    It is the one that is named to accept the request, else the one whose id the request has as its text, else the only
    one of that name.

    Args:
        request: the request.
        named: the id of a cohort.

    Raises InvalidError if there is no such cohort, or if several have the name.
    """
    id_ = named or _id_in(request.cohort_request)
    by_name = Search("cohort", (("name_cohort", request.cohort_request),))
    ids = frozenset({Key("cohort", id_)} if id_ else ())
    known = yield Needs(references=ids, children=frozenset() if named else frozenset({by_name}))
    if id_ and known.exists(Key("cohort", id_)):
        return Requested(id_, is_by_id=True)
    if named:
        raise invalid("cohort", "does_not_exist", f'Invalid pk "{named}" - object does not exist.')
    found = known.children[by_name]
    if len(found) != 1:
        how_many = "Several cohorts have" if found else "No cohort has"
        raise invalid("cohort", "invalid", f"{how_many} the requested name: send the id of the cohort.")
    return Requested(found[0].value.id, is_by_id=False)


def _id_in(text: str) -> UUID | None:
    try:
        return read_uuid(text)
    except RefusedError:
        return None


def moved_details(student: Service, to: UUID) -> Steps[Sequence[tuple[Record, EnrollmentDetail]]]:
    """Return a student's enrollment details of the present cohort with the enrollments of another one (decision 123).

    A detail moves to the enrollment of the same pathway. Where there is none, or the student is in it, it stays.
    """
    if student.actual_cohort in (None, to):
        return ()
    own = Search("enrollment_detail", (("student", student.id),))
    taught = Search("enrollment", (("cohort", (student.actual_cohort, to)),))
    known = yield Needs(children=frozenset({own, taught}))
    enrollments: Sequence[Enrollment] = [record.value for record in known.children[taught]]
    pathways = {each.id: fold(each.pathway_name) for each in enrollments if each.cohort != to}
    targets = {fold(each.pathway_name): each.id for each in reversed(enrollments) if each.cohort == to}
    taken = {record.value.enrollment for record in known.children[own]}
    moves: list[tuple[Record, EnrollmentDetail]] = []
    for record in known.children[own]:
        target = targets.get(pathways.get(record.value.enrollment, ""))
        if target is not None and target not in taken:
            taken.add(target)
            moves.append((record, attrs.evolve(record.value, enrollment=target)))
    return moves
