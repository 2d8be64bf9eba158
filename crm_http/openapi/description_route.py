"""``/schema/openapi.json``: the document, with the attributes that users defined if the caller may view them."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from litestar.response.base import ASGIResponse

from crm_core.model.accounts import Caller
from crm_core.model.entities import ENTITIES, Attribute
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES
from crm_core.rules.needs import Needs, catalog_of
from crm_http.api.auth import Access, possible_caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.requests import AnyRequest
from crm_http.api.responses import json_response
from crm_http.api.routing import everybody
from crm_http.openapi.document import describe, with_attributes
from crm_http.site import root_path


def description_endpoint(db: Database, endpoints: Sequence[Endpoint]) -> Endpoint:
    """Return the endpoint that describes ``endpoints`` and itself.

    It is public. Callers who may view attributes also see those that users defined.
    """

    async def retrieve(request: AnyRequest) -> ASGIResponse:
        document, who = dict(described()), possible_caller(request)
        if who is not None and who.actor.may(ATTRIBUTES.permission("view")):
            document = dict(with_attributes(document, await _definitions(db, who)))
        return json_response(
            document | {"servers": [{"url": root_path(request) or "/"}]}, headers={"Vary": "Authorization"}
        )

    @cache
    def described() -> Mapping[str, Any]:
        return describe([*endpoints, endpoint])

    endpoint = Endpoint(
        *("GET", "/schema/openapi.json", retrieve),
        access=everybody(Access.PUBLIC),
        id="schema",
        tag="About",
        summary="Retrieve this document; with a token, with the attributes that are defined",
        description="A caller who may view attributes gets their types, their options and the filters by them.",
        replies={200: Reply("The document.", dict)},
    )
    return endpoint


async def _definitions(db: Database, who: Caller) -> Mapping[str, Sequence[Attribute]]:
    needs = Needs()
    for entity in ENTITIES:
        needs |= catalog_of(entity, who)
    catalogs = (await db.known(needs)).catalogs
    return {entity: tuple(catalogs[entity].definitions.values()) for entity in ENTITIES}
