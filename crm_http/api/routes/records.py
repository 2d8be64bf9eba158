"""The six endpoints of an ordinary resource, declared once for every row of the table of resources."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import attrs
from litestar.background_tasks import BackgroundTask
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Method

from crm_core.engine.cursors import write_cursor
from crm_core.engine.queries import Page
from crm_core.engine.receipts import Document
from crm_core.errors import InUseError, InvalidError, MergedError
from crm_core.ports import Database, FileStore
from crm_core.resources import Resource
from crm_core.use_cases import records
from crm_core.use_cases.dry_runs import DryRun, dry_run_database, is_dry_run
from crm_http.api.auth import caller, idempotent_caller
from crm_http.api.endpoints import Endpoint, Handler, Reply
from crm_http.api.errors import RequestError
from crm_http.api.preconditions import REVALIDATED, expected_versions, is_known, version_tag
from crm_http.api.requests import JSON, MERGE_PATCH, AnyRequest, header, is_strict, media_type, read_json, read_query
from crm_http.api.responses import JsonResponse, created_response, link_to_next, record_response
from crm_http.api.routing import path_id, rights
from crm_http.middleware.fairness import Share
from crm_http.payloads.record_examples import REQUEST_EXAMPLES, RESPONSE_EXAMPLES, working_example
from crm_http.payloads.shapes import Shape, array
from crm_http.statuses import STATUSES

#: Runs after the removal of a record, with its id. It raises nothing.
AfterDelete = Callable[[UUID], Awaitable[None]]
#: The answer to a request that names the current version in ``If-None-Match``.
UNCHANGED: Final = Reply("The record still has the version that `If-None-Match` names.", headers=("ETag",))

_ORDERED: Final = " `ordering` gives another order."


async def _as_stored(_: UUID, document: Document) -> Document:
    return document


@attrs.frozen
class RecordRoutes:
    """The handlers of one resource.

    Attributes:
        resource: the resource.
        db: where its records are stored.
        place: the path of the collection, with the name of the field of the parent in braces for the parent's id.
        read_parent: returns the parent that the path names; raises NotFoundError.
        list_path: the path of the list, if it is another one.
        shown_once: adds values to a new record that only its creator sees.
        created: the shape of the response to a create, if that is not the record.
        after_delete: runs in the background after a record was deleted.
        files: where the files of its records are, if they have any.
        name: the beginning of its operation ids; the resource's path if empty.
        is_deprecated: there is another path, which clients should take.
        has_dry_run: whether creations and changes take ``?dry_run=1``.
    """

    resource: Resource
    db: Database
    place: str
    read_parent: Callable[[AnyRequest], object] = lambda _: None
    list_path: str = ""
    shown_once: Callable[[UUID, Document], Awaitable[Document]] = _as_stored
    created: Shape | None = None
    after_delete: AfterDelete | None = None
    files: FileStore | None = None
    name: str = ""
    is_deprecated: bool = False
    has_dry_run: bool = False

    async def find(self, request: AnyRequest) -> ASGIResponse:
        """Answer with a page of records and a link to the next, or with all records, streamed."""
        parent, params = self.read_parent(request), read_query(request)
        query, listed = await Share.of(request.scope).in_turn(
            records.find(self.db, caller(request), self.resource, params, parent=parent, strict=is_strict(request))
        )
        if isinstance(listed, Page):
            path = self._below(self.list_path or self.place, parent)
            cursor = None if listed.next is None else write_cursor(query, listed.next)
            headers = link_to_next(request, path, params, cursor)
            return JsonResponse(b"[%b]" % listed.body, headers=headers)
        return ASGIStreamingResponse(iterator=await _array(Share.of(request.scope).pieces(listed)), media_type=JSON)

    async def create(self, request: AnyRequest) -> ASGIResponse:
        """Create a record; answer with it and its path."""
        parent = self.read_parent(request)
        look_up = partial(records.look_up_parent, self.db, self.resource, parent)
        data = await body_or(request, look_up)
        db = await self._database_for(request, look_up)
        id_, document = await records.create(
            db, await idempotent_caller(request), self.resource, data, parent=parent, strict=is_strict(request)
        )
        if db is not self.db:
            return JsonResponse(document.body)
        document = await self.shown_once(id_, document)
        return created_response(request, document, self.path_of(parent, id_))

    async def retrieve(self, request: AnyRequest) -> ASGIResponse:
        """Answer with one record, or with 304 if the client has this version of it."""
        parent = self.read_parent(request)
        document = await records.get(self.db, caller(request), self.resource, path_id(request), parent=parent)
        if is_known(header(request, b"if-none-match"), document.version):
            headers = version_tag(document.version) | REVALIDATED
            return ASGIResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return record_response(document, headers=REVALIDATED)

    async def change(self, request: AnyRequest) -> ASGIResponse:
        """Set some fields of a record, by PUT or PATCH."""
        parent, id_ = self.read_parent(request), path_id(request)
        merges = request.method == "PATCH" and media_type(request) == MERGE_PATCH
        accepted = (MERGE_PATCH,) if merges else ()
        look_up = partial(records.look_up, self.db, self.resource, id_, parent=parent)
        data = await body_or(request, look_up, *accepted)
        db = await self._database_for(request, look_up)
        document = await records.patch(
            db,
            await idempotent_caller(request),
            self.resource,
            id_,
            data,
            parent=parent,
            merge=merges,
            strict=is_strict(request),
            expected=expected_versions(header(request, b"if-match")),
        )
        return record_response(document) if db is self.db else JsonResponse(document.body)

    async def remove(self, request: AnyRequest) -> ASGIResponse:
        """Delete a record."""
        parent, id_ = self.read_parent(request), path_id(request)
        expected = expected_versions(header(request, b"if-match"))
        await records.delete(self.db, caller(request), self.resource, id_, parent=parent, expected=expected)
        afterwards = BackgroundTask(self.after_delete, id_) if self.after_delete else None
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT, background=afterwards)

    async def _database_for(self, request: AnyRequest, look_up: Callable[[], Awaitable[object]]) -> Database:
        """Return the database for a request, or for its dry run; ``look_up`` is as in ``body_or``."""
        is_dry = self.has_dry_run and await asks_for_dry_run(request, look_up)
        return dry_run_database(self.db) if is_dry else self.db

    def path_of(self, parent: object, id_: UUID) -> str:
        """Return the path of a record, without its last slash."""
        return f"{self._below(self.place, parent)}/{id_}"

    def _below(self, path: str, parent: object) -> str:
        return path.format_map({self.resource.parent or "": parent})


def record_endpoints(routes: RecordRoutes) -> list[Endpoint]:
    """Return the six endpoints of a resource: list, create, retrieve, update, partial_update, destroy."""
    resource, entity, (one, many) = routes.resource, routes.resource.entity, routes.resource.label
    name, place, of_one = routes.name or resource.path.replace("-", "_"), routes.place, f"{routes.place}/{{id}}"
    article = "an" if one[0] in "aeiou" else "a"
    updated = Reply(f"The {one} as it is now.", entity, headers=("ETag", "Idempotent-Replayed"))
    created = Reply(
        f"The new {one}.",
        routes.created or entity,
        headers=("Location", "ETag", "Idempotent-Replayed"),
        links={operation: f"{name}_{operation}" for operation in ("retrieve", "update", "partial_update", "destroy")},
    )
    dry_run_query = DryRun if routes.has_dry_run else None
    changes: dict[str, Any] = {
        "headers": ("If-Match", "Idempotency-Key"),
        "replies": {200: updated},
        "query": dry_run_query,
        "reads_first": resource,
    }

    def declare(operation: str, method: Method, path: str, handler: Handler, **declared: Any) -> Endpoint:
        return Endpoint(
            *(method, path, handler),
            access=rights(resource.model_name),
            id=f"{name}_{operation}",
            tag=tag_of(resource),
            is_deprecated=routes.is_deprecated,
            request_example=REQUEST_EXAMPLES.get((resource.name, operation)),
            working_example=working_example(resource, operation),
            response_example=RESPONSE_EXAMPLES.get((resource.name, operation)),
            **declared,
        )

    return [
        declare(
            *("list", "GET", place, routes.find),
            summary=f"List {many}",
            description=f"Newest first, and all of them unless `limit` is given: then the `Link` header names the next "
            f"page.{_ORDERED if resource.ordering else ''}",
            query=resource,
            replies={200: Reply(f"The {many}.", array(entity), headers=("Link",))},
        ),
        declare(
            *("create", "POST", place, routes.create),
            summary=f"Create {article} {one}",
            description="Answers with the whole record, and with its path in the `Location` header.",
            headers=("Idempotency-Key",),
            body={JSON: f"{entity.__name__}Create"},
            replies={201: created, **({200: updated} if routes.has_dry_run else {})},
            query=dry_run_query,
        ),
        declare(
            *("retrieve", "GET", of_one, routes.retrieve),
            summary=f"Retrieve {article} {one}",
            description="Its version is in the `ETag` header.",
            headers=("If-None-Match",),
            reads_first=resource,
            replies={200: Reply(f"The {one}.", entity, headers=("ETag",)), 304: UNCHANGED},
            errors=frozenset({STATUSES[MergedError]} if resource.merges else ()),
        ),
        declare(
            *("update", "PUT", of_one, routes.change),
            summary=f"Update {article} {one}",
            description="Sets the fields that are sent and keeps the others. "
            "Lists and `attributes` are replaced whole.",
            body={JSON: f"{entity.__name__}Update"},
            **changes,
        ),
        declare(
            *("partial_update", "PATCH", of_one, routes.change),
            summary=f"Update {article} {one} in part",
            description="As PUT. A merge patch (RFC 7396) changes single attributes, or removes them with null.",
            body={JSON: f"{entity.__name__}Update", MERGE_PATCH: f"{entity.__name__}Merge"},
            **changes,
        ),
        declare(
            *("destroy", "DELETE", of_one, routes.remove),
            summary=f"Delete {article} {one}",
            description="What belongs to the record goes with it. What others refer to cannot be deleted.",
            headers=("If-Match",),
            reads_first=resource,
            replies={204: Reply(f"The {one} is deleted.")},
            errors=frozenset({STATUSES[InUseError]}),
        ),
    ]


def tag_of(resource: Resource) -> str:
    """Return the heading under which the document lists a resource's endpoints."""
    return resource.label[1].capitalize()


async def body_or(request: AnyRequest, look_up: Callable[[], Awaitable[object]], *accepted: str) -> object:
    """Return the body. Where it cannot be read, ``look_up`` runs and may raise NotFoundError instead (decision 2)."""
    try:
        return await read_json(request, *accepted)
    except RequestError:
        await look_up()
        raise


async def asks_for_dry_run(request: AnyRequest, look_up: Callable[[], Awaitable[object]]) -> bool:
    """Return whether a request is a dry run; ``look_up`` is as in ``body_or``. Raises InvalidError."""
    try:
        return is_dry_run(read_query(request), caller(request), strict=is_strict(request))
    except InvalidError:
        await look_up()
        raise


async def _array(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return pieces as a JSON array. The first is awaited here, while an error response is still possible."""
    first = await anext(pieces, b"")

    async def stream() -> AsyncIterator[bytes]:
        yield b"[" + first
        async for piece in pieces:
            yield piece
        yield b"]"

    return stream()
