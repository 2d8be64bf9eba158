"""What every client of the API can see of its conventions: statuses, bodies, headers, and which refusal comes first.

The rows are those of Django REST Framework's conventions (the documented API was built on it), for which the decisions
say where this API differs.
"""

import gzip
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest

from crm_adapters.memory import MemoryDatabase
from crm_core.engine.receipts import Document
from crm_core.model.records import Key
from tests.http.conftest import PASSWORD, Api, on_memory

#: Rows of the conventions that cannot occur here, and why.
NOT_HERE = {
    "a list raised outside a serializer": "every refusal is of a field, of the whole, or a detail (decision 3)",
    "a first authenticator without challenge": "tokens are the only authentication",
    "No Client matches the given query.": "404 has one text (decision 3)",
    "Django's HTML pages for 404, 400 and 500": "everything is JSON (decision 3)",
    "301 to the path with its slash": "both are answered directly (decision 1)",
    "?format= and .json suffixes, the API root, browsable HTML": "excluded with the decisions",
    "JSON body over 2.5 MB: 400": "sizes are refused with 413, as for files (decision 18)",
    "a list that may not be empty": "no list of the entities must have items",
    "float and decimal fields": "no entity has one; number attributes are strict JSON (decision 4)",
    "JSON text in form data, a checkbox missing in a form": "only logins take forms, and have texts only (decision 4)",
    "texts about submitted files": "a later issue brings uploads",
    "OPTIONS with a description of the fields": "204 with Allow (the preface of the decisions)",
    "Location only where the body has a url": "always with 201 (decision 5)",
    "Allow on every answer": "on 405 and OPTIONS (decision 3)",
    "U+2028 escaped, indent= in Accept": "the JSON value is the same",
    "chunked bodies read as empty": "a defect that is not worth copying",
    "page=, count, next, previous, results": "lists are arrays with Link headers (decision 8)",
    "unknown fields of ?ordering= dropped": "bad values of known parameters are refused (decision 9)",
    "GET without permission": "GET needs the view permission (decision 24)",
    "object permissions": "permissions are of the model alone (decision 24)",
    "the same token each time": "a new one with each login (decision 23)",
}

REQUIRED = ["This field is required."]
BLANK = ["This field may not be blank."]
NULL = ["This field may not be null."]
NO_TEXT = ["Not a valid string."]
NO_INTEGER = ["A valid integer is required."]
NO_BOOLEAN = ["Must be a valid boolean."]
NO_DATE = ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]
NO_TIME = [
    "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
]
NO_UUID = ["Must be a valid UUID."]
NO_CREDENTIALS = {"detail": "Authentication credentials were not provided."}
BAD_TOKEN = {"detail": "Invalid token."}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}
NOT_FOUND = {"detail": "Not found."}
NOWHERE = "01890000-0000-7000-8000-000000000000"


class Row(NamedTuple):
    """A request and its answer; ``{name}`` in a path stands for a record's id."""

    request: str
    sent: Any
    status: int
    body: Any
    headers: Mapping[str, str | None] = {}


class Raw(NamedTuple):
    """A body that is sent as it is."""

    content: bytes | str
    type: str | None = "application/json"


def send(api: Api, request: str, sent: Any = None, **headers: str) -> httpx.Response:
    method, path = request.split(" ", 1)
    if isinstance(sent, Raw):
        typed = {"Content-Type": sent.type} if sent.type else {}
        return api.request(method, path, content=sent.content, headers=typed | headers)
    return api.request(method, path, headers=headers, **({} if sent is None else {"json": sent}))


def assert_rows(api: Api, rows: Iterable[Row], ids: Mapping[str, str], **headers: str) -> None:
    """Every row, and all that differ at once."""
    differing = {}
    for row in rows:
        request = row.request.format(**ids, nowhere=NOWHERE)
        answer = send(api, request, row.sent, **headers)
        body = answer.json() if answer.content else None
        shown = {name: answer.headers.get(name) for name in row.headers}
        if (answer.status_code, body, shown) != (row.status, row.body, dict(row.headers)):
            key = f"{request} {str(row.sent)[:100]}"
            differing[key] = {"got": (answer.status_code, body, shown), "wanted": row[2:]}
    assert differing == {}, json.dumps(differing, indent=1, default=str)


@pytest.fixture
def ids(api: Api) -> dict[str, str]:
    """A record of each kind that the rows below name."""
    client = api.make("/api/clients/", name="Acme", list_of_tasks=[{"task": "Call"}])
    service = api.make("/api/services/", name="Jane", client=client["id"])
    lead = api.make("/api/leads/", name="Joe")
    cohort = api.make("/api/cohorts/", name_cohort="Summer", start_date="2025-06-01")
    attribute = api.make("/api/attributes/lead/", name="source", label="Source", type="text")
    enrollment = api.make("/api/enrollments/", cohort=cohort["id"], pathway_name="Data")
    api.make("/api/enrollment-details/", enrollment=enrollment["id"], student=service["id"])
    webhook = api.make("/api/webhooks/", name="W", model="Lead", url="https://a.example/")
    made = {"client": client, "service": service, "lead": lead, "cohort": cohort, "attribute": attribute}
    made |= {"enrollment": enrollment, "webhook": webhook}
    return {name: record["id"] for name, record in made.items()} | {"task": client["list_of_tasks"][0]["id"]}


def invalid(request: str, sent: Any, **problems: Any) -> Row:
    return Row(request, sent, 400, problems)


def refused(request: str, sent: Any, status: int, detail: str, **headers: str) -> Row:
    return Row(request, sent, status, {"detail": detail}, headers)


def parse_error(content: bytes | str, reason: str) -> Row:
    return refused("POST /api/clients/", Raw(content), 400, f"JSON parse error - {reason}")


