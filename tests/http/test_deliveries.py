"""Webhooks delivered by ``crm serve`` to real receivers, and the log of it (``api.md`` 13, decisions 26 to 30)."""

import asyncio
import contextlib
import json
import pathlib
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import attrs
import httpx
import psycopg
import pytest
import standardwebhooks

from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.outbox import PostgresOutbox
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.sql.migrations import migrate
from crm_core.model.accounts import SYSTEM
from crm_core.resources import LEADS
from crm_core.use_cases import records
from crm_core.use_cases.callers import caller
from crm_core.webhooks.attempts import MAX_CONCURRENCY_PER_ENDPOINT
from crm_core.webhooks.deliveries import PRIORITY_OF_RUNS
from tests.adapters.receivers import Behaviour, Received, Receiver, answers, hangs
from tests.http.conftest import Api, Server, serving

SECONDS = 20


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def hook(api: Api, receiver: Receiver, **values: Any) -> dict[str, Any]:
    return api.make("/api/webhooks/", **({"name": "w", "model": "Lead", "url": receiver.url("/{id}")} | values))


def log(api: Api, webhook: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    answer = api.get(f"/api/webhooks/{webhook['id']}/deliveries/", params=params)
    assert answer.status_code == 200, answer.text
    deliveries: list[dict[str, Any]] = answer.json()
    return deliveries


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)  # another process has no event to wait for


