"""The documentation replayed: every JSON example of ``docs/api.md``, in its order, against the running app."""

import json
import pathlib
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from tests.http.conftest import PASSWORD, Api
from tests.pictures import jpeg

DOCUMENTATION = pathlib.Path(__file__).parents[2] / "docs" / "api.md"
_LINE = re.compile(r"\*\*((?:GET|POST|PUT|PATCH|DELETE)(?:/PATCH)?)\*\* `([^`]+)`")
_LABEL = re.compile(r"\*\*([A-Z][^*]*?):?\*\*")
_DATE_FORMAT = ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]


class Example(NamedTuple):
    """One fenced JSON block, and where in the documentation it is."""

    method: str
    path: str
    heading: str
    label: str
    text: str

    @property
    def key(self) -> str:
        """What the steps below call it: the line of its method and path, its heading, and the label above it."""
        return " | ".join(part for part in (f"{self.method} {self.path}", self.heading, self.label) if part)

    def body(self, *replacements: tuple[str, str]) -> str:
        """What is sent: the block as it stands, with real values where it has placeholders.

        The documentation explains some fields by ``// comments``, which are no part of JSON; they are taken out of the
        blocks that have them, and nothing is changed in the others.
        """
        text = re.sub(r"\s+//.*$", "", self.text, flags=re.MULTILINE)
        for placeholder, value in replacements:
            assert placeholder in text, f"{self.key} has no {placeholder}"
            text = text.replace(placeholder, value)
        return text

    def json(self) -> Any:
        return json.loads(self.body())


def _read() -> tuple[list[Example], list[tuple[str, str]]]:
    """Every example, and every documented line of method and path."""
    examples: list[Example] = []
    lines: list[tuple[str, str]] = []
    block: list[str] | None = None
    method = path = heading = label = ""
    for line in DOCUMENTATION.read_text().splitlines():
        if block is not None:
            if line == "```":
                examples.append(Example(method, path, heading, label, "\n".join(block)))
                block = None
            else:
                block.append(line)
        elif line == "```json":
            block = []
        elif line.startswith("#"):
            heading, label = line.strip("# "), ""
        elif found := _LINE.match(line):
            method, path = found.groups()
            label = ""
            lines += [(each, path) for each in method.split("/")]
        elif (found := _LABEL.match(line)) and found[1].removesuffix(":") != "Note":
            label = found[1]
    return examples, lines


EXAMPLES, LINES = _read()


