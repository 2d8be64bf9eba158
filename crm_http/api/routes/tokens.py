"""List and revoke the caller's own tokens (decision 83)."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from litestar.response.base import ASGIResponse

from crm_core.model.accounts import OwnToken
from crm_core.ports import Accounts
from crm_core.use_cases import tokens
from crm_http.api.auth import Access, caller, token_of
from crm_http.api.endpoints import Endpoint, Reply
from crm_http.api.requests import AnyRequest, is_strict, read_query
from crm_http.api.responses import json_response, link_to_next
from crm_http.api.routing import everybody, path_id
from crm_http.payloads.shapes import array

_PATH: Final = "/api/tokens"


def token_endpoints(accounts: Accounts) -> Iterator[Endpoint]:
    """Return the endpoints of the caller's own tokens."""

    async def find(request: AnyRequest) -> ASGIResponse:
        params, who = read_query(request), caller(request)
        page = await tokens.find(accounts, who, token_of(request), params, strict=is_strict(request))
        return json_response(page.tokens, headers=link_to_next(request, _PATH, params, page.next))

    async def revoke(request: AnyRequest) -> ASGIResponse:
        await tokens.revoke(accounts, caller(request), token_of(request), path_id(request))
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT)

    yield Endpoint(
        *("GET", _PATH, find),
        access=everybody(Access.AUTHENTICATED),
        id="tokens_list",
        tag="Authentication",
        summary="List your own tokens, newest first",
        description="Those that still work, without the tokens themselves, which are not stored. The `Link` header "
        "names the next page. A narrow token lists itself alone.",
        query=tokens.Listing,
        replies={200: Reply("The tokens.", array(OwnToken), headers=("Link",))},
    )
    yield Endpoint(
        *("DELETE", f"{_PATH}/{{id}}", revoke),
        access=everybody(Access.AUTHENTICATED),
        id="tokens_revoke",
        tag="Authentication",
        summary="Revoke one of your own tokens",
        description="It does not work from the next request on. A narrow token can revoke itself alone.",
        replies={204: Reply("The token is revoked.")},
    )
