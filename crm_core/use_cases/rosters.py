"""Reads the roster of a cohort by a few lists, whatever its size (decision 124)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from crm_core.engine.queries import Filter, Query
from crm_core.input.texts import sorting_key
from crm_core.model.accounts import Caller, require
from crm_core.model.entities import OPEN, Cohort, Enrollment, EnrollmentDetail, Service
from crm_core.model.plain_values import entity_of, parse_json
from crm_core.model.records import Key
from crm_core.model.rosters import Roster, RosterEnrollment, RosterStudent
from crm_core.ports import Database
from crm_core.resources import COHORTS, ENROLLMENT_DETAILS, ENROLLMENTS, SERVICES, TRANSFER_REQUESTS, Resource
from crm_core.rules.needs import Needs
from crm_core.use_cases.records import get

#: The resources whose records a roster shows.
SHOWN: Final = (COHORTS, ENROLLMENTS, ENROLLMENT_DETAILS, SERVICES, TRANSFER_REQUESTS)
#: The most enrollments, places of students in them, and transfer requests of a roster.
MAX_ENROLLMENTS: Final = 200
MAX_DETAILS: Final = 5_000
MAX_REQUESTS: Final = 1_000


class _Found(NamedTuple):
    """The first records of a list, and whether these are all."""

    values: Sequence[Any]
    is_complete: bool


async def roster(db: Database, who: Caller, cohort: UUID) -> Roster:
    """Return a cohort with its enrollments, their students, and the open transfer requests of these students.

    Args:
        db: the store of records.
        who: the caller, who may view all five kinds of records.
        cohort: the id of the cohort.

    Raises PermissionDeniedError, NotFoundError.
    """
    for resource in SHOWN:
        require(who.actor, resource.permission("view"))
    document = await get(db, who, COHORTS, cohort)
    enrollments = await _first(db, who, ENROLLMENTS, MAX_ENROLLMENTS, [_is("cohort", cohort)])
    taught = [each.id for each in enrollments.values]
    details = await _first(db, who, ENROLLMENT_DETAILS, MAX_DETAILS, [_among("enrollment", taught)])
    students = await _students(db, details.values)
    asking = [_among("student", students), Filter("state", "exact", OPEN, "choice")]
    requests = await _first(db, who, TRANSFER_REQUESTS, MAX_REQUESTS, asking)
    return Roster(
        cohort=entity_of(Cohort, parse_json(document.body)),
        enrollments=_with_students(enrollments.values, details.values, students),
        transfer_requests=tuple(requests.values),
        is_complete=enrollments.is_complete and details.is_complete and requests.is_complete,
    )


def _is(field: str, id_: UUID) -> Filter:
    return Filter(field, "exact", id_, "uuid")


def _among(field: str, ids: Iterable[UUID]) -> Filter:
    return Filter(field, "in", tuple(ids), "uuid")


async def _first(db: Database, who: Caller, resource: Resource, limit: int, filters: Sequence[Filter]) -> _Found:
    """Return the oldest records of a list. Without ids to look for there are none."""
    if any(condition.value == () for condition in filters):
        return _Found((), is_complete=True)
    query = Query(resource=resource, filters=tuple(filters), descending=False, limit=limit)
    page = await db.page(query, reader=who.actor.user.id)
    documents = parse_json(b"[%b]" % page.body)
    return _Found([entity_of(resource.entity, each) for each in documents], page.next is None)


async def _students(db: Database, details: Iterable[EnrollmentDetail]) -> Mapping[UUID, Service]:
    keys = frozenset(Key(SERVICES.name, detail.student) for detail in details)
    known = await db.known(Needs(records=keys)) if keys else None
    found = (record.value for record in known.records.values() if record) if known else ()
    return {student.id: student for student in sorted(found, key=lambda each: (sorting_key(each.name), each.id))}


def _with_students(
    enrollments: Iterable[Enrollment], details: Iterable[EnrollmentDetail], students: Mapping[UUID, Service]
) -> tuple[RosterEnrollment, ...]:
    places: defaultdict[UUID, dict[UUID, UUID]] = defaultdict(dict)
    for detail in details:
        places[detail.enrollment][detail.student] = detail.id
    return tuple(
        RosterEnrollment(
            id=each.id,
            pathway_name=each.pathway_name,
            instructor=each.instructor,
            teaching_assistants=each.teaching_assistants,
            students=tuple(
                RosterStudent(
                    id=id_,
                    name=student.name,
                    actual_cohort=student.actual_cohort,
                    enrollment_detail=places[each.id][id_],
                )
                for id_, student in students.items()
                if id_ in places[each.id]
            ),
        )
        for each in enrollments
    )
