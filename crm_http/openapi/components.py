"""The named schemas of the document: records, the items of their lists, users, deliveries, errors, events."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from crm_core.bulk.operations import BulkRequest
from crm_core.imports.status import ImportExample, ImportProblem, ImportStatus
from crm_core.model.accounts import OwnToken, User
from crm_core.model.calendars import Calendar
from crm_core.model.duplicates import DuplicateGroup, DuplicateReason, DuplicateRecord
from crm_core.model.erasures import ErasedRecord, ErasureReport, MentioningRecord
from crm_core.model.evolutions import ConcernedWebhook, EvolutionReport, FailingValue
from crm_core.model.history_entries import HistoryEntry, RestorationEntry
from crm_core.model.rosters import Roster, RosterEnrollment, RosterStudent
from crm_core.model.summaries import PipelineSummary, StageSummary, StageTime
from crm_core.resources import RESOURCES, Resource
from crm_core.webhooks.delivery_log import LoggedDelivery
from crm_core.webhooks.entity import Webhook
from crm_http.api.endpoints import Endpoint
from crm_http.openapi.attributes import attribute_schemas
from crm_http.openapi.bulk import bulk_schemas
from crm_http.openapi.events import EVENT_TYPES, event_schemas
from crm_http.openapi.imports import import_schemas
from crm_http.openapi.inputs import Form, input_name, input_schema, named_body
from crm_http.openapi.responses import ERROR_SCHEMAS
from crm_http.openapi.schemas import ITEMS, Schema, nullable, output_schema, reference, schema_name, schema_of
from crm_http.payloads import bodies
from crm_http.payloads.agenda import AgendaEntry, CalendarWithSecret
from crm_http.payloads.shapes import Input

_BODIES: Final[tuple[type, ...]] = tuple(
    each for each in vars(bodies).values() if isinstance(each, type) and attrs.has(each)
)
_SHOWN: Final[tuple[type, ...]] = (
    *(User, OwnToken, HistoryEntry, RestorationEntry, ErasureReport, ErasedRecord, MentioningRecord),
    *(AgendaEntry, Calendar, CalendarWithSecret),
    *(ImportStatus, ImportProblem, ImportExample),
    *(EvolutionReport, ConcernedWebhook, FailingValue),
    *(Roster, RosterEnrollment, RosterStudent),
    *(DuplicateGroup, DuplicateRecord, DuplicateReason),
    *(Roster, RosterEnrollment, RosterStudent, PipelineSummary, StageSummary, StageTime),
    *_BODIES,
)
_ROOT: Final[Schema] = {
    "type": "object",
    "description": "The URL of each list, by the name of the resource.",
    "additionalProperties": {"type": "string"},
}


def component_schemas(endpoints: Iterable[Endpoint], form: Form) -> Mapping[str, Schema]:
    """Return the schemas by name, without the attributes that users defined.

    Args:
        endpoints: the endpoints, whose bodies have names.
        form: how requests are described.
    """
    inputs = (shape for endpoint in endpoints for shape in endpoint.body.values() if isinstance(shape, Input))
    return {
        **ERROR_SCHEMAS,
        **{schema_name(of): output_schema(of) for of in _SHOWN},
        **dict(_deliveries()),
        "WebhookCreated": {"allOf": [schema_of(Webhook), schema_of(bodies.FirstSecret)]},
        **{schema_name(item): output_schema(item) for item in ITEMS},
        **{input_name(item): input_schema(item, form, require_all=True) for item in ITEMS},
        **bulk_schemas(form),
        **import_schemas(form),
        **{name: schema for resource in RESOURCES.values() for name, schema in _of_resource(resource, form)},
        **{declared.name: named_body(declared, form) for declared in inputs if declared.of is not BulkRequest},
        **event_schemas(),
        "Root": _ROOT,
    }


def _deliveries() -> Iterator[tuple[str, Schema]]:
    logged = output_schema(LoggedDelivery)
    logged["properties"]["type"] |= {"enum": list(EVENT_TYPES)}
    logged["properties"]["error"] = nullable(logged["properties"]["error"])
    yield LoggedDelivery.__name__, logged
    yield "Delivery", {"allOf": [reference(LoggedDelivery.__name__), reference(bodies.DeliveryDetails.__name__)]}


def _of_resource(resource: Resource, form: Form) -> Iterator[tuple[str, Schema]]:
    entity = resource.entity
    yield schema_name(entity), output_schema(entity)
    yield f"{entity.__name__}Create", input_schema(entity, form, require_all=True)
    yield f"{entity.__name__}Update", input_schema(entity, form)
    yield f"{entity.__name__}Merge", input_schema(entity, form, merge=True)
    if "attributes" in resource.fields:
        yield from attribute_schemas(resource, None).items()
