"""The table of resources. They share one engine; each row has what differs, with the pure rules of the resource."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, cast

import attrs

from crm_core.errors import UnregisteredError
from crm_core.input.fields import Field, fields_of
from crm_core.model import permissions
from crm_core.model.entities import (
    Attribute,
    Client,
    Cohort,
    Enrollment,
    EnrollmentDetail,
    FollowUp,
    Lead,
    Pipeline,
    Service,
    TransferRequest,
)
from crm_core.model.records import Record
from crm_core.model.registered import DerivedTable, registered
from crm_core.rules import attributes, education, pipelines, webhooks
from crm_core.rules.needs import Cascade, Proposal, Validate, without_needs
from crm_core.webhooks.entity import Webhook

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    #: The class of a resource's records; a `Resource` of which it is not said is one of any.
    E_co = TypeVar("E_co", covariant=True, default=Any)
else:  # defaults of type variables are Python 3.13's
    from typing import TypeVar

    E_co = TypeVar("E_co", covariant=True)


@without_needs
def _validate_nothing(_: Proposal) -> Mapping[str, object]:
    return {}


@without_needs
def _cascade_nothing(_: object, __: object) -> Sequence[tuple[Record, object]]:
    return ()


@attrs.frozen(kw_only=True, eq=False)
class Resource(Generic[E_co]):
    """One kind of record; type checkers know the class of its records.

    Attributes:
        name: its name in keys, tables and attribute definitions.
        path: its segment in URLs.
        entity: the class whose fields it has.
        model_name: its name in permissions, as Django names models.
        label: singular and plural for people.
        filters: query parameters besides its references, each with its operator, ``exact`` or ``contains``.
        ranges: fields by which lists can be filtered from and up to a value.
        ordering: fields by which lists can be ordered, besides the default, newest first.
        search: fields that ``?search=`` looks through, besides text attributes.
        parent: the field whose value comes with the path instead of the body.
        hidden: ids that are stored beside each record and never shown; its rule sets them, and searches can use them.
        defaults_to_now: fields whose default is the time of creation.
        validate: its own rule for a record that is created or changed.
        cascade: its rule for other records that change together with one of its records.
        copies: fields that hold a copy of the name of a record that another field refers to, by that other field.
        once: fields that no two of its records have alike, all of them together; a record without one does not count.
        depends_on: the field without whose value that of another one means nothing, by that other one.
    """

    name: str
    path: str
    entity: type[E_co]
    model_name: str
    label: tuple[str, str]
    filters: Mapping[str, str] = attrs.field(factory=dict)
    ranges: tuple[str, ...] = ("updated_at",)
    ordering: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    parent: str | None = None
    hidden: tuple[str, ...] = ()
    defaults_to_now: tuple[str, ...] = ()
    validate: Validate = _validate_nothing
    cascade: Cascade = _cascade_nothing
    copies: Mapping[str, str] = attrs.field(factory=dict)
    once: tuple[str, ...] = ()
    depends_on: Mapping[str, str] = attrs.field(factory=dict)

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """Return its fields by name, in the documented order."""
        return fields_of(self.entity)

    @cached_property
    def references(self) -> Mapping[str, str]:
        """Return the name of the resource that each reference refers to, by field."""
        return {name: field.refers_to for name, field in self.fields.items() if field.refers_to is not None}

    @property
    def has_catalog(self) -> bool:
        """Return whether users define attributes and webhooks for it."""
        return "attributes" in self.fields

    @cached_property
    def has_tasks_and_notes(self) -> bool:
        """Return whether its records have tasks and notes."""
        return "list_of_tasks" in self.fields

    @property
    def name_fields(self) -> Sequence[str]:
        """Return the fields that name its records for people: those that lists find by a part of the text."""
        return [name for name, operator in self.filters.items() if operator == "contains"]

    @property
    def merges(self) -> bool:
        """Return whether its records can be merged (decision 148): those that people enter by name, with tasks."""
        return self.has_tasks_and_notes

    @property
    def has_images(self) -> bool:
        """Return whether its records have images."""
        return "list_of_images" in self.fields

    def permission(self, action: str) -> str:
        """Return the permission for view, add, change or delete."""
        return permissions.permission(action, self.model_name)


CLIENTS: Final = Resource(
    name="client",
    path="clients",
    entity=Client,
    model_name="client",
    label=("client", "clients"),
    filters={"name": "contains"},
    ordering=("name", "created_at", "updated_at"),
    search=("name",),
    defaults_to_now=("created_at",),
)
SERVICES: Final = Resource(
    name="service",
    path="services",
    entity=Service,
    model_name="service",
    label=("service", "services"),
    filters={"name": "contains"},
    ordering=("name", "created_at", "updated_at"),
    search=("name",),
    defaults_to_now=("created_at",),
    cascade=education.cascade_student_name,
)
PIPELINES: Final = Resource(
    name="pipeline",
    path="pipelines",
    entity=Pipeline,
    model_name="pipeline",
    label=("pipeline", "pipelines"),
    filters={"name": "contains"},
    ordering=("name", "updated_at"),
    search=("name",),
    validate=pipelines.validate_pipeline,
    cascade=pipelines.cascade_stage_names,
)
LEADS: Final = Resource(
    name="lead",
    path="leads",
    entity=Lead,
    model_name="lead",
    label=("lead", "leads"),
    filters={"name": "contains", "stage": "exact"},
    ordering=("name", "created_at", "updated_at"),
    search=("name",),
    hidden=("stage_id",),
    defaults_to_now=("created_at",),
    validate=pipelines.validate_lead,
    depends_on={"stage": "pipeline"},
)
FOLLOW_UPS: Final = Resource(
    name="follow_up",
    path="follow-ups",
    entity=FollowUp,
    model_name="followup",
    label=("follow-up", "follow-ups"),
    ordering=("follow_up_date", "created_at", "updated_at"),
    search=("comment",),
    parent="service",
    defaults_to_now=("created_at", "follow_up_date"),
)
COHORTS: Final = Resource(
    name="cohort",
    path="cohorts",
    entity=Cohort,
    model_name="cohort",
    label=("cohort", "cohorts"),
    filters={"name_cohort": "contains"},
    ordering=("name_cohort", "start_date", "end_date", "updated_at"),
    search=("name_cohort",),
    validate=education.validate_cohort,
)
ENROLLMENTS: Final = Resource(
    name="enrollment",
    path="enrollments",
    entity=Enrollment,
    model_name="enrollment",
    label=("enrollment", "enrollments"),
    filters={"pathway_name": "contains"},
    ordering=("pathway_name", "updated_at"),
    search=("pathway_name",),
)
ENROLLMENT_DETAILS: Final = Resource(
    name="enrollment_detail",
    path="enrollment-details",
    entity=EnrollmentDetail,
    model_name="enrollmentdetail",
    label=("enrollment detail", "enrollment details"),
    ordering=("updated_at",),
    once=("enrollment", "student"),
)
TRANSFER_REQUESTS: Final = Resource(
    name="transfer_request",
    path="transfer-requests",
    entity=TransferRequest,
    model_name="transferrequest",
    label=("transfer request", "transfer requests"),
    filters={"student_name": "contains", "state": "exact"},
    ordering=("student_name", "cohort_request", "possible_transfer_date", "updated_at"),
    search=("student_name", "cohort_request"),
    validate=education.validate_transfer_request,
    copies={"student": "student_name"},
)
ATTRIBUTES: Final = Resource(
    name="attribute",
    path="attributes",
    entity=Attribute,
    model_name="attribute",
    label=("attribute", "attributes"),
    filters={"name": "contains", "type": "exact", "is_required": "exact"},
    ordering=("name", "label", "updated_at"),
    search=("name", "label"),
    parent="entity",
    validate=attributes.validate_attribute,
)
WEBHOOKS: Final = Resource(
    name="webhook",
    path="webhooks",
    entity=Webhook,
    model_name="webhook",
    label=("webhook", "webhooks"),
    filters={"name": "contains", "model": "exact", "is_active": "exact"},
    ordering=("name", "updated_at"),
    search=("name",),
    validate=webhooks.validate_webhook,
)

#: The CRM's own resources; referenced resources come first.
_OWN: Final = (
    ATTRIBUTES,
    WEBHOOKS,
    CLIENTS,
    COHORTS,
    SERVICES,
    PIPELINES,
    LEADS,
    FOLLOW_UPS,
    ENROLLMENTS,
    ENROLLMENT_DETAILS,
    TRANSFER_REQUESTS,
)


def _all() -> Mapping[str, Resource]:
    return {each.name: each for each in (*_OWN, *cast("Collection[Resource]", registered()))}


#: All resources by name, with those that are registered; referenced resources come first.
RESOURCES: Final[Mapping[str, Resource]] = DerivedTable(_all, UnregisteredError)


def referring(resource: Resource, *, owned: bool) -> tuple[tuple[Resource, str], ...]:
    """Return each resource and field that refers to this one's records (decision 13).

    With ``owned`` only fields that refer to the owner of their record, else only the others.
    """
    return tuple(
        (other, name)
        for other in RESOURCES.values()
        for name, field in other.fields.items()
        if field.refers_to == resource.name and field.owner is owned
    )
