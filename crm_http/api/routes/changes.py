"""The change feed: a page, a page that waits for a change, or a stream of server-sent events (decisions 66 and 67)."""

from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Final

import attrs
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse

from crm_core.errors import CrmError, CursorGoneError, PermissionDeniedError
from crm_core.model.accounts import Caller
from crm_core.ports import Accounts, Feed
from crm_core.use_cases import accounts as use_cases
from crm_core.use_cases import changes
from crm_core.use_cases.changes import Change, ChangesPage, Following, Reading
from crm_core.use_cases.waiters import Renew, Waiters
from crm_http.api.auth import Access, caller, token_of
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.errors import RequestError
from crm_http.api.requests import JSON, AnyRequest, accepts_json, header, is_strict, read_query
from crm_http.api.responses import JsonResponse
from crm_http.api.routing import everybody
from crm_http.middleware.fairness import Share
from crm_http.middleware.request_scope import RequestScope
from crm_http.payloads.bodies import ChangesPage as ChangesBody
from crm_http.statuses import STATUSES

EVENT_STREAM: Final = "text/event-stream"
#: Milliseconds after which a browser connects again.
_RETRY: Final = b"retry: 2000\n\n"
_STREAM_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@attrs.frozen
class ChangeRoutes:
    """The handlers of the change feed.

    Attributes:
        feed: where the events are.
        accounts: where the rights of those who wait and follow are looked up again.
        waiters: counts and ends those who wait.
    """

    feed: Feed
    accounts: Accounts
    waiters: Waiters

    async def read(self, request: AnyRequest) -> ASGIResponse:
        """Answer with a page of changes, or a stream of them."""
        is_stream = EVENT_STREAM in header(request, b"accept").lower()
        if not is_stream and not accepts_json(request):
            raise RequestError(HTTPStatus.NOT_ACCEPTABLE, "Could not satisfy the request Accept header.")
        params = dict(read_query(request))
        if is_stream and (last := header(request, b"last-event-id")):
            params["after"] = last
        reading, page = await changes.begin(
            self.feed,
            caller(request),
            params,
            waiters=self.waiters,
            in_turn=Share.of(request.scope).in_turn,
            strict=is_strict(request),
        )
        if request.scope["state"]["method"] == "HEAD":
            return ASGIResponse(media_type=EVENT_STREAM if is_stream else JSON, headers=_STREAM_HEADERS)
        if is_stream:
            stream = self._stream(request, reading, page)
            return ASGIStreamingResponse(iterator=stream, media_type=EVENT_STREAM, headers=_STREAM_HEADERS)
        return _json(await self._wait(request, reading, page))

    async def _wait(self, request: AnyRequest, reading: Reading, page: ChangesPage) -> ChangesPage:
        if page.changes or page.more or not reading.may_wait:
            return page
        with self.waiters.admit() as is_admitted:
            if not is_admitted:
                return page
            RequestScope.of(request.scope).step_out()
            try:
                return await reading.page_within(page, self._renewal(request))
            finally:
                RequestScope.of(request.scope).step_in()

    async def _stream(self, request: AnyRequest, reading: Reading, page: ChangesPage) -> AsyncIterator[bytes]:
        """Yield server-sent events. It ends when the caller may no longer read, which the next connection is told."""
        RequestScope.of(request.scope).step_out()
        yield _RETRY
        with self.waiters.admit() as is_admitted:
            is_behind = True
            pages = reading.pages(page, self._renewal(request))
            try:
                async for each in pages:
                    yield _events(each, is_caught_up=is_behind and not each.more)
                    # A change that has just been made is followed by a look for more, which is no lag.
                    is_behind = each.more and (is_behind or len(each.changes) in {0, reading.limit})
                    if not is_admitted and not is_behind:
                        return
            except CrmError:
                return

    def _renewal(self, request: AnyRequest) -> Renew:
        return Renewal(self.accounts, token_of(request))


@attrs.frozen
class Renewal:
    """Authenticates the caller with a token again.

    Attributes:
        accounts: where tokens are kept.
        token: the token.
    """

    accounts: Accounts
    token: str

    async def __call__(self) -> Caller:
        """Return the caller as they are now. Raises NotAuthenticatedError."""
        return await use_cases.authenticate(self.accounts, self.token)


def _json(page: ChangesPage) -> ASGIResponse:
    more = b"true" if page.more else b"false"
    body = b'{"events":[%b],"next":"%b","more":%b}' % (
        b",".join(map(_body, page.changes)),
        page.next.encode(),
        more,
    )
    return JsonResponse(body)


def _events(page: ChangesPage, *, is_caught_up: bool) -> bytes:
    """Return a page as server-sent events (HTML, 9.2.6); an empty one tells the cursor, and that the server lives."""
    parts = [b"id: %b\ndata: %b\n\n" % (each.id.encode(), _body(each)) for each in page.changes]
    if is_caught_up:
        parts.append(b"id: %b\nevent: caught-up\ndata: {}\n\n" % page.next.encode())
    return b"".join(parts) or b":\nid: %b\n\n" % page.next.encode()


def _body(change: Change) -> bytes:
    return b'{"id":"%b",%b' % (change.id.encode(), change.entry.body[1:])


def change_endpoints(feed: Feed, accounts: Accounts, waiters: Waiters) -> Iterator[Endpoint]:
    """Return the endpoint of the change feed."""
    yield Endpoint(
        *("GET", "/api/changes", ChangeRoutes(feed, accounts, waiters).read),
        access=everybody(Access.AUTHENTICATED),
        id="changes",
        tag="Changes",
        summary="Read the changes of all records, in one order",
        description="Changes of records that the caller may not view are left out. `next` is the `after` of the "
        "following request, also where no change is left. With `Accept: text/event-stream` the answer is a stream of "
        "server-sent events that goes on; `id` is the cursor, and `caught-up` comes when all changes were sent.",
        query=Following,
        replies={
            200: Reply("The changes, oldest first.", ChangesBody, media_types=(JSON, EVENT_STREAM)),
        },
        headers=("Last-Event-ID",),
        errors=frozenset({STATUSES[PermissionDeniedError], STATUSES[CursorGoneError], HTTPStatus.NOT_ACCEPTABLE}),
    )
