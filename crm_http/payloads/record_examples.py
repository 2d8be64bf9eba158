"""The examples of the bodies of records: as ``docs/api.md`` has them (a test holds them equal), and some that work.

The documentation's examples name records and attributes that need not exist. Where one would be refused for that, an
example beside it works on a fresh database. The ids in it stand for the records that were made last: the page at
``/docs/`` puts their ids in place of the examples'.
"""

from collections.abc import Mapping
from typing import Any, Final

from crm_core.model.entities import ENTITIES
from crm_core.model.registered import DerivedTable, registered, sample_of
from crm_core.registration import completed_sample
from crm_core.resources import RESOURCES, Resource
from crm_http.payloads.shapes import Example


def _example_ids() -> Mapping[str, str]:
    others = [RESOURCES[each.name] for each in registered()]
    own = [resource.path for resource in RESOURCES.values() if resource not in others]
    paths = (*own, "calendars", *(resource.path for resource in others))
    return {path: f"01890000-0000-7000-8000-{number:012x}" for number, path in enumerate(paths, 1)}


#: The ids that stand for records, by the segments of their resources in URLs.
EXAMPLE_IDS: Final[Mapping[str, str]] = DerivedTable(_example_ids)


def example_id(path: str) -> str:
    """Return the id that stands in examples for the last record of a resource, given its segment in URLs."""
    return EXAMPLE_IDS[path]


#: Stands where a request of the documentation has the id of a record.
EXAMPLE_ID: Final = "01890000-0000-7000-8000-000000000000"
#: The name of the unique attributes that an example makes, and others use.
EXAMPLE_UNIQUE: Final = "email"
#: The ids of the task and the note that the example of a new record brings along.
EXAMPLE_TASK: Final = "01890000-0000-7000-8000-00000000aaaa"
EXAMPLE_NOTE: Final = "01890000-0000-7000-8000-00000000bbbb"

_ATTRIBUTE: Final = Example("Update Attribute", {"label": "Industry Group", "is_required": False})

# fmt: off
#: Bodies of answers by resource and operation.
RESPONSE_EXAMPLES: Final[Mapping[tuple[str, str], Example]] = {
    ("attribute", "list"): Example("List Attributes", [
        {
            "id": EXAMPLE_ID, "name": "industry", "label": "Industry", "type": "text", "is_required": True,
            "list_values": [], "is_indexed": False, "entity": "client", "is_unique": False,
            "former_names": [], "renaming_to": None,
            "updated_at": "2025-01-15T10:00:00Z", "updated_by": 1,
        },
    ]),
    ("service", "upload"): Example("Upload Service (Student) Image", {
        "url": "https://bucket.s3.amazonaws.com/services/uuid/image.jpg", "list_of_images": ["url1", "url2"],
    }),
}

#: Bodies of requests by resource and operation.
REQUEST_EXAMPLES: Final[Mapping[tuple[str, str], Example]] = {
    ("attribute", "create"): Example("Create Attribute", {
        "name": "industry", "label": "Industry Sector", "type": "text", "is_required": True,
        "list_values": ["Tech", "Health"],
    }),
    ("attribute", "update"): _ATTRIBUTE,
    ("attribute", "partial_update"): _ATTRIBUTE,
    ("client", "create"): Example("Create Client", {
        "name": "Acme Corp", "attributes": {"industry": "Tech", "custom_field": "value"},
        "list_of_tasks": [], "list_of_notes": [],
    }),
    ("client", "partial_update"): Example("Partial Update Client", {"name": "Acme International"}),
    ("service", "create"): Example("Create Service", {
        "name": "Jane Doe", "client": EXAMPLE_ID, "attributes": {"program": "Full Stack"},
        "list_of_tasks": [], "list_of_notes": [],
    }),
    ("service", "update"): Example("Update Service", {
        "name": "Jane Doe Smith", "client": EXAMPLE_ID, "attributes": {"program": "Data Science"},
    }),
    ("pipeline", "create"): Example("Create Pipeline", {
        "name": "B2B Sales", "description": "Main sales process",
        "stages": [
            {"name": "Prospecting", "color": "#6c6f73", "order": 1},
            {"name": "Negotiation", "color": "#007bff", "order": 2},
        ],
    }),
    ("pipeline", "update"): Example("Update Pipeline", {
        "name": "B2B Sales V2",
        "stages": [
            {"name": "Qualification", "color": "#6c6f73", "order": 1},
            {"name": "Closed", "color": "#28a745", "order": 2},
        ],
    }),
    ("lead", "create"): Example("Create Lead", {
        "name": "Potential Student", "responsible": 1, "pipeline": EXAMPLE_ID, "stage": "Prospecting",
        "attributes": {"source": "LinkedIn"},
        "list_of_tasks": [{"task": "Initial call", "date": "2025-01-20", "completed": False}],
    }),
    ("lead", "update"): Example("Update Lead", {
        "name": "Interested Student", "stage": "Negotiation", "responsible": 2,
    }),
    ("follow_up", "create"): Example("Create Follow-Up", {
        "attributes": {"channel": "email"}, "follow_up_date": "2025-01-15T10:00:00Z", "comment": "Sent brochure.",
    }),
    ("follow_up", "update"): Example("Update Follow-Up", {
        "comment": "Sent updated brochure and pricing.", "follow_up_date": "2025-01-16T10:00:00Z",
    }),
    ("cohort", "create"): Example("Create Cohort", {
        "name_cohort": "Summer 2025", "start_date": "2025-06-01", "end_date": "2025-12-01", "instructor": 1,
    }),
    ("cohort", "update"): Example("Update Cohort", {
        "name_cohort": "Summer 2025 - EXTENDED", "end_date": "2026-01-31",
    }),
    ("enrollment", "create"): Example("Create Enrollment", {
        "cohort": EXAMPLE_ID, "pathway_name": "Data Science", "instructor": 1,
        "teaching_assistants": [{"id": 2, "name": "TA Bob"}],
    }),
    ("enrollment_detail", "create"): Example("Create Detail", {"enrollment": EXAMPLE_ID, "student": EXAMPLE_ID}),
    ("transfer_request", "create"): Example("Create Request", {
        "student": EXAMPLE_ID, "cohort_request": "Winter 2026 Batch", "possible_transfer_date": "2026-02-01",
    }),
    ("webhook", "create"): Example("Create Webhook", {
        "name": "Notify External System", "model": "Lead", "url": "https://api.external.com/hooks/{id}",
        "method": "POST",
        "headers": {"Authorization": "Bearer token", "X-Custom-ID": "{id}"},
        "is_active": True,
        "conditions": [{"field": "stage", "operator": "=", "value": "Moodle"}], "condition_logic": "AND",
    }),
}

