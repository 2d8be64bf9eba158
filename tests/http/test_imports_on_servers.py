"""Imports that servers carry out: through the typed client, and after one of two servers was killed."""

import asyncio
import io
import pathlib
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from crm_core.imports.runs import BATCH_ROWS
from crm_http.client import AsyncClient, Client, ImportFinishedError, InvalidError, SameFileError, UndoRefusedError
from tests.http.conftest import Api, Server, serving

SECONDS = 120.0
ROWS = 2 * BATCH_ROWS + 5


@pytest.fixture
def url(server: Server, postgres_api: Api) -> str:
    assert postgres_api.token
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture
def crm(url: str, postgres_api: Api) -> Iterator[Client]:
    with Client(url, token=postgres_api.token) as client:
        yield client


def test_a_client_sends_a_file_waits_for_its_import_and_reads_what_is_refused(
    crm: Client, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "clients.csv"
    file.write_text(f"Company,x\nAnn,1\n{'y' * 300},2\n")
    begun = crm.clients.import_file(file, map={"Company": "name"}, ignore=["x"], lenient=True)
    ended = crm.imports.wait(begun.id, timeout=SECONDS)

    assert (ended.state, ended.created, ended.refused, ended.file) == ("done", 1, 1, "clients.csv")
    assert crm.imports.get(begun.id) == ended == crm.imports.list(limit=1).first()
    errors = io.BytesIO()
    crm.imports.errors(begun.id, errors)
    assert errors.getvalue().startswith(b"row,column,message,Company,x\r\n3,Company,")
    with pytest.raises(SameFileError) as same:
        crm.clients.import_file(str(file), map={"Company": "name"}, ignore=["x"])
    assert same.value.run == begun.id
    with pytest.raises(ImportFinishedError, match="it is done"):
        crm.imports.cancel(begun.id)
    undo = crm.imports.wait(crm.imports.undo(begun.id).id, timeout=SECONDS)
    assert (undo.state, undo.undoes, undo.reversed, undo.kept, crm.clients.list().first()) == (
        *("done", begun.id, 1, 0),
        None,
    )
    with pytest.raises(UndoRefusedError, match="undoes this one already") as twice:
        crm.imports.undo(begun.id, even_edited=False)
    assert twice.value.run == undo.id
    with pytest.raises(UndoRefusedError, match="has written nothing"):
        crm.imports.undo(crm.imports.wait(crm.imports.undo(undo.id, dry_run=True).id, timeout=SECONDS).id)
    with pytest.raises(InvalidError, match="no field of clients"):
        crm.clients.import_file(io.BytesIO(b"Company\nAnn\n"), format="csv")


def test_the_asynchronous_client_sends_files_waits_and_cancels_too(
    url: str, postgres_api: Api, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("name\nAda\n")

    async def run() -> None:
        async with AsyncClient(url, token=postgres_api.token) as crm:
            begun = await crm.leads.import_file(file, dry_run=True)
            assert (await crm.imports.wait(begun.id, timeout=SECONDS)).created == 1
            assert [each.id async for each in crm.imports.list()] == [begun.id]
            with pytest.raises(ImportFinishedError):
                await crm.imports.cancel(begun.id)

    asyncio.run(run())


def test_a_server_goes_on_with_the_import_of_one_that_was_killed(
    migrated_database: Callable[[], str], tmp_path: pathlib.Path
) -> None:
    url = migrated_database()
    names = [f"client {number}" for number in range(ROWS)]
    with serving(url, tmp_path / "one") as one, serving(url, tmp_path / "other") as other:
        file = {"file": ("a.csv", "\n".join(["name", *names]).encode())}
        assert one.api().request("POST", "/api/clients/import/", files=file).status_code == 202
        _wait(url, 'select max("row") > 0 from import_run')
        one.kill()
        with psycopg.connect(url) as connection:  # the other one would wait for the end of the lease, a minute
            connection.execute("update import_run set claimed_until = now() where state = 'writing'")
        _wait(url, "select bool_and(state = 'done') from import_run")
        [shown] = other.api().get("/api/imports/").json()
    assert (shown["created"], shown["refused"], shown["row"]) == (ROWS, 0, ROWS + 1)
    with psycopg.connect(url) as connection:
        found = connection.execute("select document ->> 'name' from client order by id").fetchall()
        assert connection.execute("select count(*) from import_file").fetchone() == (0,)
    assert [name for (name,) in found] == names


def _wait(url: str, statement: str) -> None:
    """Wait until a statement says yes; another process has no event to wait for."""
    deadline = time.monotonic() + SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(statement.encode()).fetchone() != (True,):
            assert time.monotonic() < deadline
            time.sleep(0.01)
