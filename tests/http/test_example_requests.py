"""Every request of the description succeeds with its own example, as the page at ``/docs/`` and Postman send it."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from crm_adapters.memory import MemoryAccounts, MemoryDatabase
from crm_core.use_cases.import_runner import ImportRunner
from crm_core.use_cases.import_stores import ImportStores
from crm_http.openapi.tags import TAGS
from crm_http.payloads.record_examples import EXAMPLE_ID, EXAMPLE_IDS
from tests.example_requests import in_order, table_of
from tests.http.conftest import PASSWORD, Api, on_memory
from tests.near_tables import NearTableReader
from tests.pictures import jpeg

#: What no description can hold: credentials, and the stage that the lead of the examples gets into.
OWN = {"your_username": "admin", "your_password": PASSWORD, "Moodle": "Negotiation"}
#: Begin the import that is shown and undone, and the undo that is cancelled.
BEGIN_IMPORTS = {"/api/clients/import/", "/api/imports/{id}/undo/"}


class Sender:
    """Sends requests with their examples, in which ids stand for the records that were made last."""

    def __init__(self, api: Api) -> None:
        self.api = api
        #: The ids of records by segments of paths, and those of the records before them.
        self.latest: dict[str, str] = {}
        self.before: dict[str, str] = {}
        #: The addresses of images and calendars, by the paths that describe them.
        self.addresses: dict[str, str] = {}

    def send(self, method: str, path: str, operation: Any) -> httpx.Response:
        required = [each for each in operation["parameters"] if each.get("required")]
        url = self._filled(self.addresses.get(path, path), required)
        params = {each["name"]: "a text" for each in required if each["in"] == "query"}
        answer = self.api.request(method, url, params=params, **self._body(path, operation.get("requestBody")))
        if answer.is_success and answer.headers.get("Content-Type", "").startswith("application/json"):
            self._remember(path, answer.status_code, answer.json())
        return answer

    def _filled(self, path: str, parameters: list[Any]) -> str:
        for name, example in ((each["name"], each.get("example")) for each in parameters):
            segment = path.partition(f"/{{{name}}}")[0].rpartition("/")[2]
            value = self.latest.get(segment, "") if example == EXAMPLE_ID else str(example)
            path = path.replace(f"{{{name}}}", value)
        return self._replaced(path)

    def _body(self, path: str, body: Any) -> Mapping[str, Any]:
        if body is None:
            return {}
        if (json_body := body["content"].get("application/json")) is None:
            file = ("a.csv", table_of(path.split("/")[2])) if path.endswith("/import/") else ("a.jpg", jpeg())
            return {"files": {"file": file}}
        text = self._replaced(json.dumps(next(iter(json_body["examples"].values()))["value"]))
        return {"json": json.loads(text.replace(EXAMPLE_ID, self.before.get(path.split("/")[2], "")))}

    def _replaced(self, text: str) -> str:
        ids = {example: self.latest.get(name, example) for name, example in EXAMPLE_IDS.items()}
        for example, value in {**ids, **OWN}.items():
            text = text.replace(example, value)
        return text

    def _remember(self, path: str, status: int, answer: Any) -> None:
        first, *others = [each for each in path.split("/") if each not in {"", "api"} and "{" not in each] or [""]
        name = "imports" if path in BEGIN_IMPORTS else first if first == "attributes" else [first, *others][-1]
        record = answer[0] if isinstance(answer, list) and answer else answer
        is_new = status == 201 or path in BEGIN_IMPORTS
        if "id" in record and (is_new or name not in self.latest):
            self.before[name] = self.latest.get(name, "")
            self.latest[name] = str(record["id"])
        if name in {"files", "calendars"} and is_new:
            described = f"/files/{first}/{{id}}/{{name}}" if name == "files" else "/ical/{secret}"
            self.addresses[described] = urlsplit(record["url"]).path


def _operations(document: Any) -> Iterator[tuple[str, Any]]:
    """Each operation that is not deprecated, by its method and path, in the order of the documentation."""
    for tag in TAGS:
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if operation["tags"] == [tag] and not operation.get("deprecated"):
                    yield f"{method.upper()} {path}", operation


def test_every_request_succeeds_with_its_own_example() -> None:
    databases: list[MemoryDatabase] = []

    def database(accounts: MemoryAccounts) -> MemoryDatabase:
        databases.append(MemoryDatabase(accounts))
        return databases[0]

    with on_memory(database) as api:
        operations = dict(_operations(api.get("/schema/openapi.json").json()))
        creations = {name for name, operation in operations.items() if "201" in operation["responses"]}
        runner = ImportRunner(
            ImportStores(databases[0], databases[0].imports, NearTableReader()), databases[0].accounts
        )
        sender, refused = Sender(api), []
        for name in in_order(list(operations), creations):
            method, _, path = name.partition(" ")
            answer = sender.send(method, path, operations[name])
            if name.endswith("/import/"):
                asyncio.run(runner.run_next())
            refused += [f"{answer.status_code} {name} {answer.text}"] if answer.is_error else []
    assert refused == []
