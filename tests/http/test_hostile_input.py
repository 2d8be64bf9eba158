"""What is wrong is refused, never stumbled over: no request gets a 5xx, and one that is refused changes nothing."""

import base64
import contextlib
import itertools
import json
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_core.input.fields import Field, fields_of
from crm_core.resources import RESOURCES, Resource
from tests.http.conftest import PASSWORD, Api, MemoryPeople, Server

NOWHERE = "01890000-0000-7000-8000-000000000000"
LONG = 2**63 - 1
#: The values of fields with which a record of each resource can be made.
VALID: Mapping[str, Mapping[str, Any]] = {
    "attribute": {"name": "made", "label": "Made", "type": "text"},
    "webhook": {"name": "W", "model": "Lead", "url": "https://a.example/{id}"},
    "client": {"name": "Acme"},
    "cohort": {"name_cohort": "Summer"},
    "service": {"name": "Jane", "client": "{client}"},
    "pipeline": {"name": "P"},
    "lead": {"name": "Joe"},
    "follow_up": {"comment": "Hello"},
    "enrollment": {"cohort": "{cohort}", "pathway_name": "Data"},
    "enrollment_detail": {"enrollment": "{enrollment}", "student": "{other_service}"},
    "transfer_request": {"student": "{service}", "cohort_request": "Winter"},
}
#: What an item of each list of objects needs.
ITEMS: Mapping[str, Mapping[str, Any]] = {
    "Task": {"task": "Call"},
    "Note": {"note": "Called"},
    "Stage": {"name": "A"},
    "TeachingAssistant": {"id": 1},
    "Condition": {"field": "name", "operator": "=", "value": "x"},
}
#: One attribute of each type, by name.
TYPES = ("text", "number", "date", "boolean", "list", "file")
WITH_ATTRIBUTES = ("client", "service", "lead", "follow_up")


class World:
    """A record of each resource, with where it is and where another of its kind is made."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.ids: dict[str, str] = {}
        for name in VALID:
            self.ids[name] = self.make(name, "lead" if name == "attribute" else "")
            if name == "service":
                self.ids["other_service"] = self.make(name)

    def define_attributes(self) -> None:
        """One attribute of each type for every entity that has attributes."""
        for entity, type_ in itertools.product(WITH_ATTRIBUTES, TYPES):
            self.api.make(f"/api/attributes/{entity}/", name=f"a-{type_}", label="L", type=type_)

    def make(self, name: str, entity: str = "") -> str:
        return str(self.api.make(self.collection(name, entity), **self.valid(name))["id"])

    def valid(self, name: str) -> dict[str, Any]:
        """The values of a record that can be made."""
        return {
            field: value.format_map(self.ids) if value in {f"{{{each}}}" for each in self.ids} else value
            for field, value in VALID[name].items()
        }

    def collection(self, name: str, entity: str = "") -> str:
        """Where records are made; definitions of attributes by entity."""
        if name == "follow_up":
            return f"/services/{self.ids['service']}/follow-ups/"
        return f"/api/attributes/{entity or 'client'}/" if name == "attribute" else f"/api/{RESOURCES[name].path}/"

    def record(self, name: str) -> str:
        """Where the record is."""
        at = "/api/attributes/" if name == "attribute" else self.collection(name)
        return f"{at}{self.ids[name]}/"

    def state(self) -> Mapping[str, Any]:
        """Everything that can be read; all lists work."""
        found = {}
        for path in (*map(self.collection, VALID), *(self.collection("attribute", each) for each in WITH_ATTRIBUTES)):
            answer = self.api.get(path)
            assert answer.status_code == 200, (path, answer.text)
            found[path] = answer.json()
        return found

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        before = self.state()
        yield
        assert self.state() == before


@pytest.fixture
def world(api: Api) -> World:
    return World(api)


class Sent(NamedTuple):
    """A request: a value is sent as JSON, bytes as they are."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, Any] = {}


def send(api: Api, sent: Sent) -> httpx.Response:
    if sent.body is None:
        return api.request(sent.method, sent.path, headers=sent.headers)
    if isinstance(sent.body, bytes):
        headers = {"Content-Type": "application/json", **sent.headers}
        return api.request(sent.method, sent.path, content=sent.body, headers=headers)
    body = json.dumps(sent.body).encode("utf-8", "surrogatepass")
    return api.request(sent.method, sent.path, content=body, headers={"Content-Type": "application/json"})


def assert_refused(world: World, requests: Iterable[Sent], *statuses: int) -> None:
    """None of the requests gets another status than these, all are told why, and nothing changes."""
    got: dict[str, Any] = {}
    with world.unchanged():
        for sent in requests:
            answer = send(world.api, sent)
            told = answer.headers.get("content-type") == "application/json" and isinstance(answer.json(), dict)
            if answer.status_code not in statuses or not (told and answer.json()):
                got[f"{sent.method} {sent.path[:120]} {str(sent.body)[:150]}"] = (answer.status_code, answer.text[:200])
        assert got == {}, json.dumps(got, indent=1)


def bad_values(field: Field) -> list[Any]:
    """What a field must refuse."""
    wrong = [*_WRONG[field.kind]]
    if field.kind == "text":
        wrong += ["x" * (field.limits["maxLength"] + 1)]
        wrong += ["", "  "] if "minLength" in field.limits else []
        wrong += ["red", "#12345g"] if "pattern" in field.limits else []
    elif field.kind == "integer":
        wrong += [0, -1, LONG] if field.refers_to else []
    elif field.kind == "uuid":
        wrong += [NOWHERE] if field.refers_to else []
        wrong += [] if field.nullable else [""]
    return wrong if field.nullable else [*wrong, None]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


