"""The use cases: the asynchronous part of the core. Each reads data, calls a pure decision, and stores its changes.

``records`` has the use cases of every resource; ``accounts`` logs users in, ``tokens`` lists and revokes their own
tokens, ``users`` manages users; ``webhooks``, ``uploads`` and ``sweeping`` have the others. ``caller`` makes callers
with a real clock and real ids, and ``DeliveryWorker`` sends webhook deliveries.
"""

from crm_core.use_cases import accounts, records, sweeping, tokens, uploads, users, webhooks
from crm_core.use_cases.callers import caller, new_id, new_secret
from crm_core.use_cases.delivery_worker import DeliveryWorker
from crm_core.use_cases.uploads import Images, Upload

__all__ = [
    "DeliveryWorker",
    "Images",
    "Upload",
    "accounts",
    "caller",
    "new_id",
    "new_secret",
    "records",
    "sweeping",
    "tokens",
    "uploads",
    "users",
    "webhooks",
]
