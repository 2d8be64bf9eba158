"""Facts about what is sent to webhooks' receivers, and what is made of their answers."""

import asyncio
import email.utils
import gc
import json
import logging
import os
import pathlib
import queue
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import attrs
import pytest
from ssrfguard import Policy
from standardwebhooks import Webhook, WebhookVerificationError

from crm_adapters.webhooks.policy import policy_of
from crm_adapters.webhooks.sender import HttpWebhookSender
from crm_core.input.readers import RefusedError
from crm_core.ports import WebhookSender
from crm_core.testing import WebhookSenderContract
from crm_core.webhooks.attempts import Attempt, Outcome
from crm_core.webhooks.headers import read_headers
from tests.adapters.receivers import (
    Behaviour,
    Received,
    Receiver,
    answers,
    breaks_off,
    drips,
    floods,
    gzip_bomb,
    hangs,
    head,
    redirects,
    resets,
    says,
)

OLD = "whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk"
NEW = "whsec_bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3"
ATTEMPT = Attempt(
    delivery=UUID("12345678-1234-5678-1234-567812345678"),
    webhook=UUID(int=1),
    number=1,
    claim=1,
    method="POST",
    url="",
    headers={},
    body='{"name":"Žofie 💐"}'.encode(),
    secrets=(NEW,),
)
DEADLINE = 0.4
LOOPBACK = policy_of(allow_loopback=True)


def attempt(receiver: Receiver, **changes: Any) -> Attempt:
    return attrs.evolve(ATTEMPT, **{"url": receiver.url(), **changes})


def send_all(attempts: Sequence[Attempt], policy: Policy = LOOPBACK, **options: Any) -> list[Outcome]:
    """The outcomes of attempts made one after the other by one sender."""

    async def send() -> list[Outcome]:
        sender = HttpWebhookSender(policy, **options)
        try:
            return [await sender.send(each) for each in attempts]
        finally:
            await sender.close()

    return asyncio.run(send())


def send(one: Attempt, **options: Any) -> Outcome:
    return send_all([one], **options)[0]


def outcome_of(*behaviours: Behaviour, **options: object) -> Outcome:
    """What comes of sending to a receiver that behaves so."""
    with Receiver(*behaviours) as receiver:
        return send(attempt(receiver), **options)


def received(**changes: object) -> Received:
    """What a receiver gets."""
    with Receiver() as receiver:
        assert send(attempt(receiver, **changes)).status == 200
        return receiver.requests[0]


def verify(request: Received, secret: str) -> object:
    """What a receiver does that keeps to Standard Webhooks."""
    return Webhook(secret).verify(request.body, dict(request.headers))


@pytest.fixture(scope="module", autouse=True)
def nothing_unclosed() -> Iterator[None]:
    """What is left unclosed warns when it is collected, and warnings are errors."""
    yield
    gc.collect()