BEYOND = [LONG + 1, -LONG - 2, 2**64, 10**30, 10**4_000]
OUT_OF_RANGE = [
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2025-01-01T25:00:00Z",
    "2025-01-01T00:00:00+24:00",
    "2025-01-01T00:00:60Z",
]
BAD_ATTRIBUTES: Mapping[str, list[Any]] = {
    "text": [5, True, [], {}, ["x"], "a\x00b", "a\ud800b"],
    "number": [True, "5", "", [], {}, 10**309, -(10**309), 10**4_000],
    "date": [5, True, [], {}, "", "yesterday", "2025-02-30", "2025-1-5", "0000-01-01", "10000-01-01", "2025-01-01\x00"],
    "boolean": [0, 1, "true", "", [], {}, 1.0],
    "list": [5, True, {}, [5], [None], [["x"]], ["x", "x"], ["a\x00"], "a\x00", "\ud800"],
    "file": [
        5,
        True,
        {},
        [],
        "",
        "x",
        "ftp://a.example/x",
        "javascript:alert(1)",
        "//a.example",
        "https://a b/",
        "https://a\x00",
    ],
}


_NO_LISTS = [5, True, "x", {}, {"0": {}}, [5], [[]], [None], [True], [{}], [["x"]]]
_NO_HEADERS: list[dict[str, Any]] = [
    *({name: "x"} for name in ("a b", "X:", "", "é", "X\x00", "X\r\nY", "Host", "content-length", "webhook-id")),
    {"X": 5},
    {"X": None},
    {"X": {}},
    *({"X": value} for value in ("a\x00", "a\r\nB: c", "{nothing}", "{", "x" * 5_000)),
    {f"X-{number}": "" for number in range(51)},
]
#: What no field of a kind takes.
_WRONG: Mapping[str, list[Any]] = {
    "text": [True, {}, [], ["x"], {"a": 1}, "a\x00b", "a\ud800b", "\udfff"],
    "integer": [True, False, {}, [], "abc", "1e3", 1.5, "1_0 x", "\x00", "१x", *BEYOND, "9" * 30, "1" * 1_001],
    "decimal": [
        True,
        {},
        [],
        "",
        "abc",
        "1,5",
        "1_0",
        "NaN",
        "-Infinity",
        "१",
        "\x00",
        10**400,
        "9" * 1_001,
        "0." + "1" * 401,
    ],
    "boolean": ["maybe", 2, -1, 1.5, {}, [], "\x00", "", 10**30],
    "date": [
        5,
        5.5,
        True,
        {},
        [],
        10**30,
        "yesterday",
        "0000-01-01",
        "2025-02-30",
        "10000-01-01",
        "\x00",
        "",
        "2025-01-01T",
    ],
    "datetime": [5, True, {}, [], "x", "\x00", "", "2025-02-30T00:00:00Z", *OUT_OF_RANGE],
    "date_or_datetime": [5, True, {}, [], "x", "\x00", "2025-02-30", *OUT_OF_RANGE],
    "uuid": ["x", {}, [], True, 1.5, -1, 2**128, 10**4_000, "\x00" * 16, f"{NOWHERE}0", f"{NOWHERE[:-1]}g", "\ud800"],
    "items": _NO_LISTS,
    "texts": _NO_LISTS,
    "attributes": [5, "x", True, [], [{}], {"unknown": 1}, {"a\x00": 1}, {"": 1}, {"a-text": "good", "a-number": "5"}],
    "mapping": [5, "x", True, [], *_NO_HEADERS],
    "choice": ["nope", "", 5, True, {}, [], "\x00", "\ud800", 10**4_000],
    "json": ["a\x00b", "a\ud800", {"a\x00": 1}, 10**309, 10**4_000, nested(31), [[["\x00"]]]],
}


def resources() -> Iterable[tuple[str, Resource, Mapping[str, Field]]]:
    for name, resource in RESOURCES.items():
        yield name, resource, {key: field for key, field in resource.fields.items() if not field.output_only}


