"""Serves the metrics of all workers to Prometheus, beside them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from crm_adapters.postgres.outbox import outbox_statistics
from crm_http.server.errors import FailedError
from crm_http.settings import Settings


@contextmanager
def exposed_metrics(url: str, settings: Settings) -> Iterator[None]:
    """Serve the metrics of the workers inside the block, if the settings ask for that. Raises FailedError."""
    if settings.metrics_port is None:
        yield
        return
    from crm_http.telemetry.metrics import metrics_server  # noqa: PLC0415 - most servers run without

    with ExitStack() as stack:
        try:
            stack.enter_context(
                metrics_server(settings.metrics_host, settings.metrics_port, partial(outbox_statistics, url))
            )
        except OSError as error:
            raise FailedError(
                f"Cannot listen for Prometheus on port {settings.metrics_port}: {error.strerror or error}. "
                "Choose by CRM_METRICS_HOST and CRM_METRICS_PORT."
            ) from error
        yield
