"""The change feed over HTTP: pages, waiting, and streams of server-sent events."""

import json
import pathlib
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import pytest

from tests.http.conftest import Api, Server, serving

PATH = "/api/changes/"


def page(api: Api, **params: Any) -> dict[str, Any]:
    answer = api.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body.keys() == {"events", "next", "more"}
    return body


def now(api: Api) -> str:
    return str(page(api, after="now")["next"])


def test_a_page_has_what_changed_and_where_to_go_on(api: Api) -> None:
    start = now(api)
    client = api.make("/api/clients/", name="Acme")
    api.patch(f"/api/clients/{client['id']}/", {"name": "Acme Corp"})

    found = page(api, after=start)
    assert [(each["record"], each["kind"], each["version"]) for each in found["events"]] == [
        (client["id"], "created", 1),
        (client["id"], "updated", 2),
    ]
    assert found["more"] is False
    last = found["events"][-1]
    assert last["changes"] == {"name": {"from": "Acme", "to": "Acme Corp"}}
    assert (last["resource"], last["actor_name"], last["cause"]) == ("client", "admin", {})
    assert page(api, after=found["next"])["events"] == []
    assert page(api, after=found["events"][0]["id"])["events"] == [last]
    first = page(api, after=start, limit=1)
    assert (first["more"], first["next"]) == (True, first["events"][0]["id"])


def test_without_a_cursor_everything_that_is_kept_is_read(api: Api) -> None:
    client = api.make("/api/clients/", name="Acme")
    events: list[dict[str, Any]] = []
    cursor, more = "", True
    while more:
        found = page(api, after=cursor, limit=1000)
        events, cursor, more = [*events, *found["events"]], found["next"], found["more"]
    assert events[-1]["record"] == client["id"]


def test_a_filter_leaves_out_and_the_cursor_passes(api: Api) -> None:
    start = now(api)
    api.make("/api/clients/", name="a")
    lead = api.make("/api/leads/", name="b")

    found = page(api, after=start, resource="lead,pipeline")
    assert [each["record"] for each in found["events"]] == [lead["id"]]
    assert page(api, after=found["next"])["events"] == []


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"after": "x"}, "after"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"wait": "31"}, "wait"),
        ({"wait": "-1"}, "wait"),
        ({"wait": "1.5"}, "wait"),
        ({"resource": "clients"}, "resource"),
    ],
)
def test_bad_parameters_are_refused(memory_api: Api, params: dict[str, str], field: str) -> None:
    answer = memory_api.get(PATH, params=params)
    assert answer.status_code == 400
    assert answer.json().keys() == {field}


def test_a_cursor_of_another_database_or_an_altered_one_is_gone(api: Api) -> None:
    cursor = now(api)
    altered = cursor[:12] + ("B" if cursor[12] != "B" else "C") + cursor[13:]
    # Form 1, tick 1 and a tag that nobody drew.
    other = "AQAAAAAAAAABAAAAAAAAAADfUfdk"
    for gone in (altered, other):
        answer = api.get(PATH, params={"after": gone})
        assert answer.status_code == 410, (gone, answer.text)
        assert "Read everything again" in answer.json()["detail"]


def test_an_unknown_parameter_is_refused_where_handling_is_strict(memory_api: Api) -> None:
    assert memory_api.get(PATH, params={"afer": "x"}).status_code == 200
    strict = {"Prefer": "handling=strict"}
    assert memory_api.get(PATH, params={"afer": "x"}, headers=strict).json().keys() == {"afer"}


def test_it_needs_a_token_and_takes_only_get(memory_api: Api) -> None:
    assert memory_api.anonymous().get(PATH).status_code == 401
    assert memory_api.post(PATH, {}).status_code == 405
    assert memory_api.get(PATH, headers={"Accept": "text/html"}).status_code == 406
    assert memory_api.request("HEAD", PATH).content == b""


def test_what_a_user_may_not_view_is_left_out_and_gone_when_they_may(api: Api) -> None:
    api.people.grant("Clerks", "app.view_lead")
    api.people.add("clerk", "Clerks")
    clerk = api.as_user("clerk")
    start = now(clerk)
    api.make("/api/clients/", name="a")
    lead = api.make("/api/leads/", name="b")

    found = page(clerk, after=start)
    assert [each["record"] for each in found["events"]] == [lead["id"]]
    assert clerk.get(PATH, params={"resource": "client"}).status_code == 403
    api.people.grant("Clerks", "app.view_client")
    answer = clerk.get(PATH, params={"after": found["next"]})
    assert answer.status_code == 410
    assert answer.json()["detail"].startswith("What you may see has changed")


def test_header_secrets_of_webhooks_are_never_shown(api: Api) -> None:
    start = now(api)
    hook = api.make("/api/webhooks/", name="w", model="Lead", url="https://a.example/", headers={"X-Key": "hush hush"})
    api.patch(f"/api/webhooks/{hook['id']}/", {"headers": {"X-Key": "hush still"}})

    text = api.get(PATH, params={"after": start}).text
    assert hook["id"] in text
    assert "hush" not in text
    assert hook["secret"] not in text


# What waits, on a server


def test_a_request_waits_for_a_change(postgres_api: Api) -> None:
    start = now(postgres_api)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(page, postgres_api, after=start, resource="lead", wait=20)
        time.sleep(0.3)  # nothing tells that a request waits
        postgres_api.make("/api/clients/", name="a")
        began = time.monotonic()
        lead = postgres_api.make("/api/leads/", name="b")
        found = waiting.result(10)
    print(f"the change came after {(time.monotonic() - began) * 1000:.0f} ms")
    assert [each["record"] for each in found["events"]] == [lead["id"]]


