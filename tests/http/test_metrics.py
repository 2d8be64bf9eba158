"""What ``crm serve`` tells Prometheus, summed over its workers."""

import pathlib
import re
import socket
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.adapters.receivers import Receiver, answers
from tests.http import test_cli as cli
from tests.http.commands import is_one_line
from tests.http.conftest import Server, serving
from tests.http.test_cli import new_directory

SECONDS = 30.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Scraper:
    """Asks for the figures."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/metrics"

    def text(self) -> str:
        return httpx.get(self.url).raise_for_status().text

    def __getitem__(self, series: str) -> float:
        found = re.search(rf"^{re.escape(series)} (\S+)$", self.text(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def until(self, series: str, true: Callable[[float], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not true(self[series]):
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.1)  # another process has no event to wait for


@pytest.fixture(scope="module")
def scraper() -> Scraper:
    return Scraper(free_port())


@pytest.fixture(scope="module")
def measured(migrated_database: Callable[[], str], place: pathlib.Path, scraper: Scraper) -> Iterator[Server]:
    port = scraper.url.split(":")[2].split("/")[0]
    with serving(migrated_database(), place / "measured", "--workers", "2", CRM_METRICS_PORT=port) as running:
        yield running


def test_requests_of_all_workers_are_counted_by_the_template_of_their_route(measured: Server, scraper: Scraper) -> None:
    api = measured.api()
    path = f"/api/clients/{api.make('/api/clients/', name='Acme Corp')['id']}/"
    for _ in range(20):  # each on a connection of its own, so that both workers have some
        headers = {"Authorization": f"Token {api.token}"}
        assert httpx.get(f"http://127.0.0.1:{measured.port}{path}", headers=headers).status_code == 200

    series = 'crm_http_request_duration_seconds_count{method="GET",route="/api/clients/{id}",status="200"}'
    scraper.until(series, lambda count: count == 20)
    assert path.split("/")[3] not in scraper.text()


def test_pools_and_what_is_in_flight_are_sampled(measured: Server, scraper: Scraper) -> None:
    assert measured.port
    for state in ("used", "idle", "awaited"):
        assert f'crm_pool_connections{{pool="requests",state="{state}"}}' in scraper.text()
    scraper.until('crm_pool_connections{pool="requests",state="idle"}', lambda count: count >= 2)
    assert scraper["crm_http_requests_in_flight"] == 0


def test_deliveries_are_counted_by_result_and_the_outbox_is_looked_at(measured: Server, scraper: Scraper) -> None:
    api = measured.api()
    with Receiver(answers(500)) as receiver:
        api.make("/api/webhooks/", name="w", model="Lead", url=receiver.url("/"))
        api.make("/api/leads/", name="Jane")

        scraper.until('crm_webhook_attempts_total{result="failed"}', lambda count: count == 1)
        scraper.until('crm_webhook_attempts_total{result="delivered"}', lambda count: count == 1)
        scraper.until("crm_outbox_waiting", lambda count: count == 0)
    api.make("/api/leads/", name="Ann")
    scraper.until("crm_outbox_dead", lambda count: count == 1)
    assert scraper["crm_outbox_oldest_seconds"] == 0


def test_nobody_else_is_told(measured: Server) -> None:
    assert measured.client.get("/metrics").status_code == 404


def test_a_taken_port_is_one_line() -> None:
    with new_directory() as data_dir, socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with cli.Server(data_dir, CRM_METRICS_PORT=port) as server:
            finished = server.finish()

    assert finished.code == 1
    assert is_one_line(finished.err)
    assert f"Cannot listen for Prometheus on port {port}: Address already in use" in finished.err
