"""The endpoint that erases a record, below the record."""

from collections.abc import Iterator
from functools import partial

from litestar.response.base import ASGIResponse

from crm_core.errors import InUseError
from crm_core.model.erasures import ErasureReport
from crm_core.model.plain_values import plain
from crm_core.use_cases import erasures
from crm_core.use_cases.dry_runs import DryRun
from crm_core.use_cases.history import latest_event
from crm_http.api.auth import caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.preconditions import expected_versions
from crm_http.api.requests import AnyRequest, header
from crm_http.api.responses import json_response
from crm_http.api.routes.records import RecordRoutes, asks_for_dry_run, tag_of
from crm_http.api.routing import path_id, rights
from crm_http.statuses import STATUSES


def erasure_endpoints(of: RecordRoutes) -> Iterator[Endpoint]:
    """Return the endpoint that erases a resource's records, below their paths."""

    async def erase(request: AnyRequest) -> ASGIResponse:
        """Erase a record, or answer with what would be erased."""
        who, expected = caller(request), expected_versions(header(request, b"if-match"))
        target = erasures.ErasureTarget(of.resource, path_id(request), of.read_parent(request), expected)
        look_up = partial(latest_event, of.db, of.resource, target.id, target.parent)
        is_dry = await asks_for_dry_run(request, look_up)
        carry_out = erasures.erase_dry_run if is_dry else erasures.erase
        return json_response(plain(await carry_out(of.db, of.files, who, target)))

    one = of.resource.label[0]
    yield Endpoint(
        *("POST", f"{of.place}/{{id}}/erase", erase),
        access=rights(of.resource.model_name, POST="delete"),
        id=f"{of.name or of.resource.path.replace('-', '_')}_erase",
        tag=tag_of(of.resource),
        is_deprecated=of.is_deprecated,
        summary=f"Erase {'an' if one[0] in 'aeiou' else 'a'} {one} for good",
        description="Deletes the record if it is there, with what belongs to it, and the values in its history, in "
        "deliveries and in answers that are kept. Nothing brings them back. Deleted records can be erased, too. With "
        "`dry_run` nothing changes, and the answer is what would, and which records mention its name.",
        headers=("If-Match",),
        query=DryRun,
        replies={200: Reply("What was erased, or would be.", ErasureReport)},
        errors=frozenset({STATUSES[InUseError]}),
    )
