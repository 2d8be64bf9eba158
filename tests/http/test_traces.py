"""What OpenTelemetry is told of requests, by the worker itself and by ``crm serve``."""

import pathlib

from litestar.types import HTTPScope
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from crm_http.telemetry.traces import Traces
from tests.adapters.receivers import Receiver
from tests.http.conftest import serving

CALLER = "0af7651916cd43dd8448eb211c80319c"


def scope() -> HTTPScope:
    headers = [(b"traceparent", f"00-{CALLER}-b7ad6b7169203331-01".encode()), (b"x-canary", b"canary")]
    sent: HTTPScope = {"path": "/api/clients/canary", "query_string": b"canary", "headers": headers}  # type: ignore[typeddict-item]  # what else there is
    return sent


def test_a_request_is_a_span_of_its_caller_s_trace_with_its_route_and_nothing_that_was_sent() -> None:
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    traces("GET", "/api/clients/{id}", 200, 0.25, scope())
    traces("GET", "-", 503, 0.0, scope())
    traces.close()
    good, failed = exporter.get_finished_spans()

    assert (good.name, good.kind, good.status.status_code) == (
        "GET /api/clients/{id}",
        SpanKind.SERVER,
        StatusCode.UNSET,
    )
    assert good.start_time is not None
    assert good.end_time is not None
    assert good.end_time - good.start_time == 250_000_000
    assert good.parent is not None
    assert f"{good.parent.trace_id:032x}" == CALLER
    assert failed.status.status_code is StatusCode.ERROR
    assert "canary" not in good.to_json()


def test_a_server_sends_its_spans_to_the_collector_that_is_named(database_url: str, place: pathlib.Path) -> None:
    with Receiver() as collector:
        endpoint = collector.url("").rstrip("/")
        with serving(database_url, place / "traced", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as server:
            server.client.get("/healthz")
        # What was left is sent at the end, which is over by now.
        sent = list(collector.requests)

    assert {each.path for each in sent} == {"/v1/traces"}
    assert b"GET /healthz" in b"".join(each.body for each in sent)
