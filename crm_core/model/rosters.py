"""The roster of a cohort: its enrollments and students, and the requests of students to move (decision 124)."""

from uuid import UUID

import attrs

from crm_core.model.entities import Cohort, TeachingAssistant, TransferRequest


@attrs.frozen(kw_only=True, slots=False)
class RosterStudent:
    """A student of an enrollment.

    Attributes:
        id: the id of the service (student).
        name: the name of the student.
        actual_cohort: the id of the cohort that the student is in now, which may be another one.
        enrollment_detail: the id of the enrollment detail by which the student is in the enrollment.
    """

    id: UUID
    name: str
    actual_cohort: UUID | None
    enrollment_detail: UUID


@attrs.frozen(kw_only=True, slots=False)
class RosterEnrollment:
    """An enrollment of a cohort, with its students.

    Attributes:
        id: the id of the enrollment.
        pathway_name: the name of the educational pathway.
        instructor: the id of the user who teaches the pathway.
        teaching_assistants: the teaching assistants.
        students: the students, by name.
    """

    id: UUID
    pathway_name: str
    instructor: int | None
    teaching_assistants: tuple[TeachingAssistant, ...]
    students: tuple[RosterStudent, ...]


@attrs.frozen(kw_only=True, slots=False)
class Roster:
    """A cohort with its enrollments and students.

    Attributes:
        cohort: the cohort.
        enrollments: its enrollments, the oldest first.
        transfer_requests: the open transfer requests of their students, the oldest first.
        is_complete: whether this is all; a roster has a limited size.
    """

    cohort: Cohort
    enrollments: tuple[RosterEnrollment, ...]
    transfer_requests: tuple[TransferRequest, ...]
    is_complete: bool