class TestValues:
    """Every field of every resource, as the table of resources has them."""

    def test_a_value_of_the_wrong_type_is_refused_on_create_and_change(self, world: World) -> None:
        def requests() -> Iterator[Sent]:
            for name, _, fields in resources():
                for key, field in fields.items():
                    for bad in bad_values(field):
                        yield Sent("POST", world.collection(name), world.valid(name) | {key: bad})
                        yield Sent("PATCH", world.record(name), {key: bad})

        assert_refused(world, requests(), 400)

    def test_a_wrong_value_inside_an_item_of_a_list_is_refused(self, world: World) -> None:
        def requests() -> Iterator[Sent]:
            for name, _, fields in resources():
                for key, field in fields.items():
                    for inner, its in fields_of(field.item).items() if field.item else ():
                        for bad in [] if its.output_only else bad_values(its):
                            item = {**ITEMS[field.item.__name__], inner: bad}  # type: ignore[union-attr]
                            yield Sent("PATCH", world.record(name), {key: [item]})

        assert_refused(world, requests(), 400)

    def test_a_wrong_value_of_an_attribute_is_refused(self, world: World) -> None:
        world.define_attributes()
        bad = [{f"a-{type_}": value} for type_, values in BAD_ATTRIBUTES.items() for value in values]
        requests = [
            Sent("PATCH", world.record(entity), {"attributes": each}) for entity in WITH_ATTRIBUTES for each in bad
        ]

        assert_refused(world, requests, 400)

    def test_what_no_json_number_is_allowed_to_be_is_refused_everywhere(self, world: World) -> None:
        def requests() -> Iterator[Sent]:
            for name, _, fields in resources():
                for key in fields:
                    for text in (
                        b"NaN",
                        b"Infinity",
                        b"-Infinity",
                        b"1e999",
                        b"-1e999",
                        b"1" * 5_000,
                        b"01",
                        b"+1",
                        b".5",
                    ):
                        yield Sent("PATCH", world.record(name), b'{"%b": %b}' % (key.encode(), text))

        assert_refused(world, requests(), 400)

    def test_the_largest_numbers_that_are_taken_come_back_as_they_are(self, world: World) -> None:
        world.define_attributes()
        for number in (
            1.7e308,
            -1.7e308,
            10**308,
            5e-324,
            0.1,
            10**307,
            -(10**307),
            LONG,
            LONG + 1,
            2**64,
            10**22,
            1e22,
            -0.0,
        ):
            for entity in WITH_ATTRIBUTES:
                answer = world.api.patch(world.record(entity), {"attributes": {"a-number": number}})

                assert (answer.status_code, answer.json().get("attributes")) == (200, {"a-number": number}), number
                assert world.api.get(world.record(entity)).json()["attributes"] == {"a-number": number}
        world.state()

    def test_the_largest_whole_numbers_that_are_taken_come_back_as_they_are(self, world: World) -> None:
        for number in (LONG, -LONG - 1, 0, -1):
            stages = world.api.patch(world.record("pipeline"), {"stages": [{"name": "A", "order": number}]})
            assistants = [{"id": number, "name": "Bob"}]
            taught = world.api.patch(world.record("enrollment"), {"teaching_assistants": assistants})

            assert stages.json()["stages"][0]["order"] == number
            assert taught.json()["teaching_assistants"] == assistants
        world.state()

    def test_extreme_times_that_are_taken_leave_all_lists_working(self, world: World) -> None:
        taken = 0
        for moment in (
            *OUT_OF_RANGE,
            "0001-01-01T00:00:00Z",
            "0001-01-01T23:59:00+23:59",
            "9999-12-31T23:59:59.999999Z",
            "9999-12-31T00:00:00-23:59",
            "0001-01-01",
            "9999-12-31",
        ):
            answers = [
                world.api.patch(world.record("follow_up"), {"follow_up_date": moment}),
                world.api.post(world.collection("follow_up"), {"follow_up_date": moment}),
                world.api.post(f"{world.record('client')}add-note/", {"note": "n", "date": moment}),
                world.api.post(f"{world.record('lead')}add-task/", {"task": "t", "date_created": moment}),
                world.api.patch(world.record("cohort"), {"start_date": moment[:10], "end_date": moment[:10]}),
                world.api.patch(world.record("transfer_request"), {"possible_transfer_date": moment[:10]}),
            ]
            assert {answer.status_code for answer in answers} <= {200, 201, 400}, moment
            taken += answers[0].status_code == 200
            world.state()
        assert taken == 6
        for name, order in (("follow_up", "follow_up_date"), ("cohort", "end_date"), ("client", "created_at")):
            for sign in ("", "-"):
                path = f"{world.collection(name)}?ordering={sign}{order}&limit=1"
                while path:
                    answer = world.api.get(path)
                    assert answer.status_code == 200, answer.text
                    path = answer.links.get("next", {}).get("url", "")

    def test_names_are_measured_in_characters(self, world: World) -> None:
        for name, key in (
            ("client", "name"),
            ("cohort", "name_cohort"),
            ("enrollment", "pathway_name"),
            ("lead", "stage"),
        ):
            for text in ("n" * 255, "\N{GRINNING FACE}" * 255, "é" * 255, f"{'n' * 255}   ", "a\u202e\x01\x7f\u2028b"):
                answer = world.api.patch(world.record(name), {key: text})
                assert (answer.status_code, answer.json()[key]) == (200, text.strip())
            longer = ["n" * 256, "\N{GRINNING FACE}" * 256, f"{'n' * 255} n"]
            assert_refused(world, [Sent("PATCH", world.record(name), {key: text}) for text in longer], 400)

    def test_lists_are_no_longer_than_they_may_be(self, world: World) -> None:
        def requests() -> Iterator[Sent]:
            for name, _, fields in resources():
                for key, field in fields.items():
                    if field.kind in {"items", "texts"}:
                        one: Any = ITEMS[field.item.__name__] if field.item else "https://a.example/"
                        sent = [{**one, "name": str(n)} if key == "stages" else one for n in range(1_001)]
                        yield Sent("PATCH", world.record(name), {key: sent[: field.limits["maxItems"] + 1]})

        assert_refused(world, requests(), 400)

    def test_the_same_id_twice_in_a_list_is_refused(self, world: World) -> None:
        def requests() -> Iterator[Sent]:
            for name, _, fields in resources():
                for key, field in fields.items():
                    if field.item and field.item.__name__ in {"Task", "Note", "Stage"}:
                        item = ITEMS[field.item.__name__]
                        for ids in (
                            (NOWHERE, NOWHERE),
                            (NOWHERE, NOWHERE.upper()),
                            (NOWHERE, NOWHERE.replace("-", "")),
                        ):
                            sent = [{**item, "id": id_, "name": str(n)} for n, id_ in enumerate(ids)]
                            yield Sent("PATCH", world.record(name), {key: sent})
                            yield Sent("POST", world.collection(name), world.valid(name) | {key: sent})

        assert_refused(world, requests(), 400)

    def test_atomic_operations_refuse_what_is_wrong(self, world: World) -> None:
        bad: list[Any] = [
            None,
            [],
            5,
            "x",
            {},
            {"id": "x"},
            {"task_id": 5.5},
            {"id": None},
            {"task_id": NOWHERE},
            {"task": "\x00"},
        ]
        bad += [
            {"note": "\x00"},
            {"note": ""},
            {"task": "x" * 10_001},
            {"note": {}},
            {"task_id": NOWHERE, "completed": "?"},
        ]
        operations = ("update-task", "delete-task", "delete-note", "add-task", "add-note")
        requests = [
            Sent("POST", f"{world.record(name)}{operation}/", b"null" if each is None else each)
            for name in ("client", "service", "lead")
            for operation in operations
            for each in bad
        ]

        assert_refused(world, requests, 400, 404)

    def test_conditions_and_headers_of_webhooks_refuse_what_is_wrong(self, world: World) -> None:
        conditions: list[Any] = [
            {"field": "nope", "operator": "=", "value": 1},
            {"field": "attributes.nope", "operator": "=", "value": 1},
            {"field": "name", "operator": "in", "value": "x"},
            {"field": "name", "operator": "=", "value": {"a": {"b\x00": 1}}},
            {"field": "name", "operator": "=", "value": "\ud800"},
            {"field": "na\x00me", "operator": "=", "value": ""},
        ]
        urls = [
            "",
            "x",
            "ftp://a/",
            "https://{id}/",
            "https://a:0/",
            "https://a:99999/",
            "https://u@a/",
            "https://a/{nope}",
        ]
        urls += [
            "https://a/{",
            "https://a/}",
            "https://[::1/",
            "https://a/\x00",
            "https://a/ b",
            "https://a\\b/",
            "http://",
        ]
        requests = [Sent("PATCH", world.record("webhook"), {"conditions": [each]}) for each in conditions]
        requests += [Sent("PATCH", world.record("webhook"), {"url": each}) for each in urls]

        assert_refused(world, requests, 400)

    def test_what_is_no_object_is_refused(self, world: World) -> None:
        bodies = [b"null", b"[]", b"5", b'"x"', b"true", b"[{}]", b"1.5"]
        paths = [
            *(("POST", world.collection(name)) for name in VALID),
            *(("PUT", world.record(name)) for name in VALID),
        ]

        assert_refused(world, [Sent(*path, body) for path in paths for body in bodies], 400)