SHAPES = [
    invalid("POST /api/services/", {"name": ""}, name=BLANK, client=REQUIRED),
    invalid(
        "POST /api/webhooks/", {"name": "", "model": 5}, name=BLANK, model=['"5" is not a valid choice.'], url=REQUIRED
    ),
    invalid(
        "PATCH /api/cohorts/{cohort}/",
        {"end_date": "2025-05-31"},
        non_field_errors=["A cohort cannot end before it starts."],
    ),
    invalid(
        "POST /api/clients/", [], non_field_errors=["Invalid data. Expected a dictionary, but got list."]
    ),
    invalid(
        "PATCH /api/clients/{client}/", Raw("5"), non_field_errors=["Invalid data. Expected a dictionary, but got int."]
    ),
    invalid(
        "POST /api/clients/{client}/add-task/",
        Raw('"x"'),
        non_field_errors=["Invalid data. Expected a dictionary, but got str."],
    ),
    invalid(
        "POST /api-token-auth/", [], non_field_errors=["Invalid data. Expected a dictionary, but got list."]
    ),
    invalid("POST /api/clients/", Raw("null"), non_field_errors=["No data provided"]),
    invalid(
        "PATCH /api/clients/{client}/",
        {"list_of_images": ["https://a.example/1.png", "nonsense"]},
        list_of_images={"1": ["Enter a valid URL."]},
    ),
    invalid(
        "PATCH /api/clients/{client}/",
        {"list_of_tasks": [{"task": "a"}, {}, {"task": "b", "date": "x"}], "list_of_notes": [5]},
        list_of_tasks={"1": {"task": REQUIRED}, "2": {"date": NO_DATE}},
        list_of_notes={"0": {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}},
    ),
    invalid(
        "PATCH /api/leads/{lead}/", {"attributes": {"source": 5, "x": 1}},
        attributes={"source": NO_TEXT, "x": ["This attribute is not defined."]},
    ),
    parse_error("nonsense", "Expecting value: line 1 column 1 (char 0)"),
    parse_error(
        b'\xef\xbb\xbf{"name": "a"}',
        "The body begins with a byte order mark, which JSON must not have (RFC 8259, 8.1)",
    ),
    *(
        parse_error(f'{{"name": {word}}}', f"Out of range float values are not JSON compliant: '{word}'")
        for word in ("NaN", "Infinity", "-Infinity")
    ),
    refused("POST /api/clients/", Raw("x", "text/plain"), 415, 'Unsupported media type "text/plain" in request.'),
    refused(
        "POST /api/clients/", Raw("name=x", "application/x-www-form-urlencoded"), 415,
        'Unsupported media type "application/x-www-form-urlencoded" in request.',
    ),
    refused(
        "PUT /api/clients/{client}/", Raw("{}", "application/merge-patch+json"), 415,
        'Unsupported media type "application/merge-patch+json" in request.',
    ),
    Row("POST /api/clients/", Raw("", "text/plain"), 400, {"name": REQUIRED}),
    Row("POST /api/clients/", Raw("{}", None), 400, {"name": REQUIRED}),
    Row("POST /api/clients/", Raw("{}", "Application/JSON; charset=utf-8"), 400, {"name": REQUIRED}),
    refused("GET /api/clients/{nowhere}/", None, 404, "Not found."),
    refused("GET /api/clients/nonsense/", None, 404, "Not found."),
    refused("GET /nowhere/", None, 404, "Not found."),
    refused("GET /api/attributes/cohort/", None, 404, "Not found."),
    refused(
        "POST /api/clients/{client}/update-task/", {"task_id": NOWHERE, "completed": True}, 404, "Task not found."
    ),
    refused("PUT /api/clients/", {}, 405, 'Method "PUT" not allowed.', Allow="GET, POST, HEAD, OPTIONS"),
    refused(
        "POST /api/clients/{client}/", {}, 405, 'Method "POST" not allowed.',
        Allow="GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
    ),
    refused("GET /api/clients/{client}/add-task/", None, 405, 'Method "GET" not allowed.', Allow="POST, OPTIONS"),
    refused("GET /api-token-auth/", None, 405, 'Method "GET" not allowed.', Allow="POST, DELETE, OPTIONS"),
    refused("POST /api/sales/", {}, 405, 'Method "POST" not allowed.', Allow="GET, HEAD, OPTIONS"),
    refused("BREW /api/clients/", None, 405, 'Method "BREW" not allowed.', Allow="GET, POST, HEAD, OPTIONS"),
    invalid("GET /api/services/?client=x", None, client=["Enter a valid UUID."]),
    invalid("GET /api/leads/?responsible=x", None, responsible=["Enter a number."]),
    *(
        invalid(
            f"GET /api/{path}", None,
            **{name: ["Select a valid choice. That choice is not one of the available choices."]},
        )
        for path, name in [("services/?client={nowhere}", "client"), ("leads/?responsible=999", "responsible")]
    ),
    invalid("GET /api/clients/?limit=0", None, limit=["Ensure this value is greater than or equal to 1."]),
    invalid("GET /api/clients/?limit=1001", None, limit=["Ensure this value is less than or equal to 1000."]),
    invalid("GET /api/clients/?limit=x", None, limit=NO_INTEGER),
    invalid("GET /api/clients/?limit=1&cursor=x", None, cursor=["Invalid cursor"]),
    invalid(
        "GET /api/clients/?ordering=id", None,
        ordering=['"id" is not a valid choice. Lists can be ordered by: name, created_at, updated_at.'],
    ),
]  # fmt: skip


def test_refusals_have_the_bodies_of_the_documented_api(api: Api, ids: dict[str, str]) -> None:
    assert_rows(api, SHAPES, ids)


CLIENT, STAGES, FOLLOW_UP = (
    "PATCH /api/clients/{client}/",
    "POST /api/pipelines/",
    "POST /services/{service}/follow-ups/",
)
LEAD, ATTRIBUTE, TRANSFER = "PATCH /api/leads/{lead}/", "POST /api/attributes/lead/", "POST /api/transfer-requests/"
WEBHOOK = "PATCH /api/webhooks/{webhook}/"
MAX_BIGINT = 2**63 - 1


def anything(values: list[Any]) -> list[Any]:
    """Return values that have no type in common; without this, there would be nothing to call theirs."""
    return values


def stage_order(value: Any, problems: list[str]) -> Row:
    return invalid(STAGES, {"name": "P", "stages": [{"name": "S", "order": value}]}, stages={"0": {"order": problems}})


def task(**values: Any) -> dict[str, Any]:
    return {"list_of_tasks": [{"task": "t"} | values]}


