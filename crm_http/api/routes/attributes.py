"""The endpoints of attribute definitions: one path takes an entity's name or an attribute's id (decision 1)."""

from collections.abc import Iterator
from typing import Final

import attrs
from litestar.response.base import ASGIResponse

from crm_core.errors import NotFoundError
from crm_core.model.entities import Attribute
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES
from crm_core.rules.attributes import ENTITIES
from crm_http.api.endpoints import Endpoint, Reply, array
from crm_http.api.requests import AnyRequest
from crm_http.api.routes.records import UNCHANGED, RecordRoutes, record_endpoints

_PATH: Final = "/api/attributes"
_ENTITY_NAME: Final = {"type": "string", "enum": list(ENTITIES)}
_ENTITY_NAME_OR_ID: Final = {"anyOf": [_ENTITY_NAME, {"type": "string", "format": "uuid"}]}
_FOUND: Final = Reply(
    "The attributes of the entity, or the one attribute.",
    array(Attribute) | Attribute,
    headers=("Link", "ETag"),
)


def attribute_endpoints(db: Database) -> Iterator[Endpoint]:
    """Return the endpoints of ``/api/attributes/<entity name or id>/``."""
    of_entity = RecordRoutes(ATTRIBUTES, db, _PATH, _read_entity, list_path=f"{_PATH}/{{parent}}")
    by_id = RecordRoutes(ATTRIBUTES, db, _PATH)

    async def find_or_retrieve(request: AnyRequest) -> ASGIResponse:
        is_entity = request.path_params["id"] in ENTITIES
        return await (of_entity.find(request) if is_entity else by_id.retrieve(request))

    listed, created, *_ = record_endpoints(of_entity)
    _, _, retrieved, *changes = record_endpoints(by_id)
    yield attrs.evolve(
        listed,
        path=retrieved.path,
        handler=find_or_retrieve,
        summary="List the attributes of an entity by its name, or retrieve one attribute by its id",
        path_parameters={"id": _ENTITY_NAME_OR_ID},
        headers=retrieved.headers,
        replies={200: _FOUND, 304: UNCHANGED},
    )
    links = {name: id_ for name, id_ in created.replies[201].links.items() if name != "retrieve"}
    yield attrs.evolve(
        created,
        path=retrieved.path,
        summary="Create an attribute of an entity",
        path_parameters={"id": _ENTITY_NAME},
        replies={201: attrs.evolve(created.replies[201], links=links)},
    )
    yield from changes


def _read_entity(request: AnyRequest) -> str:
    name: str = request.path_params["id"]
    if name not in ENTITIES:
        raise NotFoundError
    return name
