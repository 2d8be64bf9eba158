"""What every request is held to, and what every answer has, whatever the app within does."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from litestar.enums import ScopeType
from litestar.types import Message, Receive, Scope, Send

from crm_http.middleware import AbandonedError, Limits, RequestMiddleware, RequestObserver
from crm_http.middleware.fairness import MAX_RUNNING_BESIDE_OTHERS
from crm_http.settings import Settings
from crm_http.telemetry.access_log import AccessLog
from crm_http.telemetry.logs import JsonFormatter, TextFormatter
from crm_http.telemetry.observers import Observers
from tests.http.conftest import Api, Server
from tests.pictures import png

HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
CANARY = "no-line-may-have-this"
LIMITS = Limits(requests=2)
Served = Callable[[Scope, Receive, Send], Awaitable[None]]


class Waiting:
    """An app that reads the body, then waits to be told before it answers."""

    def __init__(self) -> None:
        self.come = asyncio.Semaphore(0)
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        self.come.release()
        await self.go.wait()
        await answer(scope, receive, send)


async def answer(scope: Scope, _: Receive, send: Send) -> None:
    scope["path_template"] = "/api/clients/{id}"  # as the router notes it
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}", "more_body": False})


async def ask(
    middleware: RequestMiddleware,
    path: str = "/api/clients/7/",
    method: str = "GET",
    body: Callable[[], Awaitable[Message]] | None = None,
    client: str = "",
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> tuple[int, Mapping[bytes, bytes], bytes]:
    """Send a request straight to the middleware; gives the status, the headers and the body."""
    messages: list[Any] = []

    async def receive() -> Any:
        return await body() if body else {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    scope: Any = {"type": "http", "method": method, "path": path, "query_string": CANARY.encode()}
    scope["headers"] = list(headers)
    if client:
        scope["client"] = (client, 1)
    await middleware(scope, receive, send)
    start, *pieces = messages
    return start["status"], dict(start["headers"]), b"".join(piece["body"] for piece in pieces)


def test_too_much_at_once_is_refused_at_once_and_health_is_not() -> None:
    async def run() -> None:
        app = Waiting()
        middleware = RequestMiddleware(app, LIMITS)
        working = [asyncio.create_task(ask(middleware)) for _ in range(LIMITS.requests)]
        for _ in working:
            await app.come.acquire()
        status, headers, body = await ask(middleware)
        health = asyncio.create_task(ask(middleware, "/healthz"))
        await app.come.acquire()
        app.go.set()

        assert (status, headers[b"retry-after"], headers[b"content-type"]) == (503, b"1", b"application/json")
        assert json.loads(body) == {"detail": "Service temporarily unavailable, try again later."}
        assert {each[0] for each in await asyncio.gather(health, *working)} == {200}
        assert (await ask(middleware))[0] == 200
        assert middleware.in_flight == 0

    asyncio.run(asyncio.wait_for(run(), 10))


def test_requests_whose_body_is_waited_for_take_nobody_s_place() -> None:
    async def run() -> None:
        app, sent = Waiting(), asyncio.Event()
        middleware = RequestMiddleware(app, LIMITS)
        app.go.set()

        async def body() -> Any:
            await sent.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        waiting = [asyncio.create_task(ask(middleware, body=body)) for _ in range(10)]
        await asyncio.sleep(0)

        assert (await ask(middleware))[0] == 200
        sent.set()
        assert {each[0] for each in await asyncio.gather(*waiting)} == {200}

    asyncio.run(asyncio.wait_for(run(), 10))


@pytest.mark.parametrize(
    ("header", "read"),
    [((b"content-length", b"4"), 2), ((b"content-length", b"5"), 3), ((b"transfer-encoding", b"chunked"), 3)],
)
def test_a_body_ends_where_its_announced_length_ends(header: tuple[bytes, bytes], read: int) -> None:
    """The server says that a body has ended only with an empty piece after it."""
    pieces = [b"ab", b"cd", b""]
    received: list[Any] = []

    async def body() -> Any:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not received or received[-1]["more_body"]:
            received.append(await receive())
        await answer(scope, receive, send)

    status, _, _ = asyncio.run(ask(RequestMiddleware(app), method="POST", body=body, headers=[header]))

    assert (status, len(received)) == (200, read)


@pytest.mark.parametrize(
    ("method", "headers", "is_early"),
    [
        ("POST", {b"content-length": b"65536"}, True),
        ("POST", {b"content-length": b"65537"}, False),
        ("POST", {b"content-length": b"0"}, False),
        ("POST", {b"content-length": b"4", b"expect": b"100-continue"}, False),
        ("POST", {b"content-length": b"4", b"transfer-encoding": b"chunked"}, False),
        ("GET", {b"content-length": b"4"}, False),
    ],
)
def test_a_short_body_arrives_while_the_caller_is_looked_up(
    method: str, headers: Mapping[bytes, bytes], *, is_early: bool
) -> None:
    async def run() -> None:
        arriving: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        arriving.set_result({"type": "http.request", "body": b"abcd", "more_body": False})
        not_received, seen = deque([arriving]), list[object]()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.extend((not not_received, await receive()))
            await answer(scope, receive, send)

        async def send(_: Message) -> None:
            """Take a piece of the answer."""

        scope: Any = {"type": "http", "method": method, "path": "/", "query_string": b"", "headers": [*headers.items()]}
        await RequestMiddleware(app)(scope, not_received.popleft, send)

        assert seen == [is_early, arriving.result()]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("piece", "arrived"),
    [
        ({"type": "http.request", "body": b"abcd", "more_body": True}, b"abcd"),
        ({"type": "http.request", "body": b"ab", "more_body": True}, None),
        ({"type": "http.disconnect"}, None),
        (None, None),
    ],
    ids=["whole", "part", "gone", "nothing"],
)
def test_a_body_that_has_arrived_is_there_without_a_wait(piece: Message | None, arrived: bytes | None) -> None:
    async def run() -> None:
        futures = [asyncio.get_running_loop().create_future() for _ in range(2)]
        end = {"type": "http.request", "body": b"", "more_body": False}
        for future, message in zip(futures, (piece, end), strict=True):
            if message:
                future.set_result(message)
        not_received, seen = deque(futures), list[object]()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["state"]["request"].arrived_body())
            if not piece:
                futures[0].set_result(end)
            await answer(scope, receive, send)

        async def send(_: Message) -> None:
            """Take a piece of the answer."""

        scope: Any = {"type": "http", "method": "POST", "path": "/", "query_string": b""}
        scope["headers"] = [(b"content-length", b"4")]
        await RequestMiddleware(app)(scope, not_received.popleft, send)

        assert seen == [arrived]

    asyncio.run(run())


def test_bodies_that_come_when_too_much_is_worked_on_are_refused() -> None:
    async def run() -> None:
        app, sent = Waiting(), asyncio.Event()
        middleware = RequestMiddleware(app, LIMITS)

        async def body() -> Any:
            await sent.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        waiting = [asyncio.create_task(ask(middleware, body=body)) for _ in range(LIMITS.requests + 3)]
        await asyncio.sleep(0)
        sent.set()
        for _ in range(LIMITS.requests):
            await app.come.acquire()
        app.go.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)

        # What is raised becomes the app's 503; here there is no app that answers for it.
        assert sum(isinstance(each, AbandonedError) for each in answers) == 3
        assert middleware.in_flight == 0

    asyncio.run(asyncio.wait_for(run(), 10))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/clients/", 200),
        ("POST", "/api/clients/", 400),
        ("GET", "/healthz", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/api/clients/", 405),
        ("BREW", "/api/clients/", 405),
        ("HEAD", "/api/clients/", 200),
    ],
)
def test_every_answer_has_the_headers_that_keep_browsers_from_making_more_of_it(
    memory_api: Api, method: str, path: str, status: int
) -> None:
    found = memory_api.request(method, path)

    assert found.status_code == status
    assert {name: found.headers[name] for name in HEADERS} == HEADERS


def test_images_may_be_shown_by_the_pages_of_others(memory_api: Api) -> None:
    path = f"/api/clients/{memory_api.make('/api/clients/', name='Acme Corp')['id']}/"
    url = memory_api.upload(path, png()).json()["url"]

    found = memory_api.get(url)

    assert {name: found.headers[name] for name in HEADERS} == HEADERS | {"cross-origin-resource-policy": "cross-origin"}


def test_the_server_s_version_is_nobody_s_business(server: Server) -> None:
    assert server.client.get("/healthz").headers["server"] == "granian"


async def fail_midway(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    try:
        dict[str, str]()[CANARY]
    except KeyError as error:
        raise ExceptionGroup(CANARY, [ValueError(CANARY)]) from error


def test_an_answer_that_fails_midway_closes_the_connection_and_logs_no_value(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AbandonedError) as caught:
        asyncio.run(ask(RequestMiddleware(fail_midway)))

    assert CANARY not in str(caught.value)
    [record] = caplog.records
    for formatter in (TextFormatter(), JsonFormatter()):
        line = formatter.format(record)
        assert "builtins.ExceptionGroup" in line
        assert "builtins.ValueError" in line
        assert "fail_midway" in line
        assert CANARY not in line


async def answer_all_but_posts(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == ScopeType.HTTP and scope["method"] == "POST":
        raise ConnectionError("the client went away")
    await answer(scope, receive, send)


def test_requests_that_ended_without_an_answer_keep_nobody_waiting() -> None:
    async def run() -> None:
        middleware = RequestMiddleware(answer_all_but_posts)
        for _ in range(MAX_RUNNING_BESIDE_OTHERS):
            with pytest.raises(AbandonedError):
                await ask(middleware, method="POST", client="10.0.0.1")

        assert (await ask(middleware, client="10.0.0.2"))[0] == 200
        assert (await ask(middleware, client="10.0.0.1"))[0] == 200

    asyncio.run(asyncio.wait_for(run(), 10))


def test_no_value_makes_a_line_of_its_own() -> None:
    record = logging.LogRecord("crm", logging.INFO, "", 1, "a\r\nb \x1b[0m %s", ("\u2028",), None)

    assert TextFormatter().format(record).splitlines()[0].endswith(r"INFO crm: a\r\nb \x1b[0m \u2028")
    assert "\n" not in TextFormatter().format(record)
    assert len(JsonFormatter().format(record).splitlines()) == 1


class Written:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> None:
        self.texts.append(text)


def log_of(style: str, *requests: tuple[str, Served]) -> list[str]:
    """What is written of requests until the next turn of the loop, each by its method and the app that answers."""
    written = Written()
    log: RequestObserver = AccessLog(style, written)

    async def run() -> None:
        for method, app in requests:
            await ask(RequestMiddleware(app, observers=[log]), method=method)

    asyncio.run(run())
    return written.texts


async def fail(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 500, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def test_a_request_is_a_line_with_its_route_and_nothing_of_what_was_sent() -> None:
    [text] = log_of("json", ("GET", answer), (CANARY, answer), ("HEAD", fail))
    first, second, third = map(json.loads, text.splitlines())

    assert (first["method"], first["route"], first["user"], first["status"]) == ("GET", "/api/clients/{id}", None, 200)
    assert second["method"] == "OTHER"
    assert (third["method"], third["route"], third["status"]) == ("HEAD", "-", 500)
    assert first["ms"] >= 0
    assert len(first["request_id"]) == 32
    assert first.keys() >= {"time", "level", "logger"}
    assert CANARY not in text


def test_lines_of_text_have_the_same_in_words() -> None:
    [text] = log_of("text", ("GET", fail))

    assert " INFO crm.access: request_id=" in text
    assert " method=GET route=- user=- status=500 ms=" in text


def test_lines_wait_for_one_another_and_failures_for_nobody() -> None:
    assert log_of("text", ("GET", answer)) == []
    assert len(log_of("text", ("GET", answer), ("GET", fail), ("GET", answer))[0].splitlines()) == 2


def test_lines_are_written_in_pieces_that_a_pipe_takes_whole() -> None:
    texts = log_of("text", *[("GET", answer)] * 100)

    assert texts
    assert all(len(text) <= 4_096 and text.endswith("\n") for text in texts)


def test_lines_that_wait_are_written_by_and_by() -> None:
    async def run() -> None:
        done = asyncio.Event()
        log = AccessLog("text", lambda _: done.set())
        await ask(RequestMiddleware(answer, observers=[log]))
        await asyncio.wait_for(done.wait(), 10)

    asyncio.run(run())


def test_requests_are_logged_unless_nobody_wants_that() -> None:
    [log] = Observers.from_settings(Settings(), {}).all

    assert isinstance(log, AccessLog)
    assert Observers.from_settings(Settings(access_log=False), {}).all == []