class TestHttpWebhookSender(WebhookSenderContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[WebhookSender]:
        sender = HttpWebhookSender(LOOPBACK, deadline=self.deadline)
        yield sender
        await sender.close()


# What is sent


def test_a_receiver_can_verify_what_it_gets() -> None:
    request = received()

    assert verify(request, NEW) == {"name": "Žofie 💐"}
    assert request.method == "POST"
    assert request.body == ATTEMPT.body
    assert request.header("webhook-id") == "12345678-1234-5678-1234-567812345678"
    assert request.header("content-type") == "application/json"
    assert request.header("content-length") == str(len(ATTEMPT.body))
    assert request.header("accept-encoding") == "identity"
    assert request.header("user-agent") == "crm-webhooks/1"


def test_both_secrets_verify_while_they_change() -> None:
    request = received(secrets=(NEW, OLD))

    assert verify(request, NEW) == verify(request, OLD)


def test_the_newest_secret_signs_first() -> None:
    with Receiver() as receiver:
        both, new, old = (attempt(receiver, secrets=secrets) for secrets in [(NEW, OLD), (NEW,), (OLD,)])
        send_all([both, new, old], clock=lambda: 1_000.0)

    first, second, third = (request.header("webhook-signature") for request in receiver.requests)
    assert first == f"{second} {third}"


def test_another_secret_does_not_verify() -> None:
    with pytest.raises(WebhookVerificationError):
        verify(received(), OLD)


def test_the_timestamp_is_in_whole_seconds_and_new_in_each_attempt_while_the_id_stays() -> None:
    times = iter([1_000.9, 1_000.9, 2_000.1, 2_000.1])
    with Receiver() as receiver:
        send_all([attempt(receiver), attempt(receiver, number=2)], clock=lambda: next(times))

    assert [request.header("webhook-timestamp") for request in receiver.requests] == ["1000", "2000"]
    assert len({request.header("webhook-id") for request in receiver.requests}) == 1
    assert len({request.header("webhook-signature") for request in receiver.requests}) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_method_with_a_body_sends_it(method: str) -> None:
    request = received(method=method)

    assert (request.method, request.body) == (method, ATTEMPT.body)


def test_a_get_has_no_body_and_a_signature_of_nothing() -> None:
    request = received(method="GET", body=b"")

    assert Webhook(NEW).verify(request.body, dict(request.headers), json_parse=False) is None
    assert request.body == b""
    assert request.header("content-length") is None
    assert request.header("content-type") is None


@pytest.mark.parametrize("path", ["/a/%2E%2E/b?c=%26%3D&d=%C5%BD", "/a/%2e%2e%2f", "/?", "/a//b", "/%00%0d%0aX:%20y"])
def test_a_path_and_query_arrive_as_they_were_composed(path: str) -> None:
    with Receiver() as receiver:
        send(attempt(receiver, url=receiver.url(path)))

    assert receiver.requests[0].path == path


def test_a_fragment_stays_here() -> None:
    with Receiver() as receiver:
        send(attempt(receiver, url=receiver.url("/a#secret")))

    assert receiver.requests[0].path == "/a"


def test_the_webhook_s_own_headers_are_sent_in_utf_8() -> None:
    request = received(headers={"Authorization": "Bearer x", "X-Name": "Žofie 💐"})

    assert request.header("authorization") == "Bearer x"
    assert (request.header("x-name") or "").encode("latin-1").decode() == "Žofie 💐"


@pytest.mark.parametrize("name", ["Content-Type", "content-type", "CONTENT-TYPE", "User-Agent", "USER-AGENT"])
def test_the_webhook_s_own_type_and_agent_stand_alone(name: str) -> None:
    assert received(headers={name: "text/x-own"}).header(name) == "text/x-own"


@pytest.mark.parametrize(
    "name",
    ["Webhook-Id", "WEBHOOK-SIGNATURE", "webhook-timestamp", "Host", "Content-Length", "Transfer-Encoding",
     "Connection", "Upgrade", "TE", "Trailer", "Expect", "Proxy-Authorization", "Proxy-Connection",
     "Content-Encoding", "Keep-Alive", "Accept-Encoding"],
)  # fmt: skip
def test_headers_that_framing_or_signing_depends_on_are_dropped(name: str) -> None:
    request = received(headers={name: "forged", "X-Kept": "1"})

    assert "forged" not in str(request.headers)
    assert request.header("x-kept") == "1"
    assert verify(request, NEW)


@pytest.mark.parametrize(
    "name",
    [
        *("Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control"),
        *("Connection", "Content-Encoding", "Content-Language", "Content-Length", "Content-Type", "Cookie", "Date"),
        *("Digest", "Expect", "Forwarded", "From", "Host", "If-Match", "Keep-Alive", "Link", "Max-Forwards", "Origin"),
        *("Pragma", "Prefer", "Proxy-Connection", "Range", "Referer", "Signature", "TE", "Traceparent", "Trailer"),
        *("Transfer-Encoding", "Upgrade", "User-Agent", "Via", "Webhook-Id", "Webhook-Signature", "X-Forwarded-For"),
    ],
)
def test_a_header_is_either_refused_with_its_webhook_or_sent(name: str) -> None:
    try:
        headers = read_headers({name: "own"})
    except RefusedError:
        return
    assert received(headers=headers).header(name) == "own"


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "s3cret\r\nX-Forged: 1"}, {"X-A": "s3cret\nX-Forged: 1"}, {"X-A": "s3cret\x00"}, {"X-A": "s3cret\ud800"},
     {"X A": "s3cret"}, {"X-A:": "s3cret"}, {"": "s3cret"}, {"X-\xe9": "s3cret"}, {"X-A\r\nX-B": "s3cret"}],
)  # fmt: skip
def test_a_header_that_cannot_be_sent_is_hopeless_and_not_told(headers: dict[str, str]) -> None:
    with Receiver() as receiver:
        outcome = send(attempt(receiver, headers=headers))

    assert outcome.is_hopeless
    assert outcome.status is None
    assert "s3cret" not in outcome.error
    assert outcome.error
    assert not receiver.requests


