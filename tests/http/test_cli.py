"""Facts about the `crm` command, on a data directory of its own."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
import pytest

from crm_http.cli import main
from tests.http.commands import Crm, Finished, environment, is_one_line
from tests.pictures import png

CRM = Path(sys.executable).with_name("crm")
SECONDS = 120.0
LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)  # another process has no event to wait for


class Server:
    """A `crm serve` on a free port."""

    def __init__(self, data_dir: Path, *options: str, port: int = 0, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = port or free.getsockname()[1]
        self.process = subprocess.Popen(
            [CRM, "serve", "--port", str(self.port), *options],
            env=environment(data_dir, **settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.terminate()
        self.finish()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.finish()
        with contextlib.suppress(httpx.TransportError):
            return self.client.get("/readyz").status_code == 200
        return False

    def wait(self) -> Self:
        until(self.is_ready)
        return self

    def finish(self) -> "Finished":
        """Wait for the end."""
        if self.process.stdout and not self.process.stdout.closed:
            out, err = self.process.communicate(timeout=SECONDS)
            self._finished = Finished(self.process.returncode, out, err)
        return self._finished

    def children(self) -> set[int]:
        entries = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return {int(entry.name) for entry in entries if parent_of(entry) == self.process.pid}

    def workers(self) -> set[int]:
        return {pid for pid in self.children() if b"spawn_main" in command_of(pid)}

    def log_in(self, name: str, password: str) -> int:
        return self.client.post("/api-token-auth/", json={"username": name, "password": password}).status_code

    def token(self, name: str, password: str) -> str:
        answer = self.client.post("/api-token-auth/", json={"username": name, "password": password})
        return str(answer.json()["token"])

    def me(self, token: str) -> httpx.Response:
        return self.client.get("/api/me/", headers={"Authorization": f"Token {token}"})


def parent_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # gone meanwhile
        return 0


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # gone meanwhile, which takes no more than being listed first
        return b""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def in_cluster(data_dir: Path) -> list[Path]:
    """The processes of the embedded server."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and (process / "cwd").readlink().is_relative_to(data_dir):
                found.append(process)
    return found


@contextlib.contextmanager
def new_directory() -> Iterator[Path]:
    # pytest's own is below a directory that PostgreSQL's user cannot enter when root runs the tests.
    path = Path(tempfile.mkdtemp(prefix="crm-cli-")).resolve()
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with new_directory() as path:
        yield path


class FirstRun(NamedTuple):
    finished: Finished
    health: tuple[int, int]
    login: int
    answers: list[bytes]
    seconds: float


@pytest.fixture(scope="module")
def first_run(data_dir: Path) -> FirstRun:
    """The first start on a new directory, until it was stopped amid requests."""
    with Server(data_dir, "--workers", "2") as server:
        server.wait()
        health = server.client.get("/healthz").status_code, server.client.get("/readyz").status_code
        # The first login takes the welcome, which is read without waiting for the end.
        welcome = read_welcome(server)
        password = Finished(0, welcome, "").password or ""
        begun = [begin_login(server, password) for _ in range(8)]
        login = server.log_in("admin", password)
        asked = time.monotonic()
        server.process.terminate()
        until(lambda: not listens(server.port))
        answers = [finish_login(*one) for one in begun]
        finished = server.finish()
        return FirstRun(finished._replace(out=welcome + finished.out), health, login, answers, time.monotonic() - asked)


def read_welcome(server: Server) -> str:
    assert server.process.stdout
    lines: list[str] = []
    while not lines or not lines[-1].startswith("Password"):
        lines.append(server.process.stdout.readline())
        assert lines[-1], "the welcome has no password"
    return "".join(lines)


def begin_login(server: Server, password: str) -> tuple[socket.socket, bytes]:
    """Send all but the body of a request, until the app asks for that, so that it is accepted for certain."""
    body = f'{{"username": "admin", "password": "{password}"}}'.encode()
    connection = socket.create_connection(("127.0.0.1", server.port), SECONDS)
    connection.sendall(
        b"POST /api-token-auth/ HTTP/1.1\r\nHost: crm\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    return connection, body


def finish_login(connection: socket.socket, body: bytes) -> bytes:
    with connection:
        connection.sendall(body)
        return connection.recv(10_000)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), SECONDS).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def running(first_run: FirstRun, data_dir: Path) -> Iterator[Server]:
    """The second start on the same directory."""
    assert first_run
    with Server(data_dir) as server:
        yield server.wait()


