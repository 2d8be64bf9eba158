"""The API describes itself: every route, nothing else, and the attributes as they are defined at that moment."""

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

import crm_http.api
from crm_core.rules.tasks_and_notes import OPERATIONS
from crm_core.use_cases.changes import Following
from crm_core.use_cases.history import Listing
from crm_http.api.endpoints import Endpoint
from crm_http.openapi.examples import DOCUMENTED
from crm_http.openapi.inputs import PLAIN, input_schema
from crm_http.openapi.operations import documented, documented_path
from crm_http.openapi.parameters import query_parameters
from crm_http.openapi.schemas import output_schema
from crm_http.payloads.record_examples import EXAMPLE_ID
from crm_http.statuses import STATUSES
from tests.core.invoices import INVOICES, Invoice
from tests.http.conftest import Api, Server
from tests.lenient import mounted_endpoints

PATH = "/schema/openapi.json"
DOCUMENTATION = pathlib.Path(__file__).parents[2] / "docs" / "api.md"


def _endpoints() -> dict[tuple[str, str], Endpoint]:
    """Every endpoint that is mounted, by its method and each of its documented paths."""
    return {
        (each.method, documented_path(each.path)): each
        for endpoint in mounted_endpoints()
        for each in documented(endpoint)
    }


def _described(document: Any) -> dict[tuple[str, str], Any]:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


@pytest.fixture
def document(memory_api: Api) -> Any:
    return memory_api.get(PATH).json()


def test_every_route_is_described_and_nothing_else(document: Any) -> None:
    assert _described(document).keys() == _endpoints().keys()


def test_the_http_adapter_is_thin() -> None:
    """It reads requests, calls one use case, and writes answers, with what the OpenAPI document says of that.

    With 107 operations it had 1,776 lines, 17 for each.
    """
    files = [path.read_text("utf-8").splitlines() for path in pathlib.Path(crm_http.api.__file__).parent.rglob("*.py")]

    assert max(map(len, files)) <= 300
    assert sum(map(len, files)) <= 17 * len(_endpoints())


def test_every_operation_on_tasks_and_notes_has_a_path(document: Any) -> None:
    below = {path for path in document["paths"] if path.startswith("/api/leads/{id}/")}
    paths = {path for path in below if "/history/" not in path and not path.endswith(("/erase/", "/merge/"))}

    assert paths == {"/api/leads/{id}/", *(f"/api/leads/{{id}}/{name}/" for name in OPERATIONS)}


def test_permissions_are_those_of_the_routes(document: Any) -> None:
    for key, endpoint in _endpoints().items():
        operation, needed = _described(document)[key], endpoint.needs
        assert operation.get("x-permission") == (needed if isinstance(needed, str) else None)
        assert not isinstance(needed, str) or needed in operation["description"]


def test_the_description_is_sound_with_and_without_attributes(memory_api: Api) -> None:
    for type_ in ("text", "number", "date", "boolean", "list", "file"):
        for entity in ("client", "service", "lead", "follow_up"):
            memory_api.make(f"/api/attributes/{entity}/", name=type_, label=type_, type=type_, is_required=True)

    validate(memory_api.get(PATH).json())
    validate(memory_api.anonymous().get(PATH).json())


def test_names_of_operations_are_unique(document: Any) -> None:
    names = [operation["operationId"] for operation in _described(document).values()]
    assert len(names) == len(set(names))


