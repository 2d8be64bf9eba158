"""What the summary of a pipeline takes.

``python -m tests.bench.summaries [LEADS [SHARE]]`` fills an empty database with so many leads, 1,000,000 by default, of
which one in SHARE, ten by default, is in one pipeline, and moves half of them to another stage. Then it requests the
summary of the pipeline: whole, of a period, and of one user.
"""

import pathlib
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from typing import Any

import psycopg

from crm_adapters.embedded.server import embedded_server
from tests.http.conftest import Api, serving

LEADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
SHARE = int(sys.argv[2]) if len(sys.argv) > 2 else 10
_REQUESTS = 30
_USERS = 20
_BATCH = 20_000
#: Indexes of lists, which have no part in it and would take most of the time.
_OTHERS = ("lead_searched", "lead_attributes", "lead_name", "lead_stage", "lead_created_at", "lead_possible_client")
_ADD_USERS = b"""
insert into app_user (username, password_hash)
select 'user ' || n, '!' from generate_series(1, %(count)s) as n returning id"""
_FILL = """
insert into lead (id, version, stage_id, document)
select id, 1, (%(stages)s::uuid[])[1 + n %% 4], json_build_object(
    'id', id, 'name', 'Lead ' || n, 'responsible', (%(users)s::bigint[])[1 + n %% %(count)s],
    'pipeline', (%(pipelines)s::uuid[])[case when n %% %(share)s = 0 then 1 else 2 end],
    'possible_client', null, 'moodle_course_id', null, 'stage', (%(names)s::text[])[1 + n %% 4],
    'attributes', '{}'::json,
    'list_of_tasks', '[]'::json, 'list_of_notes', '[]'::json, 'created_at', '2026-01-01T00:00:00Z',
    'updated_at', '2026-01-01T00:00:00Z', 'updated_by', null)
from (select n, ('01890000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id
      from generate_series(%(first)s::int, %(last)s::int) as n) as new"""
_MOVE = """
update lead set version = 2, stage_id = (%(stages)s::uuid[])[1 + (n + 1) %% 4], document = replace(
    document::text, '"updated_at" : "2026-01-01T00:00:00Z"',
    '"updated_at" : "' || to_char(timestamp '2026-01-01' + n * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '"'
)::json
from generate_series(%(first)s::int, %(last)s::int) as n
where n %% 2 = 0 and id = ('01890000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"""


def main() -> None:
    """Fill a database and measure."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name, ExitStack() as stack:
        place = pathlib.Path(name)
        place.chmod(0o755)
        url = stack.enter_context(embedded_server(place))
        api = stack.enter_context(serving(url, place / "served")).api()
        pipelines = [api.make("/api/pipelines/", name="p", stages=_stages()) for _ in range(2)]
        fill(url, pipelines)
        path = f"/api/pipelines/{pipelines[0]['id']}/summary/"
        measure(api, "whole", path)
        measure(api, "a period", f"{path}?since=2026-01-02&until=2026-01-03")
        measure(api, "one user", f"{path}?responsible=2")


def _stages() -> list[dict[str, object]]:
    return [{"name": f"Stage {number}", "order": number} for number in range(4)]


def fill(url: str, pipelines: list[dict[str, Any]]) -> None:
    """Insert the leads and move half of them; the triggers keep their stays."""
    began = time.perf_counter()
    [stages, _] = [pipeline["stages"] for pipeline in pipelines]
    params: dict[str, object] = {
        "stages": [stage["id"] for stage in stages],
        "names": [stage["name"] for stage in stages],
        "pipelines": [pipeline["id"] for pipeline in pipelines],
        "count": _USERS,
        "share": SHARE,
    }
    with psycopg.connect(url, autocommit=True) as connection:
        params["users"] = [id_ for (id_,) in connection.execute(_ADD_USERS, {"count": _USERS})]
        for index in _OTHERS:
            connection.execute(f"drop index if exists {index}".encode())
        for statement in (_FILL, _MOVE):
            for first in range(1, LEADS + 1, _BATCH):
                last = min(first + _BATCH - 1, LEADS)
                connection.execute(statement.encode(), {**params, "first": first, "last": last})
        connection.execute("vacuum analyze lead")
        connection.execute("vacuum analyze lead_stay")
    print(f"{LEADS:,} leads in {time.perf_counter() - began:.0f} s")


def measure(api: Api, what: str, path: str) -> None:
    """Print the p50 and p99 of a summary."""
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    took = []
    for _ in range(_REQUESTS):
        began = time.perf_counter()
        api.get(path)
        took.append(1_000 * (time.perf_counter() - began))
    leads = sum(stage["leads"] for stage in answer.json()["stages"])
    left = sum(stage["time"]["leads"] for stage in answer.json()["stages"])
    print(
        f"{what:10} {leads:9,} leads, {left:9,} leavings: p50 {statistics.median(took):.0f} ms, least {min(took):.0f}"
    )


if __name__ == "__main__":
    main()
