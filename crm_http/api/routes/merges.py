"""The endpoint that merges records into one, below that one."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from litestar.response.base import ASGIResponse

from crm_core.errors import PermissionDeniedError
from crm_core.use_cases import merges, records
from crm_core.use_cases.dry_runs import DryRun
from crm_http.api.auth import caller, idempotent_caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.preconditions import expected_versions
from crm_http.api.requests import JSON, AnyRequest, header, is_strict
from crm_http.api.responses import json_response, record_response
from crm_http.api.routes.history import entries_or
from crm_http.api.routes.records import RecordRoutes, asks_for_dry_run, body_or, tag_of
from crm_http.api.routing import path_id, rights
from crm_http.payloads.record_examples import EXAMPLE_ID
from crm_http.payloads.shapes import Input
from crm_http.statuses import STATUSES

_DESCRIPTION: Final = (
    "Tasks, notes, images, and all that refers to the records of `from`, move to the record of the path, and they are "
    "deleted, in one commit. It keeps its own values, and gets those that it lacks; `take` says which values it takes. "
    "Needs the permissions to change and to delete. With `dry_run` nothing changes, and the answer is what would. "
    "Restoring a merged record undoes its part of the merge."
)


def merge_endpoints(of: RecordRoutes) -> Iterator[Endpoint]:
    """Return the endpoint that merges a resource's records, if they can be merged."""
    resource, (one, many) = of.resource, of.resource.label

    async def merge(request: AnyRequest) -> ASGIResponse:
        """Merge records, or answer with what would change."""
        id_, who, strict = path_id(request), caller(request), is_strict(request)
        merges.check_permissions(who.actor, resource)
        look_up = partial(records.look_up, of.db, resource, id_)
        data = await body_or(request, look_up)
        expected = expected_versions(header(request, b"if-match"))
        if await asks_for_dry_run(request, look_up):
            return json_response(
                await merges.merge_dry_run(of.db, who, resource, id_, data, expected=expected, strict=strict)
            )
        who = await idempotent_caller(request)
        return record_response(await merges.merge(of.db, who, resource, id_, data, expected=expected, strict=strict))

    if resource.merges:
        yield Endpoint(
            *("POST", f"{of.place}/{{id}}/merge", merge),
            access=rights(resource.model_name, POST="change"),
            id=f"{resource.path}_merge",
            tag=tag_of(resource),
            summary=f"Merge {many} into a {one}",
            description=_DESCRIPTION,
            headers=("If-Match", "Idempotency-Key"),
            query=DryRun,
            body={JSON: Input(merges.Merge, "MergeRequest", required=("from",))},
            working_example={"from": [EXAMPLE_ID]},
            replies={
                200: Reply(
                    f"The {one} as it is now; or what would change.",
                    entries_or(resource.entity),
                    headers=("ETag", "Idempotent-Replayed"),
                )
            },
            errors=frozenset({STATUSES[PermissionDeniedError]}),
        )
