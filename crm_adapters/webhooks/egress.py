"""Requests to URLs that users name: their addresses are checked before, and pinned while connecting.

This does not replace a firewall: the process should also run where it cannot reach internal services.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import Any, Final, TypeAlias

import httpcore
import httpx
from ssrfguard import BlockedURLError, Policy
from ssrfguard.httpx import AsyncSafeBackend

from crm_adapters.webhooks.connections import IdleConnections
from crm_adapters.webhooks.dns import GetAddrInfo, Resolver

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

_MAX_CONCURRENCY: Final = 256
_MAX_IDLE_SECONDS: Final = 5.0
# A name may have several addresses to try within the caller's deadline.
_CONNECT_TIMEOUT: Final = 5.0
#: The socket option SO_LINGER: a close drops what was not sent yet and resets the connection, or sends it.
_RESET: Final = struct.pack("ii", 1, 0)
_SEND: Final = struct.pack("ii", 0, 0)


class Egress:
    """Sends requests over HTTP/1.1, on connections that are kept for 5 s.

    A name is resolved once per connection. If one of its addresses is forbidden, the request is refused; else one of
    them is connected to. There are no proxies, redirects or cookies. Certificates are verified against certifi's
    authorities, or those of SSL_CERT_FILE or SSL_CERT_DIR.

    Args:
        policy: which URLs and addresses may be called; see `crm_adapters.webhooks.policy_of`.
        lookup_timeout: seconds for resolving a name.
        getaddrinfo: replaces `socket.getaddrinfo`, in tests.
    """

    def __init__(self, policy: Policy, *, lookup_timeout: float = 5.0, getaddrinfo: GetAddrInfo | None = None) -> None:
        self._policy = policy
        self._resolver = Resolver(lookup_timeout, getaddrinfo)
        self._network = AsyncSafeBackend(policy=policy, resolver=self._resolver, resolver_slots=_MAX_CONCURRENCY)
        self._room = asyncio.Semaphore(_MAX_CONCURRENCY)
        self._kept = IdleConnections()

    @asynccontextmanager
    async def request(self, method: str, url: str, headers: Headers, body: bytes) -> AsyncIterator[httpcore.Response]:
        """Send a request and yield the response with its body unread; what is left of it at the end is dropped.

        ``Host`` and ``Content-Length`` are set here. A kept connection may turn out to be closed while it is used;
        then the request is sent once more, so the receiver may get it twice.

        Raises:
            BlockedURLError: the URL itself is forbidden.
            BlockedAddressError: its name resolves to a forbidden address.
            httpx.InvalidURL, ValueError: it is not a URL.
            httpcore.LocalProtocolError: the method or a header cannot be sent.
            httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError: there is no response.
        """
        request = self._build(method, httpx.URL(url), headers, body)
        async with self._room:
            connection, response = await self._send(request)
            try:
                yield response
            finally:
                await response.aclose()
                await self._kept.keep(request.url.origin, connection)

    async def close(self) -> None:
        """Close the idle connections and stop the threads."""
        self._resolver.close()
        await self._kept.close()

    def _build(self, method: str, url: httpx.URL, headers: Headers, body: bytes) -> httpcore.Request:
        _refuse_disguised_address(url)
        self._policy.check_url(str(url))
        length = [(b"content-length", b"%d" % len(body))] if body or method != "GET" else []
        return httpcore.Request(
            method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=[(b"host", url.netloc), *length, *headers],
            content=body,
            extensions={"timeout": {"connect": _CONNECT_TIMEOUT}},
        )

    async def _send(self, request: httpcore.Request) -> tuple[httpcore.AsyncHTTPConnection, httpcore.Response]:
        origin = request.url.origin
        if kept := await self._kept.take(origin):
            with suppress(httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError):
                return kept, await kept.handle_async_request(request)
        tls = self._tls if origin.scheme == b"https" else None
        network = _Network(self._network)
        new = _Connection(origin, tls, network)
        try:
            return new, await new.handle_async_request(request)
        except BaseException:
            await network.close()
            raise

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()


class _Network(httpcore.AsyncNetworkBackend):
    """Remembers the socket that it opens: httpcore does not close it when cancelled during a TLS handshake."""

    def __init__(self, guarded: AsyncSafeBackend) -> None:
        self._guarded = guarded
        self._stream: httpcore.AsyncNetworkStream | None = None
        self._at_close = _RESET

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        self._stream = await self._guarded.connect_tcp(*args, **kwargs)
        self.set_close(self._at_close)
        return self._stream

    def set_close(self, option: bytes) -> None:
        """Set what a close of the socket does."""
        self._at_close = option
        if self._stream:
            with suppress(OSError):  # it is closed already
                self._stream.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)

    async def close(self) -> None:
        if self._stream:
            await self._stream.aclose()


class _Connection(httpcore.AsyncHTTPConnection):
    """A connection that is reset if it is closed before a request is answered.

    Else the system would go on sending a request that was given up. After an interruption of the network it could reach
    the receiver when later versions of the record have.
    """

    def __init__(self, origin: httpcore.Origin, tls: ssl.SSLContext | None, network: _Network) -> None:
        super().__init__(origin, tls, keepalive_expiry=_MAX_IDLE_SECONDS, network_backend=network)
        self._own_network = network

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        self._own_network.set_close(_RESET)
        response = await super().handle_async_request(request)
        self._own_network.set_close(_SEND)
        return response


def _refuse_disguised_address(url: httpx.URL) -> None:
    """Raise BlockedURLError for addresses written like names, such as 0x7f.1, which the system takes for addresses."""
    host = url.raw_host.decode("ascii")
    with suppress(OSError):
        if socket.inet_ntoa(socket.inet_aton(host)) != host:
            raise BlockedURLError(str(url), f"the host {host!r} is an address in disguise")
