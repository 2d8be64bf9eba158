"""Cohorts, enrollments and transfers: the rules of teaching (decisions 10, 12)."""

from collections.abc import Mapping, Sequence

import attrs

from crm_core.errors import ACROSS_FIELDS, invalid
from crm_core.model.entities import EnrollmentDetail, Service
from crm_core.model.records import Key, Record
from crm_core.rules.needs import Needs, Proposal, Search, Steps, without_needs


@without_needs
def validate_cohort(proposal: Proposal) -> Mapping[str, object]:
    """Require that a cohort does not end before it starts."""
    start, end = proposal.value("start_date"), proposal.value("end_date")
    if proposal.touches("start_date", "end_date") and start is not None and end is not None and end < start:
        raise invalid(ACROSS_FIELDS, "invalid", "A cohort cannot end before it starts.")
    return {}


def validate_enrollment_detail(proposal: Proposal) -> Steps[Mapping[str, object]]:
    """Require that a student is only once in an enrollment."""
    before: EnrollmentDetail | None = proposal.before
    pair = (proposal.value("enrollment"), proposal.value("student"))
    if None in pair or (before is not None and pair == (before.enrollment, before.student)):
        return {}
    search = Search("enrollment_detail", (("enrollment", pair[0]), ("student", pair[1])))
    known = yield Needs(counts=frozenset({search}))
    if known.counts[search]:
        raise invalid(ACROSS_FIELDS, "unique", "The fields enrollment, student must make a unique set.")
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
