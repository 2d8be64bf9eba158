"""A typed client of the API: ``pip install 'crm-core[client]'``. It needs nothing of the server's.

Records are the entities of ``crm_core``. Errors are those of ``crm_core.errors``, under ``CrmError``, and two that only
a client meets: ``NoAnswerError`` and ``AnswerError``.

What failed is sent again, a few times and ever more patiently, where that cannot do anything twice: reading; creating
and changing records, under an ``Idempotency-Key`` of the client's own; deleting, where nothing left is as good as an
answer. Anything is sent again that did not reach a server, or was too early for it (429).
"""

from crm_http.client.answers import AnswerError, NoAnswerError, version_of
from crm_http.client.drivers import AsyncClient, Client, Me
from crm_http.client.records import Records, RecordsWithImages, RecordsWithTasks, Upload
from crm_http.client.retries import Retry
from crm_http.client.webhooks import Delivery, DryRunResult, Webhook, Webhooks

__all__ = [
    "AnswerError",
    "AsyncClient",
    "Client",
    "Delivery",
    "DryRunResult",
    "Me",
    "NoAnswerError",
    "Records",
    "RecordsWithImages",
    "RecordsWithTasks",
    "Retry",
    "Upload",
    "Webhook",
    "Webhooks",
    "version_of",
]
