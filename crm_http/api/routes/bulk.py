"""Bulk requests: many operations in one (decisions 112 to 116)."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar.response.base import ASGIResponse

from crm_core.bulk.operations import BULK_RESOURCES, MAX_OPERATIONS, BulkRequest
from crm_core.bulk.outcomes import Outcome
from crm_core.engine.receipts import Document
from crm_core.errors import InvalidError
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.use_cases.bulk import BulkAnswer, bulk
from crm_http.api.auth import Access, idempotent_caller
from crm_http.api.body_limits import MAX_BULK_BODY
from crm_http.api.endpoints import Endpoint, Handler, Reply
from crm_http.api.errors import body_of
from crm_http.api.requests import JSON, AnyRequest, preferences, read_operations
from crm_http.api.responses import JsonResponse
from crm_http.api.routes.records import tag_of
from crm_http.api.routing import everybody
from crm_http.middleware.fairness import Share
from crm_http.payloads.bodies import BulkResults
from crm_http.payloads.record_examples import bulk_example
from crm_http.payloads.shapes import Input
from crm_http.statuses import STATUSES

#: Seconds that a bulk request waits for its turn: others of the same user take about half a second each.
_MAX_WAIT: Final = 10.0
_STATUSES: Final = {"created": 201, "updated": 200, "unchanged": 200, "deleted": 204}
_HEADERS: Final = ("Preference-Applied", "Idempotent-Replayed")
_DESCRIPTION: Final = (
    f"Up to {MAX_OPERATIONS:,} operations in one commit: all of them, or none if one is refused. With "
    "`Prefer: handling=lenient` those that are refused have no effect, and the others count. With "
    "`Prefer: return=representation` the answer has the records. Each operation needs the permission of a single call."
)


def bulk_endpoints(db: Database) -> Iterator[Endpoint]:
    """Return one endpoint for each resource."""
    for resource in BULK_RESOURCES.values():
        yield Endpoint(
            *("POST", f"/api/{resource.path}/bulk", _handler(resource, db)),
            access=everybody(Access.AUTHENTICATED),
            id=f"{resource.path.replace('-', '_')}_bulk",
            tag=tag_of(resource),
            summary=f"Create, change and delete {resource.label[1]}",
            description=_DESCRIPTION,
            headers=("Idempotency-Key",),
            body={JSON: Input(BulkRequest, "BulkRequest", required=("operations",))},
            max_body=MAX_BULK_BODY,
            working_example=bulk_example(resource),
            replies={
                200: Reply("All operations succeeded.", BulkResults, headers=_HEADERS),
                207: Reply("Some operations were refused.", BulkResults, headers=_HEADERS),
                400: Reply("The request, or an operation of it, is refused.", "ProblemsByOperation"),
            },
            errors=frozenset({HTTPStatus.FORBIDDEN}),
        )


def _handler(resource: Resource, db: Database) -> Handler:
    async def handle(request: AnyRequest) -> ASGIResponse:
        sent, prefers = await read_operations(request), preferences(request)
        lenient = prefers.get("handling") == "lenient"
        strict = prefers.get("handling") == "strict"
        with_records = prefers.get("return") == "representation"
        who = await idempotent_caller(request)
        answer = await Share.of(request.scope).in_turn(
            bulk(db, who, resource, sent, lenient=lenient, strict=strict, with_records=with_records), _MAX_WAIT
        )
        applied = ["handling=lenient"] * lenient + ["return=representation"] * with_records
        return _response(answer, ", ".join(applied))

    return handle


def _response(answer: BulkAnswer, applied: str) -> ASGIResponse:
    records = answer.records or [None] * len(answer.outcomes)
    results = [_result(outcome, record) for outcome, record in zip(answer.outcomes, records, strict=True)]
    failed = sum(outcome.error is not None for outcome in answer.outcomes)
    body = {"results": results, "succeeded": len(results) - failed, "failed": failed}
    headers = {"Preference-Applied": applied} if applied else {}
    if answer.is_replayed:
        headers["Idempotent-Replayed"] = "true"
    status = HTTPStatus.MULTI_STATUS if failed else HTTPStatus.OK
    return JsonResponse(msgspec.json.encode(body), status, headers)


def _result(outcome: Outcome, record: Document | None) -> dict[str, Any]:
    error = outcome.error
    kind = InvalidError if isinstance(error, InvalidError) else type(error)
    result: dict[str, Any] = {
        "status": _STATUSES[outcome.kind] if error is None else int(STATUSES[kind]),  # type: ignore[index]  # what is refused has an error
        "id": outcome.id,
        "version": outcome.version,
    }
    if error is not None:
        result["errors"] = body_of(error)
    if record is not None:
        result["data"] = msgspec.Raw(record.body)
    return result
