"""What records do, whichever way the app runs: the six answers of every resource, lists, rules, permissions."""

import itertools
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest

from crm_core.input.texts import sorting_key
from crm_core.resources import RESOURCES
from tests.http.conftest import Api

NOWHERE = "01890000-0000-7000-8000-000000000000"
REQUIRED = ["This field is required."]
NULL = ["This field may not be null."]
TWICE = ["This field must be unique."]
UNKNOWN = ["This attribute is not defined."]
NO_CHOICE = ["Select a valid choice. That choice is not one of the available choices."]
FORBIDDEN = {"detail": "You do not have permission to perform this action."}

_ACTIVITY = ["attributes", "list_of_tasks", "list_of_notes", "list_of_images"]
#: The documented fields in the documented order, and decision 10's after them.
FIELDS = {
    "client": ["id", "name", *_ACTIVITY, "created_at", "created_by"],
    "service": ["id", "name", "client", "actual_cohort", "origin_cohort", *_ACTIVITY, "created_at"],
    "pipeline": ["id", "name", "description", "stages"],
    "lead": [
        *("id", "name", "responsible", "pipeline", "possible_client", "moodle_course_id", "stage", "attributes"),
        *("list_of_tasks", "list_of_notes", "created_at"),
    ],
    "follow_up": ["id", "service", "attributes", "follow_up_date", "comment", "created_at"],
    "cohort": ["id", "name_cohort", "start_date", "end_date", "instructor"],
    "enrollment": ["id", "cohort", "instructor", "pathway_name", "teaching_assistants"],
    "enrollment_detail": ["id", "enrollment", "student"],
    "transfer_request": ["id", "student", "student_name", "cohort_request", "possible_transfer_date"],
    "attribute": ["id", "name", "label", "type", "is_required", "list_values"],
    "webhook": ["id", "name", "model", "url", "method", "headers", "is_active", "conditions", "condition_logic"],
}
TASK = ["id", "task", "date", "completed", "date_created", "user_id", "user_name"]
NOTE = ["id", "date", "note", "user_id", "user_name"]

#: Records that others cannot be without.
NEEDED = {
    "service": {"client": "client"},
    "enrollment": {"cohort": "cohort"},
    "enrollment_detail": {"enrollment": "enrollment", "student": "service"},
    "transfer_request": {"student": "service"},
}


