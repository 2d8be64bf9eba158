"""The URLs of webhooks: http or https, with a usual host, and placeholders only in path and query (decision 29)."""

import re
from collections.abc import Mapping

from crm_core.errors import NOT_A_URL, Problem
from crm_core.input.urls import is_web_url
from crm_core.model.plain_values import REDACTED
from crm_core.webhooks.templates import NOTHING_RENAMED, PLACEHOLDER, placeholder_problems


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
    if re.search(r"\s", template) or not is_web_url(PLACEHOLDER.sub("x", template)):
        return [NOT_A_URL]
    return placeholder_problems(template, fields, renamed)


def _origin(url: str) -> str:
    """Return scheme and authority of a URL, which end at the first single slash, question mark or hash."""
    found = re.match(r"[^/?#]*(?://[^/?#]*)?", url)
    return found[0] if found else ""
