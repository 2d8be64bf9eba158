"""The endpoints that rename and convert attributes, and rename and remove their values, below the attribute."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, Union

import attrs
from litestar.response.base import ASGIResponse

from crm_core.errors import AttributeInUseError
from crm_core.model.entities import Attribute
from crm_core.model.evolutions import EvolutionReport
from crm_core.model.plain_values import plain
from crm_core.use_cases import evolutions
from crm_core.use_cases.dry_runs import DryRun
from crm_core.use_cases.evolution_requests import BODIES, EvolutionKind, Target, definition_of
from crm_http.api.auth import caller, idempotent_caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.preconditions import expected_versions
from crm_http.api.requests import JSON, AnyRequest, header, is_strict
from crm_http.api.responses import json_response, record_response
from crm_http.api.routes.records import RecordRoutes, asks_for_dry_run, body_or, tag_of
from crm_http.api.routing import path_id, rights
from crm_http.payloads.shapes import Input
from crm_http.statuses import STATUSES

_TOGETHER: Final = (
    "All records that hold the attribute and all webhooks that name it change in the same commit. Webhooks are not "
    "called; the history and the change feed tell of it. With `dry_run` nothing changes, and the answer is what would."
)


@attrs.frozen
class _Words:
    """What the document says of a change.

    Attributes:
        summary: the summary.
        description: what it does beside changing the definition.
        example: a body.
    """

    summary: str
    description: str
    example: Mapping[str, Any]


_WORDS: Final[Mapping[EvolutionKind, _Words]] = {
    "rename": _Words(
        "Rename an attribute",
        "The former name is then refused with the new one, until another attribute takes it.",
        {"name": "town"},
    ),
    "values/rename": _Words(
        "Rename a value of a list",
        "Also inside lists. A name that another value has already merges the two.",
        {"from": "Tech", "to": "Technology"},
    ),
    "values/remove": _Words(
        "Remove a value of a list",
        "A value that records hold is removed only with another one in its place.",
        {"value": "Retail", "replace_with": "Health"},
    ),
    "convert": _Words(
        "Convert an attribute into another type",
        "Values that cannot be converted refuse it, unless `failing` is `clear`: then the records lose them, and the "
        "history keeps them. The dry run lists them.",
        {"type": "text"},
    ),
}


def evolution_endpoints(of: RecordRoutes) -> Iterator[Endpoint]:
    """Return the endpoints that change an attribute in all records, below the path of attributes."""
    for kind, words in _WORDS.items():
        yield Endpoint(
            *("POST", f"{of.place}/{{id}}/{kind}", partial(_evolve, of, kind)),
            access=rights(of.resource.model_name, POST="change"),
            id=f"attributes_{kind.replace('/', '_')}",
            tag=tag_of(of.resource),
            summary=words.summary,
            description=f"{words.description} {_TOGETHER}",
            headers=("If-Match", "Idempotency-Key"),
            query=DryRun,
            body={JSON: Input(BODIES[kind], f"Attribute{BODIES[kind].__name__}")},
            working_example=words.example,
            replies={
                200: Reply(
                    "The attribute as it is now; or what would change.",
                    Union[Attribute, EvolutionReport],  # noqa: UP007  # the parts are values
                    headers=("ETag", "Idempotent-Replayed"),
                )
            },
            errors=frozenset({STATUSES[AttributeInUseError]}),
        )


def delete_with_dry_run(of: RecordRoutes, destroy: Endpoint) -> Endpoint:
    """Return the endpoint that deletes an attribute, or answers with what uses it."""

    async def remove(request: AnyRequest) -> ASGIResponse:
        """Delete an attribute, or answer with what uses it."""
        target = _target(request)
        if not await asks_for_dry_run(request, partial(definition_of, of.db, target)):
            return await of.remove(request)
        return json_response(plain(await evolutions.delete_dry_run(of.db, caller(request), target)))

    used = Reply("With `dry_run`: what uses the attribute.", EvolutionReport)
    description = "The values stay in records. With `dry_run` nothing changes, and the answer is what uses it."
    return attrs.evolve(
        destroy, handler=remove, query=DryRun, replies={**destroy.replies, 200: used}, description=description
    )


async def _evolve(of: RecordRoutes, kind: EvolutionKind, request: AnyRequest) -> ASGIResponse:
    """Change an attribute, or answer with what would change."""
    target = _target(request)
    look_up = partial(definition_of, of.db, target)
    data = await body_or(request, look_up)
    who, strict = await idempotent_caller(request), is_strict(request)
    if await asks_for_dry_run(request, look_up):
        return json_response(plain(await evolutions.dry_run(of.db, who, kind, target, data, strict=strict)))
    return record_response(await evolutions.evolve(of.db, who, kind, target, data, strict=strict))


def _target(request: AnyRequest) -> Target:
    return Target(path_id(request), expected_versions(header(request, b"if-match")))
