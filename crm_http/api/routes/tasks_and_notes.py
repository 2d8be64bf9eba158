"""The atomic operations on tasks and notes (``api.md`` 2, 3, 5; decision 17)."""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from litestar.response.base import ASGIResponse

from crm_core.errors import InvalidError
from crm_core.input.drafts import Edit
from crm_core.input.readers import ReadContext
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.rules.tasks_and_notes import OPERATIONS, EntryId, TaskUpdate
from crm_core.use_cases import records
from crm_http.api.auth import idempotent_caller
from crm_http.api.endpoints import Endpoint, Handler, Reply
from crm_http.api.preconditions import expected_versions
from crm_http.api.requests import JSON, AnyRequest, header, is_strict
from crm_http.api.responses import record_response
from crm_http.api.routes.records import body_or, tag_of
from crm_http.api.routing import path_id, rights
from crm_http.payloads.record_examples import EXAMPLE_ID, EXAMPLE_NOTE, EXAMPLE_TASK
from crm_http.payloads.shapes import Example, Input, Shape


class _Description(NamedTuple):
    summary: str
    description: str
    body: Shape
    working_example: object
    example: Example | None = None
    status: HTTPStatus = HTTPStatus.OK


#: What the document says of each operation in ``OPERATIONS``.
_DESCRIPTIONS: Final[Mapping[str, _Description]] = {
    "update-task": _Description(
        "Change one task",
        "The others stay as they are. `completed` is needed unless `task` or `date` is sent.",
        Input(TaskUpdate, "TaskChange", required=("task_id",), any_of=("completed", "task", "date")),
        {"task_id": EXAMPLE_TASK, "completed": True},
        Example("Update Task Status", {"task_id": EXAMPLE_ID, "completed": True}),
    ),
    "delete-task": _Description(
        "Delete one task",
        "The others stay as they are.",
        Input(EntryId, "TaskReference", aliases={"id": "task_id"}),
        {"id": EXAMPLE_TASK},
    ),
    "delete-note": _Description(
        "Delete one note",
        "The others stay as they are.",
        Input(EntryId, "NoteReference"),
        {"id": EXAMPLE_NOTE},
        Example("Delete Note", {"id": EXAMPLE_ID}),
    ),
    "add-task": _Description(
        "Add one task",
        "It comes last. The others stay as they are.",
        "TaskInput",
        {"task": "Call client", "date": "2026-01-20"},
        status=HTTPStatus.CREATED,
    ),
    "add-note": _Description(
        "Add one note",
        "It comes last. The others stay as they are.",
        "NoteInput",
        {"note": "Client requested new proposal"},
        status=HTTPStatus.CREATED,
    ),
}


def task_and_note_endpoints(resource: Resource, db: Database) -> Iterator[Endpoint]:
    """Return one endpoint for each operation."""
    for name, read in OPERATIONS.items():
        described = _DESCRIPTIONS[name]
        yield Endpoint(
            *("POST", f"/api/{resource.path}/{{id}}/{name}", _handler(resource, db, read, described.status)),
            access=rights(resource.model_name, POST="change"),
            id=f"{resource.path}_{name.replace('-', '_')}",
            reads_first=resource,
            tag=tag_of(resource),
            summary=f"{described.summary} of a {resource.label[0]}",
            description=described.description,
            headers=("If-Match", "Idempotency-Key"),
            body={JSON: described.body},
            request_example=described.example,
            working_example=described.working_example,
            replies={described.status: Reply("The record as it is now.", resource.entity, headers=("ETag",))},
        )


def _handler(
    resource: Resource, db: Database, read: Callable[[object, ReadContext], Edit], status: HTTPStatus
) -> Handler:
    async def handle(request: AnyRequest) -> ASGIResponse:
        id_ = path_id(request)
        data = await body_or(request, lambda: records.look_up(db, resource, id_))
        who = await idempotent_caller(request)
        try:
            edit = read(data, ReadContext(who.new_id, is_strict(request)))
        except InvalidError:
            await records.look_up(db, resource, id_)  # 404 comes before 400 (decision 2)
            raise
        expected = expected_versions(header(request, b"if-match"))
        return record_response(await records.apply(db, who, resource, id_, edit, expected=expected), status)

    return handle
