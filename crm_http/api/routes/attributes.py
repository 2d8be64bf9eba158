"""The endpoints of attribute definitions: one path takes an entity's name or an attribute's id (decision 1)."""

from collections.abc import Iterator
from typing import Final

import attrs
from litestar.response.base import ASGIResponse

from crm_core.errors import NotFoundError
from crm_core.model.entities import ENTITIES
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES
from crm_http.api.endpoints import Endpoint
from crm_http.api.requests import AnyRequest
from crm_http.api.routes.erasures import erasure_endpoints
from crm_http.api.routes.evolutions import delete_with_dry_run, evolution_endpoints
from crm_http.api.routes.history import history_endpoints
from crm_http.api.routes.records import RecordRoutes, record_endpoints

_PATH: Final = "/api/attributes"


def attribute_endpoints(db: Database) -> Iterator[Endpoint]:
    """Return the endpoints of ``/api/attributes/<entity name or id>/``.

    GET is declared twice, as the two meanings that it has. Both have the handler that tells them apart.
    """
    of_entity = RecordRoutes(ATTRIBUTES, db, _PATH, _read_entity, list_path=f"{_PATH}/{{entity}}", has_dry_run=True)
    by_id = RecordRoutes(ATTRIBUTES, db, _PATH, has_dry_run=True)

    async def find_or_retrieve(request: AnyRequest) -> ASGIResponse:
        is_entity = request.path_params["id"] in ENTITIES
        return await (of_entity.find(request) if is_entity else by_id.retrieve(request))

    listed, created, *_ = record_endpoints(of_entity)
    _, _, retrieved, *changes, destroyed = record_endpoints(by_id)
    yield attrs.evolve(retrieved, handler=find_or_retrieve)
    named = {"id": {"type": "string", "enum": list(ENTITIES)}}
    yield attrs.evolve(
        listed,
        path=retrieved.path,
        handler=find_or_retrieve,
        summary="List the attributes of a {id}",
        path_parameters=named,
    )
    yield attrs.evolve(created, path=retrieved.path, summary="Create an attribute of a {id}", path_parameters=named)
    yield from changes
    yield delete_with_dry_run(by_id, destroyed)
    yield from evolution_endpoints(by_id)
    yield from history_endpoints(by_id)
    yield from erasure_endpoints(by_id)


def _read_entity(request: AnyRequest) -> str:
    name: str = request.path_params["id"]
    if name not in ENTITIES:
        raise NotFoundError
    return name
