"""The atomic operations on tasks and notes (``api.md`` 2, 3, 5; ruling 17)."""

from http import HTTPStatus

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from crm_core.errors import InvalidError
from crm_core.input.readers import ReadContext
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.rules.tasks_and_notes import OPERATIONS
from crm_core.use_cases import records
from crm_http.api.auth import lasting_caller
from crm_http.api.preconditions import expected_versions
from crm_http.api.requests import AnyRequest, header, is_strict
from crm_http.api.routes.records import body_or, shown
from crm_http.api.routing import Answer, mount, path_id, rights


def mount_activity(resource: Resource, db: Database) -> list[HTTPRouteHandler]:
    """One path for each operation."""
    access = rights(resource.noun) | {"POST": resource.permission("change")}
    path = f"/api/{resource.path}/{{id:str}}"
    return [mount(f"{path}/{name}", {"POST": _operation(resource, db, name)}, access) for name in OPERATIONS]


def _operation(resource: Resource, db: Database, name: str) -> Answer:
    status = HTTPStatus.CREATED if name.startswith("add-") else HTTPStatus.OK

    async def operate(request: AnyRequest) -> ASGIResponse:
        id_ = path_id(request)
        data = await body_or(request, lambda: records.look_up(db, resource, id_))
        who = await lasting_caller(request)
        try:
            edit = OPERATIONS[name](data, ReadContext(who.new_id, is_strict(request)))
        except InvalidError:
            await records.look_up(db, resource, id_)  # a record that is not there comes first (ruling 2)
            raise
        expected = expected_versions(header(request, b"if-match"))
        return shown(await records.apply(db, who, resource, id_, edit, expected=expected), status)

    return operate