_BLOCK = re.compile(
    r"""^\*\*(?P<methods>[A-Z/]+)\*\*\ `(?P<path>[^`]+)`$  # the line of a method and a path
      | ^\#+\ (?P<heading>[^\n]*)$
      | ^\*\*(?P<label>[^*]+?):?\*\*[^\n]*$
      | ^```json\n(?P<text>.*?)\n```$
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
_COMMENT = re.compile(r"\s+//.*$", re.MULTILINE)
#: A line that stands twice in one example, which so is no JSON.
DOUBLED = '    "attributes": {\n    "attributes": {'
#: What the documentation writes where a real request has an id.
_PLACEHOLDER = re.compile(r"<\w*(?:uuid|_id)\w*>|\buuid(?:-of-\w+)?(?=\")")


def _documented_examples() -> Iterator[tuple[str, str, str, str, object]]:
    """Each example of ``docs/api.md``: its method, path, place (request or response), heading and value."""
    methods = path = heading = label = ""
    for block in _BLOCK.finditer(DOCUMENTATION.read_text("utf-8")):
        if block["path"]:
            methods, path, label = block["methods"], re.sub(r"<\w+>", "{}", block["path"]), ""
        elif block["heading"]:
            heading, label = block["heading"], ""
        elif block["label"]:
            label = block["label"]
        elif label in {"", "Payload", "Response"} and DOUBLED not in block["text"]:
            value = json.loads(_PLACEHOLDER.sub(EXAMPLE_ID, _COMMENT.sub("", block["text"])))
            for method in methods.split("/"):
                place = "response" if label == "Response" or method == "GET" else "request"
                yield method, path, place, heading, value


def _described_examples(document: Any) -> Iterator[tuple[str, str, str, str, object]]:
    for (method, path), operation in _described(document).items():
        bodies = {"request": operation.get("requestBody", {}), "response": next(iter(operation["responses"].values()))}
        for place, body in bodies.items():
            for media_type in body.get("content", {}).values():
                if example := media_type.get("examples", {}).get(DOCUMENTED):
                    yield method, re.sub(r"{\w+}", "{}", path), place, example["summary"], example["value"]


def _abridged(example: tuple[str, str, str, str, object]) -> tuple[str, str, str, str, object]:
    """An example as the documentation could have it, which writes one path where there are twins or four."""
    method, path, place, heading, value = example
    path = path.replace("/api/services/{}/follow-ups/", "/services/{}/follow-ups/")
    path = re.sub(r"^/api/attributes/\w+/$", "/api/attributes/{}/", path)
    if heading == "List Attributes":  # the documentation leaves out some fields
        assert isinstance(value, list)
        value = [{name: part for name, part in each.items() if name not in _LEFT_OUT} for each in value]
    return method, path, place, heading, value


_LEFT_OUT = {
    "list_values",
    "is_indexed",
    "is_unique",
    "former_names",
    "renaming_to",
    "entity",
    "updated_at",
    "updated_by",
}


def test_the_examples_are_those_of_the_documentation(document: Any) -> None:
    wanted, described = list(_documented_examples()), list(map(_abridged, _described_examples(document)))

    assert len(wanted) >= 30
    assert [example for example in wanted if example not in described] == []
    assert [example for example in described if example not in wanted] == []


def test_every_text_is_a_sentence_that_says_something(document: Any) -> None:
    """A summary is an imperative of some words, a description ends in a full stop, and none is as short as "It."."""
    for operation in _described(document).values():
        summary = operation["summary"]
        assert len(summary.split()) >= 2, summary
        assert summary[0].isupper(), summary
        assert summary[-1] not in ".?", summary
        for response in operation["responses"].values():
            text = response.get("description", "A reference.")
            assert text.endswith("."), text
            assert len(text.split()) >= 2, text


def test_the_statuses_of_errors_are_those_that_requests_get(document: Any) -> None:
    described = document["components"]["responses"]
    used = {
        (int(status), response["$ref"].rpartition("/")[2])
        for operation in _described(document).values()
        for status, response in operation["responses"].items()
        if "$ref" in response
    }
    assert {name for _, name in used} | {"MethodNotAllowed"} == described.keys()
    assert {status for status, _ in used} >= {*STATUSES.values()}


def test_files_of_text_are_described_as_text_and_others_as_bytes(document: Any) -> None:
    """Generated clients read a text as text, and cannot make bytes of it."""
    bodies = [
        (media_type, content["schema"])
        for operation in _described(document).values()
        for response in operation["responses"].values()
        for media_type, content in response.get("content", {}).items()
        if media_type != "application/json"
    ]
    texts = {media_type for media_type, schema in bodies if schema == {"type": "string"}}
    others = {media_type for media_type, schema in bodies if schema == {"type": "string", "format": "binary"}}
    assert texts | others == {media_type for media_type, _ in bodies}
    assert texts >= {"text/csv", "text/calendar", "text/event-stream", "application/jsonl"}
    assert {media_type.partition("/")[0] for media_type in others} == {"image", "application"}
    assert texts.isdisjoint(others)


def test_decimals_are_texts_with_a_pattern_and_their_bounds_are_told() -> None:
    sent, shown = input_schema(Invoice, PLAIN)["properties"], output_schema(Invoice)["properties"]
    parameters = {each["name"]: each for each in query_parameters(INVOICES, PLAIN)}

    assert sent["amount"] == {
        "description": "What is to be paid. At least `0`.",
        "type": "string",
        "format": "decimal",
        "pattern": "^[0-9]{1,12}([.][0-9]{1,2})?$",
    }
    assert shown["amount"]["pattern"] == sent["amount"]["pattern"]
    assert (shown["rate"]["type"], shown["rate"]["format"]) == (["string", "null"], "decimal")
    assert (sent["pages"]["minimum"], sent["pages"]["maximum"]) == (1, 999)
    assert sent["currency"]["enum"] == ["EUR", "USD", None]
    assert parameters["amount__gte"]["description"] == "Only those whose `amount` is at least this."
    assert re.fullmatch(parameters["rate__lt"]["schema"]["pattern"], "-0.00000000000000000001")
    assert parameters["due__gt"]["schema"] == {"type": "string", "format": "date"}
    assert "-amount" in parameters["ordering"]["schema"]["enum"]


def test_options_are_told_with_their_bounds() -> None:
    changes, history = ({each["name"]: each for each in query_parameters(of, PLAIN)} for of in (Following, Listing))

    assert changes["wait"]["schema"] == {"type": "integer", "minimum": 0, "maximum": 30}
    assert (
        changes["limit"]["schema"] == history["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1_000}
    )
    assert history["cursor"]["schema"] == {"type": "string", "minLength": 1, "maxLength": 255}
    assert (changes["limit"]["description"], history["limit"]["description"]) == (
        "The most changes in the answer.",
        "The number of versions on a page.",
    )


def test_attributes_are_told_as_they_are_defined_now(api: Api) -> None:
    url = "/api/attributes/client/"
    values = {"label": "Size", "type": "list", "list_values": ["S", "M"], "is_required": True}
    defined = api.make(url, name="size", **values)
    first = api.get(PATH).json()
    api.patch(f"/api/attributes/{defined['id']}/", {"is_required": False, "list_values": ["L"]})
    second = api.get(PATH).json()

    schemas = first["components"]["schemas"]
    one = {"type": "string", "enum": ["S", "M"]}
    many = {"type": "array", "items": one, "uniqueItems": True, "minItems": 1}
    assert schemas["ClientAttributesInput"]["properties"] == {"size": {"anyOf": [one, many], "title": "Size"}}
    assert schemas["ClientAttributesInput"]["required"] == ["size"]
    assert schemas["ClientCreate"]["required"] == ["name", "attributes"]
    parameters = [each.get("name") for each in first["paths"]["/api/clients/"]["get"]["parameters"]]
    assert [name for name in parameters if name and name.startswith("attributes.")] == [
        "attributes.size",
        "attributes.size__in",
        "attributes.size__contains",
        "attributes.size__isnull",
    ]
    schemas = second["components"]["schemas"]
    assert "L" in json.dumps(schemas["ClientAttributesInput"])
    assert "required" not in schemas["ClientAttributesInput"]
    assert schemas["ClientCreate"]["required"] == ["name"]


def test_a_required_attribute_makes_a_body_required(memory_api: Api) -> None:
    def is_required() -> bool:
        path = "/services/{service}/follow-ups/"
        return bool(memory_api.get(PATH).json()["paths"][path]["post"]["requestBody"]["required"])

    assert not is_required()
    memory_api.make("/api/attributes/follow_up/", name="channel", label="Channel", type="text", is_required=True)
    assert is_required()


def test_attributes_are_told_to_those_only_who_may_view_them(api: Api) -> None:
    api.make("/api/attributes/client/", name="secret-project", label="Secret", type="text")
    api.people.add("nobody")
    api.people.add("seller", "Sales")

    told = {who: "secret-project" in api.as_user(who).get(PATH).text for who in ("nobody", "seller")}
    assert told == {"nobody": False, "seller": True}
    assert "secret-project" not in api.anonymous().get(PATH).text
    assert api.with_token("wrong").get(PATH).status_code == 401


def test_the_reference_loads_nothing_from_elsewhere(memory_api: Api) -> None:
    page = memory_api.anonymous().get("/docs/")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "<style" not in page.text
    loaded = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page.text)
    assert len(loaded) == 5
    for path in loaded:
        answer = memory_api.anonymous().get(path)
        assert answer.status_code == 200
        again = memory_api.anonymous().get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert memory_api.get("/docs/unknown.js").status_code == 404


_USE = """
import sys
sys.path.insert(0, sys.argv[1])
from crm_api_client import AuthenticatedClient
from crm_api_client.api.clients import clients_create, clients_export, clients_list
from crm_api_client.models import ClientCreate
with AuthenticatedClient(base_url=sys.argv[2], token=sys.argv[3], raise_on_unexpected_status=True) as client:
    made = clients_create.sync(client=client, body=ClientCreate(name="Made by a generated client"))
    print([each.name for each in clients_list.sync(client=client) if each.id == made.id])
    print(made.name in clients_export.sync(client=client))
"""


def test_a_generated_client_works(server: Server, tmp_path: pathlib.Path) -> None:
    api = server.api()
    description = tmp_path / "openapi.json"
    description.write_text(api.get(PATH).text)
    config = tmp_path / "config.json"
    images = dict.fromkeys(("image/jpeg", "image/png", "image/gif", "image/webp"), "application/octet-stream")
    # The generator knows bytes by that name alone, and would have its result formatted by a ruff on the PATH.
    config.write_text(json.dumps({"content_type_overrides": images, "post_hooks": []}))
    generator = pathlib.Path(sys.executable).parent / "openapi-python-client"
    options: list[str | pathlib.Path] = [
        "--meta",
        "none",
        "--output-path",
        tmp_path / "crm_api_client",
        "--config",
        config,
        "--fail-on-warning",
    ]
    made = subprocess.run(
        [generator, "generate", "--path", description, *options], capture_output=True, text=True, check=False
    )
    assert (made.returncode, "arning" in made.stdout + made.stderr) == (0, False), made.stdout + made.stderr

    address = f"http://127.0.0.1:{server.port}"
    used = subprocess.run(
        [sys.executable, "-c", _USE, tmp_path, address, api.token], capture_output=True, text=True, check=False
    )
    assert used.stdout == "['Made by a generated client']\nTrue\n", used.stderr
