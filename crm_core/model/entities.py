"""The entities. Each class is the only description of its fields: order, types, limits, defaults, references.

Fields are in the order of the documentation's tables and of the documents that clients get. Slots are off because
msgspec writes slotted attrs classes in another order.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args
from uuid import UUID

import attrs

from crm_core.input.declarations import (
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
    last_change,
    output_only,
    reference,
    text,
    texts,
    user,
)
from crm_core.model.files import read_image_url
from crm_core.model.registered import DerivedNames, registered

#: What ``Attribute.is_unique`` is until its index is built (decision 85).
BUILDING: Final = "building"

#: The states of a transfer request.
OPEN: Final = "open"
ACCEPTED: Final = "accepted"
DECLINED: Final = "declined"

#: The CRM's own resources whose records have user-defined attributes, and which webhooks can watch.
EntityWithAttributes: TypeAlias = Literal["client", "service", "lead", "follow_up"]
#: The same with registered resources, as ``/api/attributes/<entity_name>/`` calls them.
ENTITIES: Final = DerivedNames(
    lambda: (*get_args(EntityWithAttributes), *(each.name for each in registered() if each.has_catalog))
)

#: The most items in any one list of a record.
MAX_ENTRIES: Final = 1_000
MAX_STAGES: Final = 100
#: The most characters of a task or note.
MAX_ENTRY_LENGTH: Final = 10_000
#: The most characters of an attribute's name.
MAX_ATTRIBUTE_NAME_LENGTH: Final = 100

#: The prefix of an attribute's name in queries, conditions and placeholders.
ATTRIBUTE_PREFIX: Final = "attributes."


@attrs.frozen(kw_only=True, slots=False)
class Task:
    """A task of a record (``api.md`` 5, decision 16).

    Attributes:
        id: the id of the task; a task that is sent with a known id is that task, one without an id is new.
        task: what is to be done.
        date: the day on which it is due.
        completed: whether it is done.
        date_created: when the task was created.
        user_id: the id of the user who created the task.
        user_name: the name of that user at that time.
    """

    id: UUID = item_id()
    task: str = text(max_length=MAX_ENTRY_LENGTH)
    date: dt.date | None = date_value()
    completed: bool = boolean(default=False)
    date_created: dt.datetime | None = datetime_value(nullable=True)
    user_id: int | None = output_only("integer")
    user_name: str | None = output_only("text")


@attrs.frozen(kw_only=True, slots=False)
class Note:
    """A note of a record; its ``date`` is a date or a date with a time, as it was sent (decision 16).

    Attributes:
        id: the id of the note; a note that is sent with a known id is that note, one without an id is new.
        date: a date, or a date with a time, as it was sent; the time of creation if none was.
        note: the text.
        user_id: the id of the user who wrote the note.
        user_name: the name of that user at that time.
    """

    id: UUID = item_id()
    date: str | None = date_or_datetime_value()
    note: str = text(max_length=MAX_ENTRY_LENGTH)
    user_id: int | None = output_only("integer")
    user_name: str | None = output_only("text")


@attrs.frozen(kw_only=True, slots=False)
class Client:
    """A company or person that buys (``api.md`` 2).

    Attributes:
        id: the id of the record, which the server sets.
        name: the name of the company or person.
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
        list_of_images: the URLs of the images; uploads add to it, and it can be sent to reorder or to drop images.
        created_at: when the record was created.
        created_by: the id of the user who created the record.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

    id: UUID = identity()
    name: str = text()
    attributes: Mapping[str, object] = attribute_values()
    list_of_tasks: tuple[Task, ...] = items(Task, max_items=MAX_ENTRIES)
    list_of_notes: tuple[Note, ...] = items(Note, max_items=MAX_ENTRIES)
    list_of_images: tuple[str, ...] = texts(max_items=MAX_ENTRIES, max_length=2_048, read_one=read_image_url)
    created_at: dt.datetime = output_only("datetime")
    created_by: int | None = user(output_only=True)
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True, slots=False)
class Service:
    """A student, for whom a client bought training (``api.md`` 3).

    Attributes:
        id: the id of the record, which the server sets.
        name: the name of the student.
        client: the id of the client who bought the training.
        actual_cohort: the id of the cohort that the student is in now.
        origin_cohort: the id of the cohort that the student started in.
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
        list_of_images: the URLs of the images; uploads add to it, and it can be sent to reorder or to drop images.
        created_at: when the record was created.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

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
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True, slots=False)
class Stage:
    """A stage of a pipeline (decision 14).

    Attributes:
        id: the id of the stage; send it to keep the stage, for instance to rename it.
        name: the name, unique within the pipeline.
        color: the color in which to show the stage, such as ``#007bff``.
        order: the position; stages are sorted by it.
    """

    id: UUID = item_id()
    name: str = text()
    color: str = text(max_length=7, pattern="#[0-9a-fA-F]{6}", default="#6c6f73")
    order: int = integer(default=0)


@attrs.frozen(kw_only=True, slots=False)
class Pipeline:
    """A sales pipeline: the stages that leads go through (``api.md`` 4).

    Attributes:
        id: the id of the record, which the server sets.
        name: the name of the pipeline.
        description: what the pipeline is for.
        stages: the stages, sorted by ``order``; a list that is sent replaces the whole list.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

    id: UUID = identity()
    name: str = text()
    description: str | None = text(max_length=10_000, blank=True, default="", nullable=True)
    stages: tuple[Stage, ...] = items(Stage, max_items=MAX_STAGES, name="name")
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True, slots=False)
class Lead:
    """A prospective client (``api.md`` 5).

    Attributes:
        id: the id of the record, which the server sets.
        name: the name of the prospective client.
        responsible: the id of the user who is responsible for the lead.
        pipeline: the id of the pipeline that the lead goes through.
        possible_client: the id of the client that the lead may belong to.
        moodle_course_id: the id of a course in Moodle.
        stage: the name of the present stage; with a pipeline, one of its stages.
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        list_of_tasks: the tasks; a list that is sent replaces the whole list.
        list_of_notes: the notes; a list that is sent replaces the whole list.
        created_at: when the record was created.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

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
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True, slots=False)
class FollowUp:
    """A contact with a student after the sale (``api.md`` 6).

    Attributes:
        id: the id of the record, which the server sets.
        service: the id of the service (student) that was contacted, which the path names.
        attributes: the values of the attributes that are defined, by name; the object that is sent replaces the whole
            object.
        follow_up_date: when the contact took place; the time of creation if none is sent.
        comment: what was said or done.
        created_at: when the record was created.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

    id: UUID = identity()
    service: UUID = reference("service", owner=True, output_only=True)
    attributes: Mapping[str, object] = attribute_values()
    follow_up_date: dt.datetime = datetime_value()
    comment: str | None = text(max_length=10_000, blank=True, default="", nullable=True)
    created_at: dt.datetime = output_only("datetime")
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True, slots=False)
class Cohort:
    """A group of students who start together (``api.md`` 7).

    Attributes:
        id: the id of the record, which the server sets.
        name_cohort: the name of the cohort.
        start_date: the first day.
        end_date: the last day, not before the first.
        instructor: the id of the user who teaches the cohort.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

    id: UUID = identity()
    name_cohort: str = text()
    start_date: dt.date | None = date_value()
    end_date: dt.date | None = date_value()
    instructor: int | None = user()
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True, slots=False)
class TeachingAssistant:
    """A teaching assistant in an enrollment: plain JSON, not checked to be a user (``api.md`` 8).

    Attributes:
        id: the id of the assistant, which need not be a user.
        name: the name, as it was sent.
    """

    id: int = integer()
    name: str | None = text(blank=True, default="", nullable=True)


@attrs.frozen(kw_only=True, slots=False)
class Enrollment:
    """A pathway taught to a cohort (``api.md`` 8).

    Attributes:
        id: the id of the record, which the server sets.
        cohort: the id of the cohort.
        instructor: the id of the user who teaches the pathway.
        pathway_name: the name of the educational pathway.
        teaching_assistants: the teaching assistants; a list that is sent replaces the whole list.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

    id: UUID = identity()
    cohort: UUID = reference("cohort")
    instructor: int | None = user()
    pathway_name: str = text()
    teaching_assistants: tuple[TeachingAssistant, ...] = items(TeachingAssistant, max_items=MAX_ENTRIES)
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True, slots=False)
class EnrollmentDetail:
    """One student in one enrollment (``api.md`` 9).

    Attributes:
        id: the id of the record, which the server sets.
        enrollment: the id of the enrollment.
        student: the id of the service (student); once per enrollment.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

    id: UUID = identity()
    enrollment: UUID = reference("enrollment", owner=True)
    student: UUID = reference("service", owner=True)
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


@attrs.frozen(kw_only=True, slots=False)
class TransferRequest:
    """A student's request to move to another cohort (``api.md`` 10).

    Attributes:
        id: the id of the record, which the server sets.
        student: the id of the service (student) who asks to move.
        student_name: the name of the student.
        cohort_request: the name of the cohort that the student asks for.
        possible_transfer_date: the day on which the student could move.
        state: whether the request is open, or was accepted or declined.
        decided_at: when it was accepted or declined.
        decided_by: the id of the user who accepted or declined it.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

    id: UUID = identity()
    student: UUID = reference("service", owner=True)
    student_name: str = output_only("text")
    cohort_request: str = text()
    possible_transfer_date: dt.date | None = date_value()
    state: str = output_only("choice", options=(OPEN, ACCEPTED, DECLINED), default=OPEN)
    decided_at: dt.datetime | None = output_only("datetime")
    decided_by: int | None = output_only("integer")
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")


