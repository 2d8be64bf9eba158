"""The answers of an ordinary resource: six of them, mounted once for each row of the table."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import UUID

import attrs
from litestar.background_tasks import BackgroundTask
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse

from crm_core.engine.cursors import write_cursor
from crm_core.engine.queries import Page, Query
from crm_core.engine.receipts import Document
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.use_cases import records
from crm_http.api.auth import caller, lasting_caller
from crm_http.api.errors import RequestError
from crm_http.api.preconditions import REVALIDATED, entity_tag, expected_versions, is_known
from crm_http.api.requests import JSON, MERGE_PATCH, AnyRequest, header, is_strict, media_type, read_json, read_query
from crm_http.api.routing import mount, path_id, rights

#: Follows the removal of a record, by its id. It raises nothing.
AfterDelete = Callable[[UUID], Awaitable[None]]


async def _nothing_more(_: UUID, document: Document) -> Document:
    return document


@attrs.frozen
class Records:
    """The answers of one resource.

    Attributes:
        resource: the row.
        db: where its records are.
        place: the path below which each of its records is, with ``{parent}`` for what the path says of that.
        read_parent: what the path says of the parent; raises NotFoundError.
        listed: the path of the list, where that is another.
        shown_once: adds to a new record what only its creator is shown.
        after_delete: what is to be done, by and by, when a record is gone.
    """

    resource: Resource
    db: Database
    place: str
    read_parent: Callable[[AnyRequest], object] = lambda _: None
    listed: str = ""
    shown_once: Callable[[UUID, Document], Awaitable[Document]] = _nothing_more
    after_delete: AfterDelete | None = None

    async def find(self, request: AnyRequest) -> ASGIResponse:
        """A list: a page with a link to the next, or all of it, streamed."""
        parent, params = self.read_parent(request), read_query(request)
        query, found = await records.find(
            self.db, caller(request), self.resource, params, parent=parent, strict=is_strict(request)
        )
        if isinstance(found, Page):
            path = (self.listed or self.place).format(parent=parent)
            headers = _link(path, params, query, found)
            return ASGIResponse(body=b"[%b]" % found.body, media_type=JSON, headers=headers)
        return ASGIStreamingResponse(iterator=await _array(found), media_type=JSON)

    async def create(self, request: AnyRequest) -> ASGIResponse:
        """A new record, with its place."""
        parent = self.read_parent(request)
        data = await body_or(request, lambda: records.look_up_parent(self.db, self.resource, parent))
        id_, document = await records.create(
            self.db, await lasting_caller(request), self.resource, data, parent=parent, strict=is_strict(request)
        )
        document = await self.shown_once(id_, document)
        return shown(document, HTTPStatus.CREATED, {"Location": f"{self.place.format(parent=parent)}/{id_}/"})

    async def retrieve(self, request: AnyRequest) -> ASGIResponse:
        """One record."""
        parent = self.read_parent(request)
        document = await records.get(self.db, caller(request), self.resource, path_id(request), parent=parent)
        if is_known(header(request, b"if-none-match"), document.version):
            headers = entity_tag(document.version) | REVALIDATED
            return ASGIResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return shown(document, headers=REVALIDATED)

    async def change(self, request: AnyRequest) -> ASGIResponse:
        """A record with some fields set, by PUT or PATCH."""
        parent, id_ = self.read_parent(request), path_id(request)
        merges = request.method == "PATCH" and media_type(request) == MERGE_PATCH
        accepted = (MERGE_PATCH,) if merges else ()
        data = await body_or(request, lambda: records.look_up(self.db, self.resource, id_, parent=parent), *accepted)
        document = await records.patch(
            self.db,
            await lasting_caller(request),
            self.resource,
            id_,
            data,
            parent=parent,
            merge=merges,
            strict=is_strict(request),
            expected=expected_versions(header(request, b"if-match")),
        )
        return shown(document)

    async def remove(self, request: AnyRequest) -> ASGIResponse:
        """Nothing, once the record is gone."""
        parent, id_ = self.read_parent(request), path_id(request)
        expected = expected_versions(header(request, b"if-match"))
        await records.delete(self.db, caller(request), self.resource, id_, parent=parent, expected=expected)
        afterwards = BackgroundTask(self.after_delete, id_) if self.after_delete else None
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT, background=afterwards)


def mount_records(answers: Records) -> list[HTTPRouteHandler]:
    """The answers of an ordinary resource at its two paths."""
    collection = answers.place.replace("{parent}", "{parent:str}")
    access = rights(answers.resource.noun)
    of_one = {"GET": answers.retrieve, "PUT": answers.change, "PATCH": answers.change, "DELETE": answers.remove}
    return [
        mount(collection, {"GET": answers.find, "POST": answers.create}, access, lists=True),
        mount(f"{collection}/{{id:str}}", of_one, access),
    ]


async def body_or(request: AnyRequest, look_up: Callable[[], Awaitable[object]], *accepted: str) -> object:
    """The body; but where it is bad and what the path names is not there either, that comes first (ruling 2)."""
    try:
        return await read_json(request, *accepted)
    except RequestError:
        await look_up()
        raise


def shown(
    document: Document, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> ASGIResponse:
    """A record as it is stored, with its version."""
    headers = {**entity_tag(document.version), **(headers or {})}
    if document.is_replayed:
        headers["Idempotent-Replayed"] = "true"
    return ASGIResponse(body=document.body, status_code=status, media_type=JSON, headers=headers)


def _link(path: str, params: Mapping[str, str], query: Query, page: Page) -> dict[str, str]:
    if page.next is None:
        return {}
    following = urlencode({**params, "cursor": write_cursor(query, page.next)})
    return {"Link": f'<{path}/?{following}>; rel="next"'}


async def _array(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A JSON array around pieces. The first is awaited here, while the answer can still become an error."""
    first = await anext(pieces, b"")

    async def stream() -> AsyncIterator[bytes]:
        yield b"[" + first
        async for piece in pieces:
            yield piece
        yield b"]"

    return stream()
