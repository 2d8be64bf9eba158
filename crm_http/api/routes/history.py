"""The endpoints of a record's history, below the record: its versions, and their restoration."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Union

import attrs
from litestar.response.base import ASGIResponse

from crm_core.errors import ErasedError, NotFoundError, RestoreRefusedError
from crm_core.model.history_entries import HistoryEntry, RestorationEntry
from crm_core.model.records import MAX_VERSION
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.use_cases import history, restorations
from crm_core.use_cases.dry_runs import DryRun
from crm_http.api.auth import caller, idempotent_caller
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.preconditions import expected_versions
from crm_http.api.requests import JSON, AnyRequest, header, is_strict, read_query
from crm_http.api.responses import json_response, link_to_next, record_response
from crm_http.api.routes.records import RecordRoutes, asks_for_dry_run, body_or, tag_of
from crm_http.api.routing import path_id, rights
from crm_http.payloads.shapes import Input, array
from crm_http.statuses import STATUSES

_NUMBER: Final = re.compile("[1-9][0-9]{0,9}")
_VERSION: Final = {
    "version": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_VERSION,
        "description": "The number of a version.",
        "example": 1,
    }
}


@attrs.frozen
class HistoryRoutes:
    """The handlers of the histories of one resource.

    Attributes:
        resource: the resource.
        db: where its records are stored.
        place: the path of a history, with parameters in braces.
        read_parent: returns the parent that the path names; raises NotFoundError.
    """

    resource: Resource
    db: Database
    place: str
    read_parent: Callable[[AnyRequest], object]

    async def find(self, request: AnyRequest) -> ASGIResponse:
        """Answer with a page of the history and a link to the next."""
        parent, id_, params = self.read_parent(request), path_id(request), read_query(request)
        page = await history.find(
            self.db, caller(request), self.resource, id_, params, parent=parent, strict=is_strict(request)
        )
        path = self.place.format_map({"id": id_, self.resource.parent or "": parent})
        return json_response(page.entries, headers=link_to_next(request, path, params, page.next))

    async def retrieve(self, request: AnyRequest) -> ASGIResponse:
        """Answer with a whole version of a record."""
        parent, id_ = self.read_parent(request), path_id(request)
        number = _path_version(request)
        return record_response(
            await history.version(self.db, caller(request), self.resource, id_, number, parent=parent)
        )

    async def restore(self, request: AnyRequest) -> ASGIResponse:
        """Restore a version, or answer with what would change."""
        parent, id_ = self.read_parent(request), path_id(request)
        target = restorations.Target(self.resource, id_, _path_version(request), parent)
        look_up = partial(history.latest_event, self.db, self.resource, id_, parent)
        data = await body_or(request, look_up)
        expected = expected_versions(header(request, b"if-match"))
        who, strict = await idempotent_caller(request), is_strict(request)
        if await asks_for_dry_run(request, look_up):
            entries = await restorations.restore_dry_run(self.db, who, target, data, expected=expected, strict=strict)
            return json_response(entries)
        return record_response(await restorations.restore(self.db, who, target, data, expected=expected, strict=strict))


def history_endpoints(of: RecordRoutes) -> Iterator[Endpoint]:
    """Return the endpoints of the histories of a resource's records, below the paths of the records."""
    resource, entity, one = of.resource, of.resource.entity, of.resource.label[0]
    name, place = of.name or resource.path.replace("-", "_"), f"{of.place}/{{id}}/history"
    routes = HistoryRoutes(resource, of.db, place, of.read_parent)
    declare = partial(
        Endpoint,
        access=rights(resource.model_name, POST="view"),
        tag=tag_of(resource),
        is_deprecated=of.is_deprecated,
    )
    article = "an" if one[0] in "aeiou" else "a"
    yield declare(
        *("GET", place, routes.find),
        id=f"{name}_history",
        summary=f"List the versions of {article} {one}, newest first",
        description="Who changed what, and when. The history of a deleted record needs the permission to delete, too. "
        "The `Link` header names the next page.",
        query=history.Listing,
        replies={200: Reply("The versions, as what changed in each.", array(HistoryEntry), headers=("Link",))},
    )
    yield declare(
        *("GET", f"{place}/{{version}}", routes.retrieve),
        id=f"{name}_version",
        summary=f"Retrieve {article} {one} as it was in a version",
        description="Secrets are hidden. The version in which the record was deleted is not found.",
        path_parameters=_VERSION,
        replies={200: Reply(f"The {one} as it was.", entity, headers=("ETag",))},
        errors=frozenset({STATUSES[ErasedError]}),
    )
    yield declare(
        *("POST", f"{place}/{{version}}/restore", routes.restore),
        id=f"{name}_restore",
        summary=f"Restore a version of {article} {one}",
        description="An ordinary change to the values of the version, by one who may change the record; a deleted "
        "record is created again, by one who may add it. With `dry_run` nothing changes, and the answer is what would.",
        path_parameters=_VERSION,
        headers=("If-Match", "Idempotency-Key"),
        query=DryRun,
        body={JSON: Input(restorations.Restoration, "Restoration")},
        working_example={},
        replies={200: Reply(f"The {one} as it is now; or what would change.", entries_or(entity), headers=("ETag",))},
        errors=frozenset({STATUSES[RestoreRefusedError], STATUSES[ErasedError]}),
    )


def entries_or(entity: type) -> object:
    """Return the shape of an answer that is a record, or in a dry run the versions that there would be."""
    return Union[entity, array(RestorationEntry)]  # noqa: UP007  # the parts are values


def _path_version(request: AnyRequest) -> int:
    """Return the version in the path. Raises NotFoundError if it is not one."""
    text = request.path_params["version"]
    if not _NUMBER.fullmatch(text) or int(text) > MAX_VERSION:
        raise NotFoundError
    return int(text)
