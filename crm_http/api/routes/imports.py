"""Import files, and see, cancel and evaluate imports (decisions 99 to 102)."""

from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from typing import Final

import attrs
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse

from crm_core.errors import CrmError, ImportFinishedError, PermissionDeniedError, SameFileError, UndoRefusedError
from crm_core.imports.status import ImportStatus
from crm_core.ports import ImportRuns
from crm_core.resources import Resource
from crm_core.use_cases import import_requests
from crm_core.use_cases.dry_runs import DryRun
from crm_core.use_cases.import_requests import Imports
from crm_core.use_cases.imports import IMPORTED_RESOURCES
from crm_http.api.auth import Access, caller
from crm_http.api.body_limits import MAX_IMPORT_FIELDS
from crm_http.api.endpoints import Endpoint, Handler, Reply
from crm_http.api.errors import RequestError
from crm_http.api.import_form import ImportForm
from crm_http.api.requests import JSON, MULTIPART, AnyRequest, is_strict, read_pieces, read_query, skip
from crm_http.api.responses import json_response, link_to_next
from crm_http.api.routes.records import asks_for_dry_run, body_or, tag_of
from crm_http.api.routing import everybody, path_id, rights
from crm_http.middleware.fairness import Share
from crm_http.payloads.shapes import Input, array
from crm_http.site import root_path
from crm_http.statuses import STATUSES

_PATH: Final = "/api/imports"
_TAG: Final = "Imports"


def import_endpoints(imports: Imports) -> Iterator[Endpoint]:
    """Return the endpoint of each resource that takes files, and those of the imports."""
    routes = _ImportRoutes(imports)
    for resource in IMPORTED_RESOURCES.values():
        yield Endpoint(
            *("POST", f"/api/{resource.path}/import", routes.receiving(resource)),
            access=rights(resource.model_name, POST="add"),
            id=f"{resource.path.replace('-', '_')}_import",
            tag=tag_of(resource),
            summary=f"Import {resource.label[1]} from a CSV, XLSX or JSONL file",
            description="The answer comes when the file has arrived and its columns are known. A server then checks "
            "every row by the rules of single calls, and writes them, unless one is refused. With `upsert_by` the "
            "permission to change is needed, too.",
            body={MULTIPART: "ImportUpload"},
            max_body=imports.max_bytes + 2 * MAX_IMPORT_FIELDS,
            replies={202: Reply("The import has begun.", ImportStatus, headers=("Location",))},
            errors=frozenset({STATUSES[SameFileError]}),
        )
    yield from _run_endpoints(routes)


@attrs.frozen
class _ImportRoutes:
    """The handlers of imports."""

    imports: Imports

    def receiving(self, resource: Resource) -> Handler:
        """Return the handler that takes files with records of a resource."""

        async def receive(request: AnyRequest) -> ASGIResponse:
            pieces = read_pieces(request)
            form = ImportForm(request, pieces)
            try:
                begun = await import_requests.receive(
                    self.imports, caller(request), resource, form.content(), form.rest
                )
            except (CrmError, RequestError):
                await skip(pieces)
                raise
            return _begun_response(request, begun)

        return receive

    async def find(self, request: AnyRequest) -> ASGIResponse:
        """Answer with a page of imports."""
        params = read_query(request)
        page = await import_requests.find(self._runs, caller(request), params, strict=is_strict(request))
        return json_response(page.imports, headers=link_to_next(request, _PATH, params, page.next))

    async def retrieve(self, request: AnyRequest) -> ASGIResponse:
        """Answer with one import."""
        return json_response(await import_requests.status(self._runs, caller(request), path_id(request)))

    async def cancel(self, request: AnyRequest) -> ASGIResponse:
        """Cancel an import."""
        await import_requests.cancel(self._runs, caller(request), path_id(request))
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT)

    async def errors(self, request: AnyRequest) -> ASGIResponse:
        """Answer with the rows that were refused, as a CSV file."""
        id_ = path_id(request)
        file = await import_requests.refused_file(self._runs, caller(request), id_)
        return ASGIStreamingResponse(
            iterator=Share.of(request.scope).pieces(file),
            media_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="import-{id_}-errors.csv"'},
        )

    async def undo(self, request: AnyRequest) -> ASGIResponse:
        """Begin to undo an import."""
        who, id_ = caller(request), path_id(request)
        look_up = partial(import_requests.status, self._runs, who, id_)
        data = await body_or(request, look_up)
        is_dry = await asks_for_dry_run(request, look_up)
        begun = await import_requests.undo(self.imports, who, id_, data, dry_run=is_dry, strict=is_strict(request))
        return _begun_response(request, begun)

    @property
    def _runs(self) -> ImportRuns:
        return self.imports.stores.runs


def _begun_response(request: AnyRequest, begun: ImportStatus) -> ASGIResponse:
    """Return the response to a request that has begun a run, with the path of the run."""
    headers = {"Location": f"{root_path(request)}{_PATH}/{begun.id}/"}
    return json_response(begun, HTTPStatus.ACCEPTED, headers)


def _run_endpoints(routes: _ImportRoutes) -> Iterator[Endpoint]:
    yield Endpoint(
        *("GET", _PATH, routes.find),
        access=everybody(Access.AUTHENTICATED),
        id="imports_list",
        tag=_TAG,
        summary="List your own imports, newest first",
        description="Superusers see those of everybody. The `Link` header names the next page.",
        query=import_requests.Listing,
        replies={200: Reply("The imports.", array(ImportStatus), headers=("Link",))},
    )
    yield Endpoint(
        *("GET", f"{_PATH}/{{id}}", routes.retrieve),
        access=everybody(Access.AUTHENTICATED),
        id="imports_retrieve",
        tag=_TAG,
        summary="Show how far an import is, and what it has come to",
        description="Only the user who began it, and superusers, see it.",
        replies={200: Reply("The import.", ImportStatus)},
    )
    yield Endpoint(
        *("DELETE", f"{_PATH}/{{id}}", routes.cancel),
        access=everybody(Access.AUTHENTICATED),
        id="imports_cancel",
        tag=_TAG,
        summary="Cancel an import",
        description="Nothing more is written; what was written before stays. A finished import is a 409.",
        replies={204: Reply("The import is cancelled.")},
        errors=frozenset({STATUSES[ImportFinishedError]}),
    )
    yield Endpoint(
        *("GET", f"{_PATH}/{{id}}/errors", routes.errors),
        access=everybody(Access.AUTHENTICATED),
        id="imports_errors",
        tag=_TAG,
        summary="Return the rows of an import that are refused, as a CSV file",
        description="The columns `row`, `column` and `message`, then the cells as they were: correct the file, and "
        "import it again. It is kept for seven days.",
        replies={200: Reply("The rows.", str, ("Content-Disposition",), ("text/csv",))},
    )
    yield Endpoint(
        *("POST", f"{_PATH}/{{id}}/undo", routes.undo),
        access=everybody(Access.AUTHENTICATED),
        id="imports_undo",
        tag=_TAG,
        summary="Undo an import",
        description="What it created is deleted, and what it changed gets its earlier values, as far as nobody has "
        "changed or referred to it since: that is kept, and `errors` says why. It is an import of its own, which can "
        "be followed, cancelled, and undone. It needs the permissions for the opposite of what the import did.",
        query=DryRun,
        body={JSON: Input(import_requests.UndoOptions, "ImportUndo")},
        working_example={},
        replies={202: Reply("The undo has begun.", ImportStatus, headers=("Location",))},
        errors=frozenset({STATUSES[UndoRefusedError], STATUSES[PermissionDeniedError]}),
    )