@pytest.fixture(scope="module")
def crm(running: Server, data_dir: Path) -> Crm:
    """Commands beside the running server."""
    assert running.process.poll() is None
    return Crm(data_dir)


def test_records_are_exported_to_a_file_or_to_stdout(crm: Crm) -> None:
    with new_directory() as path:
        assert crm[f"export clients {path / 'all.csv'}"].endswith(f"to {path / 'all.csv'}.\n")
        assert crm[f"export cohorts {path / 'all.xlsx'} --filter name_cohort=x"].startswith("Exported 0 records")
        assert (path / "all.csv").read_bytes().startswith(b"id,name,")
        assert (path / "all.xlsx").read_bytes().startswith(b"PK")
        assert sorted(file.name for file in path.iterdir()) == ["all.csv", "all.xlsx"]
    assert crm["export clients --format jsonl"].count("\n") == len(crm["export clients --format csv"].splitlines()) - 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("export clients --filter limit=5", 1, "leave this out"),
        ("export clients --filter none", 2, "NAME=VALUE"),
        ("export clients /none/a.csv", 1, "/none/a.csv cannot be written: No such file or directory."),
        ("export nothing", 2, "is not one of"),
    ],
)
def test_an_export_that_cannot_be_made_is_one_line(crm: Crm, words: str, code: int, says: str) -> None:
    ran = crm(*words.split())

    assert (ran.code, is_one_line(ran.err), says in ran.err) == (code, True, True)


def test_a_first_start_serves_and_tells_where_and_how_to_log_in(first_run: FirstRun, data_dir: Path) -> None:
    assert re.search(r"^Address +http://127\.0\.0\.1:\d+$", first_run.finished.out, re.MULTILINE)
    assert str(data_dir) in first_run.finished.out
    assert len(first_run.finished.password or "") == 16
    assert first_run.health == (200, 200)
    assert first_run.login == 200


def test_a_stop_answers_what_was_accepted_and_ends_well(first_run: FirstRun) -> None:
    assert [answer[:12] for answer in first_run.answers] == [b"HTTP/1.1 200"] * 8
    assert first_run.finished.code == 0
    assert "ERROR" not in first_run.finished.err
    assert first_run.seconds < 15


def test_a_restart_finds_the_users_again_and_tells_no_password(first_run: FirstRun, running: Server, crm: Crm) -> None:
    assert first_run.finished.password
    assert running.log_in("admin", first_run.finished.password) == 200
    assert crm["user list"] == "admin\t\t\t\tsuperuser\t\n"


@LINUX_ONLY
def test_a_worker_holds_no_lock_and_knows_no_password_of_the_administrator(running: Server, data_dir: Path) -> None:
    def holds(pid: int) -> bool:
        found = []
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                found.append(link.readlink())
        return data_dir / "postgres.lock" in found

    assert holds(running.process.pid)
    assert running.workers()
    assert not any(map(holds, running.workers()))
    assert not any(b"CRM_ADMIN_PASSWORD" in Path(f"/proc/{pid}/environ").read_bytes() for pid in running.workers())


def test_a_taken_port_is_one_line(running: Server, data_dir: Path) -> None:
    with Server(data_dir, port=running.port) as other:
        finished = other.finish()

    assert finished.code == 1
    assert is_one_line(finished.err)
    assert f"127.0.0.1:{running.port}: another process listens there" in finished.err
    assert running.is_ready()


def test_of_two_servers_on_a_new_directory_one_makes_the_administrator() -> None:
    with new_directory() as path, Server(path) as one, Server(path) as other:
        for server in (one.wait(), other.wait()):
            server.process.terminate()
        both = one.finish(), other.finish()

    assert [finished.code for finished in both] == [0, 0]
    assert sorted(finished.password is None for finished in both) == [False, True]


@LINUX_ONLY
def test_a_stop_during_the_start_leaves_no_server_behind() -> None:
    with new_directory() as path, Server(path) as server:
        until(lambda: bool(in_cluster(path)))
        server.process.terminate()
        finished = server.finish()

        assert (finished.code, finished.out, finished.err) == (0, "", "")
        assert in_cluster(path) == []


