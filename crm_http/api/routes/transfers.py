"""The endpoints that accept and decline transfer requests (decisions 121 to 123)."""

from collections.abc import Iterator
from functools import partial

from litestar.response.base import ASGIResponse

from crm_core.errors import TransferDecidedError
from crm_core.ports import Database
from crm_core.resources import TRANSFER_REQUESTS
from crm_core.use_cases import records, transfers
from crm_http.api.auth import idempotent_caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.preconditions import expected_versions
from crm_http.api.requests import JSON, AnyRequest, header, is_strict
from crm_http.api.responses import record_response
from crm_http.api.routes.records import body_or, tag_of
from crm_http.api.routing import path_id, rights
from crm_http.payloads.record_examples import example_id
from crm_http.payloads.shapes import Input
from crm_http.statuses import STATUSES


def transfer_endpoints(db: Database) -> Iterator[Endpoint]:
    """Return the endpoints that accept and decline."""
    resource = TRANSFER_REQUESTS

    async def accept(request: AnyRequest) -> ASGIResponse:
        """Accept a request; answer with it."""
        id_ = path_id(request)
        data = await body_or(request, lambda: records.look_up(db, resource, id_))
        who, expected = await idempotent_caller(request), expected_versions(header(request, b"if-match"))
        document = await transfers.accept(db, who, id_, data, expected=expected, strict=is_strict(request))
        return record_response(document)

    async def decline(request: AnyRequest) -> ASGIResponse:
        """Decline a request; answer with it."""
        who, expected = await idempotent_caller(request), expected_versions(header(request, b"if-match"))
        return record_response(await transfers.decline(db, who, path_id(request), expected=expected))

    declare = partial(
        Endpoint,
        access=rights(resource.model_name, POST="change"),
        tag=tag_of(resource),
        reads_first=resource,
        headers=("If-Match", "Idempotency-Key"),
        errors=frozenset({STATUSES[TransferDecidedError]}),
    )
    one = f"/api/{resource.path}/{{id}}"
    reply = Reply("The transfer request as it is now.", resource.entity, headers=("ETag", "Idempotent-Replayed"))
    yield declare(
        *("POST", f"{one}/accept", accept),
        id="transfer_requests_accept",
        summary="Accept a transfer request",
        description="Moves the student to the cohort in the same commit: `actual_cohort` of the service, and, where "
        "the cohort is named by its id, each enrollment detail that has an enrollment of the same pathway there. Needs "
        "the permissions to change services and enrollment details, too.",
        body={JSON: Input(transfers.Acceptance, "TransferAcceptance")},
        working_example={"cohort": example_id("cohorts")},
        replies={200: reply},
    )
    yield declare(
        *("POST", f"{one}/decline", decline),
        id="transfer_requests_decline",
        summary="Decline a transfer request",
        description="Nothing else changes.",
        replies={200: reply},
    )
