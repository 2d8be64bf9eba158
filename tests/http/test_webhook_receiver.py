"""The receiver of webhooks in the client: requests signed by the library of Standard Webhooks, and real deliveries."""

import base64
import datetime as dt
import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from email.message import Message
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from crm_core.model.entities import Client as ClientRecord
from crm_http.client import (
    Client,
    Erased,
    FieldChange,
    FollowUp,
    ItemChanges,
    Lead,
    Service,
    SignatureError,
    Task,
    UnreadableEventError,
    WebhookReceiver,
)
from tests.adapters.receivers import Receiver
from tests.http.conftest import Api, Server
from tests.markdown import blocks

SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()
NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
LEAD: Mapping[str, Any] = {
    "id": str(uuid4()),
    "name": "Zoë",
    "responsible": None,
    "pipeline": None,
    "possible_client": None,
    "moodle_course_id": None,
    "stage": "Won",
    "attributes": {"size": 5, "share": 0.125},
    "list_of_tasks": [{"id": str(uuid4()), "task": "Call", "date": "2026-01-02", "completed": True}],
    "list_of_notes": [],
    "created_at": "2026-11-25T11:00:00Z",
}


def body(kind: str = "lead.updated", changes: Mapping[str, Any] | None = None, **data: Any) -> bytes:
    event = {"type": kind, "timestamp": NOW.isoformat(), "data": {**LEAD, **data}, "changes": changes or {}}
    return json.dumps(event, ensure_ascii=False).encode()


def signed(sent: bytes, *secrets: str, at: dt.datetime = NOW, id_: str = "d-1") -> dict[str, str]:
    signatures = " ".join(Webhook(secret).sign(id_, at, sent.decode()) for secret in secrets or [SECRET])
    timestamp = str(int(at.timestamp()))
    return {"Webhook-Id": id_, "Webhook-Timestamp": timestamp, "Webhook-Signature": signatures}


def receiver(*secrets: str) -> WebhookReceiver:
    return WebhookReceiver(*(secrets or [SECRET]), clock=NOW.timestamp)


def test_of_an_erased_record_only_the_id_is_told() -> None:
    sent = json.dumps({"type": "lead.erased", "timestamp": NOW.isoformat(), "data": {"id": LEAD["id"]}, "changes": {}})
    event = receiver().read(sent.encode(), signed(sent.encode()))

    assert (event.kind, event.data, event.changes) == ("erased", Erased(UUID(LEAD["id"])), {})


def test_a_signed_request_is_an_event_with_a_record_and_its_changes() -> None:
    [task] = LEAD["list_of_tasks"]
    changes = {
        "stage": {"from": "New", "to": "Won"},
        "created_at": {"from": None, "to": "2026-11-25T11:00:00Z"},
        "list_of_tasks": {
            "added": [],
            "removed": [task],
            "changed": [{"from": {**task, "completed": False}, "to": task}],
        },
        "of_a_later_version": {"from": 1, "to": 2},
    }
    sent = body(changes=changes)

    event = receiver().read(sent, signed(sent))

    assert (event.id, event.kind, event.timestamp) == ("d-1", "updated", NOW)
    assert isinstance(event.data, Lead)
    assert (event.data.id, event.data.name, event.data.attributes) == (UUID(LEAD["id"]), "Zoë", LEAD["attributes"])
    assert isinstance(event.data.attributes["share"], Decimal)
    assert event.changes["stage"] == FieldChange("New", "Won")
    assert event.changes["created_at"] == FieldChange(None, dt.datetime(2026, 11, 25, 11, tzinfo=dt.UTC))
    assert event.changes["of_a_later_version"] == FieldChange(1, 2)
    tasks = event.changes["list_of_tasks"]
    assert isinstance(tasks, ItemChanges)
    call = Task(id=UUID(task["id"]), task="Call", date=dt.date(2026, 1, 2), completed=True)
    assert (tasks.added, tasks.removed) == ((), (call,))
    [change] = tasks.changed
    assert (change.before.completed, change.after) == (False, call)


def test_a_new_record_has_no_value_before_and_a_deleted_one_none_after() -> None:
    made = body("lead.created", {"list_of_tasks": {"to": LEAD["list_of_tasks"]}})
    gone = body("lead.deleted", {"name": {"from": "Zoë"}})

    assert receiver().read(made, signed(made)).changes["list_of_tasks"] == FieldChange(
        None, (Task(id=UUID(LEAD["list_of_tasks"][0]["id"]), task="Call", date=dt.date(2026, 1, 2), completed=True),)
    )
    assert receiver().read(gone, signed(gone)).changes == {"name": FieldChange("Zoë", None)}


@pytest.mark.parametrize(
    ("signs", "accepts"),
    [([SECRET], [SECRET]), ([SECRET, OTHER], [OTHER]), ([OTHER], [SECRET, OTHER]), ([SECRET, OTHER], [SECRET, OTHER])],
)
def test_while_a_secret_is_replaced_either_side_may_have_both(signs: list[str], accepts: list[str]) -> None:
    sent = body()

    assert receiver(*accepts).read(sent, signed(sent, *signs)).kind == "updated"


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_request_within_the_tolerance_is_taken(seconds: int) -> None:
    sent = body()
    headers = signed(sent, at=NOW + dt.timedelta(seconds=seconds))

    assert receiver().read(sent, headers).id == "d-1"
    strict = WebhookReceiver(SECRET, tolerance=dt.timedelta(seconds=299), clock=NOW.timestamp)
    with pytest.raises(SignatureError, match="too old, or the clock"):
        strict.read(sent, headers)