@LINUX_ONLY
def test_a_killed_worker_is_replaced(running: Server) -> None:
    [worker] = running.workers()
    os.kill(worker, signal.SIGKILL)
    until(lambda: worker not in running.workers() and running.is_ready())


def wait_until_gone(running: Server, worker: int) -> None:
    until(lambda: worker not in running.workers())


@LINUX_ONLY
def test_workers_killed_one_after_the_other_are_replaced_too(running: Server) -> None:
    for _ in range(2):
        until(lambda: len(running.workers()) == 1 and running.is_ready())
        [worker] = running.workers()
        os.kill(worker, signal.SIGKILL)
        wait_until_gone(running, worker)
    until(lambda: len(running.workers()) == 1 and running.is_ready())


@pytest.fixture(scope="module")
def external(new_database: Callable[[], str], data_dir: Path) -> Crm:
    """Commands on a database that is not ours."""
    return Crm(data_dir / "unused", CRM_DATABASE_URL=new_database())


def test_a_database_of_ones_own_is_migrated_when_told_to(external: Crm) -> None:
    refused = external("user", "list")
    assert refused.code == 1
    assert is_one_line(refused.err)
    assert "`crm migrate`" in refused.err

    assert external["migrate"].startswith("Applied 0001_initial")
    assert external["migrate"] == "The database is up to date.\n"
    assert external["user list"] == ""


@LINUX_ONLY
def test_the_first_password_can_be_given_and_is_not_shown_and_workers_end_with_a_killed_server(
    external: Crm, data_dir: Path
) -> None:
    url = external.environment["CRM_DATABASE_URL"]
    with Server(data_dir / "unused", CRM_DATABASE_URL=url, CRM_ADMIN_PASSWORD="given word") as server:
        assert server.wait().log_in("admin", "given word") == 200
        children = server.children()
        server.process.kill()
        until(lambda: not any(map(is_alive, children)))
        assert "given word" not in "".join(map(str, server.finish()))

    assert not (data_dir / "unused").exists()


def test_demo_data_is_loaded_beside_a_running_server(first_run: FirstRun, running: Server, crm: Crm) -> None:
    assert crm["demo --clients 5 --leads 3"] == "Loaded 5 clients, 1 service, 0 follow-ups, 3 leads.\n"

    headers = {"Authorization": f"Token {running.token('admin', first_run.finished.password or '')}"}
    for path, count in (("clients", 5), ("services", 1), ("leads", 3), ("leads/?attributes.budget__gt=0", 3)):
        assert len(running.client.get(f"/api/{path}", headers=headers).json()) == count
    again = crm("demo", "--clients", "5", "--leads", "3")
    assert again.code == 1
    assert is_one_line(again.err)


def test_users_are_added_with_groups_and_names(running: Server, crm: Crm) -> None:
    words = (
        "user",
        "add",
        "ann",
        "--group",
        "Sales",
        "--group",
        "Instructors",
        "--first-name",
        "Ann",
        "--password-stdin",
    )

    assert crm(*words, given="two words\n") == (0, "Added ann.\n", "")
    assert running.me(running.token("ann", "two words")).json()["groups"] == ["Instructors", "Sales"]
    assert "ann\tAnn\t\tInstructors, Sales\t\t\n" in crm["user list"]

    again = crm("user", "add", "ann", "--password-stdin", given="x")
    assert again.code == 1
    assert is_one_line(again.err)


def test_names_are_compared_in_normal_form(running: Server, crm: Crm) -> None:
    composed, decomposed = "Jos\xe9", "Jose\u0301"
    assert crm("user", "add", decomposed, "--superuser", "--password-stdin", given="é").code == 0

    assert crm("user", "add", composed, "--password-stdin", given="x").code == 1
    assert running.log_in(composed, "é") == 200


def test_a_new_password_ends_the_tokens(running: Server, crm: Crm) -> None:
    crm("user", "add", "ben", "--password-stdin", given="old")
    token = running.token("ben", "old")

    changed = crm("user", "passwd", "ben", "--password-stdin", given="new\r\nrest")

    assert changed == (0, "ben has the new password; 1 token revoked.\n", "")
    assert running.me(token).status_code == 401
    assert (running.log_in("ben", "old"), running.log_in("ben", "new")) == (400, 200)


