"""The entities. Each class is the only description of its fields: order, types, limits, defaults, references.

Fields are in the order of the documentation's tables and of the documents that clients get. Slots are off because
msgspec writes slotted attrs classes in another order.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias
from uuid import UUID

import attrs

from crm_core.input.fields import (
    attribute_values,
    boolean,
    choice,
    date_or_datetime_value,
    date_value,
    datetime_value,
    identity,
    integer,
    item_id,
    items,
    output_only,
    reference,
    text,
    texts,
    user,
)
from crm_core.model.files import read_image_url

#: The resources whose records have user-defined attributes, and which webhooks can watch.
EntityWithAttributes: TypeAlias = Literal["client", "service", "lead", "follow_up"]

#: Tasks, notes, images and other items in one list.
MAX_ENTRIES: Final = 1_000
MAX_STAGES: Final = 100
#: Characters in a task or note.
MAX_ENTRY_LENGTH: Final = 10_000
#: Characters in an attribute's name.
MAX_ATTRIBUTE_NAME_LENGTH: Final = 100

#: What stands before an attribute's name where fields are named: in queries, conditions and placeholders.
ATTRIBUTE_PREFIX: Final = "attributes."


@attrs.frozen(kw_only=True, slots=False)
class Task:
    """A task of a record (``api.md`` 5, decision 16)."""

    id: UUID = item_id()
    task: str = text(max_length=MAX_ENTRY_LENGTH)
    date: dt.date | None = date_value()
    completed: bool = boolean(default=False)
    date_created: dt.datetime | None = datetime_value(nullable=True)
    user_id: int | None = output_only("integer")
    user_name: str | None = output_only("text")


@attrs.frozen(kw_only=True, slots=False)
class Note:
    """A note of a record; its ``date`` is a date or a date with a time, as it was sent (decision 16)."""

    id: UUID = item_id()
    date: str | None = date_or_datetime_value()
    note: str = text(max_length=MAX_ENTRY_LENGTH)
    user_id: int | None = output_only("integer")
    user_name: str | None = output_only("text")


@attrs.frozen(kw_only=True, slots=False)
class Client:
    """A company or person that buys (``api.md`` 2)."""

    id: UUID = identity()
    name: str = text()
    attributes: Mapping[str, object] = attribute_values()
    list_of_tasks: tuple[Task, ...] = items(Task, max_items=MAX_ENTRIES)
    list_of_notes: tuple[Note, ...] = items(Note, max_items=MAX_ENTRIES)
    list_of_images: tuple[str, ...] = texts(max_items=MAX_ENTRIES, max_length=2_048, read_one=read_image_url)
    created_at: dt.datetime = output_only("datetime")
    created_by: int | None = user(output_only=True)


@attrs.frozen(kw_only=True, slots=False)
class Service:
    """A student, for whom a client bought training (``api.md`` 3)."""

    id: UUID = identity()
    name: str = text()
    client: UUID = reference("client")
    actual_cohort: UUID | None = reference("cohort", default=None)
    origin_cohort: UUID | None = reference("cohort", default=None)
    attributes: Mapping[str, object] = attribute_values()
    list_of_tasks: tuple[Task, ...] = items(Task, max_items=MAX_ENTRIES)
    list_of_notes: tuple[Note, ...] = items(Note, max_items=MAX_ENTRIES)
    list_of_images: tuple[str, ...] = texts(max_items=MAX_ENTRIES, max_length=2_048, read_one=read_image_url)
    created_at: dt.datetime = output_only("datetime")


@attrs.frozen(kw_only=True, slots=False)
class Stage:
    """A stage of a pipeline (decision 14)."""

    id: UUID = item_id()
    name: str = text()
    color: str = text(max_length=7, pattern="#[0-9a-fA-F]{6}", default="#6c6f73")
    order: int = integer(default=0)


@attrs.frozen(kw_only=True, slots=False)
class Pipeline:
    """A sales pipeline: the stages that leads go through (``api.md`` 4)."""

    id: UUID = identity()
    name: str = text()
    description: str | None = text(max_length=10_000, blank=True, default="", nullable=True)
    stages: tuple[Stage, ...] = items(Stage, max_items=MAX_STAGES, name="name")


@attrs.frozen(kw_only=True, slots=False)
class Lead:
    """A prospective client (``api.md`` 5)."""

    id: UUID = identity()
    name: str = text()
    responsible: int | None = user()
    pipeline: UUID | None = reference("pipeline", default=None)
    possible_client: UUID | None = reference("client", default=None)
    moodle_course_id: str | None = text(blank=True, default=None, nullable=True)
    stage: str | None = text(blank=True, default=None, nullable=True)
    attributes: Mapping[str, object] = attribute_values()
    list_of_tasks: tuple[Task, ...] = items(Task, max_items=MAX_ENTRIES)
    list_of_notes: tuple[Note, ...] = items(Note, max_items=MAX_ENTRIES)
    created_at: dt.datetime = output_only("datetime")


@attrs.frozen(kw_only=True, slots=False)
class FollowUp:
    """A contact with a student after the sale (``api.md`` 6)."""

    id: UUID = identity()
    service: UUID = reference("service", owner=True, output_only=True)
    attributes: Mapping[str, object] = attribute_values()
    follow_up_date: dt.datetime = datetime_value()
    comment: str | None = text(max_length=10_000, blank=True, default="", nullable=True)
    created_at: dt.datetime = output_only("datetime")


@attrs.frozen(kw_only=True, slots=False)
class Cohort:
    """A group of students who start together (``api.md`` 7)."""

    id: UUID = identity()
    name_cohort: str = text()
    start_date: dt.date | None = date_value()
    end_date: dt.date | None = date_value()
    instructor: int | None = user()


@attrs.frozen(kw_only=True, slots=False)
class TeachingAssistant:
    """A teaching assistant in an enrollment: plain JSON, not checked to be a user (``api.md`` 8)."""

    id: int = integer()
    name: str | None = text(blank=True, default="", nullable=True)


@attrs.frozen(kw_only=True, slots=False)
class Enrollment:
    """A pathway taught to a cohort (``api.md`` 8)."""

    id: UUID = identity()
    cohort: UUID = reference("cohort")
    instructor: int | None = user()
    pathway_name: str = text()
    teaching_assistants: tuple[TeachingAssistant, ...] = items(TeachingAssistant, max_items=MAX_ENTRIES)


@attrs.frozen(kw_only=True, slots=False)
class EnrollmentDetail:
    """One student in one enrollment (``api.md`` 9)."""

    id: UUID = identity()
    enrollment: UUID = reference("enrollment", owner=True)
    student: UUID = reference("service", owner=True)


@attrs.frozen(kw_only=True, slots=False)
class TransferRequest:
    """A student's request to move to another cohort (``api.md`` 10)."""

    id: UUID = identity()
    student: UUID = reference("service", owner=True)
    student_name: str = output_only("text")
    cohort_request: str = text()
    possible_transfer_date: dt.date | None = date_value()


ATTRIBUTE_TYPES: Final = ("text", "number", "date", "boolean", "list", "file")


@attrs.frozen(kw_only=True, slots=False)
class Attribute:
    """The definition of one attribute of one entity (``api.md`` 1, decisions 19 to 22)."""

    id: UUID = identity()
    name: str = text(max_length=MAX_ATTRIBUTE_NAME_LENGTH)
    label: str = text()
    type: str = choice(*ATTRIBUTE_TYPES)
    is_required: bool = boolean(default=False)
    list_values: tuple[str, ...] = texts(max_items=MAX_ENTRIES)
    is_indexed: bool = boolean(default=False)
    entity: str = output_only("text")
