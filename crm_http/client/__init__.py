"""A typed client of the API, synchronous and asynchronous: ``pip install 'crm-core[client]'``.

Records are the entities of ``crm_core``. Errors are those of ``crm_core.errors``, under ``CrmError``; two more exist
only here: ``NoResponseError`` and ``UnexpectedResponseError``. The server's own dependencies are not needed.

Failed requests are retried with growing waits if a repetition cannot do anything twice: reads; creating and changing
records, with an ``Idempotency-Key`` that the client makes; deletes, where a record that is already gone counts as
deleted. Any request is retried that did not reach a server or was throttled (429).
"""

from crm_http.client.clients import AsyncClient, Client, Me
from crm_http.client.records import (
    RecordOperations,
    RecordOperationsWithImages,
    RecordOperationsWithTasks,
    UploadedImage,
)
from crm_http.client.responses import NoResponseError, UnexpectedResponseError, version_of
from crm_http.client.retries import Retry
from crm_http.client.webhooks import DeliveryReport, DryRunResult, WebhookOperations, WebhookWithSecret

__all__ = [
    "AsyncClient",
    "Client",
    "DeliveryReport",
    "DryRunResult",
    "Me",
    "NoResponseError",
    "RecordOperations",
    "RecordOperationsWithImages",
    "RecordOperationsWithTasks",
    "Retry",
    "UnexpectedResponseError",
    "UploadedImage",
    "WebhookOperations",
    "WebhookWithSecret",
    "version_of",
]
