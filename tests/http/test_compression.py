"""Answers are compressed for clients that accept that, whole ones and streams, and their versions stay valid."""

import asyncio
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from backports import zstd
from litestar.types import Message, Receive, Scope, Send

from crm_http.middleware import RequestMiddleware
from crm_http.middleware.compression import MIN_BYTES, CompressingSend, accepted_coding
from crm_http.openapi.docs_page import ASSETS
from tests.http.conftest import Api
from tests.pictures import png

LONG = "a sentence that is repeated. " * 100


def gunzip(data: bytes) -> bytes:
    return zlib.decompress(data, zlib.MAX_WBITS + 16)


DECODERS: Mapping[str, Callable[[bytes], bytes]] = {"gzip": gunzip, "zstd": zstd.decompress}


def asking(coding: str) -> dict[str, str]:
    return {"Accept-Encoding": coding}


def body_of(answer: httpx.Response) -> bytes:
    """The body of an answer that httpx decodes only if it knows the coding."""
    coding = answer.headers.get("Content-Encoding", "")
    return DECODERS[coding](answer.content) if coding == "zstd" else answer.content


@pytest.fixture
def place(memory_api: Api) -> str:
    return f"/api/clients/{memory_api.make('/api/clients/', name='a', list_of_notes=[{'note': LONG}])['id']}/"


