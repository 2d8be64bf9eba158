"""Bulk requests over HTTP: many operations, one answer."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.http.conftest import Api, Server
from tests.http.test_unique import unique

PLACE = "/api/clients/bulk/"
LENIENT = {"Prefer": "handling=lenient"}


def post(api: Api, *operations: Any, place: str = PLACE, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.post(place, {"operations": list(operations)}, headers=named)


def create(name: str = "a", **members: Any) -> dict[str, Any]:
    return {"op": "create", "data": {"name": name}, **members}


def test_a_bulk_answers_with_status_id_and_version_of_each_operation(api: Api) -> None:
    ids = [api.make("/api/clients/", name=name)["id"] for name in "ab"]
    answer = post(
        api,
        create("c"),
        {"op": "update", "id": ids[0], "data": {"name": "x"}, "if_match": 1},
        {"op": "update", "id": ids[1].upper(), "data": {"name": "b"}},
    )

    assert answer.status_code == 200
    body = answer.json()
    assert (body["succeeded"], body["failed"]) == (3, 0)
    made, *others = body["results"]
    assert (made["status"], made["version"]) == (201, 1)
    assert others == [{"status": 200, "id": ids[0], "version": 2}, {"status": 200, "id": ids[1], "version": 1}]
    assert api.get(f"/api/clients/{made['id']}/").json()["name"] == "c"
    assert post(api, {"op": "delete", "id": made["id"]}).json()["results"] == [
        {"status": 204, "id": made["id"], "version": 2}
    ]


def test_a_refused_bulk_says_by_index_what_single_calls_would(api: Api) -> None:
    id_ = api.make("/api/clients/", name="a")["id"]
    answer = post(
        api,
        create(),
        create(""),
        {"op": "delete", "id": str(uuid4())},
        {"op": "update", "id": id_, "data": {"name": "b"}, "if_match": 7},
    )

    assert answer.status_code == 400
    assert answer.json() == {
        "1": {"name": ["This field may not be blank."]},
        "2": {"detail": "Not found."},
        "3": {"detail": "The record never had such a version: it is version 1.", "changed_fields": []},
    }
    assert len(api.get("/api/clients/").json()) == 1


def test_a_lenient_bulk_does_what_it_can(api: Api) -> None:
    answer = post(api, create(""), create(), {"op": "delete", "id": str(uuid4())}, **LENIENT)

    assert answer.status_code == 207
    assert answer.headers["Preference-Applied"] == "handling=lenient"
    body = answer.json()
    assert (body["succeeded"], body["failed"]) == (1, 2)
    assert [each["status"] for each in body["results"]] == [400, 201, 404]
    assert body["results"][0] == {
        "status": 400,
        "id": None,
        "version": None,
        "errors": {"name": ["This field may not be blank."]},
    }
    assert body["results"][2]["errors"] == {"detail": "Not found."}
    assert post(api, create(), **LENIENT).status_code == 200


def test_a_client_that_prefers_it_gets_the_records(api: Api) -> None:
    answer = post(api, create(), create(""), Prefer="return=representation, handling=lenient")
    made, refused = answer.json()["results"]

    assert made["data"] == api.get(f"/api/clients/{made['id']}/").json()
    assert "data" not in refused
    assert answer.headers["Preference-Applied"] == "handling=lenient, return=representation"


def test_a_bulk_that_comes_again_gets_the_same_short_answer(api: Api) -> None:
    first, again = (post(api, create(), create(""), Idempotency_Key="k", **LENIENT) for _ in range(2))

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len(api.get("/api/clients/").json()) == 1
    assert post(api, create("b"), Idempotency_Key="k").status_code == 422


def test_operations_need_the_permissions_of_what_they_do_and_no_more(api: Api) -> None:
    id_ = api.make("/api/clients/", name="a")["id"]
    api.people.grant("Adders", "app.add_client")
    api.people.add("ada", "Adders")
    adder = api.as_user("ada")

    assert post(adder, create()).status_code == 200
    assert post(adder, create(), {"op": "delete", "id": id_}).status_code == 403
    assert post(adder, {"op": "create", "resource": "leads", "data": {"name": "l"}}).status_code == 403
    assert len(api.get("/api/clients/").json()) == 2


def test_every_resource_but_webhooks_has_bulk_requests(api: Api) -> None:
    service = {"name": "s", "client": api.make("/api/clients/", name="a")["id"]}
    service_id = api.make("/api/services/", **service)["id"]
    cases: dict[str, dict[str, Any]] = {
        "services": service,
        "leads": {"name": "l"},
        "pipelines": {"name": "p", "stages": [{"name": "A"}]},
        "cohorts": {"name_cohort": "c"},
        "follow-ups": {"service": service_id, "comment": "c"},
        "transfer-requests": {"student": service_id, "cohort_request": "c"},
        "attributes": {"entity": "client", "name": "city", "label": "City", "type": "text"},
    }
    for path, data in cases.items():
        answer = post(api, {"op": "create", "data": data}, place=f"/api/{path}/bulk/")
        assert answer.status_code == 200, (path, answer.text)
    assert post(api, place="/api/webhooks/bulk/").status_code in (404, 405)
    assert api.get(PLACE).status_code == 405


REFUSED: list[tuple[Any, Any]] = [
    ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
    ({}, {"operations": ["This field is required."]}),
    ({"operations": "x"}, {"operations": ['Expected a list of items but got type "str".']}),
    ({"operations": None}, {"operations": ["This field is required."]}),
    ({"operations": {}}, {"operations": ['Expected a list of items but got type "dict".']}),
    ({"operations": [], "more": 1}, {"more": ["This field is not known. Fields that can be sent: operations."]}),
    ({"operations": [{}] * 1_001}, {"operations": ["Ensure this field has no more than 1000 elements."]}),
    ({"operations": [1]}, {"0": {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}}),
    ({"operations": [{}]}, {"0": {"op": ["This field is required."]}}),
    ({"operations": [{"op": "drop"}]}, {"0": {"op": ['"drop" is not a valid choice.']}}),
    ({"operations": [{"op": ["create"]}]}, {"0": {"op": ["\"['create']\" is not a valid choice."]}}),
    ({"operations": [{"op": "create"}]}, {"0": {"data": ["This field is required."]}}),
    ({"operations": [{"op": "update", "data": {}}]}, {"0": {"id": ["This field is required."]}}),
    ({"operations": [{"op": "delete", "id": "x"}]}, {"0": {"id": ["Must be a valid UUID."]}}),
    ({"operations": [{"op": "delete", "id": {"ref": "x"}}]}, {"0": {"id": ["Must be a valid UUID."]}}),
    (
        {"operations": [{"op": "create", "data": [1]}]},
        {"0": {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}},
    ),
    (
        {"operations": [{"op": "create", "data": {"name": "a"}, "colour": 1}]},
        {"0": {"colour": ["This field is not known. Fields that can be sent: op, resource, data, ref."]}},
    ),
    (
        {"operations": [{"op": "create", "data": {"name": "a"}, "if_match": 1}]},
        {"0": {"if_match": ["This field is not known. Fields that can be sent: op, resource, data, ref."]}},
    ),
    (
        {"operations": [{"op": "delete", "id": str(uuid4()), "if_match": "x"}]},
        {"0": {"if_match": ["A valid integer is required."]}},
    ),
    (
        {"operations": [create(resource="webhooks")]},
        {"0": {"resource": ['"webhooks" is not a valid choice.']}},
    ),
    (
        {"operations": [{"op": "upsert", "by": "email", "data": {}}]},
        {"0": {"by": ["This attribute is not unique."]}},
    ),
    (
        {"operations": [{"op": "upsert", "by": "email", "data": {}, "if_match": 1}]},
        {"0": {"if_match": ["This field is not known. Fields that can be sent: op, resource, by, data, ref."]}},
    ),
    ({"operations": [{"op": "upsert", "data": {}}]}, {"0": {"by": ["This field is required."]}}),
    (
        {"operations": [{"op": "upsert", "by": "email", "data": [1]}]},
        {"0": {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}},
    ),
    (
        {"operations": [{"op": "upsert", "by": "city", "resource": "cohorts", "data": {"attributes": {"city": "x"}}}]},
        {"0": {"by": ["This attribute is not unique."]}},
    ),
    ({"operations": [create(ref="x"), create(ref="x")]}, {"1": {"ref": ["An earlier operation has this ref."]}}),
]


@pytest.mark.parametrize(("sent", "problems"), REFUSED)
def test_what_is_no_operation_is_one_clear_problem(memory_api: Api, sent: Any, problems: Any) -> None:
    answer = memory_api.post(PLACE, sent)

    assert (answer.status_code, answer.json()) == (400, problems)


def _service(ref: object) -> dict[str, Any]:
    return {"op": "create", "resource": "services", "ref": "self", "data": {"name": "s", "client": ref}}


@pytest.mark.parametrize(
    ("ref", "problem"),
    [
        ({"ref": "later"}, 'No earlier operation has the ref "later".'),
        ({"ref": "self"}, 'No earlier operation has the ref "self".'),
        ({"ref": 1}, 'Expected an id, or {"ref": "…"} with the ref of an earlier operation.'),
        ({"ref": "a", "more": 1}, 'Expected an id, or {"ref": "…"} with the ref of an earlier operation.'),
        ({"ref": "lead"}, "Expected the ref of a client, but this is of a lead."),
    ],
)
def test_a_ref_names_an_earlier_operation_on_the_right_resource(memory_api: Api, ref: object, problem: str) -> None:
    lead = {"op": "create", "resource": "leads", "ref": "lead", "data": {"name": "l"}}
    answer = post(memory_api, lead, _service(ref), create(ref="later"))

    assert (answer.status_code, answer.json()) == (400, {"1": {"client": [problem]}})


def test_what_refers_to_a_refused_operation_says_so(api: Api) -> None:
    follow_up = {"op": "create", "resource": "follow-ups", "data": {"comment": "c", "service": {"ref": "self"}}}
    answer = post(api, create("", ref="a"), _service({"ref": "a"}), follow_up)
    refused = ["The operation that this ref names is refused."]

    assert answer.status_code == 400
    assert answer.json() == {
        "0": {"name": ["This field may not be blank."]},
        "1": {"client": refused},
        "2": {"service": refused},
    }
    missing = {"op": "create", "resource": "follow-ups", "data": {"service": (id_ := str(uuid4()))}}
    assert post(api, missing).json() == {"0": {"service": [f'Invalid pk "{id_}" - object does not exist.']}}


def test_a_record_is_in_one_operation(api: Api) -> None:
    id_ = api.make("/api/clients/", name="a")["id"]
    twice = [{"op": "update", "id": id_, "data": {"name": name}} for name in "bc"]
    answer = post(api, *twice, create())

    repeated = {"id": ["Another operation is about the same record."]}
    assert (answer.status_code, answer.json()) == (400, {"0": repeated, "1": repeated})
    assert [each["status"] for each in post(api, *twice, create(), **LENIENT).json()["results"]] == [400, 400, 201]


def test_a_merge_changes_single_attributes(api: Api) -> None:
    for name in ("city", "size"):
        api.make("/api/attributes/client/", name=name, label=name, type="text")
    id_ = api.make("/api/clients/", name="a", attributes={"city": "Ulm", "size": "L"})["id"]
    assert post(api, {"op": "merge", "id": id_, "data": {"attributes": {"city": None, "size": "M"}}}).is_success

    assert api.get(f"/api/clients/{id_}/").json()["attributes"] == {"size": "M"}


def upsert(email: object, **data: Any) -> dict[str, Any]:
    return {"op": "upsert", "by": "email", "data": {**data, "attributes": {"email": email}}}


def test_an_upsert_is_a_201_or_a_200(api: Api) -> None:
    unique(api)
    found = api.make("/api/clients/", name="a", attributes={"email": "Ann@x"})["id"]
    services = _service({"ref": "ann"})
    answer = post(api, {**upsert("ann@X", name="Ann"), "ref": "ann"}, upsert("bob@x", name="Bob"), services)

    assert answer.status_code == 200, answer.text
    changed, created, service = answer.json()["results"]
    assert changed == {"status": 200, "id": found, "version": 2}
    assert (created["status"], created["version"]) == (201, 1)
    assert api.get(f"/api/services/{service['id']}/").json()["client"] == found
    assert api.get("/api/clients/by/email/bob@x/").json()["id"] == created["id"]
    again = post(api, upsert("bob@x", name="Bob"), Prefer="return=representation").json()["results"]
    assert again == [{**created, "status": 200, "data": api.get(f"/api/clients/{created['id']}/").json()}]


def test_refused_upserts_say_why_and_the_others_count_if_that_is_preferred(api: Api) -> None:
    unique(api)
    sent = [
        upsert("a", name="a"),
        upsert(None),
        {**upsert("a"), "by": "x"},
        upsert("c", name=""),
        upsert("d"),
        upsert("D"),
    ]
    repeated = {"by": ["Another operation is about the same record."]}
    problems = {
        "1": {"by": ["The value of this attribute is required in `attributes` of `data`."]},
        "2": {"by": ["This attribute is not unique. Those that are unique: email."]},
        "3": {"name": ["This field may not be blank."]},
        "4": repeated,
        "5": repeated,
    }
    answer = post(api, *sent)
    assert (answer.status_code, answer.json()) == (400, problems)
    assert api.get("/api/clients/").json() == []

    lenient = post(api, *sent, **LENIENT)
    assert lenient.status_code == 207
    made, *refused = lenient.json()["results"]
    assert made["status"] == 201
    assert {str(index): each["errors"] for index, each in enumerate(refused, 1)} == problems


def test_an_upsert_needs_the_permission_of_what_it_does(api: Api) -> None:
    unique(api)
    api.make("/api/clients/", name="a", attributes={"email": "a"})
    api.people.grant("Adders", "app.add_client")
    api.people.add("ada", "Adders")
    adder = api.as_user("ada")

    assert post(adder, upsert("a", name="x")).status_code == 403
    first, again = (post(adder, upsert("b", name="x"), Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, first.json()) == (200, again.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert post(adder, upsert("b", name="y")).status_code == 403


def test_many_upserts_half_of_them_new_are_one_request(postgres_api: Api) -> None:
    unique(postgres_api)
    assert post(postgres_api, *(upsert(f"{n}", name="a") for n in range(500))).json()["succeeded"] == 500
    answer = post(postgres_api, *(upsert(f"{n}", name="b") for n in range(1_000)))

    assert [each["status"] for each in answer.json()["results"]] == [200] * 500 + [201] * 500


def test_upserts_at_once_of_the_same_new_values_create_each_record_once(postgres_api: Api, server: Server) -> None:
    unique(postgres_api)
    orders = [range(20), range(19, -1, -1)] * 4
    headers = {"Authorization": f"Token {postgres_api.token}"}

    def send(at: int) -> httpx.Response:
        operations = [upsert(f"{number}", name=f"{at}") for number in orders[at]]
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers=headers, timeout=30) as client:
            return client.post(PLACE, json={"operations": operations})

    with ThreadPoolExecutor(len(orders)) as threads:
        answers = list(threads.map(send, range(len(orders))))

    assert [answer.status_code for answer in answers] == [200] * len(orders)
    statuses = [each["status"] for answer in answers for each in answer.json()["results"]]
    assert (statuses.count(201), statuses.count(200)) == (20, 140)
    assert len(postgres_api.get("/api/clients/").json()) == 20


def test_webhooks_fire_for_each_operation(api: Api) -> None:
    hook = api.make("/api/webhooks/", name="w", model="Client", url="https://example.com/")["id"]
    assert post(api, create(), create(), create("")).status_code == 400
    assert post(api, create(), create()).status_code == 200

    deliveries = api.get(f"/api/webhooks/{hook}/deliveries/").json()
    assert [each["type"] for each in deliveries] == ["client.created"] * 2


def test_a_body_over_16_mb_is_refused_and_one_below_is_not(api: Api) -> None:
    note = {"list_of_notes": [{"note": "n" * 10_000}] * 150}
    large = [create() | {"data": {"name": "a", **note}} for _ in range(10)]
    assert len(json.dumps({"operations": large})) > 15_000_000
    assert post(api, *large).status_code == 200
    answer = post(api, *large, *large)

    assert (answer.status_code, answer.json()) == (413, {"detail": "The request body is too large."})


@pytest.mark.parametrize(
    "body", [b"{", b'{"operations": [{]}', b'{"operations": [' + b"0," * 1_000_001 + b"0]}", b"\xff"]
)
def test_what_is_not_json_is_a_400(memory_api: Api, body: bytes) -> None:
    answer = memory_api.request("POST", PLACE, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("JSON parse error - ")
