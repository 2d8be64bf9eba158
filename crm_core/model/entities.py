"""The entities, each the one description of its fields: order, types, limits, defaults, references.

The order is that of the documentation's field tables, and of the documents that clients see. Slots are off because
msgspec writes slotted attrs classes in another order.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final
from uuid import UUID

import attrs

from crm_core.input.fields import (
    attribute_values,
    boolean,
    choice,
    day,
    day_or_moment,
    identity,
    integer,
    item_id,
    items,
    moment,
    output_only,
    reference,
    text,
    texts,
    user,
)
from crm_core.model.files import read_image_url

MAX_ENTRIES: Final = 1_000


MAX_STAGES: Final = 100


MAX_ENTRY_LENGTH: Final = 10_000


#: Characters in an attribute's name.
MAX_ATTRIBUTE_NAME_LENGTH: Final = 100


@attrs.frozen(kw_only=True, slots=False)
class Task:
    """Something to be done about a record (``api.md`` 5, ruling 16)."""

    id: UUID = item_id()
    task: str = text(longest=MAX_ENTRY_LENGTH)
    date: dt.date | None = day()
    completed: bool = boolean(default=False)
    date_created: dt.datetime | None = moment(nullable=True)
    user_id: int | None = output_only("integer")
    user_name: str | None = output_only("text")


@attrs.frozen(kw_only=True, slots=False)
class Note:
    """Something worth remembering about a record; its ``date`` is a day or a time, as it was meant."""

    id: UUID = item_id()
    date: str | None = day_or_moment()
    note: str = text(longest=MAX_ENTRY_LENGTH)
    user_id: int | None = output_only("integer")
    user_name: str | None = output_only("text")


@attrs.frozen(kw_only=True, slots=False)
class Client:
    """A company or person that buys (``api.md`` 2)."""

    id: UUID = identity()
    name: str = text()
    attributes: Mapping[str, object] = attribute_values()
    list_of_tasks: tuple[Task, ...] = items(Task, most=MAX_ENTRIES)
    list_of_notes: tuple[Note, ...] = items(Note, most=MAX_ENTRIES)
    list_of_images: tuple[str, ...] = texts(most=MAX_ENTRIES, longest=2_048, read_one=read_image_url)
    created_at: dt.datetime = output_only("moment")
    created_by: int | None = user(output_only=True)


@attrs.frozen(kw_only=True, slots=False)
class Service:
    """A student: what a client bought for one person (``api.md`` 3)."""

    id: UUID = identity()
    name: str = text()
    client: UUID = reference("client")
    actual_cohort: UUID | None = reference("cohort", default=None)
    origin_cohort: UUID | None = reference("cohort", default=None)
    attributes: Mapping[str, object] = attribute_values()
    list_of_tasks: tuple[Task, ...] = items(Task, most=MAX_ENTRIES)
    list_of_notes: tuple[Note, ...] = items(Note, most=MAX_ENTRIES)
    list_of_images: tuple[str, ...] = texts(most=MAX_ENTRIES, longest=2_048, read_one=read_image_url)
    created_at: dt.datetime = output_only("moment")


@attrs.frozen(kw_only=True, slots=False)
class Stage:
    """One step of a pipeline (ruling 14)."""

    id: UUID = item_id()
    name: str = text()
    color: str = text(longest=7, pattern="#[0-9a-fA-F]{6}", default="#6c6f73")
    order: int = integer(default=0)


@attrs.frozen(kw_only=True, slots=False)
class Pipeline:
    """The stages that leads go through (``api.md`` 4)."""

    id: UUID = identity()
    name: str = text()
    description: str | None = text(longest=10_000, blank=True, default="", nullable=True)
    stages: tuple[Stage, ...] = items(Stage, most=MAX_STAGES)


@attrs.frozen(kw_only=True, slots=False)
class Lead:
    """Somebody who may become a client (``api.md`` 5)."""

    id: UUID = identity()
    name: str = text()
    responsible: int | None = user()
    pipeline: UUID | None = reference("pipeline", default=None)
    possible_client: UUID | None = reference("client", default=None)
    moodle_course_id: str | None = text(blank=True, default=None, nullable=True)
    stage: str | None = text(blank=True, default=None, nullable=True)
    attributes: Mapping[str, object] = attribute_values()
    list_of_tasks: tuple[Task, ...] = items(Task, most=MAX_ENTRIES)
    list_of_notes: tuple[Note, ...] = items(Note, most=MAX_ENTRIES)
    created_at: dt.datetime = output_only("moment")


@attrs.frozen(kw_only=True, slots=False)
class FollowUp:
    """One contact with a student (``api.md`` 6)."""

    id: UUID = identity()
    service: UUID = reference("service", owner=True, output_only=True)
    attributes: Mapping[str, object] = attribute_values()
    follow_up_date: dt.datetime = moment()
    comment: str | None = text(longest=10_000, blank=True, default="", nullable=True)
    created_at: dt.datetime = output_only("moment")


@attrs.frozen(kw_only=True, slots=False)
class Cohort:
    """A group of students who start together (``api.md`` 7)."""

    id: UUID = identity()
    name_cohort: str = text()
    start_date: dt.date | None = day()
    end_date: dt.date | None = day()
    instructor: int | None = user()


@attrs.frozen(kw_only=True, slots=False)
class TeachingAssistant:
    """A teaching assistant as an enrollment names one; nothing looks it up (``api.md`` 8: plain JSON)."""

    id: int = integer()
    name: str | None = text(blank=True, default="", nullable=True)


@attrs.frozen(kw_only=True, slots=False)
class Enrollment:
    """A pathway taught to a cohort (``api.md`` 8)."""

    id: UUID = identity()
    cohort: UUID = reference("cohort")
    instructor: int | None = user()
    pathway_name: str = text()
    teaching_assistants: tuple[TeachingAssistant, ...] = items(TeachingAssistant, most=MAX_ENTRIES)


@attrs.frozen(kw_only=True, slots=False)
class EnrollmentDetail:
    """One student in one enrollment (``api.md`` 9)."""

    id: UUID = identity()
    enrollment: UUID = reference("enrollment", owner=True)
    student: UUID = reference("service", owner=True)


@attrs.frozen(kw_only=True, slots=False)
class TransferRequest:
    """A student's wish to change cohorts (``api.md`` 10)."""

    id: UUID = identity()
    student: UUID = reference("service", owner=True)
    student_name: str = output_only("text")
    cohort_request: str = text()
    possible_transfer_date: dt.date | None = day()


ATTRIBUTE_TYPES: Final = ("text", "number", "date", "boolean", "list", "file")


@attrs.frozen(kw_only=True, slots=False)
class Attribute:
    """The definition of one attribute of one entity (``api.md`` 1, rulings 19 to 22)."""

    id: UUID = identity()
    name: str = text(longest=MAX_ATTRIBUTE_NAME_LENGTH)
    label: str = text()
    type: str = choice(*ATTRIBUTE_TYPES)
    is_required: bool = boolean(default=False)
    list_values: tuple[str, ...] = texts(most=MAX_ENTRIES)
    is_indexed: bool = boolean(default=False)
    entity: str = output_only("text")