FIELDS = [
    *(invalid(CLIENT, {"name": value}, name=NO_TEXT) for value in anything([True, [], {}])),
    invalid(CLIENT, {"name": None}, name=NULL),
    *(invalid(CLIENT, {"name": value}, name=BLANK) for value in ("", "  \t")),
    invalid(CLIENT, {"name": "x" * 256}, name=["Ensure this field has no more than 255 characters."]),
    invalid(CLIENT, {"name": "a\0b"}, name=["Null characters are not allowed."]),
    *(stage_order(value, NO_INTEGER) for value in anything([True, "x", 1.5, "1.5", [], ""])),
    stage_order(MAX_BIGINT + 1, [f"Ensure this value is less than or equal to {MAX_BIGINT}."]),
    stage_order("1" * 1001, ["String value too large."]),
    *(
        invalid(CLIENT, task(completed=value), list_of_tasks={"0": {"completed": NO_BOOLEAN}})
        for value in anything(["maybe", 2, [], ""])
    ),
    invalid(CLIENT, task(completed=None), list_of_tasks={"0": {"completed": NULL}}),
    *(
        invalid(CLIENT, task(date=value), list_of_tasks={"0": {"date": NO_DATE}})
        for value in ("...", "2025-02-30", "01/02/2025", "", 20250101, "2025-01-20T10:00:00Z")
    ),
    *(
        invalid(FOLLOW_UP, {"follow_up_date": value}, follow_up_date=NO_TIME)
        for value in ("soon", "2025-01-15T25:00:00Z", "", 5)
    ),
    invalid(FOLLOW_UP, {"follow_up_date": None}, follow_up_date=NULL),
    invalid(ATTRIBUTE, {"name": "a", "label": "A", "type": "x"}, type=['"x" is not a valid choice.']),
    invalid(WEBHOOK, {"method": "HEAD"}, method=['"HEAD" is not a valid choice.']),
    invalid(CLIENT, {"list_of_tasks": "x"}, list_of_tasks=['Expected a list of items but got type "str".']),
    invalid(CLIENT, {"list_of_images": {}}, list_of_images=['Expected a list of items but got type "dict".']),
    invalid(CLIENT, {"attributes": "x"}, attributes=['Expected a dictionary of items but got type "str".']),
    invalid(CLIENT, {"attributes": None}, attributes=NULL),
    invalid(WEBHOOK, {"headers": []}, headers=['Expected a dictionary of items but got type "list".']),
    *(invalid(CLIENT, task(id=value), list_of_tasks={"0": {"id": NO_UUID}}) for value in anything(["x", True, [], -1])),
    invalid("POST /api/clients/{client}/update-task/", {"task_id": "x"}, task_id=NO_UUID, completed=REQUIRED),
    invalid(LEAD, {"responsible": 999}, responsible=['Invalid pk "999" - object does not exist.']),
    invalid(LEAD, {"responsible": 10**30}, responsible=[f'Invalid pk "{10**30}" - object does not exist.']),
    *(
        invalid(LEAD, {"responsible": value}, responsible=[f"Incorrect type. Expected pk value, received {kind}."])
        for value, kind in (("abc", "str"), (True, "bool"), ([], "list"))
    ),
    invalid(LEAD, {"pipeline": NOWHERE}, pipeline=[f'Invalid pk "{NOWHERE}" - object does not exist.']),
    invalid(LEAD, {"pipeline": "abc"}, pipeline=["\u201cabc\u201d is not a valid UUID."]),
    invalid(LEAD, {"pipeline": True}, pipeline=["Incorrect type. Expected pk value, received bool."]),
    invalid(TRANSFER, {"student": None, "cohort_request": "W"}, student=NULL),
    invalid(ATTRIBUTE, {"name": "source", "label": "S", "type": "text"}, name=["This field must be unique."]),
    invalid(
        "POST /api/enrollment-details/",
        {"enrollment": "{enrollment}", "student": "{service}"},
        non_field_errors=["The fields enrollment, student must make a unique set."],
    ),
]


def test_values_are_refused_with_the_texts_of_the_documented_api(api: Api, ids: dict[str, str]) -> None:
    assert_rows(api, [row._replace(sent=_filled(row.sent, ids)) for row in FIELDS], ids)


