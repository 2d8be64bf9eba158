"""HttpWebhookSender: requests to webhooks' receivers, signed by Standard Webhooks."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

import httpcore
from ssrfguard import Policy
from standardwebhooks import Webhook

from crm_adapters.webhooks.egress import Egress
from crm_adapters.webhooks.failure_texts import UnsendableError, outcome_of
from crm_core.webhooks.attempts import Attempt, Outcome
from crm_core.webhooks.headers import is_reserved_header

_USER_AGENT: Final = b"crm-webhooks/1"
_MAX_READ: Final = 65_536
_MAX_KEPT: Final = 1_024
_LOOKUP_TIMEOUT: Final = 5.0


class HttpWebhookSender:
    """Sends by HTTP/1.1 over connections that it keeps alive (``crm_core.ports.WebhookSender``).

    Each of the attempt's secrets signs the exact bytes sent (Standard Webhooks 1.0.0). The answer may be hostile: at
    most 64 kB of it are read, undecoded. Redirects are not followed.

    Args:
        policy: which URLs and addresses may be called; see `crm_adapters.webhooks.policy_of`.
        deadline: seconds for everything from the look-up of the name to the end of the answer.
        clock: returns the time in seconds since 1970, for signatures and for dates in ``Retry-After``.
    """

    def __init__(self, policy: Policy, *, deadline: float = 15.0, clock: Callable[[], float] = time.time) -> None:
        self._egress = Egress(policy, lookup_timeout=min(_LOOKUP_TIMEOUT, deadline))
        self._deadline = deadline
        self._clock = clock

    async def send(self, attempt: Attempt) -> Outcome:
        """Try once, within the deadline, and return the outcome, which also says what went wrong. Raises nothing."""
        response: httpcore.Response | None = None
        beginning = bytearray()
        try:
            async with asyncio.timeout(self._deadline), self._request(attempt) as response:
                await _read(response, beginning)
        except Exception as error:  # noqa: BLE001  # hostile input, four libraries, and no caller that could handle it
            # After a status the receiver has decided, even if it then hangs or breaks off: a failure would make us
            # send again what it has accepted.
            if response is None:
                return outcome_of(error)
        return Outcome(
            status=response.status,
            answer=beginning.decode(errors="replace"),
            retry_after=_seconds(_values(response, b"retry-after"), self._clock()),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._egress.close()

    def _request(self, attempt: Attempt) -> AbstractAsyncContextManager[httpcore.Response]:
        headers = list(_headers(attempt, int(self._clock())))
        return self._egress.request(attempt.method, attempt.url, headers, attempt.body)


def _headers(attempt: Attempt, timestamp: int) -> Iterator[tuple[bytes, bytes]]:
    names = {name.lower() for name in attempt.headers}
    yield b"webhook-id", str(attempt.delivery).encode()
    yield b"webhook-timestamp", str(timestamp).encode()
    yield b"webhook-signature", _signatures(attempt, timestamp).encode()
    yield b"accept-encoding", b"identity"
    if "user-agent" not in names:
        yield b"user-agent", _USER_AGENT
    if attempt.body and "content-type" not in names:
        yield b"content-type", b"application/json"
    yield from _own_headers(attempt.headers)


def _own_headers(headers: Mapping[str, str]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the webhook's own headers, without reserved ones, which older webhooks may still have."""
    try:
        for name, value in headers.items():
            if not is_reserved_header(name):
                yield name.encode("ascii"), value.encode()
    except UnicodeError as error:
        raise UnsendableError("A header cannot be sent.") from error


def _signatures(attempt: Attempt, timestamp: int) -> str:
    """Return one signature for each secret, so that receivers accept one of them while secrets rotate."""
    if not attempt.secrets:
        raise UnsendableError("There is no secret to sign with.")
    moment = datetime.fromtimestamp(timestamp, tz=UTC)
    try:
        body = attempt.body.decode()
        return " ".join(_signer(secret).sign(str(attempt.delivery), moment, body) for secret in attempt.secrets)
    except Exception as error:
        raise UnsendableError("The request could not be signed.") from error


@lru_cache(maxsize=1_024)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)


async def _read(response: httpcore.Response, beginning: bytearray) -> None:
    """Read the beginning of the body into a buffer, undecoded, and stop at _MAX_READ bytes."""
    read = 0
    async for chunk in response.aiter_stream():
        beginning += chunk[: _MAX_KEPT - len(beginning)]
        read += len(chunk)
        if read >= _MAX_READ:
            break


def _values(response: httpcore.Response, header: bytes) -> str | None:
    values = [value.decode("latin-1") for name, value in response.headers if name.lower() == header]
    return ", ".join(values) if values else None


def _seconds(retry_after: str | None, now: float) -> float | None:
    """Return the seconds of ``Retry-After`` from now, at least 0; None if it is missing or invalid (RFC 9110)."""
    if retry_after is None:
        return None
    if re.fullmatch("-?[0-9]{1,15}", retry_after):
        return max(float(retry_after), 0.0)
    try:
        moment = parsedate_to_datetime(retry_after)
        # A date with the zone "-0000" comes without one; it is in UTC.
        return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None
