"""The typed client on the change feed: pages, following, and going on after the server was away."""

import asyncio
import contextlib
import inspect
import pathlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice

import psutil
import pytest

from crm_core import CursorGoneError, InvalidError
from crm_http.client import AsyncClient, AsyncFollowing, Client, Following, Retry
from tests.http.conftest import PASSWORD, Api, Server, serving
from tests.markdown import blocks


@pytest.fixture
def url(server: Server, postgres_api: Api) -> str:
    assert postgres_api.token
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture
def crm(url: str, postgres_api: Api) -> Iterator[Client]:
    with Client(url, token=postgres_api.token) as crm:
        yield crm


def test_a_page_is_read_and_errors_are_the_core_s(crm: Client) -> None:
    start = crm.changes.read("now").next
    lead = crm.leads.create(name="Ann")

    page = crm.changes.read(start, resources=["lead"], limit=1, wait=5)
    [event] = page.events
    assert (event.record, event.kind, event.changes["name"]) == (lead.id, "created", {"to": "Ann"})
    with pytest.raises(InvalidError):
        crm.changes.read("x")
    with pytest.raises(CursorGoneError):
        crm.changes.read("AQAAAAAAAAABAAAAAAAAAADfUfdk")


def test_following_yields_what_was_and_waits_for_what_comes(crm: Client) -> None:
    start = crm.changes.read("now").next
    names = ["a", "b", "c"]
    crm.leads.create(name="a")
    following = crm.changes.follow(start, resources=["lead"])
    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(lambda: [each.changes["name"]["to"] for each in islice(following, 3)])
        for name in names[1:]:
            crm.clients.create(name="in between")
            crm.leads.create(name=name)
        assert found.result(20) == names
    rest = crm.changes.read(following.cursor, resources=["lead"]).events
    assert [each.changes["name"]["to"] for each in rest] == ["c"]  # it was given out, and not yet taken


def test_the_asynchronous_client_follows_too(url: str, postgres_api: Api) -> None:
    async def use() -> list[str]:
        async with AsyncClient(url, token=postgres_api.token) as crm:
            start = (await crm.changes.read("now")).next
            await crm.leads.create(name="a")
            found: list[str] = []
            async for event in crm.changes.follow(start):
                found.append(event.changes["name"]["to"])
                if len(found) == 2:
                    return found
                await crm.leads.create(name="b")
        return found

    assert asyncio.run(use()) == ["a", "b"]


def test_following_goes_on_when_the_server_was_away(
    migrated_database: Callable[[], str], place: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_core.embedding.followings.PAUSE", 0.1)
    with serving(migrated_database(), place / "away") as server, ExitStack() as closing:
        crm = closing.enter_context(
            Client(
                str(server.client.base_url), token=server.api().token, retry=Retry(attempts=30, first=0.1, longest=1.0)
            )
        )
        following = iter(crm.changes.follow(crm.changes.read("now").next))
        crm.leads.create(name="a")
        assert next(following).changes["name"] == {"to": "a"}
        timer = threading.Timer(0.5, kill_workers, [server])  # while it is waited for the next change
        timer.start()
        later = threading.Timer(1.5, lambda: crm.leads.create(name="b"))
        later.start()
        assert next(following).changes["name"] == {"to": "b"}
        later.join()


def kill_workers(server: Server) -> None:
    """Kill the processes that answer; the server starts new ones."""
    for process in psutil.Process(server.process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # gone since it was listed
            if "spawn_main" in " ".join(process.cmdline()):
                process.kill()


def test_help_shows_what_following_takes_and_gives() -> None:
    for client, result in ((Client, Following), (AsyncClient, AsyncFollowing)):
        crm = client("http://127.0.0.1:1")
        signature = inspect.signature(crm.changes.follow)
        assert list(signature.parameters) == ["cursor", "resources"]
        assert signature.return_annotation is result


def test_the_example_of_the_page_keeps_a_copy(server: Server, crm: Client) -> None:
    assert crm.leads.list().first() is None
    text = blocks("docs/how-to/follow-changes.md")["Keep a copy 1"].text
    command = [sys.executable, "-c", text.replace(":8000", f":{server.port}")]
    done = subprocess.run(command, env={"CRM_ADMIN_PASSWORD": PASSWORD}, capture_output=True, text=True, check=False)
    assert done.stdout == "created 1 {'to': 'Dora'}\n", done.stderr
