"""The endpoint that lists records which may be duplicates, below their list."""

from collections.abc import Iterator

from litestar.response.base import ASGIResponse

from crm_core.model.duplicates import DuplicateGroup
from crm_core.use_cases import duplicates
from crm_http.api.auth import caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.requests import AnyRequest, is_strict, read_query
from crm_http.api.responses import json_response, link_to_next
from crm_http.api.routes.records import RecordRoutes, tag_of
from crm_http.api.routing import rights
from crm_http.middleware.fairness import Share
from crm_http.payloads.shapes import array


def duplicate_endpoints(of: RecordRoutes) -> Iterator[Endpoint]:
    """Return the endpoint that lists the duplicates of a resource, if its records can be merged."""
    place = f"{of.place}/duplicates"

    async def find(request: AnyRequest) -> ASGIResponse:
        """Answer with a page of groups and a link to the next."""
        params = read_query(request)
        page = await Share.of(request.scope).in_turn(
            duplicates.find(of.db, caller(request), of.resource, params, strict=is_strict(request))
        )
        return json_response(page.groups, headers=link_to_next(request, place, params, page.next))

    if of.resource.merges:
        yield Endpoint(
            *("GET", place, find),
            access=rights(of.resource.model_name),
            id=f"{of.resource.path}_duplicates",
            tag=tag_of(of.resource),
            summary=f"List {of.resource.label[1]} that may be duplicates",
            description="Groups of records with similar names, or the same e-mail address or telephone number, with "
            "reasons and a score. The `Link` header names the next page; a page can be empty although more follow.",
            query=duplicates.DuplicatesListing,
            replies={200: Reply("The groups.", array(DuplicateGroup), headers=("Link",))},
        )
