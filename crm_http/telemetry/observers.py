"""The observers of requests that the settings enable: access log, metrics, traces."""

import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Self

import attrs

from crm_http.middleware import RequestObserver
from crm_http.settings import Settings
from crm_http.telemetry.access_log import AccessLog

if TYPE_CHECKING:
    from crm_http.telemetry.metrics import Metrics
    from crm_http.telemetry.traces import Traces

logger: Final = logging.getLogger("crm.http")


@attrs.frozen
class Observers:
    """The observers of one worker; None for those that are not enabled."""

    access_log: AccessLog | None
    metrics: "Metrics | None"
    traces: "Traces | None"

    @classmethod
    def from_settings(cls, settings: Settings, environ: Mapping[str, str] = os.environ) -> Self:
        """Return the observers that the settings and OpenTelemetry's environment variables enable."""
        return cls(
            AccessLog(settings.log_format) if settings.access_log else None,
            _metrics() if settings.metrics_port is not None else None,
            _traces() if environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") else None,
        )

    @property
    def all(self) -> Sequence[RequestObserver]:
        """Return the enabled observers."""
        return [observer for observer in (self.access_log, self.metrics, self.traces) if observer]

    def close(self) -> None:
        """Write the remaining lines of the log, and send the remaining spans."""
        if self.access_log:
            self.access_log.flush()
        if self.traces:
            self.traces.close()


def _metrics() -> "Metrics":
    from crm_http.telemetry.metrics import Metrics  # noqa: PLC0415 - optional

    return Metrics()


def _traces() -> "Traces | None":
    try:
        from crm_http.telemetry.traces import Traces  # noqa: PLC0415 - optional, and so are its dependencies
    except ModuleNotFoundError:
        logger.warning("OTEL_EXPORTER_OTLP_ENDPOINT has no effect without OpenTelemetry: install crm-core[otel].")
        return None
    return Traces()