class TestBodies:
    """What cannot be read as JSON."""

    BAD = (
        b'{"name": "\xff"}',
        b'{"na\xffme": "x"}',
        b"\xff\xfe",
        b'\xef\xbb\xbf{"name": "x"}',
        '{"name": "x"}'.encode("utf-16"),
        '{"name": "x"}'.encode("utf-16-le"),
        '{"name": "x"}'.encode("utf-32"),
        b'{"name": "\\ud800"}',
        b'{"name": "\\udc00\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "\xc0\x80"}',
        b'{"name": "x"} x',
        b'{"name": "x"}{"name": "y"}',
        b'{"name": "x",}',
        b'{"name": "x" /* y */}',
        b"{'name': 'x'}",
        b'{"name": "x"',
        b'{"name": "a\nb"}',
        b'{"name": "a\x00b"}',
        b'{"name": "\\x41"}',
        b'{name: "x"}',
        b"\x00",
        b" ",
        b"{" * 33,
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"name":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"unknown":' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}",
        b'{"attributes":{"a-text":' + b"[" * 40 + b"]" * 40 + b"}}",
        b'{"name": ' + b"1" * 5_000 + b"}",
        b'{"unknown": ' + b"1" * 5_000 + b"}",
        b'{"name": 1' + b"0" * 100_000 + b".5}",
    )

    def test_what_is_no_json_is_refused(self, world: World) -> None:
        paths = [("POST", "/api/clients/"), ("PUT", world.record("client")), ("PATCH", world.record("follow_up"))]
        paths += [("POST", f"{world.record('lead')}add-note/"), ("POST", "/api/attributes/lead/")]

        assert_refused(world, [Sent(*path, body) for path in paths for body in self.BAD], 400)

    def test_what_is_no_merge_patch_is_refused(self, world: World) -> None:
        merge = {"Content-Type": "application/merge-patch+json"}
        wrong: list[Any] = [5, [], "x", {"unknown": 1}, {"a-text": 5}, {"a\x00": 1}, {"a-number": 10**4_000}]
        bodies = [*self.BAD, b"[]", b"null", b'{"name": null}', b'{"name": {"a": null}}']
        bodies += [json.dumps({"attributes": each}).encode() for each in wrong]

        assert_refused(world, [Sent("PATCH", world.record("client"), body, merge) for body in bodies], 400)

    def test_of_a_key_that_comes_twice_the_last_counts_for_checks_and_for_storing(self, world: World) -> None:
        answer = send(world.api, Sent("PATCH", world.record("client"), b'{"name": "\\u0000", "name": "Last"}'))
        assert (answer.status_code, answer.json()["name"]) == (200, "Last")
        assert_refused(world, [Sent("PATCH", world.record("client"), b'{"name": "First", "name": "\\u0000"}')], 400)

    @pytest.mark.parametrize("declared", [True, False], ids=["Content-Length", "chunked"])
    def test_a_body_over_a_megabyte_is_too_large(self, world: World, declared: bool) -> None:  # noqa: FBT001
        body = b'{"name": "%b"}' % (b"x" * 1_000_000)
        with world.unchanged():
            for path in (
                "/api/clients/",
                "/api-token-auth/",
                "/api/attributes/lead/",
                f"{world.record('lead')}add-note/",
            ):
                pieces = [body[start : start + 100_000] for start in range(0, len(body), 100_000)]
                answer = post_body(world.api, path, body if declared else pieces)
                assert answer.status_code == 413, (path, answer.text)
                assert list(answer.json()) == ["detail"]

    def test_a_content_type_that_is_not_json_is_refused(self, world: World) -> None:
        types = [
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            ",",
        ]
        types += [
            "application/jsonp",
            "application/merge-patch+json",
            "json",
            "*/*",
            "text/html; application/json",
            "é",
        ]
        requests = [
            Sent(*path, b'{"name": "x"}', {"Content-Type": type_.encode()})
            for path in (("POST", "/api/clients/"), ("PUT", world.record("client")), ("POST", "/api/cohorts/"))
            for type_ in types
        ]

        assert_refused(world, requests, 415)

    def test_forms_are_no_bodies_of_records(self, world: World) -> None:
        for path in ("/api/clients/", "/api/leads/", "/api/attributes/lead/", f"{world.record('lead')}add-note/"):
            with world.unchanged():
                assert world.api.post(path, data={"name": "x", "note": "x"}).status_code == 415
                assert world.api.post(path, files={"file": ("a.txt", b"x")}).status_code == 415