def finished(api: Api, webhook: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """The log, once so many deliveries are finished."""
    until(lambda: sum(each["finished_at"] is not None for each in log(api, webhook)) >= count)
    return log(api, webhook)


def body_of(received: Received) -> Any:
    return json.loads(received.body)


def test_a_change_is_delivered_as_it_was_committed(postgres_api: Api, receiver: Receiver) -> None:
    hook(postgres_api, receiver, headers={"X-Name": "{name}", "Authorization": "Bearer t"}, method="PUT")
    lead = postgres_api.make("/api/leads/", name="Jane")
    changed = postgres_api.patch(f"/api/leads/{lead['id']}/", {"name": "Ann"}).json()
    [created, updated] = receiver.wait_for(2, SECONDS)

    assert (created.method, created.path) == ("PUT", f"/{lead['id']}")
    assert (created.header("X-Name"), created.header("Authorization")) == ("Jane", "Bearer t")
    assert created.header("Content-Type") == "application/json"
    assert body_of(created)["data"] == lead
    assert updated.header("X-Name") == "Ann"
    assert body_of(updated) == {
        "type": "lead.updated",
        "timestamp": body_of(updated)["timestamp"],
        "data": changed,
        "changes": {"name": {"from": "Jane", "to": "Ann"}},
    }


def test_each_request_is_signed_with_the_secret_that_was_shown_once(postgres_api: Api, receiver: Receiver) -> None:
    webhook = hook(postgres_api, receiver)
    place = f"/api/webhooks/{webhook['id']}/"
    postgres_api.make("/api/leads/", name="Jane")
    [received] = receiver.wait_for(1, SECONDS)

    assert "secret" not in postgres_api.get(place).json()
    assert "secret" not in postgres_api.get("/api/webhooks/").json()[0]
    assert "secret" not in postgres_api.patch(place, {"name": "x"}).json()
    assert signed_by(received, webhook["secret"])
    assert not signed_by(received, "whsec_" + "A" * 43 + "=")
    assert received.header("webhook-id") == log(postgres_api, webhook)[0]["id"]

    new = postgres_api.post(f"{place}rotate-secret/").json()["secret"]
    postgres_api.make("/api/leads/", name="Ann")
    received = receiver.wait_for(2, SECONDS)[1]
    assert new != webhook["secret"]
    assert signed_by(received, new)
    assert signed_by(received, webhook["secret"])  # for a day


def signed_by(received: Received, secret: str) -> bool:
    try:
        standardwebhooks.Webhook(secret).verify(received.body, dict(received.headers))
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


def test_a_delivery_starts_soon_after_its_commit(postgres_api: Api, receiver: Receiver) -> None:
    hook(postgres_api, receiver)
    times = []
    for number in range(1, 10):
        time.sleep(0.05)  # so that the worker is idle
        postgres_api.make("/api/leads/", name="Jane")
        began = time.perf_counter()
        receiver.wait_for(number, SECONDS)
        times.append(time.perf_counter() - began)
    median = sorted(times)[4]
    print(f"the request came {median * 1000:.1f} ms after the answer to the change (median of 9)")

    assert median < 0.4  # without a wake-up it would be half a second, which is when workers look by themselves


def test_hostile_values_change_neither_host_nor_path_nor_headers(postgres_api: Api, receiver: Receiver) -> None:
    url = f"{receiver.url('/a')}/{{name}}/b?q={{name}}"
    hook(postgres_api, receiver, url=url, headers={"X-Name": "{name}"})
    values = [
        "../../admin",
        "..",
        ".",
        "@evil.example/",
        "a\r\nX-Evil: 1",
        "é",
        "{id}",
        "//evil.example",
        "?x=1#y",
        "\\..\\",
        "%2e%2e",
    ]
    for value in values:
        postgres_api.make("/api/leads/", name=value)
    postgres_api.make("/api/leads/", name="long", lead_description="x" * 10_000)

    for received in receiver.wait_for(len(values) + 1, SECONDS):
        path, _, query = received.path.partition("?")
        assert path.count("/") == 3, received.path
        assert path.startswith("/a/")
        assert path.endswith("/b")
        assert not {"..", "."} & set(path.split("/"))
        assert query.startswith("q=")
        assert received.header("host") == f"127.0.0.1:{receiver.port}"
        assert received.header("x-evil") is None


def test_the_log_tells_what_became_of_each_delivery(postgres_api: Api, receiver: Receiver) -> None:
    receiver.then(answers(200, body=b"thanks"), answers(500, body=b"oops"), answers(302, {"Location": "/"}))
    receiver.then(answers(201, body=b"made"))
    webhook = hook(postgres_api, receiver, headers={"Authorization": "Bearer t"})
    first = postgres_api.make("/api/leads/", name="first")
    receiver.wait_for(1, SECONDS)
    second = postgres_api.make("/api/leads/", name="second")
    [newest, oldest] = finished(postgres_api, webhook, 2)

    assert (oldest["record"], oldest["type"], oldest["state"]) == (first["id"], "lead.created", "delivered")
    assert (newest["attempts"], newest["status"], newest["error"]) == (3, 201, None)
    assert newest["next_attempt_at"] is None
    assert newest["created_at"] <= newest["attempted_at"] == newest["finished_at"]
    one = postgres_api.get(f"/api/webhooks/{webhook['id']}/deliveries/{newest['id']}/").json()
    assert one == newest | {"request": one["request"], "answer": "made"}
    assert one["request"] == {
        "method": "POST",
        "url": receiver.url(f"/{second['id']}"),
        "headers": {"Authorization": "Bearer t"},
        "body": body_of(receiver.requests[1]),
    }


def test_a_redirect_is_a_failure_that_is_not_followed(postgres_api: Api, receiver: Receiver) -> None:
    receiver.then(*[answers(302, {"Location": receiver.url("/elsewhere")})] * 4)
    webhook = hook(postgres_api, receiver)
    postgres_api.make("/api/leads/", name="Jane")
    [only] = finished(postgres_api, webhook, 1)

    assert (only["state"], only["attempts"], only["status"]) == ("dead", 4, 302)
    assert not [each for each in receiver.requests if each.path == "/elsewhere"]
    assert len({each.header("webhook-id") for each in receiver.requests}) == 1


def test_gone_switches_a_webhook_off_and_says_why(postgres_api: Api, receiver: Receiver) -> None:
    receiver.then(answers(410))
    webhook = hook(postgres_api, receiver)
    place = f"/api/webhooks/{webhook['id']}/"
    postgres_api.make("/api/leads/", name="Jane")
    until(lambda: not postgres_api.get(place).json()["is_active"])
    postgres_api.make("/api/leads/", name="unheard")

    assert postgres_api.get(place).json()["disabled_reason"] == "The receiver answered 410 Gone."
    assert [each["state"] for each in log(postgres_api, webhook)] == ["dead"]
    shown = postgres_api.patch(place, {"is_active": True}).json()
    assert (shown["is_active"], shown["disabled_reason"]) == (True, None)
    assert postgres_api.post(f"{place}recover/", {"since": "2026-01-01"}).json() == {"recovered": 1}
    until(lambda: [each["state"] for each in log(postgres_api, webhook)] == ["delivered"])


def test_a_webhook_that_is_corrected_sends_what_waits_to_the_new_address(postgres_api: Api, receiver: Receiver) -> None:
    """By default in five seconds, 75 hours at last; here at once."""
    receiver.then(answers(500))
    webhook = hook(postgres_api, receiver, url=receiver.url("/old/{id}"), headers={"Authorization": "old"})
    place = f"/api/webhooks/{webhook['id']}/"
    postgres_api.patch(place, {"is_active": False})
    assert postgres_api.patch(place, {"is_active": True}).status_code == 200
    lead = postgres_api.make("/api/leads/", name="Jane")
    receiver.wait_for(1, SECONDS)
    corrected = {"url": receiver.url("/new/{name}"), "headers": {"Authorization": "new"}, "method": "PUT"}
    assert postgres_api.patch(place, corrected).status_code == 200
    postgres_api.patch(f"/api/leads/{lead['id']}/", {"name": "Ann"})

    until(lambda: [each["state"] for each in log(postgres_api, webhook)] == ["delivered"] * 2)
    [jane, ann] = receiver.requests[-2:]
    assert [(each.method, each.path, each.header("Authorization")) for each in (jane, ann)] == [
        ("PUT", "/new/Jane", "new"),
        ("PUT", "/new/Ann", "new"),
    ]
    shown = postgres_api.get(f"{place}deliveries/{jane.header('webhook-id')}/").json()
    assert (shown["request"]["url"], shown["request"]["method"]) == (receiver.url("/new/Jane"), "PUT")


def test_what_died_can_be_sent_anew_one_by_one_or_all(postgres_api: Api, receiver: Receiver) -> None:
    receiver.then(*[answers(500)] * 4)
    webhook = hook(postgres_api, receiver)
    postgres_api.make("/api/leads/", name="Jane")
    [dead] = finished(postgres_api, webhook, 1)
    place = f"/api/webhooks/{webhook['id']}"

    answer = postgres_api.post(f"{place}/deliveries/{dead['id']}/redeliver/")
    assert (answer.status_code, answer.json()["id"]) == (202, dead["id"])
    until(lambda: log(postgres_api, webhook, state="delivered") != [])
    assert receiver.requests[-1].header("webhook-id") == dead["id"]
    assert receiver.requests[-1].body == receiver.requests[0].body

    receiver.then(*[answers(500)] * 4)
    postgres_api.make("/api/leads/", name="Ann")
    until(lambda: log(postgres_api, webhook, state="dead") != [])
    answer = postgres_api.post(f"{place}/recover/", {"since": dead["finished_at"]})
    assert (answer.status_code, answer.json()) == (202, {"recovered": 1})
    until(lambda: len(log(postgres_api, webhook, state="delivered")) == 2)


def test_the_log_comes_in_pages(postgres_api: Api, receiver: Receiver) -> None:
    webhook = hook(postgres_api, receiver)
    for number in range(5):
        postgres_api.make("/api/leads/", name=str(number))
    everything = finished(postgres_api, webhook, 5)

    found, following = [], f"/api/webhooks/{webhook['id']}/deliveries/?limit=2"
    while following:
        answer = postgres_api.get(following)
        found += answer.json()
        following = answer.links.get("next", {}).get("url", "")
    assert found == everything
    assert len(found) == 5


def test_what_was_sent_and_answered_is_for_those_who_may_change_webhooks(postgres_api: Api, receiver: Receiver) -> None:
    webhook = hook(postgres_api, receiver)
    postgres_api.make("/api/leads/", name="Jane")
    [only] = finished(postgres_api, webhook, 1)
    place = f"/api/webhooks/{webhook['id']}"
    postgres_api.people.add("olga", "Operations")
    postgres_api.people.add("sam", "Sales")
    olga, sam = postgres_api.as_user("olga"), postgres_api.as_user("sam")

    assert log(olga, webhook) == [only]
    assert olga.get(f"{place}/deliveries/{only['id']}/").json() == only | {"request": None, "answer": None}
    for path in ("rotate-secret", "recover", f"deliveries/{only['id']}/redeliver"):
        assert olga.post(f"{place}/{path}/", {}).status_code == 403
    for path in ("deliveries", f"deliveries/{only['id']}"):
        assert sam.get(f"{place}/{path}/").status_code == 403


@pytest.mark.parametrize(
    ("params", "problems"),
    [
        ({"state": "lost"}, {"state": ['"lost" is not a valid choice.']}),
        ({"limit": "0"}, {"limit": ["Ensure this value is greater than or equal to 1."]}),
        ({"limit": "x"}, {"limit": ["A valid integer is required."]}),
        ({"cursor": "x"}, {"cursor": ["Invalid cursor"]}),
        ({"cursor": "eHg"}, {"cursor": ["Invalid cursor"]}),
    ],
)
def test_bad_parameters_of_the_log_are_named(api: Api, params: dict[str, str], problems: dict[str, list[str]]) -> None:
    webhook = api.make("/api/webhooks/", name="w", model="Lead", url="https://a.example/")
    answer = api.get(f"/api/webhooks/{webhook['id']}/deliveries/", params=params)

    assert (answer.status_code, answer.json()) == (400, problems)


def test_recovering_takes_a_moment(api: Api) -> None:
    webhook = api.make("/api/webhooks/", name="w", model="Lead", url="https://a.example/")
    place = f"/api/webhooks/{webhook['id']}/recover/"

    assert api.post(place, {}).json() == {"since": ["This field is required."]}
    assert api.post(place, {"since": "soon"}).status_code == 400
    assert api.post(place, {"since": "2026-01-01"}).json() == {"recovered": 0}


def test_what_is_not_there_is_not_found(api: Api) -> None:
    webhook = api.make("/api/webhooks/", name="w", model="Lead", url="https://a.example/")

    for place in (f"/api/webhooks/{uuid4()}", "/api/webhooks/x"):
        assert api.get(f"{place}/deliveries/").status_code == 404
        assert api.get(f"{place}/deliveries/{uuid4()}/").status_code == 404
        for path in ("rotate-secret", "recover", "dry-run", f"deliveries/{uuid4()}/redeliver"):
            assert api.post(f"{place}/{path}/", {}).status_code == 404
    for delivery in (uuid4(), "x"):
        assert api.get(f"/api/webhooks/{webhook['id']}/deliveries/{delivery}/").status_code == 404
        assert api.post(f"/api/webhooks/{webhook['id']}/deliveries/{delivery}/redeliver/").status_code == 404


def test_a_webhook_that_calls_the_api_itself_makes_no_loop(postgres_api: Api, server: Server) -> None:
    client = postgres_api.make("/api/clients/", name="c")
    service = postgres_api.make("/api/services/", name="s", client=client["id"])
    place = f"/services/{service['id']}/follow-ups/"
    webhook = postgres_api.make(
        "/api/webhooks/",
        name="loop",
        model="FollowUp",
        url=f"http://127.0.0.1:{server.port}{place}",
        headers={"Authorization": f"Token {postgres_api.token}"},
    )
    postgres_api.make(place)  # for which nothing needs to be sent
    [only] = finished(postgres_api, webhook, 1)

    assert (only["state"], only["status"]) == ("dead", 400)
    assert len(postgres_api.get(place).json()) == 1


# What only processes of the test's own can show


def test_what_single_calls_tell_goes_before_what_a_run_tells(postgres_api: Api, database_url: str) -> None:
    gate = threading.Event()
    held = after(lambda: opened(gate), answers())
    with Receiver(*[held] * MAX_CONCURRENCY_PER_ENDPOINT) as receiver:
        hook(postgres_api, receiver)
        asyncio.run(commit_as_run(database_url, 40))
        until(lambda: len(receiver.requests) == MAX_CONCURRENCY_PER_ENDPOINT)
        lead = postgres_api.make("/api/leads/", name="single")
        gate.set()
        received = receiver.wait_for(41, SECONDS)

    place = [each.path for each in received].index(f"/{lead['id']}")
    assert MAX_CONCURRENCY_PER_ENDPOINT <= place < 2 * MAX_CONCURRENCY_PER_ENDPOINT, place


def opened(gate: threading.Event) -> None:
    assert gate.wait(SECONDS)


async def commit_as_run(url: str, count: int) -> None:
    who = attrs.evolve(caller(SYSTEM), priority=PRIORITY_OF_RUNS)
    async with Pool(url) as pool:
        outbox = PostgresOutbox(pool)
        database = PostgresDatabase(pool, outbox.wake)
        for _ in range(count):
            await records.create(database, who, LEADS, {"name": "of a run"})
        await outbox.close()
        await database.close()


@pytest.fixture
def own_url(migrated_database: Callable[[], str]) -> str:
    return migrated_database()


def make_older(url: str, time: timedelta) -> None:
    """Let time pass for what is in the outbox."""
    with psycopg.connect(url) as connection:
        connection.execute("update delivery set next_at = next_at - %s where finished_at is null", (time,))
        connection.execute("update endpoint set paused_until = paused_until - %s", (time,))


def test_nothing_committed_is_lost_by_a_kill_before_its_delivery(own_url: str, tmp_path: pathlib.Path) -> None:
    with Receiver() as receiver:
        server = Server(own_url, tmp_path)
        webhook = hook(server.api(), receiver)
        with psycopg.connect(own_url) as connection:
            paused = "insert into endpoint (webhook, paused_until) values (%s, now() + interval '1 hour')"
            connection.execute(paused, (webhook["id"],))
        made = [server.api().make("/api/leads/", name=str(number))["id"] for number in range(5)]
        server.kill()
        assert receiver.requests == []

        make_older(own_url, timedelta(hours=1))
        with serving(own_url, tmp_path):
            received = receiver.wait_for(5, SECONDS)
        assert sorted(body_of(each)["data"]["id"] for each in received) == sorted(made)


def test_a_kill_between_the_receivers_200_and_our_note_of_it_sends_the_same_id_again(
    own_url: str, tmp_path: pathlib.Path
) -> None:
    with Receiver() as receiver:
        server = Server(own_url, tmp_path)
        receiver.then(after(server.kill, answers(200)))
        webhook = hook(server.api(), receiver)
        with contextlib.suppress(httpx.TransportError):  # the kill may come before the answer
            server.api().make("/api/leads/", name="Jane")
        receiver.wait_for(1, SECONDS)
        server.process.wait(SECONDS)

        make_older(own_url, timedelta(seconds=30))  # the lease is over
        with serving(own_url, tmp_path) as again:
            [first, second] = receiver.wait_for(2, SECONDS)
            assert finished(again.api(), webhook, 1)[0]["attempts"] == 2
        assert first.header("webhook-id") == second.header("webhook-id")
        assert first.body == second.body


def after(first: Callable[[], None], then: Behaviour) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.to_thread(first)
        await then(reader, writer)

    return behave


def test_two_servers_share_one_outbox_and_keep_the_order(own_url: str, tmp_path: pathlib.Path) -> None:
    with (
        Receiver() as receiver,
        serving(own_url, tmp_path / "one", "--workers", "2") as one,
        serving(own_url, tmp_path / "other") as other,
    ):
        apis = [one.api(), other.api()]
        hook(apis[0], receiver)
        leads = [apis[number % 2].make("/api/leads/", name="0")["id"] for number in range(4)]
        for number in range(1, 16):
            for lead in leads:
                assert apis[number % 2].patch(f"/api/leads/{lead}/", {"name": str(number)}).status_code == 200
        received = receiver.wait_for(4 * 16, SECONDS)

        assert len(receiver.requests) == 4 * 16
        assert set(Counter(each.header("webhook-id") for each in received).values()) == {1}
        for lead in leads:
            names = [body_of(each)["data"]["name"] for each in received if each.path == f"/{lead}"]
            assert names == [str(number) for number in range(16)]


def test_sigterm_gives_back_what_is_under_way(own_url: str, tmp_path: pathlib.Path) -> None:
    with Receiver(hangs()) as receiver:
        server = Server(own_url, tmp_path)
        webhook = hook(server.api(), receiver)
        server.api().make("/api/leads/", name="Jane")
        receiver.wait_for(1, SECONDS)
        began = time.monotonic()
        assert server.stop() == 0
        print(f"ended {time.monotonic() - began:.1f} s after SIGTERM, with a delivery under way")

        with serving(own_url, tmp_path) as again:
            receiver.wait_for(2, SECONDS)
            assert [each["attempts"] for each in finished(again.api(), webhook, 1)] == [2]


def test_a_server_that_is_open_to_others_sends_nothing_to_the_inside(own_url: str, tmp_path: pathlib.Path) -> None:
    with Receiver() as receiver, serving(own_url, tmp_path, CRM_WEBHOOK_ALLOW="10.9.0.0/16") as server:
        api = server.api()
        literal = hook(api, receiver)
        named = hook(api, receiver, url=receiver.url("/{id}", "localhost"))
        api.make("/api/leads/", name="Jane")

        assert [each["state"] for each in finished(api, literal, 1)] == ["dead"]
        until(lambda: log(api, named)[0]["error"] is not None)
        assert receiver.connections == 0


def test_crm_deliver_alone_delivers_what_others_commit(own_url: str, tmp_path: pathlib.Path) -> None:
    with Receiver() as receiver:
        with serving(own_url, tmp_path) as server:
            hook(server.api(), receiver)
        crm = pathlib.Path(sys.executable).parent / "crm"
        settings = {"CRM_DATABASE_URL": own_url, "CRM_WEBHOOK_ALLOW": "127.0.0.0/8", "PATH": ""}
        worker = subprocess.Popen([crm, "deliver"], env=settings)
        try:
            took = asyncio.run(commit_elsewhere(own_url, receiver))
        finally:
            worker.terminate()
        assert worker.wait(SECONDS) == 0
    print(f"another process sent {took * 1000:.1f} ms after the commit (median of 9)")
    assert took < 0.4  # without a wake-up it would be half a second, which is when workers look by themselves


async def commit_elsewhere(url: str, receiver: Receiver) -> float:
    await migrate(url)
    pool = Pool(url)
    await pool.open()
    outbox = PostgresOutbox(pool)
    database = PostgresDatabase(pool, outbox.wake)
    await records.create(database, caller(SYSTEM), LEADS, {"name": "0"})
    await asyncio.to_thread(receiver.wait_for, 1, SECONDS)  # the worker is up, and listens soon
    await asyncio.sleep(0.5)
    times = []
    for number in range(2, 11):
        await asyncio.sleep(0.07)
        await records.create(database, caller(SYSTEM), LEADS, {"name": "1"})
        began = time.perf_counter()
        await asyncio.to_thread(receiver.wait_for, number, SECONDS)
        times.append(time.perf_counter() - began)
    await outbox.close()
    await database.close()
    await pool.close()
    return sorted(times)[4]
