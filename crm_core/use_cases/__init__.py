"""The asynchronous shell of the core: each use case reads, lets a pure function decide, and stores.

``records`` has the five that serve every resource, ``accounts``, ``webhooks``, ``uploads`` and ``sweeping`` have the
rest; ``caller`` says who asks, with a real clock and real ids, and a ``DeliveryWorker`` sends what webhooks are told.
"""

from crm_core.use_cases import accounts, records, sweeping, uploads, webhooks
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
    "uploads",
    "webhooks",
]
