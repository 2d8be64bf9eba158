"""Entity tags (RFC 9110, 8.8.3) as they come back from proxies that compress: weak, or with the name of the coding.

nginx and Cloudflare make ``"2"`` weak, Apache, Caddy and Jetty append the coding: ``W/"2"``, ``"2-gzip"``,
``"2--gzip"``. The records behind such tags are the same, so what was added is left out before tags are compared.
"""

import re
from collections.abc import Sequence
from typing import Final

#: What servers append to a tag, once for each that compresses: a separator, and a content coding that is registered
#: (RFC 9110, 18.6) or was used before it was.
_CODINGS = re.compile(
    r"(?:[-;:+._]{1,2}(?:x-)?(?:gzip|br|brotli|zstd|deflate|compress|identity|dcb|dcz))+$", re.IGNORECASE
)
#: A member of a list of tags; what is none is left out, so that nothing is made of what the client did not mean.
_TAG = re.compile(r'(?:^|,)[ \t]*(?:W/)?"([^"]*)"[ \t]*(?=,|$)', re.IGNORECASE)
_VERSION = re.compile("[1-9][0-9]{0,9}")
#: Longer tags are none of ours, and searching them would take long.
_MAX_TAG_LENGTH: Final = 100


def entity_tag(text: str) -> str:
    """Return the entity tag of what a text identifies; the text has no quotes.

    >>> entity_tag("2")
    '"2"'
    """
    return f'"{text}"'


def in_coding(tag: str, coding: str) -> str:
    """Return the entity tag of the same content in a coding, as Apache and Caddy write it.

    >>> in_coding('"2"', "gzip")
    '"2-gzip"'
    """
    return f'{tag[:-1]}-{coding}"'


def tags_in(header: str) -> Sequence[str]:
    """Return what the tags of a header identify, without quotes, marks of weakness, and codings.

    >>> tags_in('W/"2", "3-gzip", "x"')
    ['2', '3', 'x']
    """
    return [_CODINGS.sub("", tag) for tag in _TAG.findall(header) if len(tag) <= _MAX_TAG_LENGTH]


def versions_in(header: str) -> Sequence[int]:
    """Return the versions of records among the tags of a header.

    >>> versions_in('W/"2", "3-gzip", "x"')
    [2, 3]
    """
    return [int(tag) for tag in tags_in(header) if _VERSION.fullmatch(tag)]