def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Receiver() as receiver:
        send(attempt(receiver, headers={"Authorization": "Bearer s3cret"}))

    signature = receiver.requests[0].header("webhook-signature")
    assert "s3cret" not in caplog.text
    assert signature
    assert signature not in caplog.text


# What is made of answers


@pytest.mark.parametrize("status", [200, 201, 204, 299, 301, 304, 308, 400, 404, 410, 429, 500, 503, 599])
def test_the_status_is_told_whatever_it_is(status: int) -> None:
    says_no_body = status in {204, 304}

    outcome = outcome_of(says(head(status)) if says_no_body else answers(status, {"Content-Length": "2"}, b"ok"))

    assert outcome == Outcome(status=status, answer="" if says_no_body else "ok")


def test_a_redirect_is_not_followed() -> None:
    with Receiver() as target:
        assert outcome_of(redirects(target.url())).status == 302

    assert target.connections == 0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        ("Žofie\n\t💐".encode(), "Žofie\n\t💐"),
        (b"a\x00b\x1b[31mc\rd\x7f\xc2\x85e", "ab[31mcde"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"\xed\xa0\x80", "\ufffd" * 3),
        (b"x" * 1_025, "x" * 1_024),
        (b"x" * 1_023 + "é".encode(), "x" * 1_023 + "\ufffd"),
    ],
)
def test_the_beginning_of_an_answer_is_kept_as_text(body: bytes, text: str) -> None:
    outcome = outcome_of(answers(500, body=body))

    assert outcome.answer == text
    outcome.answer.encode()


def test_at_most_64_kb_are_read() -> None:
    with Receiver(floods()) as receiver:
        before = time.monotonic()
        outcome = send(attempt(receiver), deadline=20)
        receiver.wait_until_left()

    assert outcome == Outcome(status=200, answer="x" * 1_024)
    assert time.monotonic() - before < 5


def test_a_longer_answer_costs_the_connection_and_no_more() -> None:
    with Receiver(answers(200, body=b"x" * 1_000_000), answers(200, body=b"y" * 60_000)) as receiver:
        outcomes = send_all([attempt(receiver)] * 3)

    assert [outcome.answer[:1] for outcome in outcomes] == ["x", "y", "o"]
    assert [request.connection for request in receiver.requests] == [1, 2, 2]