def test_a_disabled_user_is_out(running: Server, crm: Crm) -> None:
    crm("user", "add", "cat", "--password-stdin", given="word")
    token = running.token("cat", "word")

    assert crm["user disable cat"] == "Disabled cat.\n"

    assert running.me(token).status_code == 401
    assert running.log_in("cat", "word") == 400
    assert "cat\t\t\t\t\tdisabled\n" in crm["user list"]
    assert crm("token", "issue", "cat").code == 1


def test_the_active_webhooks_of_a_disabled_user_are_listed_and_the_doctor_warns_of_them(
    running: Server, crm: Crm
) -> None:
    crm("user", "add", "cleo", "--superuser", "--password-stdin", given="word")
    headers = {"Authorization": f"Token {running.token('cleo', 'word')}"}
    sent = {"name": "on", "model": "Lead", "url": "https://a.example/"}
    on = running.client.post("/api/webhooks/", json=sent, headers=headers).json()
    off = running.client.post("/api/webhooks/", json=sent | {"name": "off", "is_active": False}, headers=headers)
    assert off.status_code == 201

    lines = crm["user disable cleo"].splitlines()
    assert lines == ["Disabled cleo.", "1 active webhook that cleo created:", f"{on['id']}\tLead\ton"]
    [check] = [each for each in json.loads(crm("doctor", "--json").out)["checks"] if each["name"] == "creators"]
    assert (check["state"], check["found"]) == ("warning", "Active, but created by disabled users: on (cleo).")


def test_an_enabled_user_is_in_again_with_the_earlier_tokens(running: Server, crm: Crm) -> None:
    crm("user", "add", "cora", "--password-stdin", given="word")
    token = running.token("cora", "word")
    assert crm["user disable cora"] == "Disabled cora.\n"
    assert running.me(token).status_code == 401

    enabled = crm["user enable cora"]

    assert enabled == "Enabled cora.\n1 earlier token works again: `crm token revoke cora --all` revokes all.\n"
    assert running.me(token).status_code == 200
    assert running.log_in("cora", "word") == 200
    assert "cora\t\t\t\t\t\n" in crm["user list"]
    crm["token revoke cora --all"]
    assert crm["user enable cora"] == "Enabled cora.\n"


def test_a_new_password_of_a_disabled_user_says_that_it_lets_nobody_in(running: Server, crm: Crm) -> None:
    crm("user", "add", "dora", "--password-stdin", given="old")
    crm["user disable dora"]

    changed = crm("user", "passwd", "dora", "--password-stdin", given="new")

    assert changed.code == 0
    assert changed.out.splitlines() == [
        "dora has the new password; 0 tokens revoked.",
        "dora is disabled and cannot log in: `crm user enable dora` changes that.",
    ]
    assert running.log_in("dora", "new") == 400
    crm["user enable dora"]
    assert running.log_in("dora", "new") == 200


def test_a_change_of_a_user_counts_from_the_next_request_and_leaves_the_rest(running: Server, crm: Crm) -> None:
    crm("user", "add", "ella", "--group", "Sales", "--first-name", "Ella", "--password-stdin", given="word")
    token = running.token("ella", "word")

    assert crm["user change ella --group Operations --group Instructors --email e@example.org"] == "Changed ella.\n"
    assert running.me(token).json()["groups"] == ["Instructors", "Operations"]
    assert "ella\tElla\te@example.org\tInstructors, Operations\t\t\n" in crm["user list"]

    assert crm("user", "change", "ella", "--first-name", "", "--last-name", "Lee", "--superuser").code == 0
    assert "ella\tLee\te@example.org\tInstructors, Operations\tsuperuser\t\n" in crm["user list"]
    assert "app.delete_webhook" in running.me(token).json()["permissions"]

    assert crm["user change ella --no-superuser --no-groups"] == "Changed ella.\n"
    assert running.me(token).json()["permissions"] == []
    assert "ella\tLee\te@example.org\t\t\t\n" in crm["user list"]


