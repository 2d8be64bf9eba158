"""The contract of webhook senders: tests that every WebhookSender that uses HTTP must pass.

An adapter's test subclasses :class:`WebhookSenderContract` and opens a sender that may call this machine::

    class TestHttpWebhookSender(WebhookSenderContract):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[WebhookSender]:
            yield HttpWebhookSender(policy_of(allow_loopback=True), deadline=self.deadline)
"""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import ClassVar, TypeAlias
from uuid import UUID

import pytest

from crm_core.ports import WebhookSender
from crm_core.testing.scene import OnOneLoop, fact
from crm_core.use_cases.callers import new_id, new_secret
from crm_core.webhooks.attempts import Attempt, Outcome

#: What a receiver does after it has read a request.
Behaviour: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]

_FLOOD = b"x" * 65_536


def attempt(url: str, *, method: str = "POST", headers: Mapping[str, str] | None = None) -> Attempt:
    """Return a first attempt at sending a small body."""
    return Attempt(
        delivery=new_id(),
        webhook=UUID(int=1),
        number=1,
        claim=1,
        method=method,
        url=url,
        headers=headers or {},
        body=b"" if method == "GET" else '{"name":"Žofie"}'.encode(),
        secrets=(new_secret(),),
    )


def says(text: bytes) -> Behaviour:
    """Return a behaviour that writes these bytes and closes."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(text)

    return behave


def answers(status: int, *headers: str, body: bytes = b"thank you") -> Behaviour:
    """Return a behaviour that answers with a status, headers and a body."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return says("\r\n".join([*lines, "", ""]).encode() + body)


async def _is_silent(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _drips(writer: asyncio.StreamWriter) -> None:
    """Send single bytes of a header without end."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _floods(writer: asyncio.StreamWriter) -> None:
    """Send a body without end."""
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(_FLOOD)
        await writer.drain()


@asynccontextmanager
async def receiver(behave: Behaviour) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run a receiver on this machine; yield its URL and the list of requests that it gets."""
    requests: list[bytes] = []
    answering: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())  # type: ignore[arg-type]  # there is one
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            requests.append(head + await reader.readexactly(int(length.partition(b":")[2])))
            await behave(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the sender may close the connection
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?a=b%20c", requests
    server.close()
    for task in answering:
        task.cancel()
    await asyncio.gather(*answering, return_exceptions=True)


class WebhookSenderContract(OnOneLoop):
    """All tests of a WebhookSender that uses HTTP."""

    #: The deadline of the sender that ``open`` opens, in seconds.
    deadline: ClassVar[float] = 0.5

    def open(self) -> AbstractAsyncContextManager[WebhookSender]:
        """Return a context manager of a sender with that deadline, which may call 127.0.0.1.

        It is entered and exited in different tasks of one event loop.
        """
        raise NotImplementedError

    @pytest.fixture
    def sender(self) -> Iterator[WebhookSender]:
        """Yield a sender."""
        yield from self.opened(self.open())

    @fact
    async def test_the_receiver_gets_the_method_the_path_the_headers_and_the_exact_bytes(
        self, sender: WebhookSender
    ) -> None:
        for method in ("POST", "PUT", "PATCH", "DELETE", "GET"):
            async with receiver(answers(200)) as (url, requests):
                sent = attempt(url, method=method, headers={"X-Own": "é"})
                outcome = await sender.send(sent)
                [head, _, body] = requests[0].partition(b"\r\n\r\n")

                assert (outcome.status, outcome.answer, outcome.is_success) == (200, "thank you", True)
                assert head.startswith(f"{method} /hook?a=b%20c HTTP/1.1\r\n".encode())
                assert f"webhook-id: {sent.delivery}".encode() in head.lower()
                assert b"webhook-signature: v1," in head
                assert b"x-own: \xc3\xa9" in head.lower()
                assert body == sent.body

    @fact
    async def test_a_refusal_has_its_status_and_its_text(self, sender: WebhookSender) -> None:
        for status in (302, 400, 410, 429, 500, 503):
            async with receiver(answers(status, "Retry-After: 7", "Location: /", body=b"no")) as (url, requests):
                outcome = await sender.send(attempt(url))

                assert (outcome.status, outcome.answer, outcome.retry_after, outcome.error) == (status, "no", 7, "")
                assert not outcome.is_success
                assert len(requests) == 1  # a redirect is not followed

    @fact
    async def test_a_slow_receiver_times_out_at_the_deadline(self, sender: WebhookSender) -> None:
        for behaviour in (_is_silent, _drips):
            async with receiver(behaviour) as (url, _):
                began = time.monotonic()
                outcome = await sender.send(attempt(url))

                assert (outcome.status, outcome.timed_out, outcome.is_hopeless) == (None, True, False)
                assert outcome.error
                assert self.deadline * 0.9 <= time.monotonic() - began < self.deadline * 10

    @fact
    async def test_only_the_beginning_of_an_endless_answer_is_kept(self, sender: WebhookSender) -> None:
        async with receiver(_floods) as (url, _):
            outcome = await sender.send(attempt(url))

            assert outcome.status == 200
            assert 0 < len(outcome.answer) <= 1_024

    @fact
    async def test_a_missing_or_confused_receiver_is_an_outcome_too(self, sender: WebhookSender) -> None:
        async with receiver(answers(200)) as (gone, _):
            pass
        async with receiver(says(b"")) as (mute, _), receiver(says(b"220 smtp.example.com\r\n")) as (other, _):
            for url in (gone, mute, other, "http://name.invalid/"):
                outcome = await sender.send(attempt(url))

                assert (outcome.status, outcome.is_hopeless) == (None, False), url
                assert outcome.error

    @fact
    async def test_what_can_never_be_sent_is_hopeless(self, sender: WebhookSender) -> None:
        for url in ("ftp://127.0.0.1/", "http://[", "http://127.0.0.1:99999/", "/hook"):
            outcome = await sender.send(attempt(url))

            assert (outcome.status, outcome.is_hopeless) == (None, True), url
            assert outcome.error

    @fact
    async def test_hostile_answers_become_texts_that_can_be_kept(self, sender: WebhookSender) -> None:
        async with receiver(answers(200, body=b"a\x00b\xff\xed\xa0\x80")) as (url, _):
            outcome = await sender.send(attempt(url))

            assert "\x00" not in outcome.answer
            assert outcome.answer.encode()

    @fact
    async def test_a_silent_receiver_delays_no_other(self, sender: WebhookSender) -> None:
        async with receiver(_is_silent) as (silent, _), receiver(answers(200)) as (quick, _):
            waiting = asyncio.create_task(sender.send(attempt(silent)))
            outcomes = await asyncio.gather(*(sender.send(attempt(quick)) for _ in range(20)))

            assert [outcome.status for outcome in outcomes] == [200] * 20
            assert not waiting.done()
            assert (await waiting).timed_out

    @fact
    async def test_a_cancelled_attempt_raises_cancelled_error(self, sender: WebhookSender) -> None:
        begun = asyncio.Event()

        async def begins(writer: asyncio.StreamWriter) -> None:
            begun.set()
            await _is_silent(writer)

        async with receiver(begins) as (url, _):
            sending: asyncio.Task[Outcome] = asyncio.create_task(sender.send(attempt(url)))
            await begun.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
