"""Failed logins: who has to wait for whom, behind proxies too, and what the log and the figures say of it."""

import asyncio
import logging
import pathlib
from collections.abc import Callable, Iterator
from ipaddress import ip_network

import httpx
import pytest
from argon2 import PasswordHasher

from crm_adapters.image_headers import read_header
from crm_adapters.memory import MemoryAccounts, MemoryDatabase, MemoryFileStore
from crm_adapters.passwords import Argon2Passwords
from crm_core.use_cases.uploads import Images
from crm_http.app import create_app
from crm_http.middleware import Limits
from tests.http.conftest import PASSWORD, serving
from tests.http.test_metrics import free_port

PROXY = "10.0.0.1"


class Site:
    """The app on memory behind a proxy that says whose requests it passes on."""

    def __init__(self, runner: asyncio.Runner, *trusted: str) -> None:
        self._run = runner.run
        accounts, passwords = MemoryAccounts(), Argon2Passwords(PasswordHasher(1, 8, 1))
        for name in ("ann", "bob"):
            runner.run(accounts.add_user(name, runner.run(passwords.hash(PASSWORD))))
        database = MemoryDatabase(accounts)
        images = Images(files=MemoryFileStore(), read_header=read_header)
        limits = Limits(trusted_proxies=tuple(map(ip_network, trusted)))
        app = create_app(database, accounts, passwords, database.outbox, database.feed, images, limits=limits)
        transport = httpx.ASGITransport(app, client=(PROXY, 1))  # type: ignore[arg-type]  # Litestar's types are narrower
        self._client = httpx.AsyncClient(transport=transport, base_url="http://crm.example")

    def log_in(self, address: str, username: str = "ann", password: str = PASSWORD) -> int:
        """The status of the answer to a login."""
        headers = {"X-Forwarded-For": address}
        credentials = {"username": username, "password": password}
        return self._run(self._client.post("/api-token-auth/", json=credentials, headers=headers)).status_code

    def fail(self, address: str, times: int, username: str = "ann") -> list[int]:
        return [self.log_in(address, username, f"wrong {number}") for number in range(times)]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@pytest.fixture
def site(runner: asyncio.Runner) -> Site:
    return Site(runner, "10.0.0.0/8")


def test_behind_a_trusted_proxy_nobody_locks_others_out(site: Site) -> None:
    assert site.fail("203.0.113.7", 11) == [400] * 10 + [429]
    assert site.log_in("203.0.113.7") == 429
    assert site.log_in("203.0.113.8") == 200
    assert site.log_in("203.0.113.7", "bob") == 200


def test_what_the_client_wrote_itself_frees_it_of_nothing(site: Site) -> None:
    assert [site.log_in(f"198.51.100.{number}, 203.0.113.7", password="wrong") for number in range(11)][-1] == 429


def test_a_proxy_that_is_not_trusted_is_the_client(runner: asyncio.Runner) -> None:
    site = Site(runner)

    assert [site.log_in(f"203.0.113.{number}", password="wrong") for number in range(11)][-1] == 429


def test_an_ipv6_customer_is_one_client_whatever_the_address(site: Site) -> None:
    statuses = [site.log_in(f"2001:db8:0:1::{number:x}", password="wrong") for number in range(11)]

    assert statuses == [400] * 10 + [429]
    assert site.log_in("2001:db8:0:2::1") == 200
    assert [site.log_in(f"::ffff:203.0.113.{number}", "bob", "wrong") for number in range(11)] == [400] * 11


def test_guesses_from_many_addresses_slow_new_addresses_and_not_known_ones(site: Site) -> None:
    assert site.log_in("203.0.113.7") == 200
    statuses = [site.log_in(f"198.51.100.{number}", password="wrong") for number in range(60)]

    assert statuses[:50] == [400] * 50
    assert statuses[-1] == 429
    assert site.log_in("192.0.2.1") == 429
    assert site.log_in("203.0.113.7") == 200
    assert site.log_in("192.0.2.1", "bob") == 200
    assert site.fail("203.0.113.7", 11)[-1] == 429


def test_the_log_has_a_line_for_each_key_that_is_slowed_and_no_name(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "crm.logins")
    site.fail("203.0.113.7", 20)
    site.fail("203.0.113.8", 12, "a-password-in-the-wrong-field")

    assert [record.getMessage() for record in caplog.records] == [
        "logins as user 1 from 203.0.113.7 have to wait after 10 failures, the latest from 203.0.113.7",
        "logins as an unknown user from 203.0.113.8 have to wait after 10 failures, the latest from 203.0.113.8",
    ]
    caplog.clear()
    for number in range(60):
        site.log_in(f"198.51.100.{number}", password="wrong")
    assert [record.getMessage() for record in caplog.records] == [
        "logins as user 1 have to wait after 50 failures, the latest from 198.51.100.39"
    ]


def test_failed_logins_are_counted_and_the_log_has_the_address_of_the_client(
    place: pathlib.Path, migrated_database: Callable[[], str], capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    settings = {"CRM_TRUSTED_PROXIES": "127.0.0.0/8", "CRM_METRICS_PORT": str(port)}
    with serving(migrated_database(), place / "proxied", **settings) as server:
        headers = {"Forwarded": 'for="[2001:db8::7]:4711"'}
        for _ in range(11):
            wrong = {"username": "admin", "password": "wrong"}
            server.client.post("/api-token-auth/", json=wrong, headers=headers)
        figures = httpx.get(f"http://127.0.0.1:{port}/metrics").text

    assert 'crm_failed_logins_total{result="refused"} 10.0' in figures
    assert 'crm_failed_logins_total{result="throttled"} 1.0' in figures
    written = capfd.readouterr().err
    assert written.count(" client=2001:db8::7 method=POST route=/api-token-auth ") == 11
    assert written.count("logins as user 1 from 2001:db8::/64 have to wait after 10 failures") == 1
