"""The limits that protect a worker."""

import attrs

from crm_http.settings import Network, RateLimit


@attrs.frozen(kw_only=True)
class Limits:
    """Limits that protect a worker from a flood of requests, and from clients that are slow on purpose.

    Attributes:
        requests: the most requests in flight; further ones are refused at once, but for users who have less than an
            equal share of them.
        body_seconds: for a body that is read at once, and for each piece of one that is streamed.
        pieces_seconds: for the whole of a streamed body.
        send_seconds: for a client to accept a piece of a long answer.
        rate: how many requests one token may make; None for any number.
        trusted_proxies: the networks of proxies that tell the addresses of clients, by which logins are limited.
    """

    requests: int = 256
    body_seconds: float = 30.0
    pieces_seconds: float = 600.0
    send_seconds: float = 30.0
    rate: RateLimit | None = None
    trusted_proxies: tuple[Network, ...] = ()