def test_permissions_of_groups_count_from_the_next_request(running: Server, crm: Crm) -> None:
    assert crm["group grant Auditors view_client app.view_lead"].startswith("The new group Auditors may ")
    assert "Auditors\tapp.view_client, app.view_lead\n" in crm["group list"]
    crm("user", "add", "dan", "--group", "Auditors", "--password-stdin", given="word")
    token = running.token("dan", "word")
    assert running.me(token).json()["permissions"] == ["app.view_client", "app.view_lead"]

    assert crm["group revoke Auditors app.view_client"]

    assert running.me(token).json()["permissions"] == ["app.view_lead"]


def test_tokens_are_issued_listed_and_revoked(running: Server, crm: Crm) -> None:
    crm("user", "add", "eve", "--password-stdin", given="word")
    one, two = crm["token issue eve"].strip(), crm["token issue eve"].strip()
    assert running.me(one).json()["username"] == "eve"

    rows = [line.split("\t") for line in crm["token list eve"].splitlines()]
    assert [prefix for prefix, *_ in rows] == [one[:8], two[:8]]
    assert all(re.fullmatch(r"[\d-]{10} [\d:]{8}Z", moment) for _, *moments, _ in rows for moment in moments)
    assert [permissions for *_, permissions in rows] == ["all of the user"] * 2

    assert crm(*("token", "revoke", "eve"), one[:8]).out == "Revoked 1 token of eve.\n"
    assert (running.me(one).status_code, running.me(two).status_code) == (401, 200)
    assert crm["token revoke eve --all"] == "Revoked 1 token of eve.\n"
    assert running.me(two).status_code == 401


def test_a_token_is_issued_with_some_permissions_alone(running: Server, crm: Crm) -> None:
    crm("user", "add", "gil", "--group", "Sales", "--password-stdin", given="word")
    token = crm["token issue gil --only app.view_client --only view_webhook"].strip()

    assert running.me(token).json()["permissions"] == ["app.view_client"]
    assert crm["token list gil"].rstrip().endswith("\tapp.view_client, app.view_webhook")
    ran = crm(*["token", "issue", "gil", "--only", "app.view_clients"])
    assert (ran.code, ran.out) == (2, "")
    assert "'app.view_clients' is not a permission: did you mean app.view_client?" in ran.err


@pytest.mark.parametrize(
    ("words", "mended"),
    [
        ("user disable nobody", "`crm user list`"),
        ("user enable nobody", "`crm user list`"),
        ("user passwd nobody --password-stdin", "`crm user list`"),
        ("user change nobody --superuser", "`crm user list`"),
        ("user change admin --group Sails", "Sales"),
        ("user add admin --password-stdin", "`crm user change`"),
        ("user add fay --group Sails --password-stdin", "Sales"),
        ("group revoke Sails view_client", "Sales"),
        ("token issue nobody", "`crm user list`"),
        ("token revoke admin -unknown", "`crm token list admin`"),
    ],
)
def test_what_is_not_there_is_one_line_that_helps(crm: Crm, words: str, mended: str) -> None:
    ran = crm(*words.split(), given="word")

    assert (ran.code, ran.out) == (1, "")
    assert is_one_line(ran.err)
    assert mended in ran.err


def test_a_sweep_tells_of_orphans_and_missing_files_and_deletes_the_former(
    running: Server, crm: Crm, data_dir: Path
) -> None:
    crm("user", "add", "hal", "--superuser", "--password-stdin", given="word")
    sent: dict[str, Any] = {"headers": {"Authorization": f"Token {crm['token issue hal'].strip()}"}}
    client = running.client.post("/api/clients/", json={"name": "a"}, **sent).json()["id"]
    place = f"/api/clients/{client}/"
    gone, orphan = (
        running.client.post(f"{place}files/", files={"file": ("a.png", png())}, **sent).json()["url"] for _ in range(2)
    )
    running.client.patch(place, json={"list_of_images": [gone]}, **sent)
    (data_dir / gone.removeprefix("/")).unlink()
    path = data_dir / orphan.removeprefix("/")
    assert crm["files sweep"] == f"missing\tclients/{client}\t{gone}\n0 orphans found, 1 missing file.\n"

    os.utime(path, (0, 0))
    told = [f"orphan\t{orphan.removeprefix('/files/')}", f"missing\tclients/{client}\t{gone}"]
    assert crm["files sweep"].splitlines() == [*told, "1 orphan found, 1 missing file."]
    assert path.exists()
    assert crm["files sweep --delete"].splitlines() == [*told, "1 orphan deleted, 1 missing file."]
    assert not path.exists()