_ENTRIES: Final = {
    "list_of_tasks": [{"id": EXAMPLE_TASK, "task": "Call client", "date": "2026-01-20", "completed": False}],
    "list_of_notes": [{"id": EXAMPLE_NOTE, "note": "Client requested new proposal"}],
}
#: Bodies of requests that succeed as they stand, where the documentation's need not.
WORKING_EXAMPLES: Final[Mapping[tuple[str, str], object]] = {
    ("attribute", "create"): {
        "name": "industry", "label": "Industry Sector", "type": "list", "is_required": False,
        "list_values": ["Tech", "Health", "Retail"],
    },
    ("client", "create"): {"name": "Acme Corp", **_ENTRIES},
    ("client", "update"): {"name": "Acme Inc"},
    ("service", "create"): {"name": "Jane Doe", "client": example_id("clients"), **_ENTRIES},
    ("service", "update"): {"name": "Jane Doe Smith", "client": example_id("clients")},
    ("service", "partial_update"): {"name": "Jane Doe Smith"},
    ("pipeline", "partial_update"): {"name": "B2B Sales V2"},
    ("lead", "create"): {"name": "Potential Student", "stage": "Prospecting", **_ENTRIES},
    ("lead", "update"): {"name": "Interested Student", "stage": "Negotiation"},
    ("lead", "partial_update"): {"stage": "Negotiation"},
    ("follow_up", "create"): {"follow_up_date": "2025-01-15T10:00:00Z", "comment": "Sent brochure."},
    ("follow_up", "partial_update"): {"comment": "Sent updated brochure and pricing."},
    ("cohort", "create"): {"name_cohort": "Summer 2025", "start_date": "2025-06-01", "end_date": "2025-12-01"},
    ("cohort", "partial_update"): {"end_date": "2026-01-31"},
    ("enrollment", "create"): {
        "cohort": example_id("cohorts"), "pathway_name": "Data Science",
        "teaching_assistants": [{"id": 2, "name": "TA Bob"}],
    },
    ("enrollment", "update"): {"pathway_name": "Data Engineering"},
    ("enrollment", "partial_update"): {"pathway_name": "Data Engineering"},
    ("enrollment_detail", "create"): {
        "enrollment": example_id("enrollments"), "student": example_id("services"),
    },
    ("enrollment_detail", "update"): {"student": example_id("services")},
    ("enrollment_detail", "partial_update"): {"student": example_id("services")},
    ("transfer_request", "create"): {
        "student": example_id("services"), "cohort_request": "Winter 2026 Batch",
        "possible_transfer_date": "2026-02-01",
    },
    ("transfer_request", "update"): {"possible_transfer_date": "2026-03-01"},
    ("transfer_request", "partial_update"): {"possible_transfer_date": "2026-03-01"},
    ("webhook", "update"): {"is_active": False},
    ("webhook", "partial_update"): {"is_active": False},
}


def working_example(resource: Resource, operation: str) -> object:
    """Return an example of the body of an operation that works as it stands; None where there is none."""
    if operation == "create" and resource.name in {each.name for each in registered()}:
        ids = {other.name: example_id(other.path) for other in RESOURCES.values()}
        return completed_sample(resource, sample_of(resource.name), ids)
    return WORKING_EXAMPLES.get((resource.name, operation))


def first_example(resource: Resource, operation: str) -> object:
    """Return the example of the body of an operation that the document has first; None where there is none."""
    if (working := working_example(resource, operation)) is not None:
        return working
    documented = REQUEST_EXAMPLES.get((resource.name, operation))
    return None if documented is None else documented.value


def bulk_example(resource: Resource) -> Mapping[str, Any]:
    """Return a bulk request that creates the record of the resource's example, or a unique attribute of each entity."""
    if resource.parent == "entity":
        unique = {"name": EXAMPLE_UNIQUE, "label": "E-mail", "type": "text", "is_unique": True}
        return {"operations": [{"op": "create", "data": {"entity": entity, **unique}} for entity in ENTITIES]}
    example = first_example(resource, "create")
    parent = {"service": example_id("services")} if resource.parent == "service" else {}
    assert isinstance(example, dict)  # noqa: S101  # the body of a create is an object
    return {"operations": [{"op": "create", "data": {**example, **parent}}]}