def _filled(sent: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(sent, dict):
        return {name: _filled(value, ids) for name, value in sent.items()}
    return sent.format(**ids) if isinstance(sent, str) and sent.startswith("{") else sent


#: Values that are read, and as what; None stands for the request's own record.
CONVERSIONS: list[tuple[str, Any, list[tuple[Any, Any]]]] = [
    (CLIENT, lambda value: {"name": value}, [(5, "5"), (1.5, "1.5"), ("  Acme ", "Acme"), ("x" * 255, "x" * 255)]),
    (CLIENT, lambda value: task(date=value), [("2025-1-5", "2025-01-05"), ("20250105", "2025-01-05"), (None, None)]),
    (
        CLIENT,
        lambda value: task(completed=value),
        [(each, True) for each in (True, 1, "1", "t", "Y", "yes", "TRUE", "on")]
        + [(each, False) for each in (False, 0, "0", "f", "N", "no", "False", "off")],
    ),
    (
        CLIENT,
        lambda value: task(id=value),
        [
            (value, "01890000-0000-7000-8000-00000000000a")
            for value in (
                "01890000-0000-7000-8000-00000000000a",
                "01890000-0000-7000-8000-00000000000A",
                "0189000000007000800000000000000a",
                "{01890000-0000-7000-8000-00000000000a}",
                "urn:uuid:01890000-0000-7000-8000-00000000000a",
                UUID("01890000-0000-7000-8000-00000000000a").int,
            )
        ],
    ),
    (
        STAGES,
        lambda value: {"name": "P", "stages": [{"name": "S", "order": value}]},
        [(1, 1), ("1", 1), ("1.0", 1), (1.0, 1), ("-2", -2)],
    ),
    (
        FOLLOW_UP,
        lambda value: {"follow_up_date": value},
        [
            ("2025-01-15T10:00:00Z", "2025-01-15T10:00:00Z"),
            ("2025-01-15T10:00:00", "2025-01-15T10:00:00Z"),
            ("2025-01-15T10:00:00+02:00", "2025-01-15T08:00:00Z"),
            ("2025-01-15 10:00", "2025-01-15T10:00:00Z"),
            ("2025-01-15T10:00:00.250000Z", "2025-01-15T10:00:00.250000Z"),
            ("2025-01-15", "2025-01-15T00:00:00Z"),
        ],
    ),
    (LEAD, lambda value: {"responsible": value}, [("1", 1), (1, 1), ("1.0", 1), (None, None), ("", None)]),
]  # fmt: skip


def test_values_are_converted_as_the_documented_api_did(api: Api, ids: dict[str, str]) -> None:
    for request, sent, pairs in CONVERSIONS:
        for value, wanted in pairs:
            answer = send(api, request.format(**ids), sent(value))
            assert answer.is_success, (request, value, answer.text)
            assert _first_in(answer.json(), sent(value)) == wanted, (request, value)


def _first_in(shown: Any, sent: Any) -> Any:
    """What is shown where the last value of ``sent`` was."""
    if isinstance(sent, dict):
        name = list(sent)[-1]
        return _first_in(shown[name], sent[name])
    return _first_in(shown[0], sent[0]) if isinstance(sent, list) else shown


#: Who sends a broken request, and which refusal comes first (decision 2). A user who may do nothing is in no group.
NOTHING, READER, ANYBODY, ADMIN = "nothing", "reader", "", "admin"
MALFORMED, PLAIN = Raw("{"), Raw("{}", "text/plain")
BAD_VALUES = {"name": ""}
ORDER: list[tuple[str, str, Any, int]] = [
    # no such path, before who asks
    (ANYBODY, "GET /nowhere/", None, 404),
    (ANYBODY, "BREW /nowhere/", None, 404),
    (ANYBODY, "POST /api/clients/{client}/nonsense/", MALFORMED, 404),
    # who asks, before everything that the path has
    (ANYBODY, "GET /api/clients/", None, 401),
    (ANYBODY, "PUT /api/clients/", MALFORMED, 401),
    (ANYBODY, "BREW /api/clients/", None, 401),
    (ANYBODY, "OPTIONS /api/clients/", None, 401),
    (ANYBODY, "GET /api/clients/{nowhere}/", None, 401),
    (ANYBODY, "GET /api/attributes/nonsense/", None, 401),
    (ANYBODY, "DELETE /api-token-auth/", None, 401),
    # what they may, before methods, records and bodies
    (NOTHING, "GET /api/clients/", None, 403),
    (NOTHING, "HEAD /api/clients/", None, 403),
    (NOTHING, "GET /api/clients/{nowhere}/", None, 403),
    (NOTHING, "GET /api/clients/nonsense/", None, 403),
    (NOTHING, "GET /api/attributes/nonsense/", None, 403),
    (NOTHING, "GET /api/clients/?limit=x", None, 403),
    (NOTHING, "POST /api/clients/", MALFORMED, 403),
    (NOTHING, "POST /api/clients/{client}/add-task/", PLAIN, 403),
    (NOTHING, "PUT /api/clients/", {}, 403),
    (NOTHING, "DELETE /api/clients/", None, 403),
    (NOTHING, "POST /api/clients/{client}/", {}, 403),
    (READER, "PATCH /api/cohorts/{cohort}/", MALFORMED, 403),
    (READER, "DELETE /api/cohorts/{nowhere}/", None, 403),
    (NOTHING, "OPTIONS /api/clients/", None, 204),
    # methods, before records and bodies
    (ADMIN, "POST /api/clients/{nowhere}/", MALFORMED, 405),
    (ADMIN, "PUT /api/clients/", MALFORMED, 405),
    (ADMIN, "GET /api/clients/{nowhere}/add-task/", None, 405),
    # records, before bodies
    (ADMIN, "PUT /api/clients/{nowhere}/", MALFORMED, 404),
    (ADMIN, "PATCH /api/clients/{nowhere}/", PLAIN, 404),
    (ADMIN, "PUT /api/clients/nonsense/", MALFORMED, 404),
    (ADMIN, "PUT /api/clients/{nowhere}/", BAD_VALUES, 404),
    (ADMIN, "PUT /api/clients/{nowhere}/", [], 404),
    (ADMIN, "POST /api/clients/{nowhere}/add-task/", MALFORMED, 404),
    (ADMIN, "POST /api/clients/{nowhere}/add-task/", {}, 404),
    (ADMIN, "POST /api/clients/{nowhere}/update-task/", {}, 404),
    (ADMIN, "POST /api/attributes/nonsense/", MALFORMED, 404),
    (ADMIN, "PUT /api/attributes/lead/", MALFORMED, 404),
    (ADMIN, "POST /services/{nowhere}/follow-ups/", MALFORMED, 404),
    (ADMIN, "POST /services/{nowhere}/follow-ups/", {"follow_up_date": "x"}, 404),
    (ADMIN, "GET /services/{nowhere}/follow-ups/", None, 404),
    (ADMIN, "GET /services/{nowhere}/follow-ups/?limit=x", None, 404),
    (ADMIN, "PUT /services/{service}/follow-ups/{client}/", MALFORMED, 404),
    *(
        (ADMIN, f"POST /api/{path}/{query}", sent, 404)
        for path in (
            "clients/{nowhere}/merge",
            "clients/{nowhere}/history/1/restore",
            "clients/{nowhere}/erase",
            "attributes/{nowhere}/rename",
            "imports/{nowhere}/undo",
        )
        for query, sent in (("", MALFORMED), ("", []), ("?dry_run=x", {}))
    ),
    (ADMIN, "POST /api/clients/{nowhere}/merge/", {"from": 1}, 404),
    *((ADMIN, f"{method} /api/attributes/{{nowhere}}/?dry_run=x", {}, 404) for method in ("DELETE", "PATCH", "PUT")),
    (ADMIN, "POST /api/transfer-requests/{nowhere}/accept/", MALFORMED, 404),
    (ADMIN, "POST /api/transfer-requests/{nowhere}/accept/", {"cohort": "x"}, 404),
    (ADMIN, "GET /api/pipelines/{nowhere}/summary/?since=x", None, 404),
    # bodies, before their values
    (ADMIN, "PUT /api/clients/{client}/", MALFORMED, 400),
    (ADMIN, "PUT /api/clients/{client}/", Raw('{"name": ""}', "text/plain"), 415),
    (ADMIN, "PUT /api/clients/{client}/", BAD_VALUES, 400),
]


def test_of_several_reasons_the_first_in_order_refuses(api: Api, ids: dict[str, str]) -> None:
    api.people.add("nothing")
    api.people.add("reader", "Instructors")
    callers = {NOTHING: api.as_user("nothing"), READER: api.as_user("reader"), ANYBODY: api.anonymous(), ADMIN: api}

    differing = []
    for who, request, sent, status in ORDER:
        answer = send(callers[who], request.format(**ids, nowhere=NOWHERE), sent)
        if answer.status_code != status:
            differing.append(f"{who or 'anybody'}: {request} {sent}: {answer.status_code} instead of {status}")
        elif status in {401, 403} and not request.startswith("HEAD"):
            assert answer.json() == (NO_CREDENTIALS if status == 401 else FORBIDDEN)
    assert differing == [], "\n".join(differing)


@pytest.mark.parametrize("blank", ["", "%20"])
def test_a_blank_dry_run_is_refused_and_nothing_is_carried_out(blank: str, api: Api, ids: dict[str, str]) -> None:
    requests = [
        "POST /api/attributes/lead/",
        *(f"{method} /api/attributes/{ids['attribute']}/" for method in ("PUT", "PATCH", "DELETE")),
        *(f"POST /api/attributes/{ids['attribute']}/{change}/" for change in ("rename", "values/remove", "convert")),
        *(f"POST /api/leads/{ids['lead']}/{action}/" for action in ("merge", "history/1/restore", "erase")),
    ]
    for request in requests:
        answer = send(api, f"{request}?dry_run={blank}", {})
        assert (answer.status_code, answer.json()) == (400, {"dry_run": ["Must be a valid boolean."]}), request
    for place in (f"/api/attributes/{ids['attribute']}/", f"/api/leads/{ids['lead']}/"):
        assert len(api.get(f"{place}history/").json()) == 1


def test_credentials_are_refused_with_the_texts_of_the_documented_api(api: Api) -> None:
    api.people.add("leaver", "Sales")
    leaver = api.as_user("leaver")
    api.people.disable("leaver")
    invalid_header = "Invalid token header. "
    refusals = {
        None: NO_CREDENTIALS["detail"],
        "Token nonsense": "Invalid token.",
        "Bearer nonsense": "Invalid token.",
        "Token \u00e9".encode("latin-1"): "Invalid token.",
        "Token": invalid_header + "No credentials provided.",
        "bearer": invalid_header + "No credentials provided.",
        "Token a b": invalid_header + "Token string should not contain spaces.",
        f"Basic {api.token}": NO_CREDENTIALS["detail"],
        api.token: NO_CREDENTIALS["detail"],
        f"Token {leaver.token}": "User inactive or deleted.",
    }

    for header, detail in refusals.items():
        answer = api.anonymous().get("/api/me/", headers={} if header is None else {"Authorization": header})
        assert (answer.status_code, answer.json()) == (401, {"detail": detail}), header
        assert answer.headers["WWW-Authenticate"] == "Token"
    for header in (f"token {api.token}", f"TOKEN {api.token}", f"Bearer {api.token}", f"bearer  {api.token}"):
        assert api.anonymous().get("/api/me/", headers={"Authorization": header}).status_code == 200, header


def test_a_bad_token_is_refused_where_none_is_needed(api: Api) -> None:
    good = {"username": "admin", "password": PASSWORD}

    answer = api.with_token("nonsense").post("/api-token-auth/", good)

    assert (answer.status_code, answer.json(), answer.headers["WWW-Authenticate"]) == (401, BAD_TOKEN, "Token")
    assert api.post("/api-token-auth/", good).status_code == 200


def test_login_takes_json_and_forms(api: Api) -> None:
    anonymous, good = api.anonymous(), {"username": "  admin ", "password": PASSWORD}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    ways: list[dict[str, Any]] = [
        {"json": good},
        {"data": good},
        {"files": {name: (None, value) for name, value in good.items()}},
    ]

    tokens = []
    for way in ways:
        answer = anonymous.request("POST", "/api-token-auth/", **way)
        assert (answer.status_code, list(answer.json())) == (200, ["token"])
        tokens.append(answer.json()["token"])
    assert len({*tokens, api.token}) == 4
    wrong = {"non_field_errors": ["Unable to log in with provided credentials."]}
    for sent, problems in [
        ({}, {"username": REQUIRED, "password": REQUIRED}),
        ({"username": "", "password": ""}, {"username": BLANK, "password": BLANK}),
        ({"username": "admin", "password": f" {PASSWORD}"}, wrong),
        ({"username": "nobody", "password": PASSWORD}, wrong),
    ]:
        for way in ({"json": sent}, {"data": sent, "headers": form}):
            answer = anonymous.request("POST", "/api-token-auth/", **way)
            assert (answer.status_code, answer.json()) == (400, problems), way
    broken = anonymous.request(
        "POST", "/api-token-auth/", content=b"nonsense", headers={"Content-Type": "multipart/form-data"}
    )
    assert broken.status_code == 400
    assert broken.json()["detail"].startswith("Multipart form parse error - ")
    assert anonymous.post("/api-token-auth/", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_token_is_revoked_by_itself(api: Api) -> None:
    other = api.as_user("admin")

    answer = api.delete("/api-token-auth/")

    assert (answer.status_code, answer.content) == (204, b"")
    again = api.get("/api/me/")
    assert (again.status_code, again.json(), again.headers["WWW-Authenticate"]) == (401, BAD_TOKEN, "Token")
    assert other.get("/api/me/").status_code == 200


def test_rights_are_those_of_the_moment(api: Api) -> None:
    api.people.add("seller", "Sales")
    seller = api.as_user("seller")

    assert seller.get("/api/leads/").status_code == 200
    with api.people.without("Sales", "app.view_lead"):
        assert seller.get("/api/leads/").status_code == 403
    assert seller.get("/api/leads/").status_code == 200
    api.people.disable("seller")
    assert seller.get("/api/leads/").status_code == 401


def test_repeated_failures_to_log_in_have_to_wait(api: Api) -> None:
    attempts = (
        api.anonymous().post("/api-token-auth/", {"username": "admin", "password": f"wrong {number}"})
        for number in range(20)
    )

    throttled = next(answer for answer in attempts if answer.status_code != 400)

    wait = throttled.headers["Retry-After"]
    assert throttled.status_code == 429
    unit = "second" if wait == "1" else "seconds"
    assert throttled.json() == {"detail": f"Request was throttled. Expected available in {wait} {unit}."}
    assert api.get("/api/me/").status_code == 200


def test_every_answer_has_a_request_id(api: Api, ids: dict[str, str]) -> None:
    made = set()
    for path in ("/api/clients/", f"/api/clients/{NOWHERE}/", "/nowhere/", "/healthz"):
        for who in (api, api.anonymous()):
            made.add(who.get(path).headers["X-Request-ID"])
            kept = who.get(path, headers={"X-Request-ID": "from-client.1"})
            assert kept.headers["X-Request-ID"] == "from-client.1"
    assert len(made) == 8
    for unsound in ("a b", "x" * 200, "<script>", "\u00e9".encode("latin-1")):
        answer = api.get("/api/me/", headers={"X-Request-ID": unsound})
        assert answer.headers["X-Request-ID"].isalnum()
    assert send(api, "HEAD /api/clients/").headers["X-Request-ID"]
    assert api.delete(f"/api/leads/{ids['lead']}/").headers["X-Request-ID"]


def test_paths_work_with_and_without_their_last_slash(api: Api, ids: dict[str, str]) -> None:
    for path in (
        "/api/clients",
        f"/api/clients/{ids['client']}",
        "/api/attributes/lead",
        f"/services/{ids['service']}/follow-ups",
        f"/api/services/{ids['service']}/follow-ups",
        "/api/me",
        "/api/sales",
        "/healthz",
        "/readyz",
    ):
        bare, slashed = api.get(path), api.get(path + "/")
        assert (bare.status_code, bare.content) == (200, slashed.content), path
    for path in ("/api/clients", "/api/clients/"):
        answer = api.post(path, {"name": "A"})
        assert answer.status_code == 201
        assert api.get(answer.headers["Location"]).json() == answer.json()
    for path in ("/api-token-auth", "/api-token-auth/"):
        assert api.post(path, {"username": "admin", "password": PASSWORD}).status_code == 200
    for path in ("add-note", "add-note/"):
        assert api.post(f"/api/clients/{ids['client']}/{path}", {"note": "n"}).status_code == 201


def test_a_path_with_empty_parts_or_an_encoded_slash_is_none(api: Api, ids: dict[str, str]) -> None:
    id_, site = ids["client"], str(api.get("/healthz").url).removesuffix("/healthz")
    for method, path in (
        ("GET", f"{site}//api/clients/"),
        ("GET", f"{site}//api-token-auth/"),
        ("GET", f"{site}///healthz"),
        ("GET", "/api//clients/"),
        ("GET", "/api/clients//"),
        ("GET", f"/api/clients//{id_}/"),
        ("GET", f"/api/clients/{id_}//"),
        ("POST", "/api/clients//"),
        ("DELETE", f"/api//clients/{id_}/"),
        ("GET", f"//services/{ids['service']}/follow-ups/"),
        ("GET", "/api%2Fclients/"),
        ("GET", "/api/clients%2f"),
        ("GET", "/%2Fapi/clients/"),
        ("GET", f"/api/clients%2F{id_}/"),
        ("PATCH", f"/api/clients/{id_}%2F"),
        ("GET", f"/api/clients%5C{id_}/"),
        ("GET", "/api/%2e/clients/"),
        ("GET", "/x/%2e%2e/api/clients/"),
    ):
        answer = api.request(method, path, json={"name": "x"})
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."}), path
    assert api.get(f"/api/%63lients/{id_}/", params={"x": "//%2F"}).status_code == 200


def test_a_body_in_a_content_encoding_is_refused_wherever_there_is_a_body(api: Api, ids: dict[str, str]) -> None:
    body = gzip.compress(b'{"name": "x"}')
    for method, path, kind in (
        ("POST", "/api/clients/", "application/json"),
        ("PUT", f"/api/clients/{ids['client']}/", "application/json"),
        ("PATCH", f"/api/clients/{ids['client']}/", "application/merge-patch+json"),
        ("POST", f"/api/clients/{ids['client']}/add-note/", "application/json"),
        ("POST", f"/api/clients/{ids['client']}/update-task/", "application/json"),
        ("POST", "/api/attributes/lead/", "application/json"),
        ("POST", "/api-token-auth/", "application/json"),
        ("POST", "/api-token-auth/", "application/x-www-form-urlencoded"),
        ("POST", "/api-token-auth/", "multipart/form-data; boundary=b"),
        ("POST", f"/api/clients/{ids['client']}/files/", "multipart/form-data; boundary=b"),
    ):
        for coding in ("gzip", "GZIP", "br", "identity, gzip", "x-no-such"):
            answer = api.request(method, path, content=body, headers={"Content-Type": kind, "Content-Encoding": coding})
            assert answer.status_code == 415, (path, kind, coding)
            assert answer.json() == {"detail": f'Unsupported content encoding "{coding}" in request.'}
            assert answer.headers["Accept-Encoding"] == "identity"
    for coding in ("identity", "Identity", ""):
        assert api.post("/api/clients/", {"name": "x"}, headers={"Content-Encoding": coding}).status_code == 201
    missing = f"/api/clients/{UUID(int=7)}/"
    assert api.patch(missing, content=body, headers={"Content-Encoding": "gzip"}).status_code == 404


def test_ids_in_paths_may_be_spelled_in_any_way(api: Api, ids: dict[str, str]) -> None:
    id_ = UUID(ids["client"])
    for spelling in (str(id_), str(id_).upper(), id_.hex, f"%7B{id_}%7D", id_.urn):
        assert api.get(f"/api/clients/{spelling}/").json()["id"] == str(id_), spelling


def test_head_is_get_without_its_body(api: Api, ids: dict[str, str]) -> None:
    for path, status in (
        ("/api/clients/?limit=1", 200),
        (f"/api/clients/{ids['client']}/", 200),
        (f"/api/clients/{NOWHERE}/", 404),
        ("/api/me/", 200),
        ("/healthz", 200),
    ):
        head, get = api.request("HEAD", path), api.get(path)
        assert (head.status_code, get.status_code, head.content) == (status, status, b"")
        for name in ("Content-Type", "Content-Length", "Link"):
            assert head.headers.get(name) == get.headers.get(name), (path, name)
    answer = api.request("HEAD", f"/api/clients/{ids['client']}/add-task/")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, OPTIONS")


def test_options_says_which_methods_there_are(api: Api, ids: dict[str, str]) -> None:
    for path, allowed in {
        "/api/clients/": "GET, POST, HEAD, OPTIONS",
        f"/api/clients/{ids['client']}/": "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
        "/api/attributes/lead/": "GET, POST, HEAD, OPTIONS",
        f"/api/attributes/{ids['attribute']}/": "GET, PUT, PATCH, DELETE, HEAD, OPTIONS",
        f"/api/leads/{ids['lead']}/update-task/": "POST, OPTIONS",
        "/api/sales/": "GET, HEAD, OPTIONS",
        "/api-token-auth/": "POST, DELETE, OPTIONS",
    }.items():
        answer = api.request("OPTIONS", path)
        assert (answer.status_code, answer.content, answer.headers["Allow"]) == (204, b"", allowed), path


def test_json_is_compact_utf_8_without_a_charset(api: Api) -> None:
    answer = api.post("/api/clients/", {"name": "Zoë 学 😀"})

    assert answer.headers["Content-Type"] == "application/json"
    assert b'"name":"Zo\xc3\xab \xe5\xad\xa6 \xf0\x9f\x98\x80"' in answer.content
    assert api.get("/api/clients/").headers["Content-Type"] == "application/json"
    assert api.get("/nowhere/").headers["Content-Type"] == "application/json"


def test_nothing_comes_with_204(api: Api, ids: dict[str, str]) -> None:
    answer = api.delete(f"/api/leads/{ids['lead']}/")

    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers


def test_put_and_patch_keep_what_is_not_sent_and_ignore_what_is_not_known(api: Api) -> None:
    api.make("/api/attributes/client/", name="a", label="A", type="number")
    api.make("/api/attributes/client/", name="b", label="B", type="number")
    client = api.make("/api/clients/", name="Acme", attributes={"a": 1, "b": 2}, list_of_notes=[{"note": "n"}])
    path = f"/api/clients/{client['id']}/"

    for method in ("PUT", "PATCH"):
        assert send(api, f"{method} {path}", {}).json() == client
        ignored = {"id": NOWHERE, "created_by": 7, "created_at": "x", "nonsense": 1}
        assert send(api, f"{method} {path}?nonsense=1", ignored).json() == client
        replaced = send(api, f"{method} {path}", {"attributes": {"a": 3}, "list_of_notes": []}).json()
        assert but_stamp(replaced) == but_stamp(client | {"attributes": {"a": 3}, "list_of_notes": []})
        back = send(api, f"{method} {path}", {n: client[n] for n in ("attributes", "list_of_notes")}).json()
        assert but_stamp(back) == but_stamp(client)
        client = back
    assert send(api, f"POST {path}", {}, **{"X-HTTP-Method-Override": "PATCH"}).status_code == 405
    assert [each["id"] for each in api.get("/api/clients/?nonsense=1&name=").json()] == [client["id"]]


def but_stamp(record: dict[str, Any]) -> dict[str, Any]:
    """A record without the time of its last change."""
    return {name: value for name, value in record.items() if name != "updated_at"}


def test_a_merge_patch_changes_only_what_it_mentions(api: Api) -> None:
    for name in ("a", "b", "c"):
        api.make("/api/attributes/lead/", name=name, label=name, type="number")
    lead = api.make("/api/leads/", name="Joe", stage="New", attributes={"a": 1, "b": 2}, list_of_notes=[{"note": "n"}])
    webhook = api.make("/api/webhooks/", name="W", model="Lead", url="https://a.example/", headers={"A": "1", "B": "2"})
    lead_path, webhook_path = f"PATCH /api/leads/{lead['id']}/", f"PATCH /api/webhooks/{webhook['id']}/"

    def merge(request: str, patch: Any) -> httpx.Response:
        return send(api, request, Raw(json.dumps(patch), "application/merge-patch+json"))

    merged = merge(lead_path, {"attributes": {"a": None, "c": 3}, "stage": None, "list_of_notes": []}).json()
    assert but_stamp(merged) == but_stamp(lead | {"attributes": {"b": 2, "c": 3}, "stage": None, "list_of_notes": []})
    assert merge(lead_path, {"attributes": {"x": None}}).json() == merged
    assert but_stamp(merge(lead_path, {"attributes": None}).json()) == but_stamp(merged | {"attributes": {}})
    headers = merge(webhook_path, {"headers": {"A": None, "C": "3"}}).json()["headers"]
    assert headers == {"B": "2", "C": "3"}
    for patch, problems in [
        ({"name": None}, {"name": NULL}),
        ({"attributes": {"a": "x"}}, {"attributes": {"a": ["A valid number is required."]}}),
        ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
    ]:
        answer = merge(lead_path, patch)
        assert (answer.status_code, answer.json()) == (400, problems)


def test_strict_handling_names_what_would_be_ignored_and_what_exists(api: Api, ids: dict[str, str]) -> None:
    client = "name, attributes, list_of_tasks, list_of_notes, list_of_images"
    fields = f"Fields that can be sent: {client}."
    unknown = {"nonsense": [f"This field is not known. {fields}"]}
    output_only = {name: [f"This field is output only. {fields}"] for name in ("id", "created_by")}
    parameters = "name, created_by, attributes.<name>, search, ordering, limit, cursor"
    query = {"nonsense": [f"This parameter is not known. There are: {parameters}."]}
    named = {"name": REQUIRED}
    strict = {"Prefer": "respond-async, handling=strict"}
    rows = [
        Row("POST /api/clients/", {"nonsense": 1}, 400, unknown | named),
        Row("POST /api/clients/", {"id": NOWHERE, "created_by": 1}, 400, output_only | named),
        Row("PATCH /api/clients/{client}/", {"nonsense": 1}, 400, unknown),
        Row("PUT /api/clients/{client}/", {"id": "{client}"}, 400, {"id": output_only["id"]}),
        Row("GET /api/clients/?nonsense=1", None, 400, query),
    ]

    assert_rows(api, rows, ids, **strict)
    nested = send(api, f"PATCH /api/clients/{ids['client']}/", task(user_id=1), **strict)
    assert nested.status_code == 400
    assert list(nested.json()["list_of_tasks"]["0"]) == ["user_id"]
    added = send(api, f"POST /api/clients/{ids['client']}/add-task/", {"task": "t", "x": 1}, **strict)
    assert (added.status_code, list(added.json())) == (400, ["x"])
    assert send(api, "POST /api/clients/", {"name": "A"}, **strict).status_code == 201
    assert send(api, "GET /api/clients/?limit=1&name=a", **strict).status_code == 200


def test_strict_handling_names_what_the_path_says_already(api: Api, ids: dict[str, str]) -> None:
    for path, sent in (
        ("/api/attributes/lead/", {"name": "city", "label": "City", "type": "text", "entity": "lead"}),
        (f"/services/{ids['service']}/follow-ups/", {"service": ids["service"]}),
    ):
        answer = api.post(path, sent, headers={"Prefer": "handling=strict"})
        assert (answer.status_code, list(answer.json())) == (400, [list(sent)[-1]])
        assert api.post(path, sent).status_code == 201


def test_strict_handling_refuses_parameters_wherever_they_are(api: Api, ids: dict[str, str]) -> None:
    requests: dict[str, Any] = {
        "POST /api/clients/": {"name": "A"},
        "GET /api/clients/{client}/": None,
        "PATCH /api/clients/{client}/": {},
        "POST /api/clients/{client}/add-note/": {"note": "n"},
        "DELETE /api/leads/{lead}/": None,
        "GET /api/sales/": None,
        "GET /api/me/": None,
    }

    answers = {
        request: send(api, request.format(**ids) + "?nonsense=1", sent, Prefer="handling=strict")
        for request, sent in requests.items()
    }

    assert {
        name: (answer.status_code, list(answer.json() if answer.content else ())) for name, answer in answers.items()
    } == dict.fromkeys(requests, (400, ["nonsense"]))


def test_what_no_answer_can_be_made_for_is_not_acceptable(api: Api) -> None:
    for accept in ("application/xml", "text/html"):
        answer = api.get("/api/clients/", headers={"Accept": accept})
        assert (answer.status_code, answer.json()) == (
            406,
            {"detail": "Could not satisfy the request Accept header."},
        ), accept
    for accept in ("*/*", "application/*", "text/html, */*;q=0.1", "application/json"):
        assert api.get("/api/clients/", headers={"Accept": accept}).status_code == 200


def test_bodies_of_one_megabyte_are_read_and_larger_ones_are_not(api: Api, ids: dict[str, str]) -> None:
    path = f"/api/clients/{ids['client']}/"

    assert api.patch(path, {"list_of_notes": [{"note": "x" * 10_000}] * 98}).status_code == 200
    larger = api.patch(path, content=b" " * 1_000_000 + b"{}", headers={"Content-Type": "application/json"})
    assert (larger.status_code, larger.json()) == (413, {"detail": "The request body is too large."})


#: What nobody sends in good faith, and the status that it gets; none of it may look like a defect of ours.
HOSTILE: list[tuple[str, Any, int]] = [
    ("POST /api/clients/", Raw(b"\xff\xfe"), 400),
    ("POST /api/clients/", Raw(b'{"name": "\xff"}'), 400),
    ("POST /api/clients/", Raw("\ufeff{}".encode()), 400),
    ("POST /api/clients/", Raw('{"name": "\\ud800"}'), 400),
    ("POST /api/clients/", Raw('{"name": "\\u0000"}'), 400),
    ("POST /api/clients/", Raw("[" * 100_000), 400),
    ("POST /api/clients/", Raw('{"attributes":' * 500 + "{}" + "}" * 500), 400),
    ("POST /api/clients/", Raw('{"name": 1e999}'), 400),
    ("POST /api/pipelines/", Raw('{"name": "P", "stages": [{"name": "S", "order": 1e30}]}'), 400),
    ("POST /api/pipelines/", Raw('{"name": "P", "stages": [{"name": "S", "order": -1e999}]}'), 400),
    ("POST /api/leads/", {"name": "L", "responsible": -1}, 400),
    ("POST /api/leads/", {"name": "L", "responsible": 2**63}, 400),
    ("PATCH /api/webhooks/{webhook}/", {"conditions": [{"field": "name", "operator": "=", "value": "a\0"}]}, 400),
    ("PATCH /api/webhooks/{webhook}/", {"headers": {"A\0": "b"}}, 400),
    ("POST /services/{service}/follow-ups/", {"follow_up_date": "0001-01-01T00:00:00+14:00"}, 400),
    ("POST /services/{service}/follow-ups/", {"follow_up_date": "9999-12-31T23:59:59-14:00"}, 400),
    ("GET /api/clients/?name=%FF", None, 400),
    ("GET /api/clients/?name=%00", None, 400),
    ("GET /api/clients/?search=%00", None, 400),
    ("GET /api/clients/?search=%22", None, 200),
    ("GET /api/clients/?search=%5C%25_'%22", None, 200),
    ("GET /api/clients/?attributes.=1", None, 400),
    ("GET /api/clients/?attributes.%00=1", None, 400),
    ("GET /api/cohorts/?attributes.x=1", None, 200),
    ("GET /api/leads/?responsible=9223372036854775808", None, 400),
    ("GET /api/leads/?responsible=%D9%A1", None, 400),
    ("GET /api/clients/?limit=1&limit=x", None, 400),
    ("GET /api/clients/?limit=%D9%A1", None, 400),
    ("GET /api/clients/?limit=1&cursor=WyItIixudWxsLG51bGxd", None, 400),
    ("GET /api/clients/?" + "&".join(f"a{number}=1" for number in range(300)), None, 400),
    ("GET /api/clients/%00/", None, 404),
    ("GET /api/clients/%FF/", None, 404),
    ("GET /api/attributes/%00/", None, 404),
    ("GET /services/%00/follow-ups/", None, 404),
    ("POST /api-token-auth/", {"username": "a\0", "password": "x"}, 400),
    ("POST /api-token-auth/", {"username": "x" * 151, "password": "x"}, 400),
    ("POST /api-token-auth/", {"username": "admin", "password": "x" * 1_025}, 400),
    ("POST /api-token-auth/", {"username": "admin", "password": "\ufffe"}, 400),
    ("POST /api-token-auth/", Raw("username=%FF&password=x", "application/x-www-form-urlencoded"), 400),
    ("POST /api-token-auth/", Raw("x" * 9_000, "application/x-www-form-urlencoded"), 413),
    ("POST /api-token-auth/", Raw(b"--x\r\n\xff", "multipart/form-data; boundary=x"), 400),
]


def test_hostile_requests_are_refused_as_mistakes_of_their_sender(api: Api, ids: dict[str, str]) -> None:
    differing = []
    for request, sent, status in HOSTILE:
        answer = send(api, request.format(**ids), sent)
        if answer.status_code != status:
            differing.append(f"{request[:80]} {str(sent)[:60]}: {answer.status_code} {answer.text[:200]}")
    assert differing == [], "\n".join(differing)
    assert api.get("/api/clients/").status_code == 200


class BrokenDatabase(MemoryDatabase):
    """A database with a defect."""

    async def get(self, key: Key, *, reader: int | None = None) -> Document | None:  # noqa: ARG002  # nobody reads
        raise RuntimeError(f"secret: {key}")


def test_a_defect_is_told_by_a_number_and_nothing_of_the_inside() -> None:
    with on_memory(BrokenDatabase) as api:
        answer = api.get(f"/api/clients/{NOWHERE}/", headers={"X-Request-ID": "mine"})

    assert answer.status_code == 500
    assert answer.json() == {"detail": "Internal server error.", "request_id": "mine"}
    assert answer.headers["X-Request-ID"] == "mine"


def test_strict_handling_holds_for_logins_dry_runs_and_the_other_name_of_an_id(api: Api, ids: dict[str, str]) -> None:
    strict = {"Prefer": "handling=strict"}
    task = api.get(f"/api/clients/{ids['client']}/").json()["list_of_tasks"]
    for path, sent in (
        ("/api-token-auth/", {"username": "admin", "password": PASSWORD}),
        (f"/api/webhooks/{ids['webhook']}/dry-run/", {"record": ids["lead"]}),
        (f"/api/clients/{ids['client']}/delete-task/", {"task_id": task[0]["id"] if task else ids["client"]}),
    ):
        answer = api.post(path, sent | {"nonsense": 1}, headers=strict)
        assert (answer.status_code, list(answer.json())) == (400, ["nonsense"]), path