def post_body(api: Api, path: str, body: bytes | list[bytes]) -> httpx.Response:
    """Send a body with its length, or in chunks without."""
    content: Any = body
    if isinstance(body, list):
        content = async_pieces(body) if isinstance(api.people, MemoryPeople) else iter(body)
    return api.request("POST", path, content=content, headers={"Content-Type": "application/json"})


async def async_pieces(pieces: Iterable[bytes]) -> Any:
    for piece in pieces:
        yield piece


class TestAddresses:
    """Paths and query strings."""

    BAD_IDS = (
        "x",
        "%00",
        "%FF",
        "%C3%28",
        "%ED%A0%80",
        "0",
        "-1",
        "9" * 40,
        NOWHERE[:-1],
        f"{NOWHERE}0",
        "..%2f..",
        "%0d%0aX:%20y",
        "%25",
        "%",
        "%zz",
        "a" * 5_000,
        "%F0%9F%98%80",
        "*",
        ";a=b",
        "null",
    )

    def test_a_malformed_id_names_nothing(self, world: World) -> None:
        def requests() -> Iterator[Sent]:
            for bad in self.BAD_IDS:
                for name, resource in RESOURCES.items():
                    at = "/api/attributes/" if name == "attribute" else world.collection(name)
                    yield Sent("GET", f"{at}{bad}/")
                    yield Sent("PATCH", f"{at}{bad}/", {})
                    yield Sent("DELETE", f"{at}{bad}/")
                    if resource.has_tasks_and_notes:
                        yield Sent("POST", f"{at}{bad}/add-note/", {"note": "n"})
                for prefix in ("", "/api"):
                    yield Sent("GET", f"{prefix}/services/{bad}/follow-ups/")
                    yield Sent("POST", f"{prefix}/services/{bad}/follow-ups/", {})

        assert_refused(world, requests(), 404)

    def test_only_spellings_of_uuids_name_a_record(self, world: World) -> None:
        """Python reads digits of other scripts, blanks and signs as parts of a UUID as well; ids begin with 0."""
        assert world.ids["service"].startswith("0")
        rest = world.ids["service"].replace("-", "")[1:]
        spellings = [f"{first}{rest}" for first in ("%0A", "%0D", "%09", "%20", "%D9%A0", "%EF%BC%90", "%2B", "%C2%A0")]
        requests = [
            Sent(*each)
            for id_ in spellings
            for each in (
                ("GET", f"/services/{id_}/follow-ups/?limit=1"),
                ("POST", f"/services/{id_}/follow-ups/", {}),
                ("GET", f"/api/services/{id_}/"),
                ("PATCH", f"/api/services/{id_}/", {"name": "Other"}),
            )
        ]

        assert_refused(world, requests, 404)

    def test_what_a_location_or_link_says_leads_there_whatever_the_spelling(self, world: World) -> None:
        id_ = world.ids["service"]
        for spelling in (id_, id_.upper(), id_.replace("-", ""), quote(f"{{{id_}}}"), f"urn:uuid:{id_}"):
            made = world.api.post(f"/services/{spelling}/follow-ups/", {})
            assert made.status_code == 201, made.text
            assert world.api.get(made.headers["Location"]).json() == made.json()
            page = world.api.get(f"/services/{spelling}/follow-ups/?limit=1")
            assert world.api.get(page.links["next"]["url"]).status_code == 200

    def test_paths_that_are_none_are_not_found(self, world: World) -> None:
        paths = [
            "/%00",
            "/%FF",
            "/api/%00/",
            "/api/%FF/",
            "/api/nothing/",
            "/api/clients/x/y/z/",
            "/api/Clients/",
        ]
        paths += [
            "/api/../etc/passwd",
            "/api/clients/%2e%2e/",
            "/api/attributes/%00/",
            "/api/attributes/nothing/",
            "/..%2f",
        ]

        assert_refused(world, [Sent("GET", path) for path in paths], 404)
        assert_refused(world, [Sent("POST", path, {"name": "x"}) for path in paths if "%2e" not in path], 404)

    def test_a_query_that_cannot_be_read_is_refused(self, world: World) -> None:
        bad = ["%FF=1", "name=%FF", "a=%C3%28", "name=%ED%A0%80", "&".join(f"a{n}=1" for n in range(1_000))]
        paths = [world.collection(name) for name in VALID]

        assert_refused(world, [Sent("GET", f"{path}?{query}") for path in paths for query in bad], 400)

    def test_a_bad_value_of_a_known_parameter_is_refused(self, world: World) -> None:
        def requests() -> Iterator[Sent]:
            for name, resource in RESOURCES.items():
                at = world.collection(name)
                for bad in ("0", "-1", "1001", "x", "1.5", "1e3", "9" * 5_000, "%D9%A1", "%00", "%2B1", "2" * 20):
                    yield Sent("GET", f"{at}?limit={bad}")
                for bad in (
                    "x",
                    "%00",
                    "é",
                    "bnVsbA",
                    "W10",
                    "WyItIiwgbnVsbCwgIngiXQ",
                    "W" * 5_000,
                    "=",
                    "e30",
                    NOWHERE,
                ):
                    yield Sent("GET", f"{at}?cursor={bad}")
                for bad in ("nothing", "%00", "--name", "-", "name,name", "attributes.a-text"):
                    yield Sent("GET", f"{at}?ordering={bad}")
                yield Sent("GET", f"{at}?search=%00")
                for reference, to in resource.references.items():
                    if reference == resource.parent:
                        continue
                    for bad in ("x", "%00", "9" * 5_000, str(LONG + 1), "-1", "0", NOWHERE, "1.0", "%D9%A1", "{}"):
                        yield Sent("GET", f"{at}?{reference}={bad}")
                    assert to
                for parameter in resource.filters:
                    yield Sent("GET", f"{at}?{parameter}=%00")

        assert_refused(world, requests(), 400)

    def test_a_forged_cursor_is_refused_or_understood_but_never_fails_inside(self, world: World) -> None:
        """What a cursor may say must be what the database can read, too."""
        moments = (
            "20250101",
            "2025-W01-1",
            "2025-01-01",
            "2025-01-01T10",
            "2025-01-01T00:00:00+05:00",
            "2025-01-01 10:00",
        )
        forged = [json.dumps(["created_at", moment, NOWHERE]) for moment in moments]
        forged += [
            json.dumps(each) for each in (["", None, 5], [1, 2, 3], ["created_at", 5, NOWHERE], ["created_at", {}, {}])
        ]
        for each in forged:
            cursor = base64.urlsafe_b64encode(each.encode()).decode()
            answer = world.api.get(f"/api/clients/?ordering=created_at&limit=1&cursor={cursor}")
            assert (answer.status_code, answer.json()) == (400, {"cursor": ["Invalid cursor"]}), each

    def test_an_image_of_the_apps_own_is_in_its_folder(self, world: World) -> None:
        """Browsers read %2e%2e as they do two dots."""
        bad = [
            "/files/../x",
            "/files/%2e%2e/x",
            "/files/%2E./x",
            "/files/.%2e/x",
            "/files",
            "/files\\x",
            "/filesx",
            "//files/x",
        ]

        assert_refused(world, [Sent("PATCH", world.record("client"), {"list_of_images": [each]}) for each in bad], 400)

    def test_a_bad_filter_of_an_attribute_is_refused(self, world: World) -> None:
        world.define_attributes()
        bad = [
            "a-number=x",
            "a-number=1e999",
            "a-number=NaN",
            f"a-number={'9' * 5_000}",
            "a-number__gt=",
            "a-number__in=1,x",
        ]
        bad = [each for each in bad if not each.endswith("=")]
        bad += [
            "a-date=x",
            "a-date=2025-02-30",
            "a-date__lt=0000-01-01",
            "a-boolean=x",
            "a-boolean__gt=true",
            "a-list__lt=x",
        ]
        bad += [
            "a-text=%00",
            "a-text__like=x",
            "a-text__=x",
            "__=x",
            "=x",
            "nothing=1",
            "%00=1",
            "a-file__gt=x",
            "a-number=%00",
        ]
        at = [world.collection(name) for name in WITH_ATTRIBUTES]

        assert_refused(world, [Sent("GET", f"{path}?attributes.{each}") for path in at for each in bad], 400)

    def test_odd_values_of_filters_find_what_they_say(self, world: World) -> None:
        world.define_attributes()
        odd = [
            "name=%25",
            "name=_",
            "name=%5C",
            "search=%25%25",
            "search=%22",
            "search=%27%22%27",
            "search=" + "a%20" * 500,
        ]
        odd += [
            "name='; drop table client; --",
            "search=\u202e\x01",
            f"name={'x' * 10_000}",
            "limit=1&limit=2",
            "limit=x&limit=2",
        ]
        odd += [f"attributes.a-number__gt={number}" for number in ("1e308", "-1e308", "5e-324", "9" * 308, "-0", "0.1")]
        odd += ["attributes.a-text__contains=%25", f"attributes.a-text__gt={'x' * 10_000}", "attributes.a-text__in=,,,"]
        odd += ["attributes.a-list__in=a,b", "attributes.a-date__gte=0001-01-01", "attributes.a-date__lte=9999-12-31"]
        for each in odd:
            answer = world.api.get(f"/api/clients/?{quote(each, safe='=&%')}")
            assert answer.status_code == 200, (each, answer.text)

    def test_a_query_is_of_no_concern_to_what_takes_none(self, world: World) -> None:
        for query in ("%FF=1", "%00", "&".join(f"a{n}=1" for n in range(1_000))):
            assert world.api.get(f"{world.record('client')}?{query}").status_code == 200
            assert world.api.get(f"/api/me/?{query}").status_code == 200