def test_an_erased_user_stays_disabled_and_has_a_name_that_nobody_else_can_have(crm: Crm) -> None:
    crm("user", "add", "jon", "--password-stdin", given="word")
    told = re.fullmatch(
        r"jon is (erased-\d+) by now, also in the tasks and notes of 0 records\.\n", crm["user erase jon"]
    )
    assert told
    assert told[1] in crm["user list"]
    assert "jon" not in crm["user list"]
    enabled, added = crm("user", "enable", told[1]), crm("user", "add", "erased-99", "--password-stdin", given="word")
    assert enabled.err == "crm: is_active: This user was erased and stays disabled: add a new one.\n"
    assert (enabled.code, added.code) == (1, 2)
    assert "Names such as erased-5 are those of users who were erased." in added.err


def test_a_record_is_erased_after_a_look_at_what_would_be(running: Server, crm: Crm) -> None:
    crm("user", "add", "ira", "--superuser", "--password-stdin", given="word")
    sent: dict[str, Any] = {"headers": {"Authorization": f"Token {crm['token issue ira'].strip()}"}}
    client = running.client.post("/api/clients/", json={"name": "Erasable"}, **sent).json()["id"]
    note = {"name": "b", "list_of_notes": [{"note": "Erasable called"}]}
    other = running.client.post("/api/clients/", json=note, **sent).json()["id"]

    lines = [f"record\tclients/{client}", f"mention\tclients/{other}"]
    would = "1 record and 0 files would be erased; 1 record would go on naming it."
    assert crm[f"erase clients {client} --dry-run"].splitlines() == [*lines, would]
    assert crm[f"erase clients {client}"].splitlines() == [lines[0], "1 record and 0 files erased."]
    assert crm[f"erase clients {client}"] == "It was erased before; 0 files deleted.\n"
    ran = crm("erase", "clients", "01890000-0000-7000-8000-000000000000")
    assert (ran.code, is_one_line(ran.err)) == (1, True)


def test_an_attribute_is_renamed_and_converted_after_a_look_at_what_would_change(running: Server, crm: Crm) -> None:
    crm("user", "add", "editor", "--superuser", "--password-stdin", given="word")
    sent: dict[str, Any] = {"headers": {"Authorization": f"Token {crm['token issue editor'].strip()}"}}
    city = {"name": "place", "label": "Place", "type": "text"}
    id_ = running.client.post("/api/attributes/client/", json=city, **sent).json()["id"]
    client = running.client.post("/api/clients/", json={"name": "a", "attributes": {"place": "5"}}, **sent).json()["id"]

    would = "1 record, 0 webhooks and 0 indexes would change, in about 1 second.\n"
    assert crm[f"attributes rename {id_} spot --dry-run"] == would
    assert crm[f"attributes rename {id_} spot"] == "Done.\n"
    assert crm[f"attributes rename {id_} town --online"].splitlines() == [
        "1 record: have both names.",
        "The definition has changed.",
        "1 record: have the new name alone.",
        "Done.",
    ]
    assert crm[f"attributes convert {id_} number --online"].splitlines()[-1] == "Done."
    attributes = running.client.get(f"/api/clients/{client}/", **sent).json()["attributes"]
    assert attributes == {"town": 5}
    ran = crm("attributes", "convert", id_, "date")
    assert (ran.code, is_one_line(ran.err)) == (1, True)