@pytest.mark.parametrize(
    ("asked", "coding"),
    [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.9", "gzip"),
        ("zstd;q=0.1, gzip;q=0.9", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP;Q=0.5", "gzip"),
        ("*", "zstd"),
        ("*;q=0, gzip", "gzip"),
        ("identity;q=0.5, gzip", "gzip"),
        ("identity, gzip;q=0.5", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0.000, *;q=0", ""),
        ("gzip;q=loud", ""),
        ("br", ""),
        ("identity", ""),
        (",,", ""),
        ("", ""),
    ],
)
def test_the_client_s_weights_choose_the_coding(asked: str, coding: str) -> None:
    assert accepted_coding(asked.encode()) == coding


@pytest.mark.parametrize("coding", DECODERS)
@pytest.mark.parametrize("path", ["/api/clients/", "/api/clients/?limit=5", "/schema/openapi.json", "{place}"])
def test_json_is_compressed_for_those_who_ask_and_reads_the_same(
    memory_api: Api, place: str, path: str, coding: str
) -> None:
    path = path.format(place=place)
    plain = memory_api.get(path, headers=asking("identity"))
    coded = memory_api.get(path, headers=asking(coding))

    assert "Content-Encoding" not in plain.headers
    assert coded.headers["Content-Encoding"] == coding
    assert body_of(coded) == plain.content
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "Accept-Encoding" in coded.headers["Vary"]
    assert len(coded.headers.get_list("Vary")) == 1


@pytest.mark.parametrize("coding", DECODERS)
def test_head_has_the_headers_of_get(memory_api: Api, place: str, coding: str) -> None:
    names = ("Content-Encoding", "Content-Length", "ETag", "Vary")
    got, head = (memory_api.request(method, place, headers=asking(coding)) for method in ("GET", "HEAD"))

    assert head.content == b""
    assert [head.headers[name] for name in names] == [got.headers[name] for name in names]
    assert int(got.headers["Content-Length"]) < MIN_BYTES < len(body_of(got))


def test_what_is_short_or_has_no_body_stays_as_it_is(memory_api: Api) -> None:
    made = memory_api.post("/api/clients/", {"name": "a"}, headers=asking("gzip"))
    gone = memory_api.delete(made.headers["Location"], headers=asking("gzip"))
    missing = memory_api.get("/nowhere", headers=asking("gzip"))

    for answer in (made, gone, missing, memory_api.get("/healthz", headers=asking("gzip"))):
        assert "Content-Encoding" not in answer.headers
        assert "Accept-Encoding" not in answer.headers.get("Vary", "")


def test_long_errors_are_compressed_too(memory_api: Api) -> None:
    answer = memory_api.post("/api/clients/", {"name": "a", "list_of_images": ["x"] * 100}, headers=asking("gzip"))

    assert (answer.status_code, answer.headers["Content-Encoding"]) == (400, "gzip")
    assert len(answer.json()["list_of_images"]) == 100


@pytest.mark.parametrize("coding", DECODERS)
def test_versions_stay_valid(memory_api: Api, place: str, coding: str) -> None:
    tag = memory_api.get(place, headers=asking(coding)).headers["ETag"]
    known = memory_api.get(place, headers=asking(coding) | {"If-None-Match": tag})
    changed = memory_api.patch(place, {"name": "b"}, headers=asking(coding) | {"If-Match": tag})

    assert tag == f'"1-{coding}"'
    assert (known.status_code, known.headers["ETag"]) == (304, tag)
    assert (changed.status_code, changed.headers["ETag"]) == (200, f'"2-{coding}"')


def test_images_are_not_compressed(memory_api: Api, place: str) -> None:
    image = png(padding=2_000)
    url = memory_api.upload(place, image).json()["url"]
    answer = memory_api.get(url, headers=asking("gzip, zstd"))

    assert "Content-Encoding" not in answer.headers
    assert answer.content == image


@pytest.mark.parametrize("coding", DECODERS)
@pytest.mark.parametrize("name", ASSETS)
def test_the_files_of_the_page_are_compressed_once(memory_api: Api, name: str, coding: str) -> None:
    plain = memory_api.get(f"/docs/{name}", headers=asking("identity"))
    coded = memory_api.get(f"/docs/{name}", headers=asking(coding))
    known = asking(coding) | {"If-None-Match": coded.headers["ETag"]}

    assert body_of(coded) == plain.content
    assert coded.headers["ETag"] == f'{plain.headers["ETag"][:-1]}-{coding}"'
    assert plain.headers["Vary"] == coded.headers["Vary"] == "Accept-Encoding"
    assert memory_api.get(f"/docs/{name}", headers=known).status_code == 304


class Streaming:
    """An app that sends two pieces, the second when it may."""

    def __init__(self, media_type: bytes) -> None:
        self.go = asyncio.Event()
        self._media_type = media_type

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-type", self._media_type)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await self.go.wait()
        await send({"type": "http.response.body", "body": b"second", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def streamed(media_type: bytes, coding: str) -> tuple[Mapping[bytes, bytes], list[bytes]]:
    """The headers and the pieces of a stream; the second piece is not made until the first has arrived."""

    async def run() -> list[Any]:
        app, messages = Streaming(media_type), list[Any]()

        async def send(message: Message) -> None:
            messages.append(message)
            if message["type"] == "http.response.body":
                app.go.set()

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        headers = [(b"accept-encoding", coding.encode())]
        scope: Any = {"type": "http", "method": "GET", "path": "/x", "query_string": b"", "headers": headers}
        await asyncio.wait_for(RequestMiddleware(app)(scope, receive, send), 10)
        return messages

    start, *pieces = asyncio.run(run())
    return dict(start["headers"]), [piece["body"] for piece in pieces]


def test_a_stream_can_be_read_piece_by_piece() -> None:
    headers, pieces = streamed(b"application/json", "gzip")
    gzip = zlib.decompressobj(zlib.MAX_WBITS + 16)

    assert headers[b"content-encoding"] == b"gzip"
    assert b"content-length" not in headers
    assert [gzip.decompress(piece) for piece in pieces] == [b"first", b"second", b""]
    assert gzip.eof

    headers, pieces = streamed(b"application/json; charset=utf-8", "zstd")
    reader = zstd.ZstdDecompressor()
    assert headers[b"content-encoding"] == b"zstd"
    assert [reader.decompress(piece) for piece in pieces] == [b"first", b"second", b""]
    assert reader.eof


def test_the_head_of_a_compressed_stream_does_not_wait_for_its_body() -> None:
    sent = list[str]()

    async def send(message: Message) -> None:
        sent.append(message["type"])

    async def run() -> None:
        compressing = CompressingSend(send, "gzip")
        headers = [(b"content-type", b"application/json")]
        await compressing({"type": "http.response.start", "status": 200, "headers": headers})

    asyncio.run(run())
    assert sent == ["http.response.start"]


@pytest.mark.parametrize("media_type", [b"text/event-stream", b"text/event-stream; charset=utf-8", b"image/png"])
def test_event_streams_and_images_pass_as_they_are(media_type: bytes) -> None:
    headers, pieces = streamed(media_type, "gzip, zstd")

    assert b"content-encoding" not in headers
    assert b"vary" not in headers
    assert pieces == [b"first", b"second", b""]
