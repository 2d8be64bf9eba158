"""The headers of webhooks: their names and values, and reserved headers (``api.md`` 13, decision 29)."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from crm_core.errors import NOT_A_STRING, Problem, too_many_elements
from crm_core.input.readers import RefusedError, text_problems
from crm_core.model.plain_values import REDACTED

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
TOO_MANY_HEADERS: Final = too_many_elements(MAX_HEADERS)
_TWICE: Final = Problem("unique", "This header is set twice.")
MAX_HEADER_LENGTH: Final = 4_096


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


def is_reserved_header(name: str) -> bool:
    """Return whether webhooks cannot set a header, in whatever case it is written."""
    lower = name.lower()
    return lower in _RESERVED or lower.startswith(_RESERVED_PREFIXES)


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