def test_a_file_store_that_does_not_answer_is_one_line(data_dir: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    ran = Crm(data_dir, CRM_S3_BUCKET="images", CRM_S3_ENDPOINT_URL=endpoint, **keys)("files", "sweep")

    assert (ran.code, ran.out) == (1, "")
    assert is_one_line(ran.err)
    assert "Could not connect" in ran.err


def test_a_network_that_would_open_the_inside_is_refused(data_dir: Path) -> None:
    ran = Crm(data_dir / "unused", CRM_WEBHOOK_ALLOW="64:ff9b::/96")("migrate")

    assert ran.code == 2
    assert is_one_line(ran.err)
    assert "CRM_WEBHOOK_ALLOW has a network that carries IPv4 addresses" in ran.err
    assert not (data_dir / "unused").exists()


class Asker:
    """Runs commands in this process, which is quick: such as find the mistake before any database is looked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data_dir: Path) -> None:
        self._patch, self._output, self._data_dir = monkeypatch, capsys, data_dir

    def __call__(self, *words: str, given: str = "") -> Finished:
        self._patch.setattr(sys, "argv", ["crm", *words])
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        self._patch.setattr(os, "environ", dict(environment(self._data_dir)))
        code = main.main()
        assert not self._data_dir.exists()
        return Finished(code, *self._output.readouterr())


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Asker:
    return Asker(monkeypatch, capsys, tmp_path / "none")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Missing command"),
        (["sevre"], "'sevre'"),
        (["user", "add", "--password-stdin"], "'NAME'"),
        (["user", "add", "gus"], "--password-stdin"),
        (["user", "add", " gus", "--password-stdin"], "blanks"),
        (["user", "add", "", "--password-stdin"], "blank"),
        (["user", "add", "g" * 151, "--password-stdin"], "150 characters"),
        (["user", "add", "gus\udcff", "--password-stdin"], "U+DCFF"),
        (["user", "add", "gus", "--first-name", "g" * 151, "--password-stdin"], "150 characters"),
        (["user", "change", "gus"], "Give what to change: --group"),
        (["user", "change", "gus", "--group", "Sales", "--no-groups"], "either --group or --no-groups"),
        (["user", "change", "gus", "--email", "g" * 255], "254 characters"),
        (["group", "grant", "Sales"], "PERMISSION"),
        (["group", "grant", "Sales", "view_clients"], "did you mean app.view_client?"),
        (["token", "revoke", "admin"], "--all"),
        (["token", "revoke", "admin", "abcdefgh", "--all"], "--all"),
        (["serve", "--port", "http"], "CRM_PORT='http' is not a whole number: it takes 1 to 65535."),
    ],
)
def test_a_wrong_command_is_one_line_and_exit_code_2(ask: Asker, words: list[str], said: str) -> None:
    asked = ask(*words)

    assert (asked.code, asked.out) == (2, "")
    assert is_one_line(asked.err)
    assert said in asked.err


@pytest.mark.parametrize("given", ["", "\n", "x" * 1_025, "nul\0nul"])
def test_a_password_that_cannot_be_is_refused(ask: Asker, given: str) -> None:
    asked = ask("user", "add", "gus", "--password-stdin", given=given)

    assert (asked.code, asked.out) == (1, "")
    assert is_one_line(asked.err)
    assert asked.err.startswith("crm: The password cannot be used: ")


@pytest.mark.parametrize(
    ("words", "name", "text"),
    [
        ("serve", "CRM_PROT", "8001"),
        ("serve", "CRM_DATABASE_URL", "postgresql://crm:s3cret@part@db/crm"),
        ("migrate", "CRM_DATABASE_URL", "postgresql://crm:s3/cret@db/crm"),
        ("user list", "CRM_DATABASE_URL", "postgresql://crm:s3cret@db/crm?part"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(tmp_path: Path, words: str, name: str, text: str) -> None:
    ran = Crm(tmp_path / "none", **{name: text})(*words.split())

    assert (ran.code, ran.out) == (2, "")
    assert is_one_line(ran.err)
    assert name in ran.err
    assert not any(secret in ran.err for secret in ("s3", "cret", "part"))
    assert not (tmp_path / "none").exists()


def test_a_file_store_that_cannot_be_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    endpoint = {"CRM_S3_BUCKET": "images", "CRM_S3_ENDPOINT_URL": "http://host_/"}
    for settings in (endpoint, {"CRM_S3_BUCKET": "images", "AWS_PROFILE": "nobody-has-it"}):
        ran = Crm(tmp_path / "none", **settings)("serve")

        assert (ran.code, ran.out) == (2, "")
        assert is_one_line(ran.err)
        assert "CRM_S3_BUCKET" in ran.err
        assert not (tmp_path / "none").exists()


def test_a_database_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    ran = Crm(tmp_path / "none", CRM_DATABASE_URL=f"postgresql://crm:s3cret@/crm?host={tmp_path}")("migrate")

    assert (ran.code, ran.out) == (1, "")
    assert is_one_line(ran.err)
    assert "s3cret" not in ran.err