class TestMethods:
    PATHS = (
        "/api/clients/",
        "/api/me/",
        "/api/attributes/client/",
        f"/api/leads/{NOWHERE}/",
        f"/api/leads/{NOWHERE}/add-note/",
    )

    METHODS = ("TRACE", "FOO", "PROPFIND", "LOCK", "X-Y", "M" * 200)

    def test_a_method_that_a_path_does_not_have_is_refused_by_name(self, api: Api) -> None:
        for method, path in itertools.product(self.METHODS, self.PATHS):
            answer = api.request(method, path)
            assert (answer.status_code, answer.json()) == (405, {"detail": f'Method "{method}" not allowed.'})
            assert "OPTIONS" in answer.headers["Allow"]
            anonymous = api.anonymous().request(method, path)
            assert (anonymous.status_code, anonymous.headers.get("Allow")) == (401, None)
            assert api.request(method, "/api/nothing/").status_code == 404


class TestLogins:
    JSON: tuple[dict[str, Any], ...] = (
        {"username": "admin\x00", "password": PASSWORD},
        {"username": "\x00", "password": "\x00"},
        {"username": "admin", "password": f"{PASSWORD}\x00"},
        {"username": "admin", "password": "x" * 1_025},
        {"username": "x" * 151, "password": "x"},
        {"username": {}, "password": []},
        {"username": ["admin"], "password": PASSWORD},
        {"username": True, "password": True},
        {"username": None, "password": None},
        {"username": "", "password": ""},
        {"username": "\ud800", "password": "x"},
        {"username": 10**4_000, "password": 10**4_000},
    )
    FORMS = (
        b"username=%00&password=x",
        b"username=admin&password=%00",
        b"username=%ff&password=x",
        b"username=\xff&password=x",
        b"username=%ED%A0%80&password=x",
        b"&&&",
        b"username=admin&password=" + b"x" * 1_025,
        b"&".join(b"a%d=1" % n for n in range(1_000)),
        b"%00=%00",
    )
    PARTS = (
        b'Content-Disposition: form-data; name="username"\r\n\r\n\xff',
        b'Content-Disposition: form-data; name="username"; filename="a"\r\n\r\nadmin',
        b"Content-Disposition: form-data; name*=utf-9''%ff\r\n\r\nadmin",
        b"Content-Disposition: form-data\r\n\r\nadmin",
        b'Content-Disposition: form-data; name="username"\r\nContent-Type: text/plain; charset=nope\r\n\r\nadmin',
        b'Content-Disposition: attachment; name="\xff"\r\n\r\nadmin',
        b'Content-Disposition: form-data; name="username"\r\n\r\n\x00',
        b"\r\n\r\n",
        b"",
        b": \r\n\r\nx",
    )

    def test_credentials_that_cannot_be_read_are_refused(self, world: World) -> None:
        anonymous = world.api.anonymous()
        typed = {"Content-Type": "application/x-www-form-urlencoded"}
        requests = [Sent("POST", "/api-token-auth/", body) for body in (*self.JSON, *TestBodies.BAD[:14])]
        requests += [Sent("POST", "/api-token-auth/", body, typed) for body in self.FORMS]
        for part, end, given_ in itertools.product(
            self.PARTS, (b"--x--\r\n", b"", b"--x--"), (b"x", b'"x"', b"y", b"", b"\xff")
        ):
            multipart = {"Content-Type": b"multipart/form-data; boundary=" + given_}
            requests.append(Sent("POST", "/api-token-auth/", b"--x\r\n" + part + b"\r\n" + end, multipart))
        got = {}
        for sent in requests:
            answer = send(anonymous, sent)
            expected = 413 if len(str(sent.body)) > 8_000 else 400
            if answer.status_code != expected or not isinstance(answer.json(), dict):
                got[str(sent)[:200]] = (answer.status_code, answer.text[:200])
        assert got == {}, json.dumps(got, indent=1)
        assert world.api.get("/api/me/").status_code == 200

    NO_TOKENS = (
        b"Token \xff",
        b"Token",
        b"Token a b",
        b"\xff",
        b"Bearer \xc3\xa9",
        b"Basic eDp4",
        b"Token " + b"a" * 9_000,
        b"Token\ttab",
        b"Token ' or 1=1 --",
        b"token",
        b",",
        b"Token Token",
    )

    def test_an_authorization_that_is_none_lets_nobody_in(self, api: Api) -> None:
        asked = (("GET", "/api/clients/"), ("POST", "/api/clients/"), ("DELETE", "/api-token-auth/"))
        for header, (method, path) in itertools.product(self.NO_TOKENS, asked):
            answer = api.anonymous().request(method, path, headers={"Authorization": header})
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Token"), header

    def test_headers_that_are_no_text_do_no_harm(self, api: Api) -> None:
        for name in (
            "Prefer",
            "X-Request-ID",
            "User-Agent",
            "Cookie",
            "X-Forwarded-For",
            "If-Match",
            "Range",
        ):
            for value in (b"\xff", b"\xc3\x28", b"=;,\"'", b"a" * 9_000, b"handling=strict" * 100):
                answer = api.get("/api/clients/", headers={name: value})
                assert answer.status_code == 200, (name, answer.text)
                assert answer.headers["X-Request-ID"].isascii()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_any_json_whatever_is_taken_or_refused(world: World) -> None:
    """Half of the bodies begin with one that is good, so that not all are refused for the same reason."""
    for name, _, fields in resources():
        _send_any_json(world, name, fields)
        world.state()


