"""Paths: who may do what there, and what a path answers to the methods that it does not have."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final
from uuid import UUID

from litestar import route
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import Method

from crm_core.errors import InvalidError, NotFoundError, Problem
from crm_core.input.readers import RefusedError, read_uuid
from crm_core.model.permissions import permission
from crm_http.api.auth import PERMISSION, Access
from crm_http.api.errors import RequestError, method_not_allowed
from crm_http.api.requests import LARGEST_BODY, AnyRequest, accepts_json, is_strict, read_query

#: Answers a request whose caller may make it.
Answer = Callable[[AnyRequest], Awaitable[ASGIResponse]]

METHODS: Final[tuple[Method, ...]] = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: The key under which a route says which methods it has.
ANSWERS: Final = "answers"
_ACTIONS: Final = {"GET": "view", "POST": "add", "PUT": "change", "PATCH": "change", "DELETE": "delete"}

#: Answers carry their own status; the framework insists on one that may have a body.
_UNUSED = HTTPStatus.OK


def rights(noun: str) -> dict[str, str | Access]:
    """The permission that each method needs (ruling 24)."""
    return {method: permission(action, noun) for method, action in _ACTIONS.items()}


def everybody(access: Access) -> dict[str, str | Access]:
    """The same for each method."""
    return dict.fromkeys((*METHODS, "OPTIONS"), access)


def mount(
    path: str,
    answers: Mapping[str, Answer],
    access: Mapping[str, str | Access],
    *,
    lists: bool = False,
    serves_json: bool = True,
    largest_body: int = LARGEST_BODY,
) -> HTTPRouteHandler:
    """The route of a path.

    The methods that it does not have belong to it too, with what they would need, so that nobody is told what a path
    has who may not ask (ruling 2: 401, 403, then 405).

    Args:
        path: the path, without its last slash; it answers with and without.
        answers: the answer to each method that it has.
        access: what each method needs.
        lists: GET takes query parameters, and answers for unknown ones itself.
        serves_json: answers are JSON, which the client must take.
        largest_body: the most bytes that a request may have.
    """
    allowed = ", ".join([*(m for m in METHODS if m in answers), *(["HEAD"] if "GET" in answers else []), "OPTIONS"])
    needed = {"OPTIONS": Access.AUTHENTICATED, **access}

    @route(
        path,
        http_method=[*METHODS, "OPTIONS"],
        opt={PERMISSION: needed, ANSWERS: tuple(method for method in METHODS if method in answers)},
        status_code=_UNUSED,
        request_max_body_size=largest_body,
    )
    async def handler(request: AnyRequest) -> ASGIResponse:
        answer = answers.get(request.method)
        if answer is None:
            return _without_answer(request, allowed)
        if serves_json and not accepts_json(request):
            raise RequestError(HTTPStatus.NOT_ACCEPTABLE, "Could not satisfy the request Accept header.")
        if request.scope["query_string"] and not (lists and request.method == "GET") and is_strict(request):
            raise InvalidError(dict.fromkeys(read_query(request), _NO_PARAMETERS))
        return await answer(request)

    return handler


def path_id(request: AnyRequest, name: str = "id") -> UUID:
    """The id in the path, in any spelling; a malformed one names nothing."""
    try:
        return read_uuid(request.path_params[name])
    except RefusedError:
        raise NotFoundError from None


def _without_answer(request: AnyRequest, allowed: str) -> ASGIResponse:
    method = request.scope["state"]["method"]
    if method == "OPTIONS":
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": allowed})
    raise method_not_allowed(method, allowed)


_NO_PARAMETERS: Final = (Problem("unknown", "This parameter is not known. There are none here."),)