def test_an_answer_is_not_decoded() -> None:
    bomb = gzip_bomb()
    tracemalloc.start()
    try:
        outcome = outcome_of(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert outcome.status == 200
    assert peak < 5_000_000


def test_a_chunked_answer_is_read() -> None:
    chunked = head(200, {"Transfer-Encoding": "chunked"}) + b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"

    assert outcome_of(says(chunked)).answer == "abcde"


def test_informational_answers_are_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"

    assert outcome_of(says(early * 3 + head(202, {"Content-Length": "0"}))).status == 202


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("-5", 0),
        ("86401", 86_401),
        ("999999999999", 999_999_999_999),
        (email.utils.formatdate(1_060, usegmt=True), 60),
        ("Thu, 01 Jan 1970 00:17:40 -0000", 60),
        (email.utils.formatdate(900, usegmt=True), 0),
        ("soon", None),
        ("", None),
        ("1.5", None),
        ("1e3", None),
        ("inf", None),
        ("nan", None),
        ("٣", None),
        ("9" * 5_000, None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 253_402_386_139),
        ("120, 60", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(value: str, seconds: float | None) -> None:
    wait = head(503, {"Content-Length": "0", "Retry-After": value.encode().decode("latin-1")})

    outcome = outcome_of(says(wait), clock=lambda: 1_000.0)

    assert (outcome.status, outcome.retry_after) == (503, seconds)


# What goes wrong


@pytest.mark.parametrize(
    "behaviour",
    [
        hangs(),
        hangs(b"HTTP/1.1 200 OK\r\nContent-"),
        drips(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        drips(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    ],
)
def test_a_receiver_that_does_not_answer_in_time_is_left(behaviour: Behaviour) -> None:
    with Receiver(behaviour) as receiver:
        before = time.monotonic()
        outcome = send(attempt(receiver), deadline=DEADLINE)
        took = time.monotonic() - before
        receiver.wait_until_left()

    assert outcome == Outcome(error="The receiver did not answer in time.", timed_out=True)
    assert DEADLINE <= took < DEADLINE + 1


@pytest.mark.parametrize("earlier", [0, 1])
def test_a_request_that_is_given_up_resets_its_connection(earlier: int) -> None:
    """So the system sends nothing of it later, when the receiver may have later versions of the record."""
    ends = queue.SimpleQueue[type[Exception] | None]()

    async def behave(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        except ConnectionError as error:
            ends.put(type(error))
        else:
            ends.put(None)

    with Receiver(*[answers()] * earlier, behave) as receiver:
        send_all([attempt(receiver)] * (earlier + 1), deadline=0.3)
        assert ends.get(timeout=10) is ConnectionResetError
        assert len({each.connection for each in receiver.requests}) == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        hangs(head(200, {"Content-Length": "9"}) + b"begin"),
        drips(head(200, {"Content-Length": "99999"}) + b"begin", b"\x00"),
        breaks_off(head(200, {"Content-Length": "9"}) + b"begin"),
        breaks_off(head(200, {"Transfer-Encoding": "chunked"}) + b"5\r\nbegin\r\n"),
        breaks_off(head(200, {"Transfer-Encoding": "chunked"}) + b"5\r\nbegin\r\nnonsense"),
    ],
)
def test_a_status_counts_even_if_the_rest_never_comes(behaviour: Behaviour) -> None:
    with Receiver(behaviour) as receiver:
        outcome = send(attempt(receiver), deadline=DEADLINE)
        receiver.wait_until_left()

    assert outcome == Outcome(status=200, answer="begin")


@pytest.mark.parametrize(
    "behaviour",
    [breaks_off(), resets(), breaks_off(b"HTTP/1.1 200"), breaks_off(b"SSH-2.0-OpenSSH_9.9\r\n"),
     breaks_off(b"HTTP/1.1 abc Nonsense\r\n\r\n"), breaks_off(head(200, {"Content-Length": "-1"})),
     breaks_off(head(200, {"X": "y" * 200_000})), breaks_off(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")],
)  # fmt: skip
def test_a_receiver_that_does_not_speak_http_is_tried_again_later(behaviour: Behaviour) -> None:
    with Receiver(behaviour) as receiver:
        outcome = send(attempt(receiver))

    assert outcome.status is None
    assert "connection" in outcome.error
    assert not outcome.timed_out
    assert not outcome.is_hopeless
    assert len(receiver.requests) == 1, "a new connection that breaks is no reason to send at once again"


def test_a_refused_connection_is_tried_again_later() -> None:
    with Receiver() as receiver:
        url = receiver.url()

    assert send(attrs.evolve(ATTEMPT, url=url)) == Outcome(error="The receiver could not be connected to.")


@pytest.mark.parametrize("name", ["nowhere.invalid", "xn--", "xn--a.invalid"])
def test_a_name_that_does_not_resolve_is_tried_again_later(name: str) -> None:
    outcome = send(attrs.evolve(ATTEMPT, url=f"http://{name}/"))

    assert outcome == Outcome(error="The receiver's name could not be resolved.")


def test_a_name_that_leads_inside_is_tried_again_later() -> None:
    with Receiver() as receiver:
        outcome = send(attempt(receiver, url=receiver.url(host="localhost")), policy=policy_of())

    assert outcome == Outcome(error="The receiver's name leads to an address that may not be called.")
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://2130706433/",
     "http://0x7f.1/", "http://user:s3cret@example.com/", "ftp://example.com/", "http://", "", "nonsense",
     "http://[::1", "http://a..b/", "http://example.com:99999/", "http://example.com:s3cret/",
     "http://exa mple.com/", "http://example.com/\r\nX: y", "http://\ud800.example/", "http://" + "a" * 64 + "/",
     "http://" + "a." * 200 + "/", "http://example.com/" + "a" * 100_000],
)  # fmt: skip
def test_a_url_that_may_never_be_called_is_hopeless(url: str) -> None:
    outcome = send(attrs.evolve(ATTEMPT, url=url), policy=policy_of())

    assert outcome.is_hopeless
    assert outcome.status is None
    assert 0 < len(outcome.error) <= 300
    assert outcome.error.isprintable()
    assert "s3cret" not in outcome.error


@pytest.mark.parametrize("secrets", [("whsec_",), ("whsec_ž",), ("",), ("whsec_!",), (NEW, ""), ()])
def test_a_request_that_cannot_be_signed_is_hopeless_and_not_sent(secrets: tuple[str, ...]) -> None:
    with Receiver() as receiver:
        outcome = send(attempt(receiver, secrets=secrets))

    assert outcome.is_hopeless
    assert "sign" in outcome.error
    assert receiver.connections == 0


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://10.0.0.1/", "The URL's address may not be called: 10.0.0.0/8 is Private-Use (RFC1918)."),
        (
            "http://0x7f.1/",
            "The URL may not be called: it takes http or https, no credentials, and a host in a plain spelling.",
        ),
        ("http://[::1", "The URL is not valid."),
    ],
)
def test_the_error_says_what_is_wrong_with_a_url(url: str, error: str) -> None:
    assert send(attrs.evolve(ATTEMPT, url=url)).error == error


def test_a_look_up_that_hangs_ends_within_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: may_end.wait() and [])

    before = time.monotonic()
    outcome = send(attrs.evolve(ATTEMPT, url="http://stuck.example/"), deadline=DEADLINE)
    took = time.monotonic() - before
    may_end.set()

    assert outcome.status is None
    assert not outcome.is_hopeless
    assert took < DEADLINE + 1


