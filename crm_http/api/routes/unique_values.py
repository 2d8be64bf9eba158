"""The endpoints that find a record by the value of a unique attribute: get one, create or change one (decision 86)."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

import attrs
from litestar.response.base import ASGIResponse

from crm_core.errors import PermissionDeniedError, VersionConflictError
from crm_core.use_cases import upserts
from crm_http.api.auth import Access, caller, idempotent_caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.preconditions import REVALIDATED, expected_versions
from crm_http.api.requests import JSON, AnyRequest, header, is_strict, read_query
from crm_http.api.responses import created_response, record_response
from crm_http.api.routes.records import RecordRoutes, body_or, tag_of
from crm_http.api.routing import rights
from crm_http.payloads.record_examples import EXAMPLE_UNIQUE, first_example
from crm_http.statuses import STATUSES

_ATTRIBUTE: Final = {"type": "string", "description": "The name of a unique attribute.", "example": EXAMPLE_UNIQUE}
_VALUE: Final = {"type": "string", "description": "The value, percent-encoded.", "example": "ann@example.com"}
_RIGHTS: Final = "Needs the permission to add records where it creates one, and to change them where it changes one."


@attrs.frozen
class UniqueValueRoutes:
    """The handlers of one resource.

    Attributes:
        records: the routes of its records.
    """

    records: RecordRoutes

    async def retrieve(self, request: AnyRequest) -> ASGIResponse:
        """Answer with the record that has the value."""
        routes, parent = self.records, self.records.read_parent(request)
        name, value = request.path_params["attribute"], _value_of(request)
        _, document = await upserts.get(routes.db, caller(request), routes.resource, name, value, parent=parent)
        return record_response(document, headers=REVALIDATED)

    async def upsert(self, request: AnyRequest) -> ASGIResponse:
        """Change the record that has the value, or create one."""
        routes, condition = self.records, _condition(request)
        resource, who, name = routes.resource, caller(request), request.path_params["attribute"]
        upserts.check_permission(who.actor, resource, condition)
        parent = routes.read_parent(request)
        data = await body_or(request, lambda: upserts.look_up(routes.db, who, resource, name, parent))
        upserted = await upserts.upsert(
            routes.db,
            await idempotent_caller(request),
            resource,
            name,
            _value_of(request),
            data,
            parent=parent,
            strict=is_strict(request),
            condition=condition,
        )
        if upserted.is_new:
            return created_response(request, upserted.document, routes.path_of(parent, upserted.id))
        return record_response(upserted.document)


def unique_value_endpoints(records: RecordRoutes) -> Iterator[Endpoint]:
    """Return the endpoints of a resource with attributes: by ``?value=``, and by the value as the end of the path."""
    resource, entity, one = records.resource, records.resource.entity, records.resource.label[0]
    routes, of_attribute = UniqueValueRoutes(records), f"{records.place}/by/{{attribute}}"
    name = records.name or resource.path
    declare = partial(
        Endpoint,
        access={**rights(resource.model_name), "PUT": Access.AUTHENTICATED},
        tag=tag_of(resource),
        is_deprecated=records.is_deprecated,
    )
    forms: list[tuple[str, str, Mapping[str, Any]]] = [
        (of_attribute, "by", {"query": upserts.ByValue, "path_parameters": {"attribute": _ATTRIBUTE}}),
        (f"{of_attribute}/{{value}}", "by_value", {"path_parameters": {"attribute": _ATTRIBUTE, "value": _VALUE}}),
    ]
    for path, suffix, parameters in forms:
        end = " that ends the path" if suffix == "by_value" else ""
        yield declare(
            *("GET", path, routes.retrieve),
            id=f"{name}_retrieve_{suffix}",
            summary=f"Retrieve the {one} with a value of a unique attribute{end}",
            description="Case, and blanks around and between words, do not tell values apart.",
            replies={200: Reply(f"The {one}.", entity, headers=("ETag",))},
            **parameters,
        )
        yield declare(
            *("PUT", path, routes.upsert),
            id=f"{name}_upsert_{suffix}",
            summary=f"Create or update the {one} with a value of a unique attribute{end}",
            description="Sets the fields that are sent and keeps the others, as PUT does. `If-None-Match: *` only "
            f"creates, `If-Match` only changes. {_RIGHTS}",
            body={JSON: f"{entity.__name__}Update"},
            working_example=first_example(resource, "update"),
            headers=("If-Match", "Idempotency-Key"),
            replies={
                200: Reply(f"The {one} as it is now.", entity, headers=("ETag", "Idempotent-Replayed")),
                201: Reply(f"The new {one}.", entity, headers=("Location", "ETag", "Idempotent-Replayed")),
            },
            errors=frozenset({STATUSES[PermissionDeniedError], STATUSES[VersionConflictError]}),
            **parameters,
        )


def _value_of(request: AnyRequest) -> str:
    value: str | None = request.path_params.get("value")
    return (
        upserts.read_value(read_query(request), caller(request), strict=is_strict(request)) if value is None else value
    )


def _condition(request: AnyRequest) -> upserts.Condition:
    if header(request, b"if-none-match").strip() == "*":
        return upserts.Condition(exists=False)
    if_match = header(request, b"if-match")
    return upserts.Condition(exists=True if if_match.strip() else None, versions=expected_versions(if_match))
