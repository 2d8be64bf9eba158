"""The API's description of itself, which tells what users defined to those who may know."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from crm_core.model.accounts import Caller
from crm_core.model.entities import Attribute
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES
from crm_core.rules.attributes import ENTITIES
from crm_core.rules.needs import Needs, catalog_of
from crm_http.api.auth import Access, possible_caller
from crm_http.api.requests import JSON, AnyRequest
from crm_http.api.routing import everybody, mount
from crm_http.openapi.document import describe, with_attributes


def mount_schema(db: Database, routes: Sequence[HTTPRouteHandler]) -> HTTPRouteHandler:
    """``GET /schema/openapi.json``: of ``routes`` and itself, for everybody.

    The attributes that users defined are told to callers who may view them.
    """

    async def retrieve(request: AnyRequest) -> ASGIResponse:
        document, who = described(), possible_caller(request)
        if who is not None and who.actor.may(ATTRIBUTES.permission("view")):
            document = with_attributes(document, await _definitions(db, who))
        return ASGIResponse(body=msgspec.json.encode(document), media_type=JSON, headers={"Vary": "Authorization"})

    route = mount("/schema/openapi.json", {"GET": retrieve}, everybody(Access.PUBLIC))

    @cache
    def described() -> dict[str, Any]:
        return describe([*routes, route])

    return route


async def _definitions(db: Database, who: Caller) -> Mapping[str, Sequence[Attribute]]:
    needs = Needs()
    for entity in ENTITIES:
        needs |= catalog_of(entity, who)
    catalogs = (await db.known(needs)).catalogs
    return {entity: tuple(catalogs[entity].definitions.values()) for entity in ENTITIES}
