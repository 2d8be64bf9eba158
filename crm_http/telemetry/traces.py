"""Traces by OpenTelemetry: a span for each request, named by its route, without anything that was sent.

OpenTelemetry is configured by its own environment variables, OTEL_…; this module only starts and ends spans.
"""

import threading
import time
from collections.abc import Mapping

from litestar.types import HTTPScope
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_FAILED = 500
_CLOSE_SECONDS = 2.0


class Traces:
    """Exports a span for each request; an observer of the `RequestMiddleware`.

    Args:
        exporter: exports the spans; by default to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names.
    """

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("crm")
        self._propagator = TraceContextTextMapPropagator()

    def __call__(self, method: str, route: str, status: int, seconds: float, scope: HTTPScope) -> None:
        """Export a span for a request, as part of the trace in its ``traceparent`` header."""
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"{method} {route}",
            self._propagator.extract(_carrier(scope)),
            SpanKind.SERVER,
            {"http.request.method": method, "http.route": route, "http.response.status_code": status},
            start_time=ended - int(seconds * 1e9),
        )
        if status >= _FAILED:
            span.set_status(StatusCode.ERROR)
        span.end(ended)

    def close(self) -> None:
        """Send the remaining spans, but wait for the collector for at most two seconds, as the server is stopping."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(_CLOSE_SECONDS)


def _carrier(scope: HTTPScope) -> Mapping[str, str]:
    names = (b"traceparent", b"tracestate")
    return {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in names}
