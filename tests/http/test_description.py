"""The description says what to send, teaches what it means, and has examples that work."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from crm_core.model.sentences import field_sentences
from crm_core.resources import RESOURCES
from crm_http.openapi.events import EVENT_TYPES
from crm_http.openapi.tags import TAGS
from crm_http.payloads.record_examples import EXAMPLE_IDS
from tests.http.conftest import Api
from tests.lenient import lenient_document
from tests.markdown import ROOT

PATH = "/schema/openapi.json"
#: Names that generated clients and languages have for things of their own.
TAKEN = {"Client", "Attribute", "Task", "Service", "Error", "Response", "Request", "Record", "Object", "File", "Date"}
ENTITIES = ("client", "service", "lead", "follow_up")
TYPES = ("text", "number", "date", "boolean", "list", "file")


@pytest.fixture
def document(memory_api: Api) -> Any:
    return memory_api.get(PATH).json()


def _operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _walk(schema: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every schema in a schema, with where it is."""
    yield path, schema
    for name, member in schema.get("properties", {}).items():
        yield from _walk(member, f"{path}.{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from _walk(schema[keyword], f"{path}.{keyword}")
    for keyword in ("anyOf", "allOf"):
        for each in schema.get(keyword, ()):
            yield from _walk(each, f"{path}.{keyword}")


def _schemas(document: Any) -> Iterator[tuple[str, Any]]:
    for name, schema in document["components"]["schemas"].items():
        yield from _walk(schema, name)


def _is_sentence(text: str) -> bool:
    return len(text.split()) >= 2 and (text[0].isupper() or text[0] == "`") and text.rstrip()[-1] in ".`"


def test_a_field_has_one_plain_type(document: Any) -> None:
    for path, schema in _schemas(document):
        kinds = schema.get("type", [])
        assert isinstance(kinds, str) or len(set(kinds) - {"null"}) <= 1, path
        choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
        assert len(choices) <= 1 or path.startswith("Problems"), path
        assert "readOnly" not in schema, path
        assert "default" not in schema, path  # a client that sends it resets what it was to leave alone


def test_every_body_has_a_name(document: Any) -> None:
    for _, _, operation in _operations(document):
        for media_type in operation.get("requestBody", {"content": {}})["content"].values():
            assert media_type["schema"].keys() == {"$ref"}, operation["operationId"]


def test_no_schema_has_a_name_that_generated_clients_take(document: Any) -> None:
    assert TAKEN.isdisjoint(document["components"]["schemas"])


def test_closed_sets_are_enums(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["LoggedDelivery"]["properties"]["state"]["enum"][:2] == ["pending", "sending"]
    assert schemas["LoggedDelivery"]["properties"]["type"]["enum"] == list(EVENT_TYPES)
    assert schemas["AttributeRecord"]["properties"]["entity"]["enum"] == list(ENTITIES)
    assert schemas["WebhookRecord"]["properties"]["events"]["items"]["enum"] == ["created", "updated", "deleted"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/x",
        "http://localhost:9000/x",
        "https://Hooks.Example.com/x",
        "https://a.b.c.d.example.com/x",
        "https://hooks.s3.eu-west-1.amazonaws.com/x",
        "http://[2001:db8::1]/x",
        "https://bücher.example/{id}?name={name}",
    ],
)
def test_a_url_that_a_webhook_takes_fits_its_description(memory_api: Api, url: str) -> None:
    body = {"name": "Hook", "model": "Lead", "url": url}
    assert memory_api.post("/api/webhooks/", body).status_code == 201
    assert _problems(memory_api.get(PATH).json(), {"$ref": "#/components/schemas/WebhookCreate"}, body) == []


def test_attributes_without_a_token_are_an_open_object_to_read_write_and_filter(memory_api: Api) -> None:
    document = memory_api.anonymous().get(PATH).json()
    for kind in ("", "Input", "Merge"):
        assert document["components"]["schemas"][f"ClientAttributes{kind}"]["additionalProperties"] is True
    (free,) = [each for each in document["paths"]["/api/clients/"]["get"]["parameters"] if each.get("explode")]
    assert (free["name"], free["style"], free["schema"]["type"]) == ("attributes", "deepObject", "object")

    memory_api.make("/api/attributes/client/", name="size", label="Size", type="number")
    for size in (5, 15):
        memory_api.make("/api/clients/", name=str(size), attributes={"size": size})
    for query, found in {"attributes[size]=5": ["5"], "attributes[size__gte]=10": ["15"]}.items():
        assert [each["name"] for each in memory_api.get(f"/api/clients/?{query}").json()] == found


def test_inputs_leave_room_for_attributes_that_are_made_later(memory_api: Api) -> None:
    memory_api.make("/api/attributes/client/", name="size", label="Size", type="number")
    schemas = memory_api.get(PATH).json()["components"]["schemas"]
    assert schemas["ClientAttributesInput"]["additionalProperties"] is True
    closed = lenient_document({"client": []})["components"]["schemas"]["ClientAttributesInput"]
    assert closed["additionalProperties"] is False


def test_attributes_have_a_path_for_each_entity_and_one_for_each_record(document: Any) -> None:
    paths = {path: set(methods) for path, methods in document["paths"].items() if path.startswith("/api/attributes/")}
    lists = {f"/api/attributes/{entity}/": {"get", "post"} for entity in ENTITIES}
    records = {"/api/attributes/{id}/": {"get", "put", "patch", "delete"}, "/api/attributes/export/": {"get"}}
    bulk = {"/api/attributes/bulk/": {"post"}, "/api/attributes/import/": {"post"}}
    history = "/api/attributes/{id}/history/"
    histories = {history: {"get"}, f"{history}{{version}}/": {"get"}, f"{history}{{version}}/restore/": {"post"}}
    kinds = ("erase", "rename", "values/rename", "values/remove", "convert")
    changes = {f"/api/attributes/{{id}}/{kind}/": {"post"} for kind in kinds}
    assert paths == lists | histories | records | bulk | changes


def test_of_twins_one_is_deprecated(document: Any) -> None:
    deprecated = {path for path, _, operation in _operations(document) if operation.get("deprecated")}
    place = "/api/services/{service}/follow-ups/"
    history = ("{id}/history/", "{id}/history/{version}/", "{id}/history/{version}/restore/")
    below = ("", "{id}/", "{id}/erase/", *history, "by/{attribute}/", "by/{attribute}/{value}/")
    assert deprecated == {f"{place}{path}" for path in below}


def test_the_bearer_scheme_comes_first(document: Any) -> None:
    assert list(document["components"]["securitySchemes"]) == ["bearer", "token"]
    schemes = {json.dumps(operation["security"]) for _, _, operation in _operations(document)}
    assert schemes == {"[]", json.dumps([{"bearer": []}, {"token": []}])}


def test_every_field_has_a_sentence_beside_the_entity(document: Any) -> None:
    for resource in RESOURCES.values():
        entity: type = resource.entity
        assert field_sentences(entity).keys() == resource.fields.keys(), resource.name
    for name, schema in document["components"]["schemas"].items():
        for member, described in schema.get("properties", {}).items():
            assert "$ref" in described or _is_sentence(described.get("description", "")), f"{name}.{member}"


def test_every_parameter_has_a_sentence(document: Any) -> None:
    shared = document["components"]["parameters"].values()
    for _, _, operation in _operations(document):
        for parameter in (*operation["parameters"], *shared):
            assert "$ref" in parameter or _is_sentence(parameter["description"]), operation["operationId"]


def test_every_operation_has_a_summary_of_its_own_and_a_description(document: Any) -> None:
    told = [(operation["summary"], bool(operation.get("deprecated"))) for _, _, operation in _operations(document)]
    assert len(told) == len(set(told))
    for _, _, operation in _operations(document):
        text, audience = operation["description"].split("\n\n")
        assert _is_sentence(text), operation["operationId"]
        assert _is_sentence(audience), operation["operationId"]


def test_every_tag_is_described_in_the_order_of_the_documentation(document: Any) -> None:
    assert [tag["name"] for tag in document["tags"]] == list(TAGS)
    assert {tag for _, _, operation in _operations(document) for tag in operation["tags"]} == set(TAGS)
    assert all(_is_sentence(tag["description"]) for tag in document["tags"])


def test_the_introduction_explains_what_concerns_every_operation(document: Any) -> None:
    headings = re.findall("^### (.*)$", document["info"]["description"], re.MULTILINE)
    assert headings == [
        *("Log in", "Bodies", "Errors", "Lists and pages", "Versions", "Idempotency keys", "Webhooks"),
    ]


def test_every_event_is_described(document: Any) -> None:
    assert document["webhooks"].keys() == EVENT_TYPES.keys()
    assert len(EVENT_TYPES) == 16


def test_what_a_webhook_would_send_fits_the_description(memory_api: Api) -> None:
    document = memory_api.get(PATH).json()
    lead = memory_api.make("/api/leads/", name="Ada", list_of_tasks=[{"task": "Call"}])
    hook = memory_api.make("/api/webhooks/", name="Hook", model="Lead", url="https://example.com/")
    for kind in ("created", "updated", "deleted"):
        answer = memory_api.post(f"/api/webhooks/{hook['id']}/dry-run/", {"record": lead["id"], "event": kind}).json()
        body = document["webhooks"][f"lead.{kind}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert _problems(document, body, answer["request"]["body"]) == []


def _problems(document: Any, schema: Mapping[str, Any], value: object) -> list[str]:
    """What of a value does not fit a schema of the document."""
    whole = {**schema, "components": document["components"]}
    validator = OAS31Validator(whole, format_checker=OAS31Validator.FORMAT_CHECKER)
    return [error.message for error in validator.iter_errors(value)]


def _examples(document: Any) -> Iterator[tuple[str, Any, object]]:
    """Every example of a body, with its schema."""
    for path, method, operation in _operations(document):
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media_type in body.get("content", {}).values():
                for name, example in media_type.get("examples", {}).items():
                    yield f"{method} {path} {name}", media_type["schema"], example["value"]


def _define_attributes(api: Api, *, is_required: bool) -> None:
    for entity in ENTITIES:
        for type_ in TYPES:
            values = ["S", "M"] if type_ == "list" else []
            api.make(
                f"/api/attributes/{entity}/",
                name=f"a_{type_}",
                label=type_,
                type=type_,
                is_required=is_required,
                list_values=values,
            )


@pytest.mark.parametrize("attributes", ["none", "optional", "required"])
def test_every_example_fits_its_description(memory_api: Api, attributes: str) -> None:
    if attributes != "none":
        _define_attributes(memory_api, is_required=attributes == "required")
    document = memory_api.get(PATH).json()

    examples = list(_examples(document))
    assert len(examples) >= 60
    for place, schema, value in examples:
        assert _problems(document, schema, value) == [], place
    public = memory_api.anonymous().get(PATH).json()
    for place, schema, value in _examples(public):
        assert _problems(public, schema, value) == [], place


@pytest.mark.parametrize("attributes", ["none", "optional", "required"])
def test_executing_every_creation_in_the_order_of_the_documentation_succeeds(memory_api: Api, attributes: str) -> None:
    """As the page does it: the first example, with the ids of the records that were made last."""
    if attributes != "none":
        _define_attributes(memory_api, is_required=attributes == "required")
    document = memory_api.get(PATH).json()
    latest: dict[str, str] = {}
    tried = []
    for tag in TAGS:
        for path, method, operation in _operations(document):
            if method == "post" and "201" in operation["responses"] and operation["tags"] == [tag]:
                if "application/json" not in operation.get("requestBody", {"content": {}})["content"]:
                    continue  # an image, which the reader picks
                example = next(iter(operation["requestBody"]["content"]["application/json"]["examples"].values()))
                answer = memory_api.post(_filled(document, path, latest), json=json.loads(_with(latest, example)))
                assert answer.status_code == 201, (path, answer.text)
                name = [part for part in path.split("/") if part in EXAMPLE_IDS][-1]
                latest[name] = answer.json()["id"]
                tried.append(path)
    # Attributes, the other resources, the twin of follow-ups, tasks and notes, a calendar.
    assert len(tried) == 4 + 10 + 1 + 6 + 1


def _filled(document: Any, path: str, latest: Mapping[str, str]) -> str:
    for parameter in document["paths"][path]["post"]["parameters"]:
        if parameter.get("in") == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
    return _replaced(path, latest)


def _with(latest: Mapping[str, str], example: Mapping[str, object]) -> str:
    return _replaced(json.dumps(example["value"]), latest)


def _replaced(text: str, latest: Mapping[str, str]) -> str:
    for name, id_ in latest.items():
        text = text.replace(EXAMPLE_IDS[name], id_)
    return text


def test_the_root_of_the_site_leads_to_the_page(memory_api: Api) -> None:
    answer = memory_api.anonymous().get("/")
    assert (answer.status_code, answer.headers["Location"]) == (307, "/docs/")


def test_the_root_of_the_api_lists_the_resources(memory_api: Api) -> None:
    listed = memory_api.get("/api/").json()
    assert list(listed) == [
        *("instructors", "tas", "sales", "operations", "webhooks", "clients", "cohorts", "services", "pipelines"),
        *("leads", "enrollments", "enrollment-details", "transfer-requests"),
    ]
    for url in listed.values():
        assert memory_api.get(url).status_code == 200
    assert memory_api.get("/api").json() == listed
    assert memory_api.anonymous().get("/api/").status_code == 401


def test_the_page_has_the_documentation_in_prose(memory_api: Api) -> None:
    prose = memory_api.anonymous().get("/docs/api.md")
    assert prose.headers["Content-Type"].startswith("text/plain")
    assert prose.text == (ROOT / "docs/api.md").read_text("utf-8")
