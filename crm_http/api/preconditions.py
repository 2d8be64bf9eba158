"""Versions of records as entity tags, and the headers in which clients name them (RFC 9110, 13)."""

import re
from collections.abc import Iterable
from typing import Final

from crm_core.model.records import Versions

_TAG = re.compile(r'(W/)?"([^"]*)"')
_VERSION = re.compile("[1-9][0-9]{0,9}")

#: Only the client may keep a copy, and must ask whether it is current before each use.
REVALIDATED: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}


def entity_tag(version: int) -> dict[str, str]:
    """Return the ``ETag`` header of a record's version."""
    return {"ETag": f'"{version}"'}


def expected_versions(if_match: str) -> Versions:
    """Return the versions that ``If-Match`` allows: None for any; weak and foreign tags allow none."""
    if if_match.strip() in ("", "*"):
        return None
    return frozenset(_versions(tag for weak, tag in _TAG.findall(if_match) if not weak))


def is_known(if_none_match: str, version: int) -> bool:
    """Return whether ``If-None-Match`` names the version of a record."""
    return if_none_match.strip() == "*" or version in _versions(tag for _, tag in _TAG.findall(if_none_match))


def matches_etag(if_none_match: str, tag: str) -> bool:
    """Return whether ``If-None-Match`` names an opaque ``ETag``, of a resource that is not a record."""
    return any(named.strip().removeprefix("W/") in (tag, "*") for named in if_none_match.split(","))


def _versions(tags: Iterable[str]) -> list[int]:
    return [int(tag) for tag in tags if _VERSION.fullmatch(tag)]
