"""Attribute definitions share one path: an entity's name lists and creates, an id does the rest (ruling 1)."""

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from crm_core.errors import NotFoundError
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES
from crm_core.rules.attributes import ENTITIES
from crm_http.api.requests import AnyRequest
from crm_http.api.routes.records import Records
from crm_http.api.routing import mount, rights


def mount_attributes(db: Database) -> HTTPRouteHandler:
    """The route of ``/api/attributes/<entity name or id>/``."""
    of_entity = Records(ATTRIBUTES, db, "/api/attributes", _entity, listed="/api/attributes/{parent}")
    by_id = Records(ATTRIBUTES, db, "/api/attributes")

    async def find_or_retrieve(request: AnyRequest) -> ASGIResponse:
        named = request.path_params["id"] in ENTITIES
        return await (of_entity.find(request) if named else by_id.retrieve(request))

    answers = {
        "GET": find_or_retrieve,
        "POST": of_entity.create,
        "PUT": by_id.change,
        "PATCH": by_id.change,
        "DELETE": by_id.remove,
    }
    return mount("/api/attributes/{id:str}", answers, rights(ATTRIBUTES.noun), lists=True)


def _entity(request: AnyRequest) -> str:
    name: str = request.path_params["id"]
    if name not in ENTITIES:
        raise NotFoundError
    return name
