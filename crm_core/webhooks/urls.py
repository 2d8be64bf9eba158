"""The URLs of webhooks: http or https, with a usual host, and placeholders only in path and query (decision 29)."""

import re
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from crm_core.errors import NOT_A_URL, Problem
from crm_core.model.plain_values import REDACTED
from crm_core.webhooks.templates import NOTHING_RENAMED, PLACEHOLDER, placeholder_problems

_MAX_PORT: Final = 65_535
_MAX_HOST_LENGTH: Final = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)


def redacted_url(url: str) -> str:
    """Return scheme and host of a URL alone, as paths and queries hold keys (decision 27).

    >>> redacted_url("https://hooks.example.com/services/T0/B0/key")
    'https://hooks.example.com/********'
    """
    return f"{_origin(url)}/{REDACTED}"


def url_problems(template: str, fields: frozenset[str], renamed: Mapping[str, str] = NOTHING_RENAMED) -> list[Problem]:
    """Return the problems of a webhook's URL: it must be http(s), with placeholders only in path and query.

    The arguments are those of ``placeholder_problems``.
    """
    fragment = template.partition("#")[2]
    if PLACEHOLDER.search(_origin(template) + fragment):
        return [
            Problem("placeholder", "Placeholders may stand in the path and query only, not in scheme, host or port.")
        ]
    if not _is_sound(template):
        return [NOT_A_URL]
    return placeholder_problems(template, fields, renamed)


def _is_sound(template: str) -> bool:
    if re.search(r"[\x00-\x20\x7f\\]|\s", template):
        return False
    try:
        parts = urlsplit(PLACEHOLDER.sub("x", template))
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and _is_host(parts.hostname or "")
        and not re.search(r"[@{}%]", parts.netloc)
        and (port is None or 0 < port <= _MAX_PORT)
    )


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


def _origin(url: str) -> str:
    """Return scheme and authority of a URL, which end at the first single slash, question mark or hash."""
    found = re.match(r"[^/?#]*(?://[^/?#]*)?", url)
    return found[0] if found else ""
