"""Lists records that may stand for the same client, student or lead (decisions 153 to 155)."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import attrs

from crm_core.engine.cursors import pack, unpack
from crm_core.engine.query_strings import page_limit
from crm_core.errors import invalid
from crm_core.input.declarations import text
from crm_core.input.drafts import read_parameters
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller, require
from crm_core.model.duplicates import DuplicateGroup
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.rules.likeness import groups_alike

_PER_PAGE: Final = 50
#: The longest cursor: an attribute's name and a text that is not too long for an index.
_MAX_CURSOR_LENGTH: Final = 10_000


@attrs.frozen
class DuplicatesListing:
    """The query parameters of a list of duplicates.

    Attributes:
        limit: the number of groups on a page. A page can have fewer, or none, although more follow, as it looks at a
            part of all records; and a few more.
        cursor: the beginning of a page, as the ``Link`` header of another page has it.
    """

    limit: int = page_limit(_PER_PAGE)
    cursor: str = text(default="", blank=True, max_length=_MAX_CURSOR_LENGTH)


class DuplicatesPage(NamedTuple):
    """A page of groups of duplicates, and the cursor of the next page if there is one."""

    groups: Sequence[DuplicateGroup]
    next: str | None


async def find(
    db: Database, who: Caller, resource: Resource, params: Mapping[str, str], *, strict: bool = True
) -> DuplicatesPage:
    """Return a page of groups of records that may be duplicates, those with similar names first.

    Args:
        db: the store of records.
        who: the caller.
        resource: the resource of the records (``Resource.merges``).
        params: the query parameters (``DuplicatesListing``).
        strict: refuse unknown parameters instead of ignoring them.

    Raises PermissionDeniedError, InvalidError for bad parameters.
    """
    require(who.actor, resource.permission("view"))
    values = read_parameters(DuplicatesListing, params, ReadContext(who.new_id, strict))
    limit = values["limit"]
    page = await db.alike(resource.name, after=_read_cursor(values["cursor"]), limit=limit)
    groups: list[DuplicateGroup] = []
    for key, records in page.alike:
        groups += groups_alike(key, records)
        if len(groups) >= limit and key != page.alike[-1][0]:
            return DuplicatesPage(groups, pack(key))
    return DuplicatesPage(groups, None if page.next is None else pack(page.next))


def _read_cursor(cursor: str) -> str:
    if not cursor:
        return ""
    try:
        [key] = unpack(cursor)
    except (ValueError, TypeError, RecursionError):
        key = None
    if not isinstance(key, str) or "\0" in key:
        raise invalid("cursor", "invalid", "Invalid cursor")
    return key
