"""The endpoint of the summary of a pipeline (decision 125)."""

from litestar.response.base import ASGIResponse

from crm_core.model.summaries import PipelineSummary
from crm_core.ports import Database
from crm_core.resources import PIPELINES
from crm_core.use_cases import summaries
from crm_http.api.auth import caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.requests import AnyRequest, is_strict, read_query
from crm_http.api.responses import json_response
from crm_http.api.routes.records import tag_of
from crm_http.api.routing import path_id, rights
from crm_http.middleware.fairness import Share


def summary_endpoint(db: Database) -> Endpoint:
    """Return the endpoint."""

    async def retrieve(request: AnyRequest) -> ASGIResponse:
        """Answer with the summary."""
        who, params = caller(request), read_query(request)
        reading = summaries.summary(db, who, path_id(request), params, strict=is_strict(request))
        return json_response(await Share.of(request.scope).in_turn(reading))

    return Endpoint(
        *("GET", f"/api/{PIPELINES.path}/{{id}}/summary", retrieve),
        access=rights(PIPELINES.model_name),
        id="pipelines_summary",
        tag=tag_of(PIPELINES),
        summary="Sum up the leads of a pipeline",
        description="By stage: how many leads are in it now, for how long leads were in it, and where they went. "
        "`since` and `until` limit times and moves to stays that ended in that period. Needs the permission to view "
        "leads, too.",
        query=summaries.SummaryOptions,
        replies={200: Reply("The summary.", PipelineSummary)},
    )
