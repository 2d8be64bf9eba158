"""Web addresses in input."""

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_URL = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[^\s/?#\\@\[\]{}%:]+)(?::[0-9]{0,5})?(?:[/?#][^\s\\\x00-\x1f\x7f]*)?", re.IGNORECASE
)
_MAX_PORT: Final = 65_535
_MAX_HOST_LENGTH: Final = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


def is_web_url(value: str) -> bool:
    """Return whether a text is an absolute http or https URL, with a host and a port that there can be, and no user.

    >>> is_web_url("https://example.com:8443/a?b=c#d"), is_web_url("https://[example/"), is_web_url("https://a@b/")
    (True, False, False)
    """
    if not _URL.fullmatch(value):
        return False
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    return _is_host(parts.hostname or "") and (port is None or 0 < port <= _MAX_PORT)


def _is_host(host: str) -> bool:
    """Return whether a host is a name or a usual IP address: ``0x7f.1`` looks like a name but means an address."""
    with suppress(ValueError):
        return bool(ip_address(host))
    try:
        name = host.encode("idna").decode().removesuffix(".")
    except UnicodeError:
        return False
    last = name.rpartition(".")[2]
    return len(name) <= _MAX_HOST_LENGTH and all(map(_LABEL.fullmatch, name.split("."))) and not _NUMBER.fullmatch(last)
