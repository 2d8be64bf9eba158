"""Versions of records as entity tags, and the headers in which clients name them (RFC 9110, 13)."""

from typing import Final

from crm_core.model.records import Versions
from crm_http.headers.entity_tags import entity_tag, tags_in, versions_in

#: Only the client may keep a copy, and must ask whether it is current before each use.
REVALIDATED: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}

_ANY: Final = "*"


def version_tag(version: int) -> dict[str, str]:
    """Return the ``ETag`` header of a record's version."""
    return {"ETag": entity_tag(str(version))}


def expected_versions(if_match: str) -> Versions:
    """Return the versions that ``If-Match`` allows: None for any; empty if it names none.

    Weak tags count too, although RFC 9110 (13.1.1) compares strongly: proxies weaken them, and versions are exact
    (decision 77).
    """
    if if_match.strip() in ("", _ANY):
        return None
    return frozenset(versions_in(if_match))


def is_known(if_none_match: str, version: int) -> bool:
    """Return whether ``If-None-Match`` names the version of a record."""
    return if_none_match.strip() == _ANY or version in versions_in(if_none_match)


def matches_etag(if_none_match: str, tag: str) -> bool:
    """Return whether ``If-None-Match`` names an ``ETag`` of a resource that is not a record, in any coding."""
    return if_none_match.strip() == _ANY or not set(tags_in(tag)).isdisjoint(tags_in(if_none_match))