def refused(sent: bytes, headers: Mapping[str, str], why: str) -> None:
    with pytest.raises(SignatureError, match=why):
        receiver().read(sent, headers)


def test_what_was_not_signed_so_is_refused() -> None:
    sent = body()
    headers = signed(sent)

    refused(sent + b" ", headers, "not signed with a secret of this receiver")
    refused(sent, headers | {"Webhook-Id": "d-2"}, "not signed")
    refused(sent, headers | {"Webhook-Timestamp": str(int(NOW.timestamp()) + 1)}, "not signed")
    refused(sent, signed(sent, OTHER), "not signed")
    refused(sent, headers | {"Webhook-Signature": headers["Webhook-Signature"].replace("v1,", "v2,")}, "not signed")
    refused(sent, headers | {"Webhook-Signature": "v1,é v1, v1 v1,\udcff"}, "not signed")
    refused(sent, headers | {"Webhook-Id": "\udcff"}, "not signed")
    for timestamp in ("-1", "soon", "²", "1e9", "9" * 13):
        refused(sent, headers | {"Webhook-Timestamp": timestamp}, "is no number")
    for name in headers:
        refused(sent, {other: value for other, value in headers.items() if other != name}, "has no webhook-id")


def test_headers_of_frameworks_are_read_as_they_are() -> None:
    sent = body()
    message = Message()
    for name, value in signed(sent).items():
        message[name.upper()] = value

    assert receiver().read(sent, message).id == "d-1"
    assert receiver().read(sent, httpx.Headers(signed(sent))).id == "d-1"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "method is GET"),
        (b"{", "holds no event"),
        (b"[]", "holds no event"),
        (b'"\xc3\xa9"', "holds no event"),
        (body("cohort.updated"), "cohort"),
        (body("lead.moved"), "Invalid enum value 'moved'"),
        (body(name=5), "Expected `str`, got `int`"),
        (body(changes={"name": {"from": "a", "to": 5}}), "Expected `str`, got `int`"),
        (body(changes={"list_of_tasks": {"added": [{"task": "a"}]}}), "removed|missing"),
    ],
)
def test_what_is_signed_and_no_event_is_another_error(sent: bytes, why: str) -> None:
    with pytest.raises(UnreadableEventError, match=why):
        receiver().read(sent, signed(sent))


@pytest.mark.parametrize("secrets", [[], ["whsec_*"], ["whsec_YQ=", SECRET], ["é"], [""]])
def test_a_receiver_is_not_made_without_a_secret(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        WebhookReceiver(*secrets)


def test_the_receiver_of_the_page_runs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    code = blocks("docs/how-to/webhooks.md")["Write a receiver 1"].text
    assert '("127.0.0.1", 9000)' in code
    code = code.replace("9000", address.partition(":")[2])
    environment = {"PYTHONIOENCODING": "utf-8", "WEBHOOK_SECRETS": f"{OTHER} {SECRET}"}
    sent = body(changes={"stage": {"from": "New", "to": "Won"}})
    retries = httpx.HTTPTransport(retries=8)  # with growing pauses, while it starts
    with (
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as running,
        httpx.Client(base_url=f"http://{address}", transport=retries) as http,
    ):
        try:
            headers = signed(sent, at=dt.datetime.now(dt.UTC))
            statuses = [http.post("/", content=each, headers=headers).status_code for each in (sent, sent + b" ")]
        finally:
            running.terminate()
        assert running.stdout is not None
        printed = running.stdout.read()

    assert statuses == [204, 401]
    assert printed == "d-1 updated Zoë Won\n"


def test_deliveries_of_every_model_are_read(server: Server, postgres_api: Api) -> None:
    with Receiver() as endpoint, Client(f"http://127.0.0.1:{server.port}", token=postgres_api.token) as crm:
        url = f"http://127.0.0.1:{endpoint.port}/"
        secrets = []
        for model in ("Lead", "Client", "Service", "FollowUp"):
            hook = crm.webhooks.create(name=model, model=model, url=url)
            secrets.append(hook.secret or "")
        secrets[0] = crm.webhooks.rotate_secret(crm.webhooks.list(model="Lead").page().items[0].id)
        lead = crm.leads.create(name="Zoë", stage="New", list_of_tasks=[{"task": "Call"}])
        crm.leads.update_task(lead.id, lead.list_of_tasks[0].id, completed=True)
        service = crm.services.create(name="s", client=crm.clients.create(name="c").id)
        follow_up = crm.follow_ups(service.id).create(comment="x")
        crm.follow_ups(service.id).delete(follow_up.id)
        endpoint.wait_for(6, 60)
        reader = WebhookReceiver(*secrets)
        events = [reader.read(request.body, dict(request.headers)) for request in endpoint.requests]

    assert len({event.id for event in events}) == 6
    assert sorted((type(event.data).__name__, event.kind) for event in events) == [
        ("Client", "created"),
        ("FollowUp", "created"),
        ("FollowUp", "deleted"),
        ("Lead", "created"),
        ("Lead", "updated"),
        ("Service", "created"),
    ]
    by_type = {type(event.data): event for event in events if event.kind == "created"}
    assert by_type.keys() == {ClientRecord, FollowUp, Lead, Service}
    assert by_type[Service].data == service
    [updated] = (event for event in events if event.kind == "updated")
    assert isinstance(tasks := updated.changes["list_of_tasks"], ItemChanges)
    assert [(each.before.completed, each.after.completed) for each in tasks.changed] == [(False, True)]
