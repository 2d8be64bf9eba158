"""Who is told of requests: the log, Prometheus, OpenTelemetry, each where it is asked for."""

import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import attrs

from crm_http.middleware import Observer
from crm_http.settings import Settings
from crm_http.telemetry.access_log import AccessLog

if TYPE_CHECKING:
    from crm_http.telemetry.metrics import Metrics
    from crm_http.telemetry.traces import Traces

logger = logging.getLogger("crm.http")


@attrs.frozen
class Observers:
    """Those of a worker; None for who is not wanted."""

    access_log: AccessLog | None
    metrics: "Metrics | None"
    traces: "Traces | None"

    @classmethod
    def wanted(cls, settings: Settings, environ: Mapping[str, str] = os.environ) -> Self:
        """Those that the settings ask for, and OpenTelemetry's own."""
        return cls(
            AccessLog(settings.log_format) if settings.access_log else None,
            _metrics() if settings.metrics_port is not None else None,
            _traces() if environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") else None,
        )

    @property
    def all(self) -> Sequence[Observer]:
        """Whom requests are told to."""
        return [each for each in (self.access_log, self.metrics, self.traces) if each]

    def close(self) -> None:
        """Pass on what has not been passed on."""
        if self.access_log:
            self.access_log.flush()
        if self.traces:
            self.traces.close()


def _metrics() -> "Metrics":
    from crm_http.telemetry.metrics import Metrics  # noqa: PLC0415 - not all want them

    return Metrics()


def _traces() -> "Traces | None":
    try:
        from crm_http.telemetry.traces import Traces  # noqa: PLC0415 - not all want them, nor have what they need
    except ModuleNotFoundError:
        logger.warning("OTEL_EXPORTER_OTLP_ENDPOINT has no effect without OpenTelemetry: install crm-core[otel].")
        return None
    return Traces()
