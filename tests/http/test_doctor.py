"""Facts about `crm doctor`: what it makes of what it finds, and the real one on real servers."""

import asyncio
import json
import math
import socket
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from resource import RLIM_INFINITY

import psycopg
import pytest

from crm_adapters.postgres.sql.migrations import migrate
from crm_http.cli.doctor import database, machine
from crm_http.cli.doctor.checks import Check, State
from crm_http.server.serving import summary
from crm_http.settings import Settings
from tests.http.commands import Crm, Finished
from tests.seaweedfs import CREDENTIALS, S3

SECRET = "s3cret-word"
SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "statement_timeout": "0",
    "idle_session_timeout": "0",
    "max_connections": "100",
    "superuser_reserved_connections": "3",
}
OUTBOX = {"waiting": 3.0, "oldest_seconds": 10.0, "dead": 0.0}
WIDE = Settings(webhook_allow=(ip_network("0.0.0.0/0"),))
SERVED = Settings(host="::")
METADATA = ip_network("169.254.169.254/32")


@pytest.mark.parametrize(
    ("check", "state"),
    [
        (database.fitness(150_004, ""), "ok"),
        (database.fitness(140_004, "PostgreSQL 15 or later is needed."), "failed"),
        (database.durability(SETTINGS), "ok"),
        (database.durability(SETTINGS | {"synchronous_commit": "remote_apply"}), "ok"),
        (database.durability(SETTINGS | {"fsync": "off"}), "warning"),
        (database.durability(SETTINGS | {"synchronous_commit": "off"}), "warning"),
        (database.time_limits(SETTINGS), "ok"),
        (database.time_limits(SETTINGS | {"statement_timeout": "5000"}), "warning"),
        (database.connections(SETTINGS, 4), "ok"),
        (database.connections(SETTINGS, 5), "warning"),
        (database.pooler(is_pooled=True), "ok"),
        (database.clock(-2.0), "ok"),
        (database.clock(2.1), "warning"),
        (database.clock(-300.1), "failed"),
        (database.migrations([]), "ok"),
        (database.migrations(["0004_receipts"]), "failed"),
        (database.resources([], []), "ok"),
        (database.resources(["invoice"], []), "ok"),
        (database.resources([], ["invoice"]), "warning"),
        (database.feed(is_foreign_era=False), "ok"),
        (database.feed(is_foreign_era=True), "warning"),
        (database.superusers(["ann"]), "ok"),
        (database.superusers([]), "failed"),
        (database.addresses({}, SERVED), "ok"),
        (database.addresses({"10.0.0.1": 1}, SERVED), "ok"),
        (database.addresses({"10.0.0.1": 2, "8.8.8.8": 1}, SERVED), "ok"),
        (database.addresses({"8.8.8.8": 5}, SERVED), "ok"),
        (database.addresses({"127.0.0.1": 5}, Settings()), "ok"),
        (database.addresses({"10.0.0.1": 2}, SERVED), "warning"),
        (database.addresses({"127.0.0.1": 2}, SERVED), "warning"),
        (database.addresses({"fd00::/64": 2}, SERVED), "warning"),
        (database.addresses({"": 2}, SERVED), "warning"),
        (database.addresses({"10.0.0.1": 2}, Settings(host="::", trusted_proxies=(METADATA,))), "warning"),
        (database.webhooks_of_disabled_users([]), "ok"),
        (database.webhooks_of_disabled_users(["Notify (cat)"]), "warning"),
        (database.unique_attributes({}), "ok"),
        (database.unique_attributes({"client.email": True}), "ok"),
        (database.unique_attributes({"client.email": True, "lead.number": False}), "warning"),
        (database.outbox(OUTBOX), "ok"),
        (database.outbox(OUTBOX | {"oldest_seconds": 3_601.0}), "warning"),
        (database.outbox(OUTBOX | {"dead": 1.0}), "warning"),
        (database.imports({}), "ok"),
        (database.imports({"0199": True}), "warning"),
        (database.imports({"0199": False}), "warning"),
        (database.replica(0.1), "ok"),
        (database.replica(math.inf), "warning"),
        (database.replica(None), "failed"),
        (machine.disk(2**40, "/data"), "ok"),
        (machine.disk(2**30, "/data"), "warning"),
        (machine.disk(2**20, "/data"), "failed"),
        (machine.egress(Settings(), []), "ok"),
        (machine.egress(WIDE, []), "warning"),
        (machine.egress(Settings(webhook_allow=(METADATA,)), [METADATA]), "warning"),
        (machine.open_files(RLIM_INFINITY), "ok"),
        (machine.open_files(4_096), "ok"),
        (machine.open_files(2_048), "warning"),
        (next(database.hosts({"db1:5432": "primary", "db2:5432": "standby"})), "ok"),
        (next(database.hosts({"db1:5432": "primary", "db2:5432": "gone"})), "warning"),
    ],
)
def test_what_is_not_well_comes_with_how_to_mend_it(check: Check, state: str) -> None:
    assert check.state == state
    assert check.found
    assert bool(check.advice) is (state != "ok")


def test_one_host_needs_no_line_of_its_own() -> None:
    assert not list(database.hosts({"db1:5432": "primary"}))


def examined(ran: Finished) -> Mapping[str, Mapping[str, str]]:
    document = json.loads(ran.out)
    assert document["ok"] is (ran.code == 0)
    return {check["name"]: check for check in document["checks"]}


def states(ran: Finished) -> Mapping[str, str]:
    return {name: check["state"] for name, check in examined(ran).items()}


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


