"""Versions of records with the names, values and types that their attributes have by now (decision 134)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_core.engine import decisions
from crm_core.engine.evolutions import evolved_value
from crm_core.errors import InvalidError
from crm_core.input.dates import read_datetime
from crm_core.model.accounts import Caller
from crm_core.model.entities import Attribute
from crm_core.model.events import Event
from crm_core.model.replay import Version
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES, Resource
from crm_core.rules.attributes import check_value, refused_field
from crm_core.rules.needs import catalog_of


async def definitions_of(db: Database, who: Caller, resource: Resource) -> Mapping[str, Attribute]:
    """Return the attributes that are defined for a resource, by name."""
    if not resource.has_catalog:
        return {}
    return (await db.known(catalog_of(resource.name, who))).catalogs[resource.name].definitions


async def up_to_date(
    db: Database, definitions: Mapping[str, Attribute], found: Version, deletion: Event | None = None
) -> Version:
    """Return a version of a record with its attributes as they are by now, where their definitions are still there.

    Args:
        db: the store of records.
        definitions: the attributes that are defined, by name.
        found: the version.
        deletion: the deletion before which it is; None for a version that says when it was.
    """
    by_id = {each.id: each for each in definitions.values()}
    attributes: dict[str, Any] = {}
    for name, value in found.document.get("attributes", {}).items():
        definition = by_id.get(found.definitions[name]) if name in found.definitions else None
        if definition is None:
            attributes[name] = value
        elif not check_value(definition, value):
            attributes[definition.name] = value
        else:
            at = deletion.at if deletion else read_datetime(found.document["updated_at"])
            attributes[definition.name] = evolved_value(value, await _later(db, definition.id, at))
    if not attributes:
        return found
    return found._replace(document={**found.document, "attributes": attributes})


async def _later(db: Database, attribute: UUID, at: datetime) -> Iterable[Event]:
    """Return the events of an attribute after a time, the oldest first."""
    events = await db.history(decisions.key_of(ATTRIBUTES, attribute))
    return [event for event in reversed(events) if event.at > at]


def refuse_former_names(names: Sequence[str], definitions: Mapping[str, Attribute]) -> None:
    """Raise InvalidError for fields that name an attribute by a former name."""
    refused = [refused_field(name, definitions) for name in names]
    problems = {str(index): (problem,) for index, problem in enumerate(refused) if problem}
    if problems:
        raise InvalidError({"fields": problems})
