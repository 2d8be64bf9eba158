"""What the tests of changes of attributes have in common."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_core.errors import CrmError
from crm_core.model.evolutions import EvolutionReport
from crm_core.resources import ATTRIBUTES, CLIENTS
from crm_core.testing.scene import Scene
from crm_core.use_cases import evolutions, records
from crm_core.use_cases.evolution_requests import EvolutionKind, Target

HOOK: Mapping[str, Any] = {
    "name": "hook",
    "model": "Client",
    "url": "https://example.com/{attributes.city}?at={attributes.city}",
    "headers": {"X-City": "in {attributes.city}"},
    "conditions": [{"field": "attributes.city", "operator": "=", "value": "Ulm"}],
}


async def cities(scene: Scene, *cities: str | None) -> tuple[UUID, Sequence[UUID]]:
    """Define the attribute ``city``; return its id, and those of clients with these values."""
    id_ = await scene.create(ATTRIBUTES, "client", name="city", label="City", type="text")
    held: list[dict[str, str]] = [{} if city is None else {"city": city} for city in cities]
    return id_, [await scene.create(CLIENTS, name="c", attributes=each) for each in held]


async def colors(scene: Scene, *values: object) -> tuple[UUID, Sequence[UUID]]:
    """Define the list ``color``; return its id, and those of clients with these values."""
    options = ["red", "blue", "green"]
    id_ = await scene.create(ATTRIBUTES, "client", name="color", label="C", type="list", list_values=options)
    return id_, [await scene.create(CLIENTS, name="c", attributes={"color": value}) for value in values]


async def write(scene: Scene, id_: UUID, number: int) -> object:
    """Change the city of a client, under the name that it has at the moment."""
    name = next(name for name in await attributes_of(scene, id_))
    try:
        return await records.patch(scene.db, scene.who, CLIENTS, id_, {"attributes": {name: f"written {number}"}})
    except CrmError as error:
        return error


async def evolve(scene: Scene, kind: EvolutionKind, id_: UUID, **body: object) -> object:
    """Change an attribute; return it."""
    return await evolutions.evolve(scene.db, scene.who, kind, Target(id_), body)


async def dry_run(scene: Scene, kind: EvolutionKind, id_: UUID, **body: object) -> EvolutionReport:
    """Return what that would change."""
    return await evolutions.dry_run(scene.db, scene.who, kind, Target(id_), body)


async def attributes_of(scene: Scene, id_: UUID) -> Mapping[str, Any]:
    """Return the attributes of a client."""
    held: Mapping[str, Any] = (await scene.value(CLIENTS, id_)).attributes
    return held
