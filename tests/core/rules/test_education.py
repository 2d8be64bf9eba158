"""Cohorts, enrollments and transfer requests, decisions 10 and 12."""

from typing import Any

import pytest
from attrs import evolve

from crm_core.model.entities import Client, Enrollment, EnrollmentDetail, Service, TransferRequest
from crm_core.resources import COHORTS, ENROLLMENT_DETAILS, SERVICES, TRANSFER_REQUESTS
from tests.core.knowledge import Knowledge, answered, made, refused, uid

ACME = made(Client, 1, name="Acme")
JANE = made(Service, 2, name="Jane", client=uid(1))
JOHN = made(Service, 3, name="John", client=uid(1))
DATA = made(Enrollment, 4, cohort=uid(9), pathway_name="Data")
DETAIL = made(EnrollmentDetail, 5, enrollment=uid(4), student=uid(2))
OTHER = made(EnrollmentDetail, 6, enrollment=uid(4), student=uid(3))
REQUEST = made(TransferRequest, 7, student=uid(2), student_name="Jane", cohort_request="Winter")
KNOWN = Knowledge(ACME, JANE, JOHN, DATA, DETAIL, OTHER, REQUEST)
BACKWARDS = {"non_field_errors": ["A cohort cannot end before it starts."]}
TWICE = {"non_field_errors": ["The fields enrollment, student must make a unique set."]}


@pytest.mark.parametrize(
    ("start", "end"), [("2025-06-01", "2025-06-01"), ("2025-06-01", None), (None, "2025-06-01"), (None, None)]
)
def test_a_cohort_may_end_on_the_day_it_starts_or_be_open(start: object, end: object) -> None:
    sent = {"name_cohort": "Summer", "start_date": start, "end_date": end}

    assert answered(KNOWN.create(COHORTS, sent)).name_cohort == "Summer"


def test_a_cohort_cannot_end_before_it_starts_whichever_is_written() -> None:
    days = {"start_date": "2025-06-01", "end_date": "2025-05-31"}
    summer = answered(KNOWN.create(COHORTS, {"name_cohort": "Summer", "start_date": "2025-06-01"}))

    assert refused(KNOWN.create, COHORTS, {"name_cohort": "Summer", **days}) == BACKWARDS
    assert refused(Knowledge(summer).patch, COHORTS, 1000, {"end_date": "2025-05-31"}) == BACKWARDS


def test_a_bad_day_is_the_only_problem_of_a_cohort() -> None:
    sent = {"name_cohort": "Summer", "start_date": "2025-06-01", "end_date": "soon"}

    assert refused(KNOWN.create, COHORTS, sent).keys() == {"end_date"}


def pair(enrollment: int, student: int) -> Any:
    return {"enrollment": str(uid(enrollment)), "student": str(uid(student))}


def test_a_student_is_in_an_enrollment_once() -> None:
    assert refused(KNOWN.create, ENROLLMENT_DETAILS, pair(4, 2)) == TWICE
    assert refused(KNOWN.patch, ENROLLMENT_DETAILS, 6, {"student": str(uid(2))}) == TWICE
    assert KNOWN.patch(ENROLLMENT_DETAILS, 5, pair(4, 2)).writes == ()


def test_references_to_nothing_are_reported_together() -> None:
    missing = 'Invalid pk "{}" - object does not exist.'

    assert refused(KNOWN.create, ENROLLMENT_DETAILS, pair(8, 9)) == {
        "enrollment": [missing.format(uid(8))],
        "student": [missing.format(uid(9))],
    }


def test_a_transfer_request_shows_its_student_s_name_and_nobody_can_send_it() -> None:
    sent = {"student": str(uid(3)), "student_name": "Eve", "cohort_request": "Winter"}

    assert answered(KNOWN.create(TRANSFER_REQUESTS, sent)).student_name == "John"
    assert answered(KNOWN.patch(TRANSFER_REQUESTS, 7, sent)).student_name == "John"


def test_a_student_s_new_name_shows_in_the_student_s_transfer_requests_in_the_same_commit() -> None:
    changes = KNOWN.patch(SERVICES, 2, {"name": "Jane Smith"})

    assert [(put.key.resource, put.event.kind, put.event.changes) for put in changes.writes] == [
        ("service", "updated", {"name": {"from": "Jane", "to": "Jane Smith"}}),
        ("transfer_request", "updated", {"student_name": {"from": "Jane", "to": "Jane Smith"}}),
    ]


def test_another_change_of_a_student_leaves_transfer_requests_alone() -> None:
    changes = KNOWN.patch(SERVICES, 2, {"list_of_images": ["/files/x.png"]})

    assert [put.key.resource for put in changes.writes] == ["service"]


def test_another_change_of_a_transfer_request_leaves_its_student_s_name_as_it_is() -> None:
    known = Knowledge(JANE, evolve(REQUEST, student_name="An earlier name"))

    assert answered(known.patch(TRANSFER_REQUESTS, 7, {"cohort_request": "Summer"})).student_name == "An earlier name"