def _send_any_json(world: World, name: str, fields: Mapping[str, Field]) -> None:
    inside = {key for field in fields.values() if field.item for key in fields_of(field.item)}
    items = st.lists(st.dictionaries(st.sampled_from(sorted(inside or {"x"})), JSON_VALUES, max_size=4), max_size=3)
    names = st.sampled_from(sorted(fields)) | st.text(max_size=5)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        st.dictionaries(names, JSON_VALUES | items, max_size=4),
        st.booleans(),
        st.sampled_from(["POST", "PUT", "PATCH", "MERGE"]),
    )
    def run(body: dict[str, Any], is_good: bool, method: str) -> None:  # noqa: FBT001
        sent = json.dumps({**(world.valid(name) if is_good else {}), **body}).encode()
        path = world.collection(name) if method == "POST" else world.record(name)
        typed = {"Content-Type": "application/merge-patch+json"} if method == "MERGE" else {}
        before = world.api.get(world.collection(name)).json()
        answer = send(world.api, Sent("PATCH" if method == "MERGE" else method, path, sent, typed))
        assert answer.status_code in {200, 201, 400}, answer.text
        if answer.status_code == 400:
            assert world.api.get(world.collection(name)).json() == before

    run()


class Wire:
    """Bytes to and from a server, for what a client library refuses to send."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self.token = token.encode()

    def exchange(self, sent: bytes, *, is_all: bool = False) -> bytes:
        """What comes back until the server closes the connection; ``is_all`` closes this side's half before."""
        got = b""
        with self.connect() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(sent)
            if is_all:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65_536):
                got += piece
        return got

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=5)


@pytest.fixture
def wire(server: Server, postgres_api: Api) -> Wire:
    return Wire(server.port, postgres_api.token)


