"""Makes a route for each path of the endpoints, which also refuses the methods that the path does not have."""

import re
from collections.abc import Iterable, Mapping, Sequence
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
from crm_http.api.auth import PERMISSION, READ_AHEAD, Access
from crm_http.api.body_limits import MAX_BODY
from crm_http.api.endpoints import Endpoint
from crm_http.api.errors import RequestError, method_not_allowed
from crm_http.api.requests import AnyRequest, accepts_json, is_strict, read_query

METHODS: Final[tuple[Method, ...]] = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: The key under which a route has its endpoints.
ENDPOINTS: Final = "endpoints"
_ACTIONS: Final = {"GET": "view", "POST": "add", "PUT": "change", "PATCH": "change", "DELETE": "delete"}
_NO_PARAMETERS: Final = (Problem("unknown", "This parameter is not known. There are none here."),)


def rights(model_name: str, **actions: str) -> Mapping[str, str | Access]:
    """Return the permission that each method of a path needs; ``actions`` are the unusual ones (decision 24)."""
    return {method: permission(action, model_name) for method, action in (_ACTIONS | actions).items()}


def everybody(access: Access, **others: Access) -> Mapping[str, str | Access]:
    """Return the same access for every method of a path except ``others``."""
    return dict.fromkeys((*METHODS, "OPTIONS"), access) | others


def mount(endpoints: Iterable[Endpoint]) -> list[HTTPRouteHandler]:
    """Return the routes of endpoints, one for each path."""
    paths: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, []).append(endpoint)
    return [_route(path, of_path) for path, of_path in paths.items()]


def _route(path: str, endpoints: Sequence[Endpoint]) -> HTTPRouteHandler:
    """Return the route of a path.

    The route also has the methods that the path does not have, and the access that they would need: only a caller
    with that access learns which methods a path has (decision 2: 401, 403, then 405).
    """
    methods = {
        endpoint.method: (endpoint.handler, endpoint.serves_json, endpoint.query is not None) for endpoint in endpoints
    }
    ahead = {endpoint.method: endpoint.reads_first.name for endpoint in endpoints if endpoint.reads_first}

    @route(
        re.sub(r"{(\w+)}", r"{\1:str}", path),
        http_method=[*METHODS, "OPTIONS"],
        opt={
            PERMISSION: {"OPTIONS": Access.AUTHENTICATED, **endpoints[0].access},
            READ_AHEAD: ahead,
            ENDPOINTS: tuple(endpoints),
        },
        status_code=HTTPStatus.OK,  # unused, but the framework requires a status that allows a body
        request_max_body_size=next((endpoint.max_body for endpoint in endpoints if endpoint.max_body), MAX_BODY),
    )
    async def handler(request: AnyRequest) -> ASGIResponse:
        if request.method not in methods:
            return _without_handler(request, _allowed(endpoints, request.path_params))
        handle, serves_json, takes_query = methods[request.method]
        if serves_json and not accepts_json(request):
            raise RequestError(HTTPStatus.NOT_ACCEPTABLE, "Could not satisfy the request Accept header.")
        if request.scope["query_string"] and not takes_query and is_strict(request):
            raise InvalidError(dict.fromkeys(read_query(request), _NO_PARAMETERS))
        return await handle(request)

    return handler


def _allowed(endpoints: Iterable[Endpoint], values: Mapping[str, str]) -> str:
    """Return the methods of a path with these parameters: of the endpoints for these values, or else for all others."""
    named, others = set[str](), set[str]()
    for endpoint in endpoints:
        few = {name: schema["enum"] for name, schema in endpoint.path_parameters.items() if "enum" in schema}
        if not few:
            others.add(endpoint.method)
        elif all(values[name] in few[name] for name in few):
            named.add(endpoint.method)
    methods = named or others
    return ", ".join([*(m for m in METHODS if m in methods), *(["HEAD"] if "GET" in methods else []), "OPTIONS"])


def path_id(request: AnyRequest, name: str = "id") -> UUID:
    """Return the id in the path, in any spelling. Raises NotFoundError if it is not an id."""
    try:
        return read_uuid(request.path_params[name])
    except RefusedError:
        raise NotFoundError from None


def _without_handler(request: AnyRequest, allowed: str) -> ASGIResponse:
    method = request.scope["state"]["method"]
    if method == "OPTIONS":
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": allowed})
    raise method_not_allowed(method, allowed)
