"""Reads the parameters in the headers of a form and its parts, in all the spellings that clients use."""

import re
from typing import Final
from urllib.parse import unquote

#: A parameter: a token, or a quoted text. That ends at a quote with a semicolon or nothing behind it; a backslash in
#: front of a quote makes it a part of the text, but for the paths that end with one.
_PARAMETER: Final = re.compile(
    r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"(?=\s*(?:;|$))|"([^"]*)"?|([^;]*))', re.DOTALL
)
_ESCAPED: Final = re.compile(r'\\(["\\])')


def parameters(value: str) -> dict[str, str]:
    """Return the parameters of a header by their lower-case names; the first one counts if a name is repeated."""
    found: dict[str, str] = {}
    for name, quoted, torn, token in _PARAMETER.findall(value):
        found.setdefault(name.lower(), _ESCAPED.sub(r"\1", quoted) or torn or token.strip())
    return found


def file_name(disposition: dict[str, str]) -> str | None:
    """Return the name of a part's file; None for a part without a file name.

    ``filename*`` (RFC 8187) takes precedence over ``filename``, whose percent signs are decoded (RFC 7578 4.2).
    """
    if (extended := disposition.get("filename*")) is not None:
        charset, _, rest = extended.partition("'")
        return _decoded(rest.partition("'")[2] if rest else charset, charset)
    name = disposition.get("filename")
    return None if name is None else _decoded(name, "utf-8")


def _decoded(text: str, charset: str) -> str:
    try:
        return unquote(text, encoding=charset or "utf-8", errors="replace")
    except LookupError:
        return unquote(text)
