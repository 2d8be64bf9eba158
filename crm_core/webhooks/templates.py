"""``{field}`` placeholders in the URLs and header values of webhooks (``api.md`` 13, decision 29)."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote, urlsplit

from crm_core.errors import NOT_A_STRING, NOT_A_URL, Problem
from crm_core.input.readers import RefusedError, text_problems
from crm_core.model.documents import REDACTED, json_text

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
#: Headers that the sender sets, or on which framing and signing depend; webhooks cannot set them.
_RESERVED: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_RESERVED_PREFIXES: Final = ("webhook-", "proxy-")
MAX_HEADERS: Final = 50
TOO_MANY_HEADERS: Final = Problem("max_length", f"Ensure this field has no more than {MAX_HEADERS} elements.")
_TWICE: Final = Problem("unique", "This header is set twice.")
MAX_HEADER_LENGTH: Final = 4_096
_MAX_PORT: Final = 65_535
_MAX_VALUE_LENGTH_IN_URL: Final = 1_024
_MAX_URL_LENGTH: Final = 8_192
_MAX_HOST_LENGTH: Final = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class UnfillableError(Exception):
    """A template cannot be filled for a record."""


def read_headers(value: Mapping[str, object]) -> Mapping[str, str]:
    """Return the headers of a webhook; raise RefusedError for bad names or values, and for reserved headers."""
    if len(value) > MAX_HEADERS:
        raise RefusedError((TOO_MANY_HEADERS,))
    problems = {name[:256]: wrong for name, text in value.items() if (wrong := _header_problems(name, text))}
    spellings = Counter(name.lower() for name in value)
    problems |= {name: [_TWICE] for name in value if spellings[name.lower()] > 1 and name not in problems}
    if problems:
        raise RefusedError(problems, value)
    return {name: str(text) for name, text in value.items()}


def redacted_headers(headers: Mapping[str, object]) -> Mapping[str, str]:
    """Return headers by their names alone, as values hold tokens (decision 27)."""
    return dict.fromkeys(headers, REDACTED)


def redacted_url(url: str) -> str:
    """Return scheme and host of a URL alone, as paths and queries hold keys (decision 27).

    >>> redacted_url("https://hooks.example.com/services/T0/B0/key")
    'https://hooks.example.com/********'
    """
    return f"{_origin(url)}/{REDACTED}"


def is_reserved_header(name: str) -> bool:
    """Return whether webhooks cannot set a header, in whatever case it is written."""
    lower = name.lower()
    return lower in _RESERVED or lower.startswith(_RESERVED_PREFIXES)


def placeholders(template: str) -> Iterable[str]:
    """Return the field names in a template.

    >>> list(placeholders("https://example.com/{id}?city={attributes.city}"))
    ['id', 'attributes.city']
    """
    return _PLACEHOLDER.findall(template)


def placeholder_problems(template: str, fields: frozenset[str]) -> list[Problem]:
    """Return the problems of a template: placeholders that name no field of the model, and unbalanced braces."""
    problems = [
        Problem("unknown_placeholder", f'Unknown placeholder "{{{name}}}".')
        for name in placeholders(template)
        if name not in fields
    ]
    if re.search(r"[{}]", _PLACEHOLDER.sub("", template)):
        problems.append(Problem("invalid", "Unbalanced braces."))
    return problems


def url_problems(template: str, fields: frozenset[str]) -> list[Problem]:
    """Return the problems of a webhook's URL: it must be http(s), with placeholders only in path and query."""
    fragment = template.partition("#")[2]
    if _PLACEHOLDER.search(_origin(template) + fragment):
        return [
            Problem("placeholder", "Placeholders may stand in the path and query only, not in scheme, host or port.")
        ]
    if not _is_sound(template):
        return [NOT_A_URL]
    return placeholder_problems(template, fields)


def fill_url(template: str, value_of: Callable[[str], Any]) -> str:
    """Return a webhook's URL for one record. Values are percent-encoded and cannot add segments or parameters.

    >>> fill_url("https://example.com/{name}", {"name": "a/b"}.get)
    'https://example.com/a%2Fb'

    Args:
        template: the URL of the webhook.
        value_of: returns the plain value of a field by its name.

    Raises:
        UnfillableError: the URL is too long, or a segment of its path is empty or consists of dots.
    """
    values = {name: _as_text(value_of(name))[:_MAX_VALUE_LENGTH_IN_URL] for name in placeholders(template)}
    if segment := _empty_segment(template, values):
        raise UnfillableError(f"A segment of the URL's path would be empty: {segment}.")

    def fill(placeholder: re.Match[str]) -> str:
        text = values[placeholder[1]]
        # Dots need no encoding, but clients take a segment of dots for a step up.
        return quote(text, safe="", errors="replace") if text.strip(".") else "%2E" * len(text)

    filled = _PLACEHOLDER.sub(fill, template)
    if len(filled) > _MAX_URL_LENGTH:
        raise UnfillableError("The URL is too long.")
    if _dot_segments(filled) != _dot_segments(template):
        raise UnfillableError("A segment of the URL's path would be dots alone.")
    return filled


def _origin(url: str) -> str:
    """Return scheme and authority of a URL, which end at the first single slash, question mark or hash."""
    found = re.match(r"[^/?#]*(?://[^/?#]*)?", url)
    return found[0] if found else ""


def _dot_segments(url: str) -> int:
    """Count the segments ``.`` and ``..`` of a URL's path (RFC 3986, 3.3), which clients and servers remove."""
    return sum(segment in {".", ".."} for segment in _segments(url))


def _empty_segment(template: str, values: Mapping[str, str]) -> str:
    """Return a segment of placeholders without values, which would address another resource; empty if there is none."""
    filled = ((segment, _PLACEHOLDER.sub(lambda found: values[found[1]], segment)) for segment in _segments(template))
    return next((segment for segment, text in filled if segment and not text), "")


def _segments(url: str) -> list[str]:
    return re.split(r"[?#]", url, maxsplit=1)[0].split("/")


def fill_header(template: str, value_of: Callable[[str], Any]) -> str:
    """Return a header's value for one record, trimmed, without control characters, of at most 4,096 bytes.

    >>> fill_header("Lead {name}", {"name": "Ada"}.get)
    'Lead Ada'
    """
    filled = _PLACEHOLDER.sub(lambda placeholder: _as_text(value_of(placeholder[1])), template)
    plain = _CONTROLS.sub(" ", filled).strip().encode(errors="replace")[:MAX_HEADER_LENGTH]
    return plain.decode(errors="ignore").rstrip()


def _as_text(value: object) -> str:
    """Return a plain value as text: nothing for null, all digits of a number, compact JSON for lists and objects."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, str) else json_text(value)


def _is_sound(template: str) -> bool:
    if re.search(r"[\x00-\x20\x7f\\]|\s", template):
        return False
    try:
        parts = urlsplit(_PLACEHOLDER.sub("x", template))
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


def _header_problems(name: str, value: object) -> list[Problem]:
    if not TOKEN.fullmatch(name):
        return [Problem("invalid", "This is not a header's name.")]
    if is_reserved_header(name):
        return [Problem("forbidden", "This header cannot be set.")]
    if not isinstance(value, str):
        return [NOT_A_STRING]
    if re.search(r"[\r\n]", value):
        return [Problem("invalid", "Line breaks are not allowed.")]
    return text_problems(value, MAX_HEADER_LENGTH)
