"""The one way out to addresses that users name: checked before and pinned while connecting.

A library is no firewall: the process should also run where internal services cannot be reached.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import Any, Final, TypeAlias

import httpcore
import httpx
from ssrfguard import BlockedURLError, Policy
from ssrfguard.httpx import AsyncSafeBackend

from crm_adapters.webhooks.connections import KeptConnections
from crm_adapters.webhooks.look_ups import LookUp, LookUps

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

_MOST_AT_A_TIME: Final = 256
_LONGEST_IDLE: Final = 5.0
# Several addresses of a name may have to be tried within a caller's deadline.
_LONGEST_CONNECT: Final = 5.0


class Egress:
    """Sends requests over HTTP/1.1 to where it may, on connections that are kept for 5 s.

    A name is resolved once for a connection, all its addresses are checked, and one of those is connected to; a name
    with one forbidden address is refused whole. There are no proxies, redirects or cookies. Certificates are verified
    against certifi's authorities, or those of SSL_CERT_FILE or SSL_CERT_DIR.

    Args:
        policy: what may be called; see `crm_adapters.webhooks.policy.policy_of`.
        patience: seconds within which a name has to be resolved.
        look_up: stands in for `socket.getaddrinfo`.
    """

    def __init__(self, policy: Policy, *, patience: float = 5.0, look_up: LookUp | None = None) -> None:
        self._policy = policy
        self._look_ups = LookUps(patience, look_up)
        self._network = AsyncSafeBackend(policy=policy, resolver=self._look_ups, resolver_slots=_MOST_AT_A_TIME)
        self._room = asyncio.Semaphore(_MOST_AT_A_TIME)
        self._kept = KeptConnections()

    @asynccontextmanager
    async def answer(self, method: str, url: str, headers: Headers, body: bytes) -> AsyncIterator[httpcore.Response]:
        """Send a request and give the answer with its body unread; leave to drop what was not read.

        ``Host`` and ``Content-Length`` are set here. A kept connection may turn out to be closed only while it is
        used; then the request goes out once more, so the receiver may get it twice.

        Raises:
            BlockedURLError: the URL itself is forbidden.
            BlockedAddressError: its name leads to a forbidden address.
            httpx.InvalidURL, ValueError: it is no URL.
            httpcore.LocalProtocolError: the method or a header cannot be sent.
            httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError: there is no answer.
        """
        request = self._request(method, httpx.URL(url), headers, body)
        async with self._room:
            connection, response = await self._send(request)
            try:
                yield response
            finally:
                await response.aclose()
                await self._kept.keep(request.url.origin, connection)

    async def close(self) -> None:
        """Close the connections that are kept and stop the threads."""
        self._look_ups.close()
        await self._kept.close()

    def _request(self, method: str, url: httpx.URL, headers: Headers, body: bytes) -> httpcore.Request:
        _refuse_disguise(url)
        self._policy.check_url(str(url))
        length = [(b"content-length", b"%d" % len(body))] if body or method != "GET" else []
        return httpcore.Request(
            method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=[(b"host", url.netloc), *length, *headers],
            content=body,
            extensions={"timeout": {"connect": _LONGEST_CONNECT}},
        )

    async def _send(self, request: httpcore.Request) -> tuple[httpcore.AsyncHTTPConnection, httpcore.Response]:
        origin = request.url.origin
        if kept := await self._kept.take(origin):
            with suppress(httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError):
                return kept, await kept.handle_async_request(request)
        tls = self._tls if origin.scheme == b"https" else None
        network = _Network(self._network)
        new = httpcore.AsyncHTTPConnection(origin, tls, keepalive_expiry=_LONGEST_IDLE, network_backend=network)
        try:
            return new, await new.handle_async_request(request)
        except BaseException:
            await network.close()
            raise

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()


class _Network(httpcore.AsyncNetworkBackend):
    """Remembers the socket that it opens: httpcore forgets to close it when it is cancelled within a TLS handshake."""

    def __init__(self, guarded: AsyncSafeBackend) -> None:
        self._guarded = guarded
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        self._stream = await self._guarded.connect_tcp(*args, **kwargs)
        return self._stream

    async def close(self) -> None:
        if self._stream:
            await self._stream.aclose()


def _refuse_disguise(url: httpx.URL) -> None:
    """Refuse addresses in spellings such as 0x7f.1, which look like names and which the system takes for addresses."""
    host = url.raw_host.decode("ascii")
    with suppress(OSError):
        if socket.inet_ntoa(socket.inet_aton(host)) != host:
            raise BlockedURLError(str(url), f"the host {host!r} is an address in disguise")