class World:
    """Makes records of every kind, with whatever they need."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._number = itertools.count(1)
        self.service: str = ""

    def collection(self, name: str) -> str:
        if name == "follow_up":
            self.service = self.service or self.make("service")["id"]
            return f"/services/{self.service}/follow-ups/"
        return "/api/attributes/client/" if name == "attribute" else f"/api/{RESOURCES[name].path}/"

    def place(self, name: str, id_: str = NOWHERE) -> str:
        return f"/api/attributes/{id_}/" if name == "attribute" else f"{self.collection(name)}{id_}/"

    def payload(self, name: str) -> dict[str, Any]:
        """What must be sent to make one."""
        number = next(self._number)
        made = {field: self.make(to)["id"] for field, to in NEEDED.get(name, {}).items()}
        plain: dict[str, dict[str, Any]] = {
            "cohort": {"name_cohort": f"cohort {number}"},
            "enrollment": {"pathway_name": f"pathway {number}"},
            "transfer_request": {"cohort_request": f"cohort {number}"},
            "attribute": {"name": f"a{number}", "label": f"A {number}", "type": "text"},
            "webhook": {"name": f"webhook {number}", "model": "Lead", "url": "https://a.example/"},
        }
        named = {"name": f"{name} {number}"} if "name" in FIELDS[name] else {}
        return made | plain.get(name, named)

    def make(self, name: str, /, **values: Any) -> dict[str, Any]:
        made = self.api.make(self.collection(name), **self.payload(name) | values)
        made.pop("secret", None)  # which a webhook shows once
        return made

    def patch(self, name: str, id_: str, /, **values: Any) -> httpx.Response:
        return self.api.patch(self.place(name, id_), values)

    def shown(self, name: str, id_: str) -> dict[str, Any]:
        answer = self.api.get(self.place(name, id_))
        assert answer.status_code == 200, answer.text
        record: dict[str, Any] = answer.json()
        return record

    def ids(self, name: str, query: str = "") -> list[str]:
        answer = self.api.get(self.collection(name) + query)
        assert answer.status_code == 200, answer.text
        return [record["id"] for record in answer.json()]


@pytest.fixture
def world(api: Api) -> World:
    return World(api)


def problems(answer: httpx.Response) -> Any:
    assert answer.status_code == 400, answer.text
    return answer.json()


#: A change of one field, and what is shown of it.
CHANGES: dict[str, dict[str, Any]] = {
    "client": {"list_of_images": ["https://a.example/1.png"]},
    "service": {"name": "Other"},
    "pipeline": {"description": "Main"},
    "lead": {"moodle_course_id": "m1"},
    "follow_up": {"comment": "Called"},
    "cohort": {"end_date": "2025-12-01"},
    "enrollment": {"teaching_assistants": [{"id": 2, "name": "TA Bob"}]},
    "transfer_request": {"possible_transfer_date": "2026-02-01"},
    "attribute": {"label": "Other"},
    "webhook": {"is_active": False},
}


@pytest.mark.parametrize("name", RESOURCES)
def test_a_record_is_created_listed_changed_and_deleted(name: str, world: World) -> None:
    api, first = world.api, world.make(name)
    created = api.post(world.collection(name), world.payload(name))

    record = created.json()
    place = world.place(name, record["id"])
    assert (created.status_code, created.headers["Location"]) == (201, place)
    assert list(record)[: len(FIELDS[name])] == FIELDS[name]
    assert UUID(record["id"]).version == 7
    retrieved = api.get(place)
    record.pop("secret", None)  # which a new webhook alone is shown with
    assert (retrieved.status_code, retrieved.json()) == (200, record)
    assert created.content.startswith(retrieved.content[:-1])
    assert api.get(world.collection(name)).json() == [record, first]
    change = CHANGES.get(name) or {"student": world.make("service")["id"]}
    stamp: dict[str, Any] = {}
    for method in ("PUT", "PATCH"):
        changed = api.request(method, place, json=change)
        stamp = stamp or {"updated_at": changed.json()["updated_at"]}
        assert (changed.status_code, changed.json()) == (200, record | change | stamp)
    assert api.get(place).json() == record | change | stamp
    deleted = api.delete(place)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = api.request(method, place, **({"json": {}} if method.startswith("P") else {}))
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})
    assert world.ids(name) == [first["id"]]


def test_follow_ups_are_at_both_their_paths_and_inside_their_service(world: World) -> None:
    api, follow_up = world.api, world.make("follow_up")
    other = world.make("service")["id"]
    inside, long = world.place("follow_up", follow_up["id"]), f"/api{world.collection('follow_up')}"

    assert api.get(f"/api{inside}").json() == api.get(inside).json() == follow_up
    made = api.post(long, {})
    assert api.get(made.headers["Location"]).json() == made.json()
    assert [each["id"] for each in api.get(long).json()] == world.ids("follow_up")
    assert api.get(f"/services/{other}/follow-ups/").json() == []
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        sent: dict[str, Any] = {"json": {}} if method.startswith("P") else {}
        assert api.request(method, f"/services/{other}/follow-ups/{follow_up['id']}/", **sent).status_code == 404
    assert api.post(f"/services/{NOWHERE}/follow-ups/", {}).status_code == 404


def test_attributes_are_listed_under_their_entity(world: World) -> None:
    api = world.api
    made = {entity: world.api.make(f"/api/attributes/{entity}/", name="a", label="A", type="text") for entity in
            ("client", "service", "lead", "follow_up")}  # fmt: skip

    for entity, attribute in made.items():
        assert api.get(f"/api/attributes/{entity}/").json() == [attribute]
        assert api.get(f"/api/attributes/{attribute['id']}/").json() == attribute
    for other in ("cohort", "follow-up", NOWHERE):
        assert api.post(f"/api/attributes/{other}/", {"name": "a", "label": "A", "type": "text"}).status_code == 404


REQUIRED_FIELDS = {
    "client": ["name"],
    "service": ["name", "client"],
    "lead": ["name"],
    "pipeline": ["name"],
    "cohort": ["name_cohort"],
    "enrollment": ["cohort", "pathway_name"],
    "enrollment_detail": ["enrollment", "student"],
    "transfer_request": ["student", "cohort_request"],
    "webhook": ["name", "model", "url"],
    "attribute": ["name", "label", "type"],
}


def test_required_fields_are_named_all_at_once(world: World) -> None:
    for name, fields in REQUIRED_FIELDS.items():
        assert problems(world.api.post(world.collection(name), {})) == dict.fromkeys(fields, REQUIRED), name
    before = world.make("client")["created_at"]
    assert world.make("follow_up")["follow_up_date"] >= before


def test_every_reference_is_a_filter_and_must_exist(world: World) -> None:
    api = world.api
    api.people.add("bob")
    references = [
        (resource.name, field, to)
        for resource in RESOURCES.values()
        for field, to in resource.references.items()
        if field != resource.parent
    ]
    assert len(references) == 14
    for name, field, to in references:
        targets = [1, 2] if to == "user" else [world.make(to)["id"] for _ in range(2)]
        missing, malformed = (999, "x") if to == "user" else (NOWHERE, "x")
        bad = "Enter a number." if to == "user" else "Enter a valid UUID."
        path = world.collection(name)
        if field == "created_by":
            made = [world.make(name)["id"]]
            assert made[0] in world.ids(name, "?created_by=1")
            assert world.ids(name, "?created_by=2") == []
        else:
            made = [world.make(name, **{field: target})["id"] for target in targets]
            for target, id_ in zip(targets, made, strict=True):
                assert world.ids(name, f"?{field}={target}") == [id_], (name, field)
            for method, place in (("POST", path), ("PATCH", world.place(name, made[0]))):
                sent = world.payload(name) if method == "POST" else {}
                refused = api.request(method, place, json=sent | {field: missing})
                assert problems(refused) == {field: [f'Invalid pk "{missing}" - object does not exist.']}, (name, field)
        assert problems(api.get(f"{path}?{field}={missing}")) == {field: NO_CHOICE}
        assert problems(api.get(f"{path}?{field}={malformed}")) == {field: [bad]}
        assert len(world.ids(name, f"?{field}=")) == len(world.ids(name))


def test_documented_filters_match_as_documented(world: World) -> None:
    clients = {name: world.make("client", name=name)["id"] for name in ("Acme 100%", "ACME_b", "Other", "Straße")}
    leads = {
        stage: world.make("lead", stage=stage, responsible=1 if stage == "New" else None)["id"]
        for stage in ("New", "new", "Newer")
    }

    def named(text: str) -> set[str]:
        found = world.ids("client", f"?name={text}")
        return {name for name, id_ in clients.items() if id_ in found}

    assert named("acme") == {"Acme 100%", "ACME_b"}
    assert named("0%25") == {"Acme 100%"}
    assert named("_") == {"ACME_b"}
    assert named("%25%25") == named("o_h") == named("%5C") == set()
    assert named("STRAß") == {"Straße"}
    assert named("") == set(clients)
    assert world.ids("lead", "?stage=New") == [leads["New"]]
    assert world.ids("lead", "?responsible=1&stage=New") == [leads["New"]]
    assert world.ids("lead", "?responsible=1&stage=new") == []
    world.make("webhook", is_active=False)
    active = world.make("webhook", model="Client")["id"]
    assert world.ids("webhook", "?is_active=true") == world.ids("webhook", "?model=Client") == [active]
    assert set(problems(world.api.get("/api/webhooks/?model=X&is_active=x"))) == {"model", "is_active"}


ORDERINGS = [
    (name, ordering)
    for name, resource in RESOURCES.items()
    for field in ("", *resource.ordering)
    for ordering in ([""] if not field else [field, f"-{field}"])
]
#: Values that tie, that are missing where they may be, and that other collations would order otherwise.
_TEXTS = ["b", "B", "a", "é", "b"]
_DAYS = ["2025-03-01", None, "2025-01-01", None, "2025-03-01"]


def _five(world: World, name: str, field: str) -> None:
    """Five records, whose values of the field tie and differ."""
    for number, text, day in zip(range(5), _TEXTS, _DAYS, strict=True):
        if field == "student_name":
            world.make(name, student=world.make("service", name=text)["id"])
        elif field.endswith("_date") and name != "follow_up":
            world.make(name, **{field: day})
        elif field == "follow_up_date":
            world.make(name, follow_up_date=(day or "2024-01-01") + "T10:00:00Z")
        elif name == "attribute" and field == "name":
            world.make(name, name=f"{text}-{number}")
        else:
            world.make(name, **({field: text} if field and field != "created_at" else {}))


def pages(api: Api, path: str, write: Callable[[], object]) -> Iterator[list[dict[str, Any]]]:
    """Page after page, as a client follows the links; something is written after each of the first."""
    for number in itertools.count():
        answer = api.get(path)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        link = answer.headers.get("Link", "")
        found = re.fullmatch(r'<([^>]+)>; rel="next"', link)
        assert bool(found) == bool(link)
        if found is None:
            return
        path = found[1]
        if number < 2:
            write()


@pytest.mark.parametrize("name", RESOURCES)
def test_pages_in_every_order_hold_each_record_once_while_others_are_written(name: str, world: World) -> None:
    world.make(name)
    for _, ordering in (each for each in ORDERINGS if each[0] == name):
        field = ordering.removeprefix("-")
        if not ordering.startswith("-"):
            _five(world, name, field)
        path = f"{world.collection(name)}?ordering={ordering}"
        whole = world.api.get(path).json()
        keys = [
            ((record[field] is not None, sorting_key(record[field] or "")) if field else (), record["id"])
            for record in whole
        ]
        assert keys == sorted(keys, reverse=not ordering or ordering.startswith("-")), (name, ordering)

        turned = list(pages(world.api, f"{path}&limit=3", lambda: world.make(name)))

        assert {len(page) for page in turned[:-1]} == {3}
        found = [record["id"] for page in turned for record in page]
        assert len(found) == len(set(found))
        before = {record["id"] for record in whole}
        assert [id_ for id_ in found if id_ in before] == [record["id"] for record in whole], (name, ordering)


def test_texts_are_looked_up_and_sorted_without_case_accents_and_forms(world: World) -> None:
    names = ["Zebra", "anna", "Ärger", "Rene\u0301e", "ΟΔΟΣ", "Łódź STRASSE", "a\u00a0 b"]
    made = {name: world.make("client", name=name)["id"] for name in names}

    def found(query: str) -> list[str]:
        return [
            each["name"] for each in world.api.get(f"/api/clients/?ordering=name&{query}").json() if each["id"] in ids
        ]

    ids = set(made.values())
    assert found("") == ["a\u00a0 b", "anna", "Ärger", "Łódź STRASSE", "Ren\u00e9e", "Zebra", "ΟΔΟΣ"]
    for query in ("name=Ren%C3%A9e", "name=Rene%CC%81e", "name=RENEE%20", "search=renee"):
        assert found(query) == ["Ren\u00e9e"]
    for query in ("name=οδος", "search=%CE%BF%CE%B4%CE%BF%CF%82"):
        assert found(query) == ["ΟΔΟΣ"]
    assert found("name=lodz%20stra%C3%9Fe") == ["Łódź STRASSE"]
    assert found("name=A%20B") == ["a\u00a0 b"]
    assert found("name=%20") == found("")


def test_filters_that_would_do_nothing_are_refused_and_brackets_are_read(world: World) -> None:
    world.api.make("/api/attributes/lead/", name="industry", label="Industry", type="text")
    lead = world.make("lead", name="x", attributes={"industry": "Paris, Texas"})["id"]

    def found(query: str) -> bool:
        return lead in [each["id"] for each in world.api.get(f"/api/leads/?{query}").json()]

    assert not found("attributes[industry]=Nope")
    assert found("attributes%5Bindustry%5D=Paris,%20Texas")
    assert found("attributes.industry__in=Lyon&attributes.industry__in=%22Paris,%20Texas%22&limit=1000")
    assert found("responsible__isnull=true&attributes.industry__isnull=false")
    for query, name in (
        ("attributes__industry=x", "attributes__industry"),
        ("name__foo=x", "name__foo"),
        ("limit=5&offset=5", "offset"),
        ("limit=5&page=2", "page"),
    ):
        answer = world.api.get(f"/api/leads/?{query}")
        assert (answer.status_code, list(answer.json())) == (400, [name])


def test_a_page_that_holds_everything_has_no_link(world: World) -> None:
    made = [world.make("client", name=f"a {number}")["id"] for number in range(4)]

    assert "Link" not in world.api.get("/api/clients/?limit=4").headers
    assert "Link" not in world.api.get("/api/clients/").headers
    first = world.api.get("/api/clients/?name=a&limit=3&search=a")
    assert [each["id"] for each in first.json()] == made[:0:-1]
    following = world.api.get(first.links["next"]["url"])
    assert ([each["id"] for each in following.json()], following.links) == ([made[0]], {})


VALUES: dict[str, tuple[str, list[Any]]] = {
    "text": ("t", ["alpha", "Beta", "beta 2", None]),
    "number": ("n", [1, 2.5, -3, None]),
    "date": ("d", ["2025-01-01", "2025-06-01", "2026-01-01", None]),
    "boolean": ("b", [True, False, True, None]),
    "list": ("l", ["red", ["red", "blue"], ["green"], None]),
    "file": ("f", ["https://a.example/1.pdf", "https://a.example/2.pdf", "https://b.example/", None]),
}
#: Queries, and the numbers of the records that they find; the last record has no attributes.
QUERIES = {
    "t=alpha": {0},
    "t=Alpha": set(),
    "t__in=alpha,Beta": {0, 1},
    "t__contains=BETA": {1, 2},
    "t__contains=%25": set(),
    "t__gt=alpha": {2},
    "t__gte=alpha": {0, 2},
    "t__lt=alpha": {1},
    "t__lte=alpha": {0, 1},
    "n=2.5": {1},
    "n=1.0": {0},
    "n__in=1,-3,7": {0, 2},
    "n__gt=1": {1},
    "n__gte=1": {0, 1},
    "n__lt=1": {2},
    "n__lte=1": {0, 2},
    "d=2025-06-01": {1},
    "d__in=2025-06-01,2026-01-01": {1, 2},
    "d__gt=2025-01-01": {1, 2},
    "d__gte=2025-01-01": {0, 1, 2},
    "d__lt=2025-06-01": {0},
    "d__lte=2025-06-01": {0, 1},
    "b=true": {0, 2},
    "b=0": {1},
    "l=red": {0, 1},
    "l__in=blue,green": {1, 2},
    "l__contains=blue": {1},
    "f=https://a.example/1.pdf": {0},
    "f__contains=A.EXAMPLE": {0, 1},
    "f__in=https://b.example/": {2},
    "t=": {0, 1, 2, 3},
    "t__contains=beta&attributes.n__lt=0": {2},
}
BAD_QUERIES = {
    "n=x": ["Enter a number."],
    "d=x": ["Enter a valid date."],
    "b=x": ["Must be a valid boolean."],
    "x=1": UNKNOWN,
    "b__gt=1": ["Attributes of this type can be compared by: exact, isnull."],
    "t__near=1": [
        "Attributes of this type can be compared by: exact, in, contains, gt, gte, lt, lte, isnull."
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ["client", "service", "lead", "follow_up"])
def test_attributes_are_filters_by_their_types(name: str, world: World) -> None:
    for type_, (attribute, _) in VALUES.items():
        world.api.make(f"/api/attributes/{name}/", name=attribute, label=attribute, type=type_)
    made = [
        world.make(name, attributes={attribute: values[number] for attribute, values in VALUES.values()})["id"]
        for number in range(4)
    ]

    found = {query: set(world.ids(name, f"?attributes.{query}")) for query in QUERIES}
    assert {query: {made.index(id_) for id_ in ids} for query, ids in found.items()} == QUERIES
    path = world.collection(name)
    refused = {query: problems(world.api.get(f"{path}?attributes.{query}")) for query in BAD_QUERIES}
    assert refused == {query: {f"attributes.{query.partition('=')[0]}": texts} for query, texts in BAD_QUERIES.items()}


def test_search_looks_through_names_and_text_attributes(world: World) -> None:
    for name, type_ in (("city", "text"), ("tags", "list"), ("size", "number")):
        world.api.make("/api/attributes/client/", name=name, label=name, type=type_)
    made = {
        world.make("client", name=name, attributes=values)["id"]: name
        for name, values in {
            "Acme Corp": {"city": "São Paulo", "tags": ["north", "vip"], "size": 123},
            "Beta 100%": {"city": "Acme City", "tags": "south"},
            "Gamma": {},
        }.items()
    }

    def found(text: str) -> set[str]:
        return {made[id_] for id_ in world.ids("client", f"?search={text}")}

    assert found("acme") == {"Acme Corp", "Beta 100%"}
    assert found("ACME paulo") == found("paulo,acme") == found('"acme corp"') == {"Acme Corp"}
    assert found('"corp acme"') == found("123") == found("acme gamma") == set()
    assert found("VIP") == {"Acme Corp"}
    assert found("0%25") == {"Beta 100%"}
    assert found("") == set(made.values())
    follow_up = world.make("follow_up", comment="Sent brochure.")["id"]
    assert world.ids("follow_up", "?search=BROCHURE") == [follow_up]
    request = world.make("transfer_request", cohort_request="Winter batch")
    assert world.ids("transfer_request", f"?search={request['student_name']} winter") == [request["id"]]


# Rules


def test_what_belongs_to_a_record_goes_with_it(world: World) -> None:
    detail = world.make("enrollment_detail")
    enrollment, student = detail["enrollment"], detail["student"]
    world.service = student
    follow_up = world.make("follow_up")["id"]
    transfer = world.make("transfer_request", student=student)["id"]
    other = world.make("enrollment_detail", student=student)

    assert world.api.delete(world.place("enrollment", enrollment)).status_code == 204
    assert world.ids("enrollment_detail") == [other["id"]]
    assert world.api.delete(world.place("service", student)).status_code == 204
    assert world.ids("enrollment_detail") == world.ids("transfer_request") == []
    assert world.api.get(world.place("transfer_request", transfer)).status_code == 404
    assert world.api.get(world.place("follow_up", follow_up)).status_code == 404
    assert world.shown("enrollment", other["enrollment"])


def test_what_others_refer_to_stays(world: World) -> None:
    api, service = world.api, world.make("service")
    client = service["client"]
    world.make("service", client=client)
    world.make("lead", possible_client=client)
    cohort = world.make("enrollment")["cohort"]
    world.patch("service", service["id"], actual_cohort=cohort, origin_cohort=cohort)
    pipeline = world.make("pipeline")["id"]
    world.make("lead", pipeline=pipeline)

    for name, id_, counts in (
        ("client", client, ["2 services", "1 lead"]),
        ("cohort", cohort, ["1 enrollment"]),
        ("pipeline", pipeline, ["1 lead"]),
    ):
        answer = api.delete(world.place(name, id_))
        assert (answer.status_code, list(answer.json())) == (409, ["detail"])
        assert all(count in answer.json()["detail"] for count in counts), answer.text
        assert world.shown(name, id_)
    for lead in world.ids("lead"):
        world.patch("lead", lead, possible_client=None, pipeline=None)
    assert api.delete(world.place("pipeline", pipeline)).status_code == 204
    for each in world.ids("service"):
        api.delete(world.place("service", each))
    assert api.delete(world.place("client", client)).status_code == 204


def test_a_cohort_does_not_end_before_it_starts(world: World) -> None:
    cohort = world.make("cohort", start_date="2025-06-01", end_date="2025-06-01")["id"]
    ends = {"non_field_errors": ["A cohort cannot end before it starts."]}

    assert problems(world.patch("cohort", cohort, end_date="2025-05-31")) == ends
    assert problems(world.patch("cohort", cohort, start_date="2025-06-02")) == ends
    assert world.patch("cohort", cohort, start_date="2026-06-01", end_date="2026-07-01").status_code == 200
    assert world.patch("cohort", cohort, end_date=None).status_code == 200


def test_a_student_is_in_an_enrollment_once(world: World) -> None:
    detail, other = world.make("enrollment_detail"), world.make("enrollment_detail")
    pair = {name: detail[name] for name in ("enrollment", "student")}
    twice = {"non_field_errors": ["The fields enrollment, student must make a unique set."]}

    assert problems(world.api.post("/api/enrollment-details/", pair)) == twice
    assert problems(world.patch("enrollment_detail", other["id"], **pair)) == twice
    assert world.patch("enrollment_detail", detail["id"], **pair).json() == detail


def test_a_student_s_name_shows_in_their_transfer_requests(world: World) -> None:
    request = world.make("transfer_request", student_name="ignored")

    world.patch("service", request["student"], name="Jane Roe")

    assert world.shown("transfer_request", request["id"])["student_name"] == "Jane Roe"
    other = world.make("service", name="Joe")["id"]
    assert world.patch("transfer_request", request["id"], student=other).json()["student_name"] == "Joe"


def test_stages_have_ids_unique_names_colours_and_an_order(world: World) -> None:
    id_ = str(UUID(int=7))
    pipeline = world.make(
        "pipeline",
        stages=[{"name": "C", "order": 3}, {"name": "A", "order": 1, "id": id_.upper()}, {"name": "B", "order": 2}],
    )

    assert [list(stage) for stage in pipeline["stages"]] == [["id", "name", "color", "order"]] * 3
    assert [stage["name"] for stage in pipeline["stages"]] == ["A", "B", "C"]
    assert pipeline["stages"][0]["id"] == id_
    assert len({UUID(stage["id"]) for stage in pipeline["stages"]}) == 3
    for stages, refused in [
        ([{"name": "A"}, {"name": "A"}], {"1": {"name": TWICE}}),
        ([{"name": "A", "id": id_}, {"name": "B", "id": id_}], {"1": {"id": TWICE}}),
        ([{"name": "A", "color": "red"}], {"0": {"color": ["This value does not match the required pattern."]}}),
        ([{"color": "#00ff00"}], {"0": {"name": REQUIRED}}),
    ]:
        assert problems(world.patch("pipeline", pipeline["id"], stages=stages)) == {"stages": refused}
    assert world.shown("pipeline", pipeline["id"]) == pipeline


def test_a_renamed_stage_takes_its_leads_along(world: World) -> None:
    pipeline = world.make("pipeline", stages=[{"name": "A", "order": 1}, {"name": "B", "order": 2}])
    leads = [world.make("lead", pipeline=pipeline["id"], stage=stage)["id"] for stage in ("A", "B")]
    elsewhere = world.make("lead", stage="A")["id"]
    first, second = pipeline["stages"]

    world.patch("pipeline", pipeline["id"], stages=[first | {"name": "B"}, second | {"name": "A"}])
    assert [world.shown("lead", id_)["stage"] for id_ in (*leads, elsewhere)] == ["B", "A", "A"]
    # A stage that has gone stays with its leads until it is changed.
    world.patch("pipeline", pipeline["id"], stages=[{"name": "B"}])
    assert world.shown("lead", leads[1])["stage"] == "A"
    assert world.patch("lead", leads[1], stage="A", name="same").status_code == 200
    assert world.patch("lead", leads[1], stage="B").status_code == 200
    assert problems(world.patch("lead", leads[1], stage="A")) == {"stage": ['"A" is not a valid choice.']}


def test_a_lead_s_stage_is_one_of_its_pipeline(world: World) -> None:
    def pipeline(*names: str) -> str:
        return str(world.make("pipeline", stages=[{"name": name, "order": i} for i, name in enumerate(names)])["id"])

    ours, theirs, empty = pipeline("New", "Won"), pipeline("Open", "Won"), pipeline()
    lead = world.make("lead", pipeline=ours)

    assert lead["stage"] == "New"
    refused = {"stage": ['"Lost" is not a valid choice.']}
    assert problems(world.api.post("/api/leads/", {"name": "L", "pipeline": ours, "stage": "Lost"})) == refused
    assert problems(world.patch("lead", lead["id"], stage="Lost")) == refused
    assert world.patch("lead", lead["id"], pipeline=theirs).json()["stage"] == "Open"
    assert world.patch("lead", lead["id"], stage="Won").json()["stage"] == "Won"
    assert world.patch("lead", lead["id"], pipeline=ours).json()["stage"] == "Won"
    assert world.patch("lead", lead["id"], pipeline=None, stage="Anything").json()["stage"] == "Anything"
    assert world.patch("lead", lead["id"], pipeline=empty).json()["stage"] is None
    assert world.make("lead")["stage"] is None
    noted = world.patch("lead", lead["id"], list_of_notes=[{"note": "n"}]).json()
    assert noted["list_of_notes"][0]["note"] == "n"


@pytest.mark.parametrize("name", ["client", "service", "lead"])
def test_tasks_and_notes_keep_their_author_and_their_time(name: str, world: World) -> None:
    world.api.people.add("seller", "Operations", first_name="Sally", last_name="Seller")
    seller = world.api.as_user("seller")
    own = str(UUID(int=9))
    record = world.make(
        name,
        list_of_tasks=[{"task": "a"}, {"task": "b", "id": own, "date": "2025-01-20", "completed": True}],
        list_of_notes=[{"note": "now"}, {"note": "d", "date": "2025-01-20"}, {"note": "t", "date": "2025-01-20T10:00"}],
    )
    tasks, notes = record["list_of_tasks"], record["list_of_notes"]

    assert [list(each) for each in (*tasks, *notes)] == [TASK] * 2 + [NOTE] * 3
    assert (tasks[0]["completed"], tasks[0]["date"], tasks[1]["id"]) == (False, None, own)
    assert [note["date"] for note in notes[1:]] == ["2025-01-20", "2025-01-20T10:00:00Z"]
    assert notes[0]["date"].endswith("Z")
    place = world.place(name, record["id"])
    forged = [each | {"user_id": 9, "user_name": "X", "date_created": "2000-01-01T00:00:00Z"} for each in tasks]
    changed = seller.patch(place, {"list_of_tasks": [*forged[::-1], {"task": "c"}], "list_of_notes": notes}).json()
    assert changed["list_of_tasks"][:2] == tasks[::-1]
    assert changed["list_of_notes"] == notes
    assert (changed["list_of_tasks"][2]["user_id"], changed["list_of_tasks"][2]["user_name"]) == (2, "Sally Seller")
    for entries, refused in [
        ([{"task": "a", "id": own}, {"task": "b", "id": own.upper()}], {"1": {"id": TWICE}}),
        ([{"task": ""}], {"0": {"task": ["This field may not be blank."]}}),
        (
            [{"task": "x" * 10_001}],
            {"0": {"task": ["Ensure this field has no more than 10000 characters."]}},
        ),
        ([{"task": "x"}] * 1_001, ["Ensure this field has no more than 1000 elements."]),
    ]:
        assert problems(seller.patch(place, {"list_of_tasks": entries})) == {"list_of_tasks": refused}
    assert world.patch(name, record["id"], list_of_tasks=[]).json()["list_of_tasks"] == []


@pytest.mark.parametrize("name", ["client", "service", "lead"])
def test_one_task_or_note_is_changed_by_itself(name: str, world: World) -> None:
    api, record = world.api, world.make(name, list_of_tasks=[{"task": "a"}, {"task": "b"}])
    place = world.place(name, record["id"])
    first, second = record["list_of_tasks"]

    def post(operation: str, sent: dict[str, Any]) -> httpx.Response:
        return api.post(f"{place}{operation}/", sent)

    done = post("update-task", {"task_id": first["id"], "completed": True})
    stamp = {"updated_at": done.json()["updated_at"]}
    tasks = {"list_of_tasks": [first | {"completed": True}, second]}
    assert (done.status_code, done.json()) == (200, record | tasks | stamp)
    assert post("update-task", {"task_id": first["id"], "completed": True}).json() == done.json()
    later = {"task": "later", "date": "2026-01-01"}
    moved = post("update-task", {"task_id": first["id"]} | later).json()
    assert moved["list_of_tasks"][0] == first | {"completed": True} | later
    assert problems(post("update-task", {})) == {"task_id": REQUIRED, "completed": REQUIRED}
    assert problems(post("update-task", {"task_id": first["id"]})) == {"completed": REQUIRED}
    added = post("add-task", {"task": "c", "user_id": 9})
    assert (added.status_code, len(added.json()["list_of_tasks"])) == (201, 3)
    assert added.json()["list_of_tasks"][2]["user_id"] == 1
    noted = post("add-note", {"note": "n"})
    note = noted.json()["list_of_notes"][0]
    assert (noted.status_code, list(note)) == (201, NOTE)
    assert problems(post("add-task", {"task": "c", "id": first["id"]})) == {"id": TWICE}
    gone = post("delete-task", {"id": first["id"]})
    assert (gone.status_code, [each["task"] for each in gone.json()["list_of_tasks"]]) == (200, ["b", "c"])
    gone = post("delete-note", {"id": note["id"]})
    assert (gone.status_code, gone.json()["list_of_notes"]) == (200, [])
    assert problems(post("delete-note", {})) == problems(post("delete-task", {})) == {"id": REQUIRED}
    for operation, sent, detail in [
        ("update-task", {"task_id": first["id"], "completed": True}, "Task not found."),
        ("delete-task", {"id": first["id"]}, "Task not found."),
        ("delete-note", {"id": note["id"]}, "Note not found."),
    ]:
        answer = post(operation, sent)
        assert (answer.status_code, answer.json()) == (404, {"detail": detail})


def test_of_a_hundred_changes_at_once_none_is_lost(postgres_api: Api) -> None:
    world = World(postgres_api)
    place = world.place("client", world.make("client")["id"])

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda n: postgres_api.post(f"{place}add-note/", {"note": str(n)}), range(100)))

    assert {answer.status_code for answer in answers} == {201}
    notes = postgres_api.get(place).json()["list_of_notes"]
    assert sorted(int(note["note"]) for note in notes) == list(range(100))


def test_definitions_have_sound_unique_names_that_never_change(world: World) -> None:
    api, path = world.api, "/api/attributes/client/"
    made = world.api.make(path, name="branche-2_é", label="Branche", type="list", list_values=["a", "b"])
    place = world.place("attribute", made["id"])

    sound = {"label": "L", "type": "text"}
    for name in ("a__b", "a b", "a.b", "a/b", "x" * 101, ""):
        assert list(problems(api.post(path, sound | {"name": name}))) == ["name"], name
    assert problems(api.post(path, sound | {"name": "branche-2_e\u0301"})) == {"name": TWICE}
    assert api.post("/api/attributes/lead/", sound | {"name": "branche-2_é"}).status_code == 201
    assert api.post(path, sound | {"name": "学" * 100, "label": "x" * 255}).status_code == 201
    assert list(problems(api.post(path, {"name": "y", "label": "x" * 256, "type": "text"}))) == ["label"]
    for fixed in ({"name": "other"}, {"type": "text"}):
        assert list(problems(api.put(place, fixed))) == list(fixed)
    change = {"label": "Other", "is_required": True, "list_values": ["c"], "is_indexed": True}
    same = {"name": "branche-2_é", "type": "list"}
    changed = api.put(place, same | change).json()
    assert changed == made | change | {"updated_at": changed["updated_at"]}


NOT_OF_THE_TYPE = {
    "text": [5, True, ["a"], {}],
    "number": ["1", True, [1], {}],
    "date": ["2025-1-5", "2025-02-30", "2025-01-05T10:00:00Z", "", 20250105],
    "boolean": ["true", 1, 0, ""],
    "list": [5, True, {}, ["a", "a"], "z", ["a", "z"], [5]],
    "file": ["nonsense", "ftp://a.example/", 5, ""],
}
OF_THE_TYPE: dict[str, list[Any]] = {
    "text": ["", " a ", "x" * 1_000],
    "number": [0, -1.5, 10**15],
    "date": ["2025-01-05"],
    "boolean": [True, False],
    "list": ["a", [], ["b", "a"]],
    "file": ["https://a.example/x.pdf", "http://a.example"],
}


def test_attribute_values_are_strictly_of_their_types(world: World) -> None:
    for type_ in VALUES:
        world.api.make("/api/attributes/lead/", name=type_, label=type_, type=type_, list_values=["a", "b"])
    lead = world.make("lead")["id"]

    for type_, values in OF_THE_TYPE.items():
        for value in values:
            shown = world.patch("lead", lead, attributes={type_: value}).json()
            assert shown["attributes"] == {type_: value}
            assert type(shown["attributes"][type_]) is type(value)
    for type_, values in NOT_OF_THE_TYPE.items():
        for value in values:
            refused = problems(world.patch("lead", lead, attributes={type_: value}))
            assert (list(refused), list(refused["attributes"])) == (["attributes"], [type_]), value
    assert world.patch("lead", lead, attributes=dict.fromkeys(VALUES)).json()["attributes"] == {}


def test_required_and_unknown_attributes_are_named(world: World) -> None:
    old = world.make("service")
    definition = world.api.make("/api/attributes/service/", name="program", label="P", type="text", is_required=True)
    refused = {"attributes": {"program": REQUIRED}}
    path, payload = "/api/services/", world.payload("service")

    without: list[dict[str, Any]] = [{}, {"attributes": {}}, {"attributes": {"program": None}}]
    for sent in without:
        assert problems(world.api.post(path, payload | sent)) == refused
    assert problems(world.api.post(path, {"attributes": {"x": 1}})) == {
        "name": REQUIRED,
        "client": REQUIRED,
        "attributes": {"x": UNKNOWN, "program": REQUIRED},
    }
    assert world.api.post(path, payload | {"attributes": {"program": "A"}}).status_code == 201
    # What is older than the requirement is left alone until its attributes are written.
    assert world.patch("service", old["id"], name="Other").status_code == 200
    assert problems(world.patch("service", old["id"], attributes={})) == refused
    world.patch("attribute", definition["id"], is_required=False)
    assert world.patch("service", old["id"], attributes={}).status_code == 200


def test_values_outlive_their_definition_and_a_narrowed_list(world: World) -> None:
    made = {
        name: world.api.make("/api/attributes/client/", name=name, label=name, type="list", list_values=["a", "b"])
        for name in ("gone", "narrowed")
    }
    client = world.make("client", attributes={"gone": "a", "narrowed": "b"})

    assert world.api.delete(world.place("attribute", made["gone"]["id"])).status_code == 204
    world.patch("attribute", made["narrowed"]["id"], list_values=["a"])
    assert world.shown("client", client["id"]) == client
    assert world.patch("client", client["id"], attributes={"gone": "a", "narrowed": "a"}).status_code == 200
    refused = {"attributes": {"gone": UNKNOWN, "narrowed": ['"b" is not a valid choice.']}}
    assert problems(world.patch("client", client["id"], attributes={"gone": "b", "narrowed": "b"})) == refused
    assert world.patch("client", client["id"], attributes={}).json()["attributes"] == {}
    assert problems(world.patch("client", client["id"], attributes={"gone": "a"})) == {"attributes": {"gone": UNKNOWN}}


# Users

ALL, VIEW, NONE, CHANGE, TEACH = "VACD", "V", "", "VAC", "VAC"
#: What the groups may do (decision 24): view, add, change, delete.
MATRIX = {
    "client": {"Sales": ALL, "Operations": ALL, "Instructors": NONE, "Teacher Assistant": NONE},
    "lead": {"Sales": ALL, "Operations": ALL, "Instructors": NONE, "Teacher Assistant": NONE},
    "follow_up": {"Sales": ALL, "Operations": ALL, "Instructors": TEACH, "Teacher Assistant": TEACH},
    "service": {"Sales": CHANGE, "Operations": ALL, "Instructors": VIEW, "Teacher Assistant": VIEW},
    "pipeline": {"Sales": VIEW, "Operations": ALL, "Instructors": VIEW, "Teacher Assistant": VIEW},
    "cohort": {"Sales": VIEW, "Operations": ALL, "Instructors": VIEW, "Teacher Assistant": VIEW},
    "enrollment": {"Sales": VIEW, "Operations": ALL, "Instructors": VIEW, "Teacher Assistant": VIEW},
    "enrollment_detail": {"Sales": VIEW, "Operations": ALL, "Instructors": VIEW, "Teacher Assistant": VIEW},
    "transfer_request": {"Sales": VIEW, "Operations": ALL, "Instructors": VIEW, "Teacher Assistant": VIEW},
    "attribute": {"Sales": VIEW, "Operations": VIEW, "Instructors": VIEW, "Teacher Assistant": VIEW},
    "webhook": {"Sales": NONE, "Operations": VIEW, "Instructors": NONE, "Teacher Assistant": NONE},
}
OPERATIONS = ("update-task", "delete-note", "add-task", "add-note", "delete-task")


def test_the_groups_may_do_what_they_are_for(world: World) -> None:
    users = {"nobody": ()} | {group: (group,) for group in MATRIX["client"]}
    made = {name: world.make(name)["id"] for name in MATRIX}
    differing = []
    for user, groups in users.items():
        world.api.people.add(user, *groups)
        api = world.api.as_user(user)
        for name, rights in MATRIX.items():
            collection, place = world.collection(name), world.place(name, made[name])
            requests = [("V", "GET", collection), ("V", "GET", place), ("A", "POST", collection)]
            requests += [("C", "PUT", place), ("C", "PATCH", place), ("D", "DELETE", world.place(name))]
            if name in {"client", "service", "lead"}:
                requests += [("C", "POST", f"{place}{operation}/") for operation in OPERATIONS]
            for right, method, path in requests:
                answer = api.request(method, path, **({"json": {}} if method.startswith("P") else {}))
                wanted = right in rights.get(user, NONE)
                # Allowed, but with nothing to add, or nothing there to delete.
                allowed = {200, 201, 400, 404}
                if answer.status_code not in (allowed if wanted else {403}) or (
                    not wanted and answer.json() != FORBIDDEN
                ):
                    differing.append(f"{user}: {method} {path}: {answer.status_code}")
        lists = {path: api.get(f"/api/{path}/").status_code for path in ("instructors", "tas", "sales", "operations")}
        assert lists == dict.fromkeys(lists, 200 if groups else 403), user

    assert differing == []


def test_the_user_lists_show_the_active_members_of_a_group(world: World) -> None:
    api, people = world.api, world.api.people
    lists = {"instructors": "Instructors", "tas": "Teacher Assistant", "sales": "Sales", "operations": "Operations"}
    for path, group in lists.items():
        people.add(f"{path} 1", group, first_name="F", last_name="L", email=f"{path}@a.example")
        people.add(f"{path} 2", *{group, "Sales"})
        people.add(f"{path} 3", group)
        people.disable(f"{path} 3")

    shown = {path: api.get(f"/api/{path}/").json() for path in lists}

    names = {path: [user["username"] for user in users] for path, users in shown.items()}
    others = ["instructors 2", "tas 2", "sales 1", "sales 2", "operations 2"]
    assert names == {path: [f"{path} 1", f"{path} 2"] for path in lists} | {"sales": others}
    first = shown["instructors"][0]
    assert list(first) == ["id", "username", "first_name", "last_name", "email"]
    assert list(first.values()) == [2, "instructors 1", "F", "L", "instructors@a.example"]
    assert api.get("/api/sales").json() == shown["sales"]


def test_me_shows_the_caller_s_groups_and_permissions(world: World) -> None:
    world.api.people.add("bob", "Sales", "Instructors")

    mine = world.api.as_user("bob").get("/api/me/").json()

    assert list(mine) == ["id", "username", "groups", "permissions"]
    assert (mine["id"], mine["username"], mine["groups"]) == (2, "bob", ["Instructors", "Sales"])
    assert {"app.delete_lead", "app.view_user", "app.change_followup"} <= set(mine["permissions"])
    assert not {"app.view_webhook", "app.delete_service"} & set(mine["permissions"])
    assert len(world.api.get("/api/me/").json()["permissions"]) == 48
