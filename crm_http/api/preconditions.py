"""Versions of records as entity tags, and the headers by which clients say which one they know (RFC 9110, 13)."""

import re
from collections.abc import Iterable
from typing import Final

from crm_core.engine.decisions import Versions

_TAG = re.compile(r'(W/)?"([^"]*)"')
_VERSION = re.compile("[1-9][0-9]{0,9}")

#: Copies are kept by whoever asked alone, and asked about before each use.
REVALIDATED: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}


def entity_tag(version: int) -> dict[str, str]:
    """The header that tells a record's version."""
    return {"ETag": f'"{version}"'}


def expected_versions(if_match: str) -> Versions:
    """What ``If-Match`` lets a record be: None for anything, nothing for tags that are none of ours, or weak."""
    if if_match.strip() in ("", "*"):
        return None
    return frozenset(_versions(tag for weak, tag in _TAG.findall(if_match) if not weak))


def is_known(if_none_match: str, version: int) -> bool:
    """Whether ``If-None-Match`` names the version that a record has."""
    return if_none_match.strip() == "*" or version in _versions(tag for _, tag in _TAG.findall(if_none_match))


def names(tags: str, tag: str) -> bool:
    """Whether ``If-None-Match`` names what is no record, and so has a tag of any kind."""
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in tags.split(","))


def _versions(tags: Iterable[str]) -> list[int]:
    return [int(tag) for tag in tags if _VERSION.fullmatch(tag)]
