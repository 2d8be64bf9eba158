"""Figures for Prometheus: each worker counts in files of its own, and the process that looks after them shows the sum.

Only where CRM_METRICS_PORT is set is this imported at all.
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

from crm_core.errors import UnavailableError
from crm_core.ports import WebhookSender
from crm_core.webhooks.attempts import Attempt, Outcome

#: Where the library keeps the files; it reads this when it is imported.
_PLACE: Final = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BETWEEN_SAMPLES: Final = 1.0

#: The figures of a gauge by the value of its label.
Sample = Callable[[], Mapping[str, float]]


class Metrics:
    """What one worker counts; an observer of the `RequestMiddleware`."""

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
        self._known: dict[tuple[str, str, int], Histogram] = {}

    def __call__(self, method: str, route: str, status: int, seconds: float, _: HTTPScope) -> None:
        """Count a request."""
        key = (method, route, status)
        if (known := self._known.get(key)) is None:
            known = self._known[key] = self._seconds.labels(method, route, str(status))
        known.observe(seconds)

    def counted(self, sender: WebhookSender) -> WebhookSender:
        """A sender whose attempts are counted."""
        return _CountedSender(sender, self._attempts)

    @asynccontextmanager
    async def sampled(self, working: Callable[[], int], pools: Mapping[str, Sample]) -> AsyncIterator[None]:
        """Look at what goes up and down, once in a second, meanwhile."""
        in_flight = _gauge("crm_http_requests_in_flight", "Requests that are worked on.")
        connections = _gauge("crm_pool_connections", "Connections to the database.", "pool", "state")

        async def look() -> None:
            while True:
                in_flight.set(working())
                for pool, sample in pools.items():
                    for state, count in sample().items():
                        connections.labels(pool, state).set(count)
                await asyncio.sleep(_BETWEEN_SAMPLES)

        looking = asyncio.create_task(look())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


class _CountedSender:
    def __init__(self, sender: WebhookSender, attempts: Counter) -> None:
        self._sender = sender
        self._results = {taken: attempts.labels("delivered" if taken else "failed") for taken in (True, False)}

    async def send(self, attempt: Attempt) -> Outcome:
        outcome = await self._sender.send(attempt)
        self._results[outcome.is_success].inc()
        return outcome


@contextmanager
def exposed(host: str, port: int, outbox: Callable[[], Mapping[str, float]]) -> Iterator[None]:
    """Serve the figures of all workers that are started meanwhile. Raises OSError.

    Args:
        host: where to listen.
        port: its port.
        outbox: the figures of the outbox; may raise UnavailableError.
    """
    with TemporaryDirectory(prefix="crm-metrics-") as place:
        os.environ[_PLACE] = place
        registry = CollectorRegistry()
        registry.register(_Workers(place))
        registry.register(_Outbox(outbox))
        server, thread = start_http_server(port, host, registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Workers(Collector):
    """What the workers' files come to."""

    def __init__(self, place: str) -> None:
        self._place = Path(place)
        self._files = MultiProcessCollector(None, place)

    def collect(self) -> Iterable[Metric]:
        for path in self._place.glob("gauge_live*_*.db"):
            # A worker that was killed has nothing in flight and no connections any more.
            if (pid := re.search(r"_(\d+)\.db$", path.name)) and not _is_alive(int(pid[1])):
                with suppress(FileNotFoundError):  # another look was quicker
                    mark_process_dead(int(pid[1]), str(self._place))
        yield from self._files.collect()


class _Outbox(Collector):
    """The outbox, which is one for all workers."""

    def __init__(self, figures: Callable[[], Mapping[str, float]]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        with suppress(UnavailableError):  # what is not known is not shown
            for name, value in self._figures().items():
                yield GaugeMetricFamily(f"crm_outbox_{name}", _OUTBOX[name], value=value)


_OUTBOX: Final = {
    "waiting": "Deliveries that are not finished.",
    "oldest_seconds": "The age of the oldest of them.",
    "dead": "Deliveries that were given up, of the last 30 days.",
}


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, registry=None, multiprocess_mode="livesum")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # the latter: another user's process has its number by now
        return False
    return True
