"""``{field}`` placeholders in the URLs and header values of webhooks (``api.md`` 13, decision 29)."""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from crm_core.errors import Problem
from crm_core.model.plain_values import json_text
from crm_core.webhooks.headers import MAX_HEADER_LENGTH

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_MAX_VALUE_LENGTH_IN_URL: Final = 1_024
_MAX_URL_LENGTH: Final = 8_192
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


NOTHING_RENAMED: Final[Mapping[str, str]] = {}


class UnfillableError(Exception):
    """A template cannot be filled for a record."""


def placeholders(template: str) -> Iterable[str]:
    """Return the field names in a template.

    >>> list(placeholders("https://example.com/{id}?city={attributes.city}"))
    ['id', 'attributes.city']
    """
    return PLACEHOLDER.findall(template)


def placeholder_problems(
    template: str, fields: frozenset[str], renamed: Mapping[str, str] = NOTHING_RENAMED
) -> list[Problem]:
    """Return the problems of a template: placeholders that name no field of the model, and unbalanced braces.

    Args:
        template: the template.
        fields: the fields of the model.
        renamed: the names that fields have by now which had other names, by those.
    """
    problems = [
        Problem("unknown_placeholder", f'Unknown placeholder "{{{name}}}".{_new_name(renamed.get(name))}')
        for name in placeholders(template)
        if name not in fields
    ]
    if re.search(r"[{}]", PLACEHOLDER.sub("", template)):
        problems.append(Problem("invalid", "Unbalanced braces."))
    return problems


def _new_name(name: str | None) -> str:
    return "" if name is None else f" It was renamed to {{{name}}}."


def with_renamed(template: str, old: str, new: str) -> str:
    """Return a template with another name in place of a field's.

    >>> with_renamed("https://example.com/?city={attributes.city}", "attributes.city", "attributes.town")
    'https://example.com/?city={attributes.town}'
    """
    return template.replace(f"{{{old}}}", f"{{{new}}}")


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

    filled = PLACEHOLDER.sub(fill, template)
    if len(filled) > _MAX_URL_LENGTH:
        raise UnfillableError("The URL is too long.")
    if _dot_segments(filled) != _dot_segments(template):
        raise UnfillableError("A segment of the URL's path would be dots alone.")
    return filled


def without_empty_segments(template: str, value_of: Callable[[str], Any], instead: str) -> str:
    """Return a URL's template with a text in place of the segments of its path that would be empty.

    >>> without_empty_segments("https://example.com/{name}/{id}?name={name}", {"id": 7}.get, "erased")
    'https://example.com/erased/{id}?name={name}'
    """
    path, *rest = re.split(r"(?=[?#])", template, maxsplit=1)
    segments = (
        instead if segment and not PLACEHOLDER.sub(lambda found: _as_text(value_of(found[1])), segment) else segment
        for segment in path.split("/")
    )
    return "".join(("/".join(segments), *rest))


def _dot_segments(url: str) -> int:
    """Count the segments ``.`` and ``..`` of a URL's path (RFC 3986, 3.3), which clients and servers remove."""
    return sum(segment in {".", ".."} for segment in _segments(url))


def _empty_segment(template: str, values: Mapping[str, str]) -> str:
    """Return a segment of placeholders without values, which would address another resource; empty if there is none."""
    filled = ((segment, PLACEHOLDER.sub(lambda found: values[found[1]], segment)) for segment in _segments(template))
    return next((segment for segment, text in filled if segment and not text), "")


def _segments(url: str) -> list[str]:
    return re.split(r"[?#]", url, maxsplit=1)[0].split("/")


def fill_header(template: str, value_of: Callable[[str], Any]) -> str:
    """Return a header's value for one record, trimmed, without control characters, of at most 4,096 bytes.

    >>> fill_header("Lead {name}", {"name": "Ada"}.get)
    'Lead Ada'
    """
    filled = PLACEHOLDER.sub(lambda placeholder: _as_text(value_of(placeholder[1])), template)
    plain = _CONTROLS.sub(" ", filled).strip().encode(errors="replace")[:MAX_HEADER_LENGTH]
    return plain.decode(errors="ignore").rstrip()


def _as_text(value: object) -> str:
    """Return a plain value as text: nothing for null, all digits of a number, compact JSON for lists and objects."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, str) else json_text(value)
