"""A user's own tokens: which there are, and the end of one (decision 83).

A narrow token reaches itself alone, so that whoever has it learns nothing of the others and can end none of them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import attrs

from crm_core.engine.cursors import read_place, write_place
from crm_core.engine.query_strings import MAX_PAGE_SIZE, page_limit
from crm_core.errors import NotAuthenticatedError, NotFoundError
from crm_core.input.declarations import text
from crm_core.input.drafts import read_parameters
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller, IssuedToken, OwnToken
from crm_core.ports import Accounts
from crm_core.use_cases.accounts import hash_token


@attrs.frozen
class Listing:
    """The query parameters of the list of tokens.

    Attributes:
        limit: the number of tokens on a page.
        cursor: the beginning of a page, as the ``Link`` header of another page has it.
    """

    limit: int = page_limit(MAX_PAGE_SIZE)
    cursor: str = text(default="")


class TokenPage(NamedTuple):
    """A page of the list of tokens, and the cursor of the next page if there is one."""

    tokens: Sequence[OwnToken]
    next: str | None


async def find(
    accounts: Accounts, who: Caller, token: str, params: Mapping[str, str], *, strict: bool = True
) -> TokenPage:
    """Return tokens of the caller, the newest first; of a caller with a narrow token only that one.

    Args:
        accounts: where tokens are stored.
        who: the caller.
        token: the token that the caller sent.
        params: the query parameters.
        strict: whether unknown parameters are problems.

    Raises InvalidError, and NotAuthenticatedError if the token was revoked during the request.
    """
    parameters = read_parameters(Listing, params, ReadContext(who.new_id, strict))
    limit = parameters["limit"]
    before = read_place(parameters["cursor"]) if parameters["cursor"] else None
    current = await _current(accounts, token)
    if current.permissions is not None:
        found: Sequence[IssuedToken] = [current] if before is None else []
    else:
        found = await accounts.list_tokens(who.actor.user.id, limit=limit + 1, before=before)
    page = found[:limit]
    following = write_place(page[-1].created_at, page[-1].id) if len(found) > limit else None
    return TokenPage([_shown(each, current) for each in page], following)


async def revoke(accounts: Accounts, who: Caller, token: str, token_id: UUID) -> None:
    """Revoke a token of the caller, from the next request on; a narrow token can revoke itself alone.

    Args:
        accounts: where tokens are stored.
        who: the caller.
        token: the token that the caller sent.
        token_id: the id of the token that is to be revoked.

    Raises NotFoundError if the caller has no such token or may not reach it, and NotAuthenticatedError as ``find``.
    """
    current = await _current(accounts, token)
    is_in_reach = current.permissions is None or current.id == token_id
    if not is_in_reach or not await accounts.revoke_token_of(who.actor.user.id, token_id):
        raise NotFoundError


async def _current(accounts: Accounts, token: str) -> IssuedToken:
    found = await accounts.find_token(hash_token(token))
    if found is None:
        raise NotAuthenticatedError("Invalid token.")
    return found


def _shown(token: IssuedToken, current: IssuedToken) -> OwnToken:
    return OwnToken(
        id=token.id,
        prefix=token.prefix,
        permissions=None if token.permissions is None else tuple(sorted(token.permissions)),
        is_current=token.id == current.id,
        created_at=token.created_at,
        last_used_at=token.last_used_at,
    )
