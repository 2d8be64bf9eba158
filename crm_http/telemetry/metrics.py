"""Metrics for Prometheus: each worker counts in files of its own, and the supervisor serves the sums.

This module is imported only if CRM_METRICS_PORT is set.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from litestar.types import HTTPScope
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from crm_core.errors import ThrottledError, UnavailableError, WrongCredentialsError
from crm_core.ports import WebhookSender
from crm_core.webhooks.attempts import Attempt, Outcome

#: The directory of the files; prometheus_client reads the variable when it is imported.
_DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SAMPLE_INTERVAL: Final = 1.0
#: How logins fail, by the error; the app raises these for nothing else.
_FAILED_LOGINS: Final[Mapping[object, str]] = {WrongCredentialsError: "refused", ThrottledError: "throttled"}

#: Returns the values of a gauge by label.
Sample = Callable[[], Mapping[str, float]]


class Metrics:
    """The metrics of one worker; an observer of the `RequestMiddleware`."""

    def __init__(self) -> None:
        self._seconds = Histogram(
            "crm_http_request_duration_seconds",
            "Requests by method, template of the route, and status.",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=None,
        )
        self._attempts = Counter(
            "crm_webhook_attempts", "Attempts to deliver to webhooks, by result.", ["result"], registry=None
        )
        self._failed_logins = Counter(
            "crm_failed_logins",
            "Logins with wrong credentials (refused) or too soon (throttled).",
            ["result"],
            registry=None,
        )
        self._by_request: dict[tuple[str, str, int], Histogram] = {}

    def __call__(self, method: str, route: str, status: int, seconds: float, scope: HTTPScope) -> None:
        """Count a request."""
        if result := _FAILED_LOGINS.get(scope["state"].get("error", object)):
            self._failed_logins.labels(result).inc()
        key = (method, route, status)
        if (histogram := self._by_request.get(key)) is None:
            histogram = self._by_request[key] = self._seconds.labels(method, route, str(status))
        histogram.observe(seconds)

    def counting(self, sender: WebhookSender) -> WebhookSender:
        """Return a sender that counts attempts by result."""
        return _CountedSender(sender, self._attempts)

    @asynccontextmanager
    async def sampling(self, in_flight: Callable[[], int], pools: Mapping[str, Sample]) -> AsyncIterator[None]:
        """Sample gauges once a second while the context is open.

        Args:
            in_flight: returns the number of requests in progress.
            pools: functions that return the connections of a pool by state, by the name of the pool.
        """
        requests = _gauge("crm_http_requests_in_flight", "Requests that are worked on.")
        connections = _gauge("crm_pool_connections", "Connections to the database.", "pool", "state")

        async def sample_forever() -> None:
            while True:
                requests.set(in_flight())
                for pool, sample in pools.items():
                    for state, count in sample().items():
                        connections.labels(pool, state).set(count)
                await asyncio.sleep(_SAMPLE_INTERVAL)

        task = asyncio.create_task(sample_forever())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class _CountedSender:
    def __init__(self, sender: WebhookSender, attempts: Counter) -> None:
        self._sender = sender
        self._results = {success: attempts.labels("delivered" if success else "failed") for success in (True, False)}

    async def send(self, attempt: Attempt) -> Outcome:
        outcome = await self._sender.send(attempt)
        self._results[outcome.is_success].inc()
        return outcome


@contextmanager
def metrics_server(host: str, port: int, outbox: Callable[[], Mapping[str, float]]) -> Iterator[None]:
    """Serve the metrics of all workers that are started while the context is open. Raises OSError.

    Args:
        host: the address to listen on.
        port: the port.
        outbox: returns the metrics of the outbox by name; may raise UnavailableError.
    """
    with TemporaryDirectory(prefix="crm-metrics-") as directory:
        os.environ[_DIRECTORY_VARIABLE] = directory
        registry = CollectorRegistry()
        registry.register(_WorkerCollector(directory))
        registry.register(_OutboxCollector(outbox))
        server, thread = start_http_server(port, host, registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _WorkerCollector(Collector):
    """Collects the sums over the files of all workers."""

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)
        self._files = MultiProcessCollector(None, directory)

    def collect(self) -> Iterable[Metric]:
        for path in self._directory.glob("gauge_live*_*.db"):
            # A worker that was killed has no requests and connections any more, so its gauges are removed.
            if (pid := re.search(r"_(\d+)\.db$", path.name)) and not _is_alive(int(pid[1])):
                with suppress(FileNotFoundError):  # a scrape at the same time removed it
                    mark_process_dead(int(pid[1]), str(self._directory))
        yield from self._files.collect()


class _OutboxCollector(Collector):
    """Collects the metrics of the outbox, which all workers share."""

    def __init__(self, read: Callable[[], Mapping[str, float]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        with suppress(UnavailableError):  # without the database there are no values
            for name, value in self._read().items():
                yield GaugeMetricFamily(f"crm_outbox_{name}", _OUTBOX_HELP[name], value=value)


_OUTBOX_HELP: Final = {
    "waiting": "Deliveries that are not finished.",
    "oldest_seconds": "The age of the oldest of them.",
    "dead": "Deliveries that were given up, of the last 30 days.",
}


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, registry=None, multiprocess_mode="livesum")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # PermissionError: the number belongs to another user's process now
        return False
    return True
