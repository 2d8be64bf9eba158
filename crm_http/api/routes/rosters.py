"""The endpoint of the roster of a cohort (decision 124)."""

from litestar.response.base import ASGIResponse

from crm_core.model.rosters import Roster
from crm_core.ports import Database
from crm_core.resources import COHORTS
from crm_core.use_cases import rosters
from crm_http.api.auth import caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.requests import AnyRequest
from crm_http.api.responses import json_response
from crm_http.api.routes.records import tag_of
from crm_http.api.routing import path_id, rights
from crm_http.middleware.fairness import Share


def roster_endpoint(db: Database) -> Endpoint:
    """Return the endpoint."""

    async def retrieve(request: AnyRequest) -> ASGIResponse:
        """Answer with the roster."""
        reading = rosters.roster(db, caller(request), path_id(request))
        return json_response(await Share.of(request.scope).in_turn(reading))

    return Endpoint(
        *("GET", f"/api/{COHORTS.path}/{{id}}/roster", retrieve),
        access=rights(COHORTS.model_name),
        id="cohorts_roster",
        tag=tag_of(COHORTS),
        summary="Retrieve the roster of a cohort",
        description="Its enrollments with their students, instructors and teaching assistants, and the open transfer "
        "requests of these students. Needs the permissions to view all of these. A roster has up to "
        f"{rosters.MAX_ENROLLMENTS} enrollments, {rosters.MAX_DETAILS:,} places of students in them and "
        f"{rosters.MAX_REQUESTS:,} requests; `is_complete` says whether this is all.",
        replies={200: Reply("The roster.", Roster)},
    )
