"""Nothing that clients send, and no secret, is in any log: not of the server, nor of the PostgreSQL beneath it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from crm_adapters.embedded.server import embedded_server
from crm_core.input.fields import fields_of
from crm_core.resources import RESOURCES
from tests.adapters.receivers import Receiver, answers
from tests.http.commands import environment
from tests.http.conftest import Api
from tests.http.test_cli import CRM, in_cluster, new_directory, until
from tests.http.test_metrics import free_port
from tests.pictures import png

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the embedded server in /proc")

CANARY = "canary"
PASSWORD = f"{CANARY}-password"
#: Paths below which the records of each resource are.
PATHS = {
    row.name: "/api/attributes/client/" if row.name == "attribute" else f"/api/{row.path}/"
    for row in RESOURCES.values()
    if row.name != "follow_up"
}


class Logs(NamedTuple):
    out: str
    err: str
    postgres: str
    metrics: str


@pytest.fixture(scope="module")
def logs() -> Iterator[Logs]:
    """All that was logged while everything a client can send had a canary in it."""
    port, metrics = free_port(), free_port()
    with new_directory() as data_dir, (data_dir / "out").open("w") as out, (data_dir / "err").open("w") as err:
        settings = {
            "CRM_PORT": str(port),
            "CRM_METRICS_PORT": str(metrics),
            "CRM_ADMIN_PASSWORD": PASSWORD,
            "CRM_WEBHOOK_RETRY_DELAYS": "0.1",
        }
        process = subprocess.Popen([CRM, "serve"], env=environment(data_dir, **settings), stdout=out, stderr=err)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                until(lambda: is_ready(client))
                sing(client, data_dir)
                figures = httpx.get(f"http://127.0.0.1:{metrics}/metrics").text
        finally:
            process.terminate()
            process.wait(30)
        read = [(data_dir / name).read_text() for name in ("out", "err", "postgres.log")]
        yield Logs._make([*read, figures])


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def sing(client: httpx.Client, data_dir: Path) -> None:
    """Send canaries everywhere."""
    log_in(client, "admin", CANARY, 400)
    log_in(client, CANARY, CANARY, 400)
    api = Api(client.request, log_in(client, "admin", PASSWORD, 200))
    assert Api(client.request, CANARY).get("/api/me/").status_code == 401
    send_odd_requests(api)
    write_records(api)
    upload(api)
    deliver(api)
    with embedded_server(data_dir) as url:
        fail_in_the_database(api, url)
    lose_the_database(api, data_dir)


def log_in(client: httpx.Client, username: str, password: str, status: int) -> str:
    answer = client.post("/api-token-auth/", json={"username": username, "password": password})
    assert answer.status_code == status
    return str(answer.json().get("token"))


def send_odd_requests(api: Api) -> None:
    path = "/api/clients/"
    headers = ("Accept", "Content-Type", "Cookie", "If-Match", "Idempotency-Key", "Prefer", "User-Agent", "X-Canary")
    sent = [
        *(api.get(path, params={name: CANARY}) for name in ("name", "search", "cursor", "limit", "ordering", CANARY)),
        *(api.get(path, params={f"attributes.{name}": CANARY}) for name in (CANARY, f"{CANARY}__in")),
        *(api.get(odd) for odd in (f"/{CANARY}", f"{path}{CANARY}/", f"/files/clients/{CANARY}/{CANARY}.png")),
        api.get(f"{path}%0d%0a{CANARY}/"),
        api.request(CANARY.upper(), path),
        *(api.post(path, {"name": ""}, headers={name: CANARY}) for name in headers),
        *(
            api.post(path, content=body)
            for body in (CANARY, f'{{"{CANARY}', b"\xff" + CANARY.encode(), f'["{CANARY}"]')
        ),
        api.post(path, {"name": f"{CANARY}\0"}, headers={"Prefer": "handling=strict"}),
        api.post("/api-token-auth/", data={"username": CANARY, "password": CANARY}),
    ]
    assert {answer.status_code for answer in sent} <= {200, 400, 404, 405, 406, 415}


def write_records(api: Api) -> None:
    """Each field of each resource, alone and together with all others; then records that are taken."""
    for name, path in PATHS.items():
        fields = list(fields_of(RESOURCES[name].entity))
        for sent in ({field: value} for field in fields for value in (CANARY, [CANARY], {CANARY: CANARY})):
            assert api.post(path, sent).status_code in {201, 400}, sent
        assert api.post(path, dict.fromkeys(fields, CANARY)).status_code == 400
    attribute = {"name": f"{CANARY}_a", "label": CANARY, "type": "text"}
    assert [api.post(PATHS["attribute"], attribute).status_code for _ in range(2)] == [201, 400]
    client = api.make(PATHS["client"], name=CANARY, attributes={f"{CANARY}_a": CANARY})
    entries = {"list_of_tasks": [{"task": CANARY}], "list_of_notes": [{"note": CANARY}]}
    assert api.patch(f"/api/clients/{client['id']}/", entries).status_code == 200
    service = api.make(PATHS["service"], name=CANARY, client=client["id"])
    assert api.post(f"/services/{service['id']}/follow-ups/", {"comment": CANARY}).status_code == 201
    assert api.delete(f"/api/clients/{client['id']}/").status_code == 409
    assert api.patch(f"/api/services/{service['id']}/", {"client": service["id"]}).status_code == 400


def upload(api: Api) -> None:
    path = f"/api/clients/{api.make('/api/clients/', name='a')['id']}/"
    assert api.upload(path, png(), name=f"{CANARY}.png").status_code == 201
    assert api.upload(path, CANARY.encode(), name=f"{CANARY}\r\n.png").status_code == 400


def deliver(api: Api) -> None:
    with Receiver(answers(500, body=CANARY.encode()), answers(410, body=CANARY.encode())) as receiver:
        for url in (receiver.url(f"/{CANARY}/{{name}}"), f"http://{CANARY}.invalid/", f"http://169.254.0.1/{CANARY}"):
            headers = {"X-Canary": CANARY, "Authorization": CANARY}
            api.make("/api/webhooks/", name=CANARY, model="Lead", url=url, headers=headers)
        api.make("/api/leads/", name=CANARY)
        api.make("/api/leads/", name=CANARY)
        receiver.wait_for(2, 20)
    webhooks = api.get("/api/webhooks/").json()
    for webhook in webhooks:
        wait_for_attempts(api, webhook)


def wait_for_attempts(api: Api, webhook: Mapping[str, Any]) -> None:
    path = f"/api/webhooks/{webhook['id']}/deliveries/"
    until(lambda: all(each["attempts"] for each in api.get(path).json()))


def fail_in_the_database(api: Api, url: str) -> None:
    """Have PostgreSQL itself give statements up, and refuse one, whose values are canaries."""
    with psycopg.connect(url) as connection, ThreadPoolExecutor(2) as threads:
        connection.execute("lock table client in access exclusive mode")
        read = threads.submit(api.get, "/api/clients/", params={"name": CANARY, "search": CANARY})
        written = threads.submit(api.post, "/api/clients/", {"name": CANARY})
        assert [each.result().status_code for each in (read, written)] == [503, 503]
    twice = f"insert into app_user (username, password_hash) values ('{CANARY}', ''), ('{CANARY}', '')"
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(twice.encode())


def lose_the_database(api: Api, data_dir: Path) -> None:
    """Let no connection be left and none be made, until the server is started anew."""
    processes = in_cluster(data_dir)
    [postmaster] = filter(is_postmaster, processes)
    os.kill(int(postmaster.name), signal.SIGSTOP)
    for process in processes:
        if process != postmaster:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)
    sent = {"name": CANARY, "attributes": {f"{CANARY}_a": CANARY}}
    assert api.post("/api/clients/", sent).status_code == 503
    os.kill(int(postmaster.name), signal.SIGKILL)
    until(lambda: api.post("/api/clients/", sent).status_code == 201)


def is_postmaster(process: Path) -> bool:
    try:
        return b"-D" in (process / "cmdline").read_bytes()
    except OSError:  # gone since it was listed
        return False


def test_no_log_has_anything_that_was_sent(logs: Logs) -> None:
    for text in logs:
        assert [line for line in text.splitlines() if CANARY in line.lower()] == []


def test_what_happened_is_in_the_logs_nevertheless(logs: Logs) -> None:
    assert " method=OTHER route=/api/clients user=1 status=405 " in logs.err
    assert "database unavailable: LockNotAvailable 55P03" in logs.err
    assert "ERROR:  canceling statement due to lock timeout" in logs.postgres
    assert "ERROR:  duplicate key value violates unique constraint" in logs.postgres
    assert 'route="/api/clients/{id}"' in logs.metrics
