"""The use cases: the asynchronous part of the core. Each reads data, calls a pure decision, and stores its changes.

``records`` has the use cases of every resource, ``upserts`` those that find a record by a value, ``history`` shows
their versions, ``restorations`` restores them, ``duplicates`` finds records that may be the same, ``merges`` makes one
of several, and ``erasures`` erases them for good. ``bulk`` carries out many operations in one commit, and a
``unit_of_work`` commits several use cases together or not at all. ``accounts`` logs users in, ``tokens`` lists and
revokes their own tokens, ``users`` manages users; ``webhooks``, ``uniqueness``, ``uploads`` and ``sweeping`` have the
others. ``evolutions`` renames and converts attributes in all records. ``agendas`` lists the tasks of all records, and
``calendars`` shows them to calendar apps. ``transfers`` accepts and declines transfer requests, ``rosters`` reads
cohorts with all that belongs to them, and ``summaries`` sums up pipelines. ``changes`` reads the feed of changes, and
``Hooks`` calls functions with it. ``imports`` makes records of the rows of files, ``import_requests`` takes files from
users and shows them how far they are, and ``ImportRunner`` carries these out. ``archives`` moves a whole database.
``caller`` makes callers with a real clock and real ids, and ``DeliveryWorker`` sends webhook deliveries.
"""

from crm_core.use_cases import (
    accounts,
    agendas,
    archives,
    bulk,
    calendars,
    changes,
    duplicates,
    erasures,
    evolutions,
    history,
    import_requests,
    imports,
    merges,
    records,
    restorations,
    rosters,
    summaries,
    sweeping,
    tokens,
    transfers,
    uniqueness,
    uploads,
    upserts,
    users,
    webhooks,
)
from crm_core.use_cases.callers import caller, new_id, new_secret
from crm_core.use_cases.delivery_worker import DeliveryWorker
from crm_core.use_cases.hooks import Hooks
from crm_core.use_cases.import_requests import Imports
from crm_core.use_cases.import_runner import ImportRunner
from crm_core.use_cases.import_stores import ImportStores
from crm_core.use_cases.installed_resources import register_installed
from crm_core.use_cases.units_of_work import UnitOfWork, unit_of_work
from crm_core.use_cases.uploads import Images, Upload

__all__ = [
    "DeliveryWorker",
    "Hooks",
    "Images",
    "ImportRunner",
    "ImportStores",
    "Imports",
    "UnitOfWork",
    "Upload",
    "accounts",
    "agendas",
    "archives",
    "bulk",
    "calendars",
    "caller",
    "changes",
    "duplicates",
    "erasures",
    "evolutions",
    "history",
    "import_requests",
    "imports",
    "merges",
    "new_id",
    "new_secret",
    "records",
    "register_installed",
    "restorations",
    "rosters",
    "summaries",
    "sweeping",
    "tokens",
    "transfers",
    "uniqueness",
    "unit_of_work",
    "uploads",
    "upserts",
    "users",
    "webhooks",
]
