"""The six endpoints of an ordinary resource, declared once for every row of the table of resources."""

from collections.abc import AsyncIterator, Awaitable, Callable
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
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.use_cases import records
from crm_http.api.auth import caller, idempotent_caller
from crm_http.api.endpoints import Endpoint, Handler, Reply, Shape, array
from crm_http.api.errors import RequestError
from crm_http.api.preconditions import REVALIDATED, entity_tag, expected_versions, is_known
from crm_http.api.requests import JSON, MERGE_PATCH, AnyRequest, header, is_strict, media_type, read_json, read_query
from crm_http.api.responses import link_to_next, record_response
from crm_http.api.routes.record_examples import REQUEST_EXAMPLES, RESPONSE_EXAMPLES
from crm_http.api.routing import path_id, rights
from crm_http.fairness import Share

#: Runs after the removal of a record, with its id. It raises nothing.
AfterDelete = Callable[[UUID], Awaitable[None]]
#: The answer to a request that names the current version in ``If-None-Match``.
UNCHANGED: Final = Reply("The record still has the version that `If-None-Match` names.", headers=("ETag",))


async def _as_stored(_: UUID, document: Document) -> Document:
    return document


@attrs.frozen
class RecordRoutes:
    """The handlers of one resource.

    Attributes:
        resource: the row.
        db: where its records are stored.
        place: the path of the collection, with ``{parent}`` for the parent's id.
        read_parent: returns the parent that the path names; raises NotFoundError.
        list_path: the path of the list, where that is another.
        shown_once: adds to a new record what only its creator is shown.
        created: the shape of the answer to a create, where that is not the record.
        after_delete: runs in the background after a record was deleted.
        name: the beginning of its operation ids; the resource's path if empty.
    """

    resource: Resource
    db: Database
    place: str
    read_parent: Callable[[AnyRequest], object] = lambda _: None
    list_path: str = ""
    shown_once: Callable[[UUID, Document], Awaitable[Document]] = _as_stored
    created: Shape | None = None
    after_delete: AfterDelete | None = None
    name: str = ""

    async def find(self, request: AnyRequest) -> ASGIResponse:
        """Answer with a page of records and a link to the next, or with all records, streamed."""
        parent, params = self.read_parent(request), read_query(request)
        query, listed = await Share.of(request.scope).in_turn(
            records.find(self.db, caller(request), self.resource, params, parent=parent, strict=is_strict(request))
        )
        if isinstance(listed, Page):
            path = (self.list_path or self.place).format(parent=parent)
            cursor = None if listed.next is None else write_cursor(query, listed.next)
            headers = link_to_next(path, params, cursor)
            return ASGIResponse(body=b"[%b]" % listed.body, media_type=JSON, headers=headers)
        return ASGIStreamingResponse(iterator=await _array(Share.of(request.scope).pieces(listed)), media_type=JSON)

    async def create(self, request: AnyRequest) -> ASGIResponse:
        """Create a record; answer with it and its path."""
        parent = self.read_parent(request)
        data = await body_or(request, lambda: records.look_up_parent(self.db, self.resource, parent))
        id_, document = await records.create(
            self.db, await idempotent_caller(request), self.resource, data, parent=parent, strict=is_strict(request)
        )
        document = await self.shown_once(id_, document)
        return record_response(document, HTTPStatus.CREATED, {"Location": f"{self.place.format(parent=parent)}/{id_}/"})

    async def retrieve(self, request: AnyRequest) -> ASGIResponse:
        """Answer with one record, or with 304 if the client has this version of it."""
        parent = self.read_parent(request)
        document = await records.get(self.db, caller(request), self.resource, path_id(request), parent=parent)
        if is_known(header(request, b"if-none-match"), document.version):
            headers = entity_tag(document.version) | REVALIDATED
            return ASGIResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return record_response(document, headers=REVALIDATED)

    async def change(self, request: AnyRequest) -> ASGIResponse:
        """Set some fields of a record, by PUT or PATCH."""
        parent, id_ = self.read_parent(request), path_id(request)
        merges = request.method == "PATCH" and media_type(request) == MERGE_PATCH
        accepted = (MERGE_PATCH,) if merges else ()
        data = await body_or(request, lambda: records.look_up(self.db, self.resource, id_, parent=parent), *accepted)
        document = await records.patch(
            self.db,
            await idempotent_caller(request),
            self.resource,
            id_,
            data,
            parent=parent,
            merge=merges,
            strict=is_strict(request),
            expected=expected_versions(header(request, b"if-match")),
        )
        return record_response(document)

    async def remove(self, request: AnyRequest) -> ASGIResponse:
        """Delete a record."""
        parent, id_ = self.read_parent(request), path_id(request)
        expected = expected_versions(header(request, b"if-match"))
        await records.delete(self.db, caller(request), self.resource, id_, parent=parent, expected=expected)
        afterwards = BackgroundTask(self.after_delete, id_) if self.after_delete else None
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT, background=afterwards)


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
    changes: dict[str, Any] = {
        "summary": f"Change the fields of {article} {one} that are sent",
        "headers": ("If-Match", "Idempotency-Key"),
        "replies": {200: updated},
    }

    def declare(operation: str, method: Method, path: str, handler: Handler, **declared: Any) -> Endpoint:
        return Endpoint(
            *(method, path, handler),
            access=rights(resource.noun),
            id=f"{name}_{operation}",
            tag=tag_of(resource),
            request_example=REQUEST_EXAMPLES.get((resource.name, operation)),
            response_example=RESPONSE_EXAMPLES.get((resource.name, operation)),
            **declared,
        )

    return [
        declare(
            *("list", "GET", place, routes.find),
            summary=f"List {many}",
            query=resource,
            replies={200: Reply(f"The {many}.", array(entity), headers=("Link",))},
        ),
        declare(
            *("create", "POST", place, routes.create),
            summary=f"Create {article} {one}",
            headers=("Idempotency-Key",),
            body={JSON: f"{entity.__name__}Create"},
            replies={201: created},
        ),
        declare(
            *("retrieve", "GET", of_one, routes.retrieve),
            summary=f"Retrieve {article} {one}",
            headers=("If-None-Match",),
            replies={200: Reply(f"The {one}.", entity, headers=("ETag",)), 304: UNCHANGED},
        ),
        declare(*("update", "PUT", of_one, routes.change), body={JSON: f"{entity.__name__}Update"}, **changes),
        declare(
            *("partial_update", "PATCH", of_one, routes.change),
            body={JSON: f"{entity.__name__}Update", MERGE_PATCH: f"{entity.__name__}Merge"},
            **changes,
        ),
        declare(
            *("destroy", "DELETE", of_one, routes.remove),
            summary=f"Delete {article} {one}",
            headers=("If-Match",),
            replies={204: Reply(f"The {one} is deleted.")},
            errors=frozenset({409}),
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


async def _array(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return pieces as a JSON array. The first is awaited here, while the answer can still become an error."""
    first = await anext(pieces, b"")

    async def stream() -> AsyncIterator[bytes]:
        yield b"[" + first
        async for piece in pieces:
            yield piece
        yield b"]"

    return stream()