def statuses_in(got: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", got)]


class TestWire:
    """Bytes that are hardly HTTP."""

    #: Each is answered, if at all, and the connection closed.
    BAD = (
        b"\x00\x00\x00\x00\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /api/clients/\r\n\r\n",
        b"GET /api/clients/ HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /api/ clients/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/clients/ HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /api/clients/ HTTP/1.1\r\nHo\x00st: x\r\n\r\n",
        b"GET /api/clients/ HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"G\xffT /api/clients/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[::/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/clients/ HTTP/1.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /api/clients/ HTTP/1.1\r\n" + b"X: a\r\n" * 5_000 + b"\r\n",
        b"GET /api/\xff/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"get /api/clients/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET http://example.com/api/clients/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /api/me/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    )
    #: What follows the head of a request that would make a client.
    BAD_BODIES = (
        b"Content-Length: -1\r\n\r\n{}",
        b"Content-Length: x\r\n\r\n{}",
        b"Content-Length: 99999999999999999999\r\n\r\n{}",
        b'Content-Length: 2\r\nContent-Length: 13\r\n\r\n{"name": "x"}',
        b'Transfer-Encoding: chunked\r\n\r\nzz\r\n{"name": "x"}\r\n0\r\n\r\n',
        b'Transfer-Encoding: gzip, x\r\n\r\n{"name": "x"}',
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    )
    CUT_OFF = (
        b'Content-Length: 100\r\n\r\n{"name": "x"}',
        b'Transfer-Encoding: chunked\r\n\r\nd\r\n{"name": "x"}',
        b'Transfer-Encoding: chunked\r\n\r\nd\r\n{"name": "x"}\r\n',
    )

    def test_what_is_hardly_a_request_is_refused(self, wire: Wire) -> None:
        got = {sent[:80]: statuses_in(wire.exchange(sent)) for sent in self.BAD}

        assert {sent: found for sent, found in got.items() if any(not 400 <= status < 500 for status in found)} == {}

    def test_a_body_of_no_certain_length_makes_nothing(self, wire: Wire, postgres_api: Api) -> None:
        head = (
            b"POST /api/clients/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Token %b\r\n" % wire.token
        )
        got = {sent: statuses_in(wire.exchange(head + sent)) for sent in self.BAD_BODIES}
        got |= {sent: statuses_in(wire.exchange(head + sent, is_all=True)) for sent in self.CUT_OFF}

        assert {sent: found for sent, found in got.items() if any(not 400 <= status < 500 for status in found)} == {}
        assert postgres_api.get("/api/clients/").json() == []

    def test_a_length_beside_chunks_lets_nobody_in_who_has_no_token(self, wire: Wire, postgres_api: Api) -> None:
        smuggled = (
            b'POST /api/clients/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 13\r\n\r\n{"name": "x"}'
        )
        head = b"POST /api/clients/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token %b\r\n" % wire.token
        for lengths in (
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        ):
            got = wire.exchange(head + lengths + b"\r\n0\r\n\r\n" + smuggled)
            assert all(status < 500 for status in statuses_in(got))
        assert postgres_api.get("/api/clients/").json() == []

    def test_nothing_of_a_request_gets_into_the_heads_of_answers(self, wire: Wire) -> None:
        for path in (
            b"/api/clients/%0d%0aInjected:%20x/",
            b"/api/clients/?limit=1&a=%0d%0aInjected:%20x",
            b"/%0d%0aInjected:%20x",
        ):
            for extra in (b"X-Request-ID: a%0d%0aInjected: x\r\n", b"X-Request-ID: a\rInjected: x\r\n"):
                sent = b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Token %b\r\n%b\r\n" % (
                    path,
                    wire.token,
                    extra,
                )
                heads = wire.exchange(sent).partition(b"\r\n\r\n")[0].lower()
                assert b"\ninjected" not in heads
                assert b"\rinjected" not in heads

    def test_no_host_and_old_http_are_answered_or_refused(self, wire: Wire) -> None:
        for version, host in itertools.product(
            (b"1.0", b"1.1"), (b"", b"Host: \r\n", b"Host: a\r\nHost: b\r\n", b"Host: \xff\r\n")
        ):
            sent = b"GET /api/me/ HTTP/%b\r\n%bAuthorization: Token %b\r\nConnection: close\r\n\r\n" % (
                version,
                host,
                wire.token,
            )
            found = statuses_in(wire.exchange(sent))
            assert found in ([200], [400])

    def test_requests_in_a_row_on_one_connection_are_answered_in_order(self, wire: Wire) -> None:
        one = b"GET /%b HTTP/1.1\r\nHost: x\r\nAuthorization: Token %b\r\n%b\r\n"
        got = wire.exchange(
            one % (b"api/me/", wire.token, b"")
            + one % (b"nothing", wire.token, b"")
            + one % (b"api/clients/", wire.token, b"Connection: close\r\n")
        )
        assert statuses_in(got) == [200, 404, 200]

    def test_clients_that_say_nothing_or_not_all_keep_nobody_from_being_answered(
        self, wire: Wire, postgres_api: Api
    ) -> None:
        with contextlib.ExitStack() as stack:
            for number in range(100):
                connection = stack.enter_context(wire.connect())
                if number % 2:
                    head = b"POST /api/clients/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token %b\r\n" % wire.token
                    connection.sendall(head + (b"Content-Length: 100\r\n\r\n{" if number % 4 == 1 else b""))
            for _ in range(5):
                assert postgres_api.get("/api/clients/").json() == []
        assert postgres_api.get("/api/clients/").json() == []

    def test_clients_that_hang_up_over_a_long_answer_do_no_harm(self, wire: Wire, postgres_api: Api) -> None:
        postgres_api.make("/api/clients/", name="Acme", list_of_notes=[{"note": "n" * 900}] * 900)
        for _ in range(20):
            with wire.connect() as connection:
                connection.sendall(
                    b"GET /api/clients/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token %b\r\n\r\n" % wire.token
                )
                connection.recv(10)
        assert postgres_api.get("/api/clients/").status_code == 200
