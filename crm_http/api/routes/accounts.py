"""Log in and out, show who the caller is, and list users (``api.md``, authentication and 12)."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final

from litestar.response.base import ASGIResponse

from crm_core.input.fields import fields_of
from crm_core.model.accounts import User
from crm_core.ports import Accounts, Passwords
from crm_core.use_cases import accounts as use_cases
from crm_http.api.auth import Access, caller, token_of
from crm_http.api.body_limits import MAX_LOGIN_BODY
from crm_http.api.endpoints import Endpoint, Handler, Reply
from crm_http.api.requests import FORM, JSON, MULTIPART, AnyRequest, is_strict, read_login
from crm_http.api.responses import json_response
from crm_http.api.routing import everybody, rights
from crm_http.payloads.bodies import Me, Token
from crm_http.payloads.shapes import Example, Input, array

#: The group that each list of users shows, by the last part of its path.
_USER_LISTS: Final[Mapping[str, str]] = {
    "instructors": "Instructors",
    "tas": "Teacher Assistant",
    "sales": "Sales",
    "operations": "Operations",
}
#: The members of a login that a form repeats.
_LISTS: Final = frozenset(name for name, field in fields_of(use_cases.Credentials).items() if field.kind == "texts")
_AUTHENTICATION: Final = "Authentication"
_TOKEN_ACCESS: Final = everybody(Access.PUBLIC, DELETE=Access.AUTHENTICATED)


def account_endpoints(accounts: Accounts, passwords: Passwords) -> Iterator[Endpoint]:
    """Return the endpoints of logins and users."""

    async def log_in(request: AnyRequest) -> ASGIResponse:
        data, address = await read_login(request, _LISTS), request.scope["state"]["client_address"]
        token = await use_cases.log_in(accounts, passwords, data, address=address, strict=is_strict(request))
        return json_response({"token": token})

    async def log_out(request: AnyRequest) -> ASGIResponse:
        await use_cases.log_out(accounts, token_of(request))
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT)

    async def me(request: AnyRequest) -> ASGIResponse:
        return json_response(use_cases.describe(caller(request).actor))

    yield Endpoint(
        *("POST", "/api-token-auth", log_in),
        access=_TOKEN_ACCESS,
        id="log_in",
        tag=_AUTHENTICATION,
        summary="Obtain a token",
        description="Each call gives a new token, which expires when it has not been used for some time. After many "
        "wrong passwords the caller has to wait.",
        body=dict.fromkeys((JSON, FORM, MULTIPART), Input(use_cases.Credentials, "Credentials")),
        max_body=MAX_LOGIN_BODY,
        replies={200: Reply("The token. It is shown only this once.", Token)},
        errors=frozenset({429}),
        request_example=Example("Obtain Token", {"username": "your_username", "password": "your_password"}),
        response_example=Example("Obtain Token", {"token": "<your_token>"}),
    )
    yield Endpoint(
        *("DELETE", "/api-token-auth", log_out),
        access=_TOKEN_ACCESS,
        id="log_out",
        tag=_AUTHENTICATION,
        summary="Revoke the token",
        description="Revokes the token that the request is sent with. It does not work from the next request on.",
        replies={204: Reply("The token is revoked.")},
    )
    yield Endpoint(
        *("GET", "/api/me", me),
        access=everybody(Access.AUTHENTICATED),
        id="me",
        tag=_AUTHENTICATION,
        summary="Show the caller with their groups and permissions",
        description="The permissions are those of this moment: a change of them counts from the next request on.",
        replies={200: Reply("The caller.", Me)},
        response_example=Example(
            "Get User Context",
            {
                "id": 1,
                "username": "user.name",
                "groups": ["Sales"],
                "permissions": ["app.add_lead", "app.view_client"],
            },
        ),
    )
    for name, group in _USER_LISTS.items():
        yield Endpoint(
            *("GET", f"/api/{name}", _members(accounts, group)),
            access=rights("user"),
            id=f"{name}_list",
            tag="Users",
            summary=f"List the users in the group {group}",
            description="All active users of the group, ordered by id. Records refer to users by these ids.",
            replies={200: Reply("The users.", array(User))},
        )


def _members(accounts: Accounts, group: str) -> Handler:
    async def find(request: AnyRequest) -> ASGIResponse:
        return json_response(await use_cases.members(accounts, caller(request), group))

    return find
