"""Cohorts, enrollments and transfers: the rules of teaching (rulings 10, 12)."""

from collections.abc import Mapping

import attrs

from crm_core.errors import ACROSS_FIELDS, invalid
from crm_core.model.entities import EnrollmentDetail, Service, TransferRequest
from crm_core.rules.needs import Key, Known, Needs, Proposal, Search


def validate_cohort(proposal: Proposal, _: Known) -> Mapping[str, object]:
    """A cohort cannot end before it starts."""
    start, end = proposal.value("start_date"), proposal.value("end_date")
    if proposal.touches("start_date", "end_date") and start is not None and end is not None and end < start:
        raise invalid(ACROSS_FIELDS, "invalid", "A cohort cannot end before it starts.")
    return {}


def validate_enrollment_detail(proposal: Proposal, known: Known) -> Needs | Mapping[str, object]:
    """A student is in an enrollment once."""
    before: EnrollmentDetail | None = proposal.before
    pair = (proposal.value("enrollment"), proposal.value("student"))
    if None in pair or (before is not None and pair == (before.enrollment, before.student)):
        return {}
    search = Search("enrollment_detail", (("enrollment", pair[0]), ("student", pair[1])))
    if lacking := known.lacks(Needs(counts=frozenset({search}))):
        return lacking
    if known.counts[search]:
        raise invalid(ACROSS_FIELDS, "unique", "The fields enrollment, student must make a unique set.")
    return {}


def validate_transfer_request(proposal: Proposal, known: Known) -> Needs | Mapping[str, object]:
    """A transfer request shows its student's name."""
    if not proposal.touches("student"):
        return {}
    key = Key("service", proposal.sent["student"])
    if lacking := known.lacks(Needs(records=frozenset({key}))):
        return lacking
    student = known.value(key)
    return {"student_name": student.name} if isinstance(student, Service) else {}


def cascade_student_name(before: Service | None, after: Service | None, known: Known) -> Needs | Mapping[Key, object]:
    """A student's new name shows in the student's transfer requests."""
    if before is None or after is None or before.name == after.name:
        return {}
    search = Search("transfer_request", (("student", after.id),))
    if lacking := known.lacks(Needs(children=frozenset({search}))):
        return lacking
    requests = {child.key: child.value for child in known.children[search]}
    return {
        key: attrs.evolve(request, student_name=after.name)
        for key, request in requests.items()
        if isinstance(request, TransferRequest)
    }