def test_a_wait_without_a_change_ends_with_an_empty_page(postgres_api: Api) -> None:
    began = time.monotonic()
    found = page(postgres_api, after=now(postgres_api), wait=1)
    assert found["events"] == []
    assert 0.9 < time.monotonic() - began < 5


class Message(NamedTuple):
    id: str
    event: str
    data: Any


class Stream:
    """A stream of server-sent events, read by a thread."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.lines = answer.iter_lines()
        self.comments = 0

    def message(self) -> Message:
        """The next message with data. Raises StopIteration at the end."""
        found = {"id": "", "event": "message", "data": ""}
        while line := next(self.lines):
            self.comments += line.startswith(":")
            name, _, value = line.partition(": ")
            found[name] = value
        if not found["data"]:
            return self.message()
        return Message(found["id"], found["event"], json.loads(found["data"]))

    def until_caught_up(self) -> list[Message]:
        """The messages before `caught-up`, and it."""
        messages = [self.message()]
        while messages[-1].event != "caught-up":
            messages.append(self.message())
        return messages

    def is_over(self) -> bool:
        """Wait for the end of the stream."""
        for line in self.lines:
            assert not line.startswith('data: {"id'), line
        return True


@contextmanager
def streaming(server: Server, api: Api, last: str = "", **params: str) -> Iterator[Stream]:
    headers = {"Authorization": f"Token {api.token}", "Accept": "text/event-stream"}
    if last:
        headers["Last-Event-ID"] = last
    with (
        httpx.Client(base_url=server.client.base_url, timeout=20) as client,
        client.stream("GET", PATH, params=params, headers=headers) as answer,
    ):
        yield Stream(answer)


def test_a_stream_sends_what_was_then_that_it_caught_up_then_what_comes(server: Server, postgres_api: Api) -> None:
    start = now(postgres_api)
    one = postgres_api.make("/api/clients/", name="a")
    with streaming(server, postgres_api, after=start) as stream:
        assert stream.answer.status_code == 200
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        assert stream.answer.headers["cache-control"] == "no-store"
        assert stream.answer.headers["x-accel-buffering"] == "no"
        first, caught_up = stream.until_caught_up()
        assert (first.data["record"], first.data["kind"], first.event) == (one["id"], "created", "message")
        assert first.id == first.data["id"]
        other = postgres_api.make("/api/clients/", name="b")
        assert stream.message().data["record"] == other["id"]
    with streaming(server, postgres_api, last=caught_up.id, after=start) as stream:
        assert [each.data.get("record") for each in stream.until_caught_up()] == [other["id"], None]


def test_a_stream_that_cannot_be_followed_is_gone(server: Server, postgres_api: Api) -> None:
    with streaming(server, postgres_api, last="AQAAAAAAAAABAAAAAAAAAADfUfdk") as stream:
        assert stream.answer.status_code == 410


def seconds_until_over(stream: Stream, end: Any) -> float:
    stream.until_caught_up()
    began = time.monotonic()
    end()
    assert stream.is_over()
    return time.monotonic() - began


def test_a_revoked_token_ends_a_stream(server: Server, postgres_api: Api) -> None:
    postgres_api.people.grant("Readers", "app.view_lead")
    postgres_api.people.add("reader", "Readers")
    reader = postgres_api.as_user("reader")
    with streaming(server, reader, after="now") as stream:
        took = seconds_until_over(stream, lambda: reader.delete("/api-token-auth/"))
    print(f"the stream ended after {took:.1f} s; 5 s are promised")
    assert took < 5


def test_a_revoked_permission_ends_a_stream(server: Server, postgres_api: Api) -> None:
    postgres_api.people.grant("Readers", "app.view_lead", "app.view_client")
    postgres_api.people.add("reader", "Readers")
    with streaming(server, postgres_api.as_user("reader"), after="now") as stream:
        stream.until_caught_up()
        began = time.monotonic()
        with postgres_api.people.without("Readers", "app.view_client"):
            assert stream.is_over()
    assert time.monotonic() - began < 5


def test_a_revoked_token_ends_a_wait(postgres_api: Api) -> None:
    postgres_api.people.grant("Readers", "app.view_lead")
    postgres_api.people.add("reader", "Readers")
    reader = postgres_api.as_user("reader")
    start = now(reader)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(reader.get, PATH, params={"after": start, "wait": 25})
        time.sleep(0.3)  # nothing tells that a request waits
        reader.delete("/api-token-auth/")
        assert waiting.result(10).status_code == 401


def test_a_reader_that_does_not_read_is_left_and_costs_no_place(server: Server, postgres_api: Api) -> None:
    start = now(postgres_api)
    with streaming(server, postgres_api, after=start) as stream:
        stream.until_caught_up()
        for _ in range(20):
            postgres_api.make("/api/clients/", name="x" * 255, list_of_notes=[{"note": "y" * 10_000}] * 50)
        assert page(postgres_api, after=start)["events"]


def test_a_signal_to_stop_ends_streams_and_waits_at_once(
    migrated_database: Callable[[], str], place: pathlib.Path
) -> None:
    with serving(migrated_database(), place / "stopped") as server, ThreadPoolExecutor(1) as threads:
        api = server.api()
        start = now(api)
        with streaming(server, api, after=start) as stream:
            stream.until_caught_up()
            headers = {"Authorization": f"Token {api.token}"}
            waiting = threads.submit(
                httpx.get, f"{server.client.base_url}{PATH}", params={"after": start, "wait": "25"}, headers=headers
            )
            time.sleep(0.5)  # nothing tells that a request waits
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            assert stream.is_over()
            assert waiting.result(10).json()["events"] == []
            print(f"a stream and a wait ended {time.monotonic() - began:.2f} s after the signal")
            assert time.monotonic() - began < 2
        assert server.process.wait(10) == 0
