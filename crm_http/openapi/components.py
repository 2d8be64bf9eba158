"""The named schemas of the document: records, the items of their lists, users, deliveries, errors, events."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from crm_core.bulk.operations import BulkRequest
from crm_core.errors import RegistrationError
from crm_core.imports.status import ImportExample, ImportProblem, ImportStatus
from crm_core.model.accounts import OwnToken, User
from crm_core.model.calendars import Calendar
from crm_core.model.duplicates import DuplicateGroup, DuplicateReason, DuplicateRecord
from crm_core.model.erasures import ErasedRecord, ErasureReport, MentioningRecord
from crm_core.model.evolutions import ConcernedWebhook, EvolutionReport, FailingValue
from crm_core.model.history_entries import HistoryEntry, RestorationEntry
from crm_core.model.registered import registered
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
from crm_http.openapi.inputs import PLAIN, Form, input_name, input_schema, named_body
from crm_http.openapi.responses import ERROR_SCHEMAS
from crm_http.openapi.schemas import (
    ITEMS,
    Schema,
    items_of,
    nullable,
    output_schema,
    reference,
    schema_name,
    schema_of,
)
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
    *(PipelineSummary, StageSummary, StageTime),
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
    return dict(_named_schemas(endpoints, form))


def refuse_clashes(endpoints: Iterable[Endpoint]) -> None:
    """Raise RegistrationError for a registered resource one of whose schemas has the name of another schema."""
    counts = Counter(name for name, _ in _named_schemas(endpoints, PLAIN))
    for resource in (RESOURCES[row.name] for row in registered()):
        of_items = (pair for item in items_of(resource.entity) for pair in _of_item(item, PLAIN))
        if clashing := [name for name, _ in (*_of_resource(resource, PLAIN), *of_items) if counts[name] > 1]:
            raise RegistrationError(resource.name, (f"another schema has the name {clashing[0]}",))


def _named_schemas(endpoints: Iterable[Endpoint], form: Form) -> Iterator[tuple[str, Schema]]:
    yield from ERROR_SCHEMAS.items()
    yield from ((schema_name(of), output_schema(of)) for of in _SHOWN)
    yield from _deliveries()
    yield "WebhookCreated", {"allOf": [schema_of(Webhook), schema_of(bodies.FirstSecret)]}
    yield from bulk_schemas(form).items()
    yield from import_schemas(form).items()
    for item in ITEMS:
        yield from _of_item(item, form)
    for resource in RESOURCES.values():
        yield from _of_resource(resource, form)
    inputs = (shape for endpoint in endpoints for shape in endpoint.body.values() if isinstance(shape, Input))
    yield from ((each.name, named_body(each, form)) for each in inputs if each.of is not BulkRequest)
    yield from event_schemas().items()
    yield "Root", _ROOT


def _of_item(item: type, form: Form) -> Iterator[tuple[str, Schema]]:
    yield schema_name(item), output_schema(item)
    yield input_name(item), input_schema(item, form, require_all=True)


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