def test_cancelling_passes_and_leaves_the_receiver() -> None:
    async def cancel(receiver: Receiver) -> None:
        sender = HttpWebhookSender(LOOPBACK)
        sending = asyncio.create_task(sender.send(attempt(receiver)))
        await asyncio.to_thread(receiver.wait_for, 1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.to_thread(receiver.wait_until_left)
        await sender.close()

    with Receiver(hangs()) as receiver:
        asyncio.run(cancel(receiver))


# Connections


def test_a_connection_is_kept() -> None:
    with Receiver() as receiver:
        send_all([attempt(receiver)] * 10)

    assert receiver.connections == 1


def test_closing_closes_kept_connections() -> None:
    with Receiver() as receiver:
        send_all([attempt(receiver)])
        receiver.wait_until_left()


def test_a_kept_connection_that_the_receiver_has_closed_is_not_used() -> None:
    with Receiver(breaks_off(head(200, {"Content-Length": "0"}))) as receiver:

        async def send_twice() -> list[int | None]:
            sender = HttpWebhookSender(LOOPBACK)
            first = await sender.send(attempt(receiver))
            await asyncio.to_thread(receiver.wait_until_left)
            second = await sender.send(attempt(receiver))
            await sender.close()
            return [first.status, second.status]

        assert asyncio.run(send_twice()) == [200, 200]

    assert [request.connection for request in receiver.requests] == [1, 2]


@pytest.mark.parametrize("behaviour", [breaks_off(), resets()])
def test_a_kept_connection_that_closes_while_it_is_used_fails_no_attempt(behaviour: Behaviour) -> None:
    with Receiver(answers(), behaviour) as receiver:
        outcomes = send_all([attempt(receiver)] * 2)

    assert [outcome.status for outcome in outcomes] == [200, 200]
    assert [request.connection for request in receiver.requests] == [1, 1, 2]
    assert len({request.header("webhook-id") for request in receiver.requests}) == 1


def test_a_request_is_sent_twice_at_most() -> None:
    with Receiver(answers(), breaks_off(), breaks_off()) as receiver:
        outcomes = send_all([attempt(receiver)] * 2)

    assert outcomes[1].status is None
    assert len(receiver.requests) == 3


def test_one_receiver_that_hangs_holds_up_no_other() -> None:
    async def send_both(stuck: Receiver, healthy: Receiver) -> tuple[list[Outcome], float]:
        sender = HttpWebhookSender(LOOPBACK, deadline=5)
        waiting = [asyncio.create_task(sender.send(attempt(stuck))) for _ in range(60)]
        await asyncio.to_thread(stuck.wait_for, 60)
        before = time.monotonic()
        outcomes = [await sender.send(attempt(healthy)) for _ in range(20)]
        took = time.monotonic() - before
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await sender.close()
        return outcomes, took

    with Receiver(*[hangs()] * 60) as stuck, Receiver() as healthy:
        outcomes, took = asyncio.run(send_both(stuck, healthy))

    assert {outcome.status for outcome in outcomes} == {200}
    assert took < 2


def test_proxies_in_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy, Receiver() as receiver:
        for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        assert send(attempt(receiver)).status == 200

    assert proxy.connections == 0


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], pathlib.Path]:
    """Makes a certificate that signs itself, and its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")

    def make(name: str) -> pathlib.Path:
        file = folder / f"{name}.pem"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                   "-keyout", str(file), "-out", f"{file}.crt", "-subj", f"/CN={name}",
                   "-addext", f"subjectAltName={'IP' if name[0].isdigit() else 'DNS'}:{name}"]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        file.write_bytes(file.read_bytes() + pathlib.Path(f"{file}.crt").read_bytes())
        return file

    return make


def server_side(file: pathlib.Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Callable[[str], pathlib.Path]) -> None:
    with Receiver(tls=server_side(certificate("127.0.0.1"))) as receiver:
        outcome = send(attempt(receiver))

    assert outcome == Outcome(error="The receiver's certificate is not valid: self-signed certificate.")
    assert not receiver.requests


def test_a_certificate_of_another_name_is_refused(
    certificate: Callable[[str], pathlib.Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate("other.example")
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(file))
    with Receiver(tls=server_side(file)) as receiver:
        outcome = send(attempt(receiver))

    assert outcome.error.startswith("The receiver's certificate is not valid: IP address mismatch")
    assert not outcome.is_hopeless
    assert not receiver.requests


def test_an_administrator_may_trust_an_authority_of_their_own(
    certificate: Callable[[str], pathlib.Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate("127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(file))
    with Receiver(tls=server_side(file)) as receiver:
        outcomes = send_all([attempt(receiver)] * 2)

    assert [outcome.status for outcome in outcomes] == [200, 200]
    assert receiver.connections == 1
    assert json.loads(receiver.requests[0].body)


def test_a_receiver_without_tls_is_tried_again_later() -> None:
    with Receiver(greets=breaks_off(b"220 ftp.example ready\r\n")) as receiver:
        outcome = send(attempt(receiver, url=receiver.url().replace("http", "https")))

    assert outcome.error in {
        "No TLS connection could be made to the receiver.",
        "The receiver could not be connected to.",
    }
    assert not outcome.is_hopeless


def test_a_receiver_that_hangs_within_the_handshake_is_left() -> None:
    with Receiver(greets=hangs()) as receiver:
        outcome = send(attempt(receiver, url=receiver.url().replace("http", "https")), deadline=DEADLINE)
        receiver.wait_until_left()

    assert outcome == Outcome(error="The receiver did not answer in time.", timed_out=True)
