"""Logging in and out, who one is, and the lists of users (``api.md``, authentication and 12)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from crm_core.ports import Accounts, Passwords
from crm_core.use_cases import accounts as use_cases
from crm_http.api.auth import Access, caller, token_of
from crm_http.api.requests import JSON, LARGEST_LOGIN, AnyRequest, is_strict, read_login
from crm_http.api.routing import Answer, everybody, mount, rights

#: The lists of users by their path, with the group that each shows.
USER_LISTS: Final[Mapping[str, str]] = {
    "/api/instructors": "Instructors",
    "/api/tas": "Teacher Assistant",
    "/api/sales": "Sales",
    "/api/operations": "Operations",
}


def mount_accounts(accounts: Accounts, passwords: Passwords) -> list[HTTPRouteHandler]:
    """The routes of logins and users."""

    async def log_in(request: AnyRequest) -> ASGIResponse:
        client = request.scope["client"]
        address = client[0] if client else ""
        data = await read_login(request)
        token = await use_cases.log_in(accounts, passwords, data, address=address, strict=is_strict(request))
        return _json({"token": token})

    async def log_out(request: AnyRequest) -> ASGIResponse:
        await use_cases.log_out(accounts, token_of(request))
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT)

    async def me(request: AnyRequest) -> ASGIResponse:
        return _json(use_cases.describe(caller(request).actor))

    def members(group: str) -> Answer:
        async def find(request: AnyRequest) -> ASGIResponse:
            return _json(await use_cases.members(accounts, caller(request), group))

        return find

    return [
        mount(
            "/api-token-auth",
            {"POST": log_in, "DELETE": log_out},
            everybody(Access.PUBLIC) | {"DELETE": Access.AUTHENTICATED},
            largest_body=LARGEST_LOGIN,
        ),
        mount("/api/me", {"GET": me}, everybody(Access.AUTHENTICATED)),
        *(mount(path, {"GET": members(group)}, rights("user")) for path, group in USER_LISTS.items()),
    ]


def _json(content: object) -> ASGIResponse:
    return ASGIResponse(body=msgspec.json.encode(content), media_type=JSON)
