"""The answers of an ordinary resource: six of them, mounted once for each row of the table."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import attrs
from litestar import route
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Method

from crm_core.changes import Document
from crm_core.errors import NotFoundError
from crm_core.ports import Database
from crm_core.queries import Page, Query, write_cursor
from crm_core.resources import Resource
from crm_core.use_cases import records
from crm_http.auth import PERMISSION, Access, caller
from crm_http.bodies import JSON, MERGE_PATCH, AnyRequest, is_strict, media_type, read_json, read_query
from crm_http.errors import RequestError, method_not_allowed

#: Answers a request whose caller may make it.
Answer = Callable[[AnyRequest], Awaitable[ASGIResponse]]

#: Answers carry their own status; the framework insists on one that may have a body.
_UNUSED = HTTPStatus.OK
_METHODS: Final[tuple[Method, ...]] = ("GET", "POST", "PUT", "PATCH", "DELETE")


@attrs.frozen
class Records:
    """The answers of one resource.

    Attributes:
        resource: the row.
        db: where its records are.
        read_parent: what the path says of the parent; raises NotFoundError.
    """

    resource: Resource
    db: Database
    read_parent: Callable[[AnyRequest], object] = lambda _: None

    async def find(self, request: AnyRequest) -> ASGIResponse:
        """A list: a page with a link to the next, or all of it, streamed."""
        parent, params = self.read_parent(request), read_query(request)
        query, found = await records.find(
            self.db, caller(request), self.resource, params, parent=parent, strict=is_strict(request)
        )
        if isinstance(found, Page):
            return ASGIResponse(
                body=b"[%b]" % found.body, media_type=JSON, headers=_link(request, params, query, found)
            )
        return ASGIStreamingResponse(iterator=await _array(found), media_type=JSON)

    async def create(self, request: AnyRequest) -> ASGIResponse:
        """A new record, with its place."""
        parent = self.read_parent(request)
        data = await body_or(request, lambda: records.look_up_parent(self.db, self.resource, parent))
        id_, document = await records.create(
            self.db, caller(request), self.resource, data, parent=parent, strict=is_strict(request)
        )
        return shown(document, HTTPStatus.CREATED, {"Location": f"{self._collection(request)}/{id_}/"})

    async def retrieve(self, request: AnyRequest) -> ASGIResponse:
        """One record."""
        parent = self.read_parent(request)
        return shown(await records.get(self.db, caller(request), self.resource, path_id(request), parent=parent))

    async def change(self, request: AnyRequest) -> ASGIResponse:
        """A record with some fields set, by PUT or PATCH."""
        parent, id_ = self.read_parent(request), path_id(request)
        merges = request.method == "PATCH" and media_type(request) == MERGE_PATCH
        accepted = (MERGE_PATCH,) if merges else ()
        data = await body_or(request, lambda: records.look_up(self.db, self.resource, id_, parent=parent), *accepted)
        document = await records.patch(
            self.db, caller(request), self.resource, id_, data, parent=parent, merge=merges, strict=is_strict(request)
        )
        return shown(document)

    async def remove(self, request: AnyRequest) -> ASGIResponse:
        """Nothing, once the record is gone."""
        parent = self.read_parent(request)
        await records.delete(self.db, caller(request), self.resource, path_id(request), parent=parent)
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT)

    def _collection(self, request: AnyRequest) -> str:
        """Where the resource's records live; the path of the request, unless that says more than the place."""
        path: str = request.scope["path"].rstrip("/")
        return path if path.endswith(self.resource.path) else path.rpartition("/")[0]


def mount(path: str, answers: Mapping[str, tuple[str | Access, Answer]]) -> HTTPRouteHandler:
    """The route of a path: for each of its methods the permission, or Access, and the answer.

    The methods that it does not have belong to it too, so that the caller must be known before the path says which
    it has (ruling 2).
    """
    allowed = ", ".join([*(m for m in _METHODS if m in answers), *(["HEAD"] if "GET" in answers else []), "OPTIONS"])
    is_open = all(access in (Access.OPEN, Access.PUBLIC) for access, _ in list(answers.values())[:1])
    others = Access.PUBLIC if is_open else Access.AUTHENTICATED
    permissions = {method: answers[method][0] if method in answers else others for method in (*_METHODS, "OPTIONS")}

    @route(path, http_method=[*_METHODS, "OPTIONS"], opt={PERMISSION: permissions}, status_code=_UNUSED)
    async def handler(request: AnyRequest) -> ASGIResponse:
        if request.method in answers:
            return await answers[request.method][1](request)
        method = request.scope["state"]["method"]
        if method == "OPTIONS":
            return ASGIResponse(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": allowed})
        raise method_not_allowed(method, allowed)

    return handler


def mount_records(resource: Resource, db: Database, prefix: str = "/api", **options: Any) -> list[HTTPRouteHandler]:
    """The six answers of an ordinary resource at its two paths."""
    answers = Records(resource, db, **options)
    allowed = {action: resource.permission(action) for action in ("view", "add", "change", "delete")}
    collection = f"{prefix}/{resource.path}"
    return [
        mount(collection, {"GET": (allowed["view"], answers.find), "POST": (allowed["add"], answers.create)}),
        mount(
            f"{collection}/{{id:str}}",
            {
                "GET": (allowed["view"], answers.retrieve),
                "PUT": (allowed["change"], answers.change),
                "PATCH": (allowed["change"], answers.change),
                "DELETE": (allowed["delete"], answers.remove),
            },
        ),
    ]


def path_id(request: AnyRequest, name: str = "id") -> UUID:
    """The id in the path, in any spelling; a malformed one names nothing."""
    try:
        return UUID(request.path_params[name])
    except ValueError:
        raise NotFoundError from None


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
    """A record as it is stored."""
    return ASGIResponse(body=document.body, status_code=status, media_type=JSON, headers=dict(headers or {}))


def _link(request: AnyRequest, params: Mapping[str, str], query: Query, page: Page) -> dict[str, str]:
    if page.next is None:
        return {}
    following = urlencode({**params, "cursor": write_cursor(query, page.next)})
    return {"Link": f'<{request.scope["path"].rstrip("/")}/?{following}>; rel="next"'}


async def _array(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A JSON array around pieces. The first is awaited here, while the answer can still become an error."""
    first = await anext(pieces, b"")

    async def stream() -> AsyncIterator[bytes]:
        yield b"[" + first
        async for piece in pieces:
            yield piece
        yield b"]"

    return stream()