class Walk:
    """One way through the documentation: what was made on the way, and which lines of it were tried."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.ids: dict[str, str] = {}
        self.tried: set[tuple[str, str]] = set()

    def send(self, method: str, path: str, of: str = "", body: str | None = None, **sent: Any) -> httpx.Response:
        """Send to a documented path, whose placeholder stands for the id that is called ``of``."""
        self.tried.add((method, path))
        real = re.sub(r"<entity_name>", of, path)
        real = re.sub(r"<service_id>", self.ids.get("service", ""), real)
        real = re.sub(r"<\w+>", self.ids.get(of, of), real)
        if body is not None:
            sent |= {"content": body, "headers": {"Content-Type": "application/json"}}
        return self.api.request(method, real, **sent)

    def replay(self, example: Example, of: str = "", *replacements: tuple[str, str], method: str = "") -> Any:
        """Send an example as it is written; its answer, which must hold what was sent."""
        body = example.body(*replacements)
        answer = self.send(method or example.method, example.path, of, body)
        assert answer.is_success, (example.key, answer.text)
        assert_holds(answer.json(), json.loads(body))
        return answer.json()

    def define(self, entity: str, name: str) -> None:
        """An attribute that an example uses must be there first, as the documentation says itself."""
        self.api.make(f"/api/attributes/{entity}/", name=name, label=name.capitalize(), type="text")


OUTPUT_ONLY = {"user_id", "user_name"}


def assert_holds(shown: Any, sent: Any) -> None:
    """Whatever was sent is shown, within whatever else a record shows."""
    if isinstance(sent, dict):
        assert isinstance(shown, dict)
        for name in sent.keys() - OUTPUT_ONLY:
            assert name in shown
            assert_holds(shown[name], sent[name])
    elif isinstance(sent, list) and sent and isinstance(sent[0], dict):
        assert len(shown) == len(sent)
        for each, wanted in zip(shown, sent, strict=True):
            assert_holds(each, wanted)
    else:
        assert shown == sent


def assert_shape(shown: Any, documented: Any) -> None:
    """The documented members, in their order before any others, of the documented types."""
    assert type(shown) is type(documented)
    if isinstance(documented, dict):
        assert list(shown)[: len(documented)] == list(documented)
        for name, value in documented.items():
            assert_shape(shown[name], value)
    elif isinstance(documented, list):
        assert shown
        for each in shown:
            assert_shape(each, documented[0])


Step = Callable[[Walk, Example], None]
STEPS: dict[str, Step] = {}


def step(*keys: str) -> Callable[[Step], Step]:
    """Claim examples, each by its key."""

    def claim(function: Step) -> Step:
        for key in keys:
            assert key not in STEPS, f"{key} is claimed twice"
            STEPS[key] = function
        return function

    return claim


@step("POST /api-token-auth/ | Obtain Token")
def obtain_token(walk: Walk, example: Example) -> None:
    body = example.body(("your_username", "admin"), ("your_password", PASSWORD))
    answer = walk.send("POST", example.path, body=body)
    assert answer.status_code == 200
    walk.ids["token"] = answer.json()["token"]


@step("POST /api-token-auth/ | Obtain Token | Response")
def token_is_shown(walk: Walk, example: Example) -> None:
    assert_shape({"token": walk.ids["token"]}, example.json())
    walk.api = walk.api.with_token(walk.ids["token"])


@step("GET /api/me/ | Get User Context")
def user_context(walk: Walk, example: Example) -> None:
    walk.api.people.add("seller", "Sales")
    administrator, walk.api = walk.api, walk.api.as_user("seller")
    shown = walk.send("GET", example.path).json()
    walk.api = administrator
    assert list(shown) == list(example.json())
    assert_shape(shown, example.json())
    assert (shown["id"], shown["groups"]) == (2, ["Sales"])
    assert set(example.json()["permissions"]) <= set(shown["permissions"])


@step("GET /api/attributes/<entity_name>/ | List Attributes | Response")
def attribute_list(walk: Walk, example: Example) -> None:
    walk.define("follow_up", "channel")
    assert_shape(walk.send("GET", example.path, "follow_up").json(), example.json())


@step("POST /api/attributes/<entity_name>/ | Create Attribute | Payload")
def create_attribute(walk: Walk, example: Example) -> None:
    walk.ids["attribute"] = walk.replay(example, "client")["id"]
    walk.define("client", "custom_field")


@step("PUT/PATCH /api/attributes/<attribute_uuid>/ | Update Attribute | Payload")
def update_attribute(walk: Walk, example: Example) -> None:
    for method in ("PUT", "PATCH"):
        assert walk.replay(example, "attribute", method=method)["name"] == "industry"


@step("POST /api/clients/ | Create Client | Payload")
def create_client(walk: Walk, example: Example) -> None:
    walk.ids["client"] = walk.replay(example)["id"]


@step("POST /api/clients/ | Manage Client Tasks and Notes | Task Structure")
def client_task(walk: Walk, example: Example) -> None:
    [task] = _patch(walk, "clients", "client", list_of_tasks=[example.json()])["list_of_tasks"]
    assert (task["user_id"], task["user_name"], bool(UUID(task["id"]))) == (1, "admin", True)


@step("POST /api/clients/ | Manage Client Tasks and Notes | Note Structure")
def client_note(walk: Walk, example: Example) -> None:
    [note] = _patch(walk, "clients", "client", list_of_notes=[example.json()])["list_of_notes"]
    assert (note["user_id"], note["user_name"], bool(UUID(note["id"]))) == (1, "admin", True)


@step("POST /api/clients/ | Manage Client Tasks and Notes | Example - Add Task and Note (PATCH)")
def client_tasks_and_notes(walk: Walk, example: Example) -> None:
    _add_task_and_note(walk, "clients", "client", example)


@step("PUT /api/clients/<uuid>/ | Update Client | Payload")
def update_client(walk: Walk, example: Example) -> None:
    # The one example that is no JSON: a line of it stands twice, so that a brace is never closed.
    answer = walk.send("PUT", example.path, "client", example.text)
    assert answer.status_code == 400
    assert list(answer.json()) == ["detail"]
    assert answer.json()["detail"].startswith("JSON parse error - ")

    twice = '    "attributes": {\n'
    walk.replay(example, "client", (twice + twice, twice))


@step("POST /api/clients/<uuid>/update-task/ | Update Task Status")
def client_update_task(walk: Walk, example: Example) -> None:
    _update_task(walk, "client", example)


@step("POST /api/clients/<uuid>/delete-note/ | Delete Note")
def client_delete_note(walk: Walk, example: Example) -> None:
    _delete_note(walk, "client", example)


@step("PATCH /api/clients/<uuid>/ | Partial Update Client | Payload")
def rename_client(walk: Walk, example: Example) -> None:
    assert walk.replay(example, "client")["attributes"] == {"industry": "Finance"}


@step("POST /api/services/ | Create Service | Payload")
def create_service(walk: Walk, example: Example) -> None:
    walk.define("service", "program")
    walk.ids["service"] = walk.replay(example, "", ("<client_uuid>", walk.ids["client"]))["id"]


@step("POST /api/services/ | Manage Service Tasks and Notes | Example - Add Task and Note (PATCH)")
def service_tasks_and_notes(walk: Walk, example: Example) -> None:
    _add_task_and_note(walk, "services", "service", example)


@step("POST /api/services/<uuid>/update-task/ | Update Task Status")
def service_update_task(walk: Walk, example: Example) -> None:
    _update_task(walk, "service", example)


@step("POST /api/services/<uuid>/delete-note/ | Delete Note")
def service_delete_note(walk: Walk, example: Example) -> None:
    _delete_note(walk, "service", example)


@step("PUT /api/services/<uuid>/ | Update Service | Payload")
def update_service(walk: Walk, example: Example) -> None:
    walk.replay(example, "service", ("<client_uuid>", walk.ids["client"]))


@step("POST /api/pipelines/ | Create Pipeline | Payload")
def create_pipeline(walk: Walk, example: Example) -> None:
    pipeline = walk.replay(example)
    assert all(UUID(stage["id"]) for stage in pipeline["stages"])
    walk.ids["pipeline"] = pipeline["id"]
    # The example after this one renames its stages, and the lead's further below name these.
    walk.ids["<pipeline_id_optional>"] = walk.replay(example)["id"]


@step("PUT /api/pipelines/<uuid>/ | Update Pipeline | Payload")
def update_pipeline(walk: Walk, example: Example) -> None:
    assert walk.replay(example, "pipeline")["description"] == "Main sales process"


@step("POST /api/leads/ | Create Lead | Payload")
def create_lead(walk: Walk, example: Example) -> None:
    walk.define("lead", "source")
    placeholder = "<pipeline_id_optional>"
    walk.ids["lead"] = walk.replay(example, "", (placeholder, walk.ids[placeholder]))["id"]


@step("POST /api/leads/ | Manage Lead Tasks | Task Structure")
def lead_task(walk: Walk, example: Example) -> None:
    # This one tells the formats in place of a date and a time, so that it cannot work as it stands.
    answer = walk.send("PATCH", "/api/leads/<uuid>/", "lead", f'{{"list_of_tasks": [{example.body()}]}}')
    assert answer.status_code == 400
    assert list(answer.json()["list_of_tasks"]["0"]) == ["date", "date_created"]
    real = example.body(("YYYY-MM-DD", "2025-02-03"), ("ISO-8601 Timestamp", "2025-01-15T10:00:00Z"))
    answer = walk.send("PATCH", "/api/leads/<uuid>/", "lead", f'{{"list_of_tasks": [{real}]}}')
    assert_holds(answer.json()["list_of_tasks"], [json.loads(real)])


@step("POST /api/leads/ | Manage Lead Tasks | Example - Add a new task (PATCH)")
def lead_tasks(walk: Walk, example: Example) -> None:
    # "..." stands for the date that the task has; as it stands it is none.
    answer = walk.send("PATCH", "/api/leads/<uuid>/", "lead", example.text)
    assert (answer.status_code, answer.json()) == (400, {"list_of_tasks": {"0": {"date": _DATE_FORMAT}}})
    sent = json.loads(example.body(('"..."', '"2025-02-03"')))
    tasks = _patch(walk, "leads", "lead", **sent)["list_of_tasks"]
    assert_holds(tasks, sent["list_of_tasks"])
    assert all(task["date_created"].endswith("Z") and UUID(task["id"]) for task in tasks)
    walk.ids["lead task"] = tasks[-1]["id"]
    answer = walk.api.post(f"/api/leads/{walk.ids['lead']}/add-note/", {"note": "Called"})
    walk.ids["lead note"] = answer.json()["list_of_notes"][0]["id"]


@step("PUT /api/leads/<uuid>/ | Update Lead | Payload")
def update_lead(walk: Walk, example: Example) -> None:
    assert walk.replay(example, "lead")["pipeline"] == walk.ids["<pipeline_id_optional>"]


@step("POST /api/leads/<uuid>/update-task/ | Update Task Status")
def lead_update_task(walk: Walk, example: Example) -> None:
    _update_task(walk, "lead", example)


@step("POST /api/leads/<uuid>/delete-note/ | Delete Note")
def lead_delete_note(walk: Walk, example: Example) -> None:
    _delete_note(walk, "lead", example)


@step("POST /services/<service_id>/follow-ups/ | Create Follow-Up | Payload")
def create_follow_up(walk: Walk, example: Example) -> None:
    walk.ids["follow-up"] = walk.replay(example)["id"]


@step("PUT /services/<service_id>/follow-ups/<uuid>/ | Update Follow-Up | Payload")
def update_follow_up(walk: Walk, example: Example) -> None:
    assert walk.replay(example, "follow-up")["attributes"] == {"channel": "email"}


@step("POST /api/cohorts/ | Create Cohort | Payload")
def create_cohort(walk: Walk, example: Example) -> None:
    walk.ids["cohort"] = walk.replay(example)["id"]


@step("PUT /api/cohorts/<uuid>/ | Update Cohort | Payload")
def update_cohort(walk: Walk, example: Example) -> None:
    assert walk.replay(example, "cohort")["start_date"] == "2025-06-01"


@step("POST /api/enrollments/ | Create Enrollment | Payload")
def create_enrollment(walk: Walk, example: Example) -> None:
    walk.ids["enrollment"] = walk.replay(example, "", ("<cohort_uuid>", walk.ids["cohort"]))["id"]


@step("POST /api/enrollment-details/ | Create Detail | Payload")
def create_detail(walk: Walk, example: Example) -> None:
    enrollment, student = walk.ids["enrollment"], walk.ids["service"]
    detail = walk.replay(example, "", ("<enrollment_uuid>", enrollment), ("<student_service_uuid>", student))
    walk.ids["detail"] = detail["id"]


@step("POST /api/transfer-requests/ | Create Request | Payload")
def create_transfer(walk: Walk, example: Example) -> None:
    transfer = walk.replay(example, "", ("<student_service_uuid>", walk.ids["service"]))
    assert transfer["student_name"] == "Jane Doe Smith"
    walk.ids["transfer"] = transfer["id"]


@step("POST /api/services/<uuid>/files/ | Upload Service (Student) Image | Response")
def upload(walk: Walk, example: Example) -> None:
    for path, of in ((example.path, "service"), ("/api/clients/<uuid>/files/", "client")):
        answer = walk.send(example.method, path, of, files={"file": ("image.jpg", jpeg())})
        assert answer.status_code == 201
        assert list(answer.json()) == list(example.json())
        assert_shape(answer.json(), example.json())
        assert answer.json()["list_of_images"][-1] == answer.json()["url"]


@step("POST /api/webhooks/ | Create Webhook | Payload")
def create_webhook(walk: Walk, example: Example) -> None:
    walk.ids["webhook"] = walk.replay(example)["id"]


def _patch(walk: Walk, path: str, of: str, **values: Any) -> Any:
    answer = walk.send("PATCH", f"/api/{path}/<uuid>/", of, json.dumps(values))
    assert answer.status_code == 200, answer.text
    return answer.json()


def _add_task_and_note(walk: Walk, path: str, of: str, example: Example) -> None:
    answer = walk.send("PATCH", f"/api/{path}/<uuid>/", of, example.text)
    assert answer.status_code == 200
    assert_holds(answer.json(), example.json())
    for kind in ("task", "note"):
        [entry] = answer.json()[f"list_of_{kind}s"]
        assert (entry["user_id"], entry["user_name"]) == (1, "admin")
        walk.ids[f"{of} {kind}"] = entry["id"]


def _update_task(walk: Walk, of: str, example: Example) -> None:
    task = walk.ids[f"{of} task"]
    answer = walk.send("POST", example.path, of, example.body(("uuid-of-task", task)))
    assert answer.status_code == 200
    assert {each["id"]: each["completed"] for each in answer.json()["list_of_tasks"]}[task] is True


def _delete_note(walk: Walk, of: str, example: Example) -> None:
    answer = walk.send("POST", example.path, of, example.body(("uuid-of-note", walk.ids[f"{of} note"])))
    assert (answer.status_code, answer.json()["list_of_notes"]) == (200, [])


def test_every_example_is_claimed_by_exactly_one_step_in_its_order() -> None:
    assert [example.key for example in EXAMPLES] == list(STEPS)
    assert len(EXAMPLES) == DOCUMENTATION.read_text().count("```json") == 36


#: Lines without an example of their own: what is tried of each, and with which record. Those that delete come last,
#: what others refer to after what refers to it.
WITHOUT_EXAMPLE = [
    *(("GET", f"/api/{path}/", "") for path in ("clients", "services", "pipelines", "leads", "cohorts", "enrollments")),
    *(("GET", f"/api/{path}/", "") for path in ("enrollment-details", "transfer-requests", "webhooks")),
    *(("GET", f"/api/{path}/", "") for path in ("instructors", "tas", "sales", "operations")),
    ("GET", "/services/<service_id>/follow-ups/", ""),
    ("GET", "/api/clients/<uuid>/", "client"),
    ("GET", "/api/services/<uuid>/", "service"),
    ("GET", "/api/pipelines/<uuid>/", "pipeline"),
    ("GET", "/api/leads/<uuid>/", "lead"),
    ("GET", "/services/<service_id>/follow-ups/<uuid>/", "follow-up"),
    ("GET", "/api/cohorts/<uuid>/", "cohort"),
    ("GET", "/api/enrollments/<uuid>/", "enrollment"),
    ("GET", "/api/webhooks/<uuid>/", "webhook"),
    ("PUT", "/api/transfer-requests/<uuid>/", "transfer"),
    ("PATCH", "/api/transfer-requests/<uuid>/", "transfer"),
    ("PUT", "/api/webhooks/<uuid>/", "webhook"),
    ("PATCH", "/api/webhooks/<uuid>/", "webhook"),
    ("DELETE", "/api/webhooks/<uuid>/", "webhook"),
    ("DELETE", "/api/transfer-requests/<uuid>/", "transfer"),
    ("DELETE", "/api/enrollment-details/<uuid>/", "detail"),
    ("DELETE", "/api/enrollments/<uuid>/", "enrollment"),
    ("DELETE", "/api/cohorts/<uuid>/", "cohort"),
    ("DELETE", "/services/<service_id>/follow-ups/<uuid>/", "follow-up"),
    ("DELETE", "/api/leads/<uuid>/", "lead"),
    ("DELETE", "/api/pipelines/<uuid>/", "pipeline"),
    ("DELETE", "/api/services/<uuid>/", "service"),
    ("DELETE", "/api/clients/<uuid>/", "client"),
    ("DELETE", "/api/attributes/<attribute_uuid>/", "attribute"),
]


def test_the_documentation_works_as_it_is_written(api: Api) -> None:
    walk = Walk(api)

    for example in EXAMPLES:
        STEPS[example.key](walk, example)
    for method, path, of in WITHOUT_EXAMPLE:
        answer = walk.send(method, path, of, "{}" if method in {"PUT", "PATCH"} else None)
        assert answer.status_code == (204 if method == "DELETE" else 200), (method, path, answer.text)

    assert set(LINES) <= walk.tried