ATTRIBUTE_TYPES: Final = ("text", "number", "date", "boolean", "list", "file")


@attrs.frozen(kw_only=True, slots=False)
class Attribute:
    """The definition of one attribute of one entity (``api.md`` 1, decisions 19 to 22).

    Attributes:
        id: the id of the record, which the server sets.
        name: the name by which records hold the value: letters, digits, ``_`` and ``-``, never two ``_`` in a row; only
            a rename changes it.
        label: the name for people.
        type: the type of the values; only a conversion changes it.
        is_required: whether records must have a value when their attributes are written.
        list_values: the values that a ``list`` may have; for other types, suggestions for a form.
        is_indexed: whether range filters on the attribute are fast.
        entity: the kind of record that has the attribute.
        is_unique: whether no two records have the same value, of a text, number or date; ``building`` until all
            records are known to differ.
        former_names: the names that the attribute had before, the oldest first.
        renaming_to: the name that the attribute is given in the background; null if it is not.
        updated_at: when the record was last changed, also together with another record.
        updated_by: the id of the user who changed it last; null for the system.
    """

    id: UUID = identity()
    name: str = text(max_length=MAX_ATTRIBUTE_NAME_LENGTH)
    label: str = text()
    type: str = choice(*ATTRIBUTE_TYPES)
    is_required: bool = boolean(default=False)
    list_values: tuple[str, ...] = texts(max_items=MAX_ENTRIES)
    is_indexed: bool = boolean(default=False)
    entity: str = output_only("text", options=ENTITIES)
    is_unique: bool | Literal["building"] = boolean(default=False, word=BUILDING)
    former_names: tuple[str, ...] = output_only("texts", default=())
    renaming_to: str | None = output_only("text")
    updated_at: dt.datetime | None = last_change("datetime")
    updated_by: int | None = last_change("integer")