def test_a_database_is_failed_until_it_is_migrated_and_has_a_superuser(url: str, tmp_path: Path) -> None:
    crm = Crm(tmp_path, CRM_DATABASE_URL=url)
    before = crm("doctor", "--json")
    assert before.code == 1
    assert states(before)["migrations"] == "failed"
    assert "superusers" not in states(before)

    crm["migrate"]
    assert states(crm("doctor", "--json"))["superusers"] == "failed"
    crm("user", "add", "ann", "--superuser", "--password-stdin", given="word")

    after = crm("doctor", "--json")
    assert after.code == 0
    # The databases of the tests commit without waiting for the disk.
    assert {name for name, state in states(after).items() if state == "warning"} <= {"durability", "disk", "open files"}
    assert states(after)["durability"] == "warning"
    lines = crm["doctor"].splitlines()
    assert len(lines) == len(states(after))
    assert all(State(line.split()[0]) for line in lines)


def test_a_limit_of_time_that_the_database_has_is_found_and_our_own_is_not(url: str, tmp_path: Path) -> None:
    crm = Crm(tmp_path, CRM_DATABASE_URL=url)
    assert states(crm("doctor", "--json"))["time limits"] == "ok"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"alter database {connection.info.dbname} set statement_timeout = '7s'".encode())

    assert "statement_timeout = 7000 ms" in examined(crm("doctor", "--json"))["time limits"]["found"]


def test_an_import_that_nobody_goes_on_with_is_found(url: str, tmp_path: Path) -> None:
    asyncio.run(migrate(url))
    with psycopg.connect(url) as connection:
        connection.execute("""
            insert into import_run (
                id, resource, file, options, digest, fingerprint, bars, state, "row", header, report, created_at, since,
                updated_at
            )
            values (
                gen_random_uuid(), 'client', 'a.csv', '{"format": "csv"}', '', '', false, 'writing', 0, '[]', '{}',
                now(), now(), now() - interval '11 minutes'
            )""")

    assert "Interrupted: " in examined(Crm(tmp_path, CRM_DATABASE_URL=url)("doctor", "--json"))["imports"]["found"]


def test_a_replica_that_takes_writes_is_none(url: str, tmp_path: Path) -> None:
    crm = Crm(tmp_path, CRM_DATABASE_URL=url, CRM_DATABASE_REPLICA_URL=url)
    crm["migrate"]

    assert states(crm("doctor", "--json"))["replica"] == "failed"


def test_a_bucket_is_written_read_and_emptied_again(s3: S3, url: str, tmp_path: Path) -> None:
    bucket = s3.bucket("doctor")
    settings = {"CRM_DATABASE_URL": url, "CRM_S3_BUCKET": bucket, "CRM_S3_ENDPOINT_URL": s3.url, **CREDENTIALS}

    assert states(Crm(tmp_path, CRM_S3_PRIVATE="1", **settings)("doctor", "--json"))["files"] == "ok"
    # Nobody but our own user may read it, which is not what images without CRM_S3_PRIVATE need.
    closed = Crm(tmp_path, **settings)("doctor", "--json")
    assert states(closed)["files"] == "warning"
    assert "403 Forbidden" in examined(closed)["files"]["found"]
    assert "Contents" not in s3.client.list_objects_v2(Bucket=bucket)


def test_no_secret_is_told_whatever_is_wrong(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gone = {
        "CRM_DATABASE_URL": f"postgresql://crm:{SECRET}@127.0.0.1:{port},127.0.0.1:{port}/crm",
        "CRM_DATABASE_REPLICA_URL": f"postgresql://crm:{SECRET}@127.0.0.1:{port}/crm",
        "CRM_ADMIN_PASSWORD": SECRET,
        "CRM_S3_BUCKET": "images",
        "CRM_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "CRM_S3_PRIVATE": "1",
        "AWS_ACCESS_KEY_ID": SECRET,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    crm = Crm(tmp_path, **gone)
    plain, as_json = crm("doctor"), crm("doctor", "--json")
    for ran in (plain, as_json):
        assert ran.code == 1
        assert SECRET not in ran.out + ran.err
    assert [name for name, state in states(as_json).items() if state == "failed"] == ["database", "files"]


def test_every_wrong_setting_is_told_at_once_without_a_secret(tmp_path: Path) -> None:
    wrong = {"CRM_PORT": "http", "CRM_PROT": "1", "CRM_DATABASE_URL": f"mysql://crm:{SECRET}@db/crm"}
    ran = Crm(tmp_path / "none", **wrong)("doctor")

    assert (ran.code, ran.err) == (2, "")
    assert [line.split()[:3] for line in ran.out.splitlines()] == [
        ["failed", "settings", name] for name in ("CRM_DATABASE_URL", "CRM_PORT='http'", "CRM_PROT")
    ]
    assert SECRET not in ran.out
    assert not (tmp_path / "none").exists()


def test_the_welcome_tells_where_everything_is_and_no_secret_but_the_first_password() -> None:
    given = Settings(database_url=f"postgresql://crm:{SECRET}@db/crm", admin_password=SECRET, metrics_port=9_000)
    told = summary(given, None)
    assert list(told) == ["Address", "Docs", "Data", "Files", "Metrics"]
    assert told["Docs"] == "http://127.0.0.1:8000/docs/"
    assert SECRET not in str(told)

    first = summary(Settings(data_dir=Path("/srv/crm")), "made up")
    assert first["Log"].startswith("/srv/crm/postgres.log")
    assert list(first)[-2:] == ["Login", "Password"]
