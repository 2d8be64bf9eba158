"""Transfer requests are accepted and declined, decisions 121 to 123."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from crm_core.engine import transfers
from crm_core.engine.changes import Changes
from crm_core.errors import TransferDecidedError, VersionConflictError
from crm_core.model.entities import Client, Cohort, Enrollment, EnrollmentDetail, Service, TransferRequest
from crm_core.model.records import Key, Versions
from tests.core.knowledge import NOW, Knowledge, answered, calling, made, refused, uid, written

SUMMER, WINTER = made(Cohort, 1, name_cohort="Summer"), made(Cohort, 2, name_cohort="Winter")
JANE = made(Service, 3, name="Jane", client=uid(4), actual_cohort=uid(1), origin_cohort=uid(1))
DATA, LATER_DATA = (made(Enrollment, id_, cohort=uid(of), pathway_name="Data") for id_, of in ((10, 1), (20, 2)))
CODE, LATER_CODE = (
    made(Enrollment, id_, cohort=uid(of), pathway_name=name) for id_, of, name in ((11, 1, "CODE"), (21, 2, "code"))
)
ART = made(Enrollment, 12, cohort=uid(1), pathway_name="Art")
DETAILS = [made(EnrollmentDetail, 30 + place, enrollment=uid(10 + place), student=uid(3)) for place in range(3)]
REQUEST = made(TransferRequest, 9, student=uid(3), student_name="Jane", cohort_request="Winter")
SCHOOL = (made(Client, 4, name="Acme"), SUMMER, WINTER, JANE, DATA, LATER_DATA, CODE, LATER_CODE, ART, *DETAILS)
KEY = Key("transfer_request", uid(9))


def accepted(*values: Any, cohort: UUID | None = None, expected: Versions = None) -> Changes:
    return Knowledge(*values).run(partial(transfers.accept, calling(), KEY, cohort, expected))


def declined(*values: Any) -> Changes:
    return Knowledge(*values).run(partial(transfers.decline, calling(), KEY, None))


def enrollments(changes: Changes) -> dict[UUID, UUID]:
    """The enrollments of the details that are written, by their ids."""
    puts = [(key, put) for key, put in written(changes).items() if key.resource == "enrollment_detail"]
    return {key.id: put.value.enrollment for key, put in puts}


def test_an_accepted_request_moves_the_student_to_the_cohort_of_that_name() -> None:
    changes = accepted(*SCHOOL, REQUEST)
    request, student = (written(changes)[key] for key in (KEY, Key("service", uid(3))))

    assert answered(changes) == evolve(
        REQUEST, state="accepted", decided_at=NOW, decided_by=1, updated_at=NOW, updated_by=1
    )
    assert request.event.changes.keys() == {"state", "decided_at", "decided_by"}
    assert (student.value.actual_cohort, student.value.origin_cohort) == (uid(2), uid(1))
    assert student.event.cause == {"resource": "transfer_request", "record": uid(9), "version": 4}
    assert enrollments(changes) == {}, "a cohort that is named by its name moves no details"


@pytest.mark.parametrize(
    ("request_", "cohort"), [(REQUEST, uid(2)), (evolve(REQUEST, cohort_request=str(uid(2)).upper()), None)]
)
def test_details_move_to_the_same_pathway_where_the_cohort_is_named_by_its_id(
    request_: TransferRequest, cohort: UUID | None
) -> None:
    assert enrollments(accepted(*SCHOOL, request_, cohort=cohort)) == {uid(30): uid(20), uid(31): uid(21)}


def test_a_detail_stays_where_the_student_has_that_enrollment_already() -> None:
    there = made(EnrollmentDetail, 40, enrollment=uid(20), student=uid(3))
    twice = made(Enrollment, 13, cohort=uid(1), pathway_name="code")
    second = made(EnrollmentDetail, 41, enrollment=uid(13), student=uid(3))

    assert enrollments(accepted(*SCHOOL, there, REQUEST, cohort=uid(2))) == {uid(31): uid(21)}
    both = enrollments(accepted(*SCHOOL, twice, second, REQUEST, cohort=uid(2)))
    assert [enrollment for enrollment in both.values() if enrollment == uid(21)] == [uid(21)]


def test_who_is_in_the_cohort_already_or_in_none_moves_no_details() -> None:
    others = [value for value in SCHOOL if value is not JANE]
    for cohort, moved in ((uid(2), {KEY}), (None, {KEY, Key("service", uid(3))})):
        changes = accepted(*others, evolve(JANE, actual_cohort=cohort), REQUEST, cohort=uid(2))
        assert written(changes).keys() == moved


def test_a_request_whose_cohort_is_not_known_needs_its_id() -> None:
    again = made(Cohort, 5, name_cohort="Winter")
    spring = evolve(REQUEST, cohort_request="Spring")
    no_id = evolve(REQUEST, cohort_request=str(uid(99)))

    for values, many in (((*SCHOOL, again, REQUEST), "Several cohorts have"), ((*SCHOOL, spring), "No cohort has")):
        problems = {"cohort": [f"{many} the requested name: send the id of the cohort."]}
        assert refused(accepted, *values) == problems
    assert refused(accepted, *SCHOOL, no_id).keys() == {"cohort"}
    assert refused(accepted, *SCHOOL, REQUEST, cohort=uid(99)) == {
        "cohort": [f'Invalid pk "{uid(99)}" - object does not exist.']
    }


def test_a_declined_request_moves_nobody() -> None:
    changes = declined(*SCHOOL, REQUEST)

    assert written(changes).keys() == {KEY}
    assert (answered(changes).state, answered(changes).decided_by) == ("declined", 1)


def test_a_request_is_decided_once() -> None:
    for state in ("accepted", "declined"):
        with pytest.raises(TransferDecidedError, match=f"^This transfer request was {state}.$"):
            accepted(*SCHOOL, evolve(REQUEST, state=state))
        with pytest.raises(TransferDecidedError):
            declined(*SCHOOL, evolve(REQUEST, state=state))


def test_a_request_of_another_version_is_not_decided() -> None:
    with pytest.raises(VersionConflictError):
        accepted(*SCHOOL, REQUEST, expected=frozenset({1}))
