"""Tests for adapters: contracts, strategies for payloads, and a state machine that compares two databases.

An adapter's test subclasses a contract and opens an empty store; ``docs/how-to/write-an-adapter.md`` explains it.
"""

from crm_core.extras import needs

with needs("testing"):
    import hypothesis  # noqa: F401  # so that what is missing is named here
    import pytest

# So that a failing assertion shows its values, as in a test module.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{name}"
        for name in (
            "accounts",
            "archives",
            "catalogs",
            "contention",
            "decisions",
            "equality",
            "erasures",
            "feeds",
            "files",
            "foldings",
            "histories",
            "imports",
            "kept_values",
            "lists",
            "machine",
            "outboxes",
            "pairs",
            "passwords",
            "records",
            "replay",
            "rosters",
            "scene",
            "senders",
            "undo",
            "summaries",
            "transfers",
            "unavailability",
            "uniqueness",
            "versions",
        )
    )
)

from crm_core.model.registered import own_registration  # noqa: E402
from crm_core.testing.accounts import AccountsContract  # noqa: E402  # rewritten from here on
from crm_core.testing.archives import ArchivesContract, OpenedArchives  # noqa: E402
from crm_core.testing.contract import DatabaseContract, FeedContract  # noqa: E402
from crm_core.testing.feeds import OpenedFeed  # noqa: E402
from crm_core.testing.files import FileStoreContract  # noqa: E402
from crm_core.testing.imports import OpenedImports  # noqa: E402
from crm_core.testing.machine import DISABLED_USER, USERS, OpenPair, assert_agreement  # noqa: E402
from crm_core.testing.outboxes import Opened, OutboxContract  # noqa: E402
from crm_core.testing.passwords import PasswordsContract  # noqa: E402
from crm_core.testing.scene import Scene, fact  # noqa: E402
from crm_core.testing.senders import WebhookSenderContract  # noqa: E402
from crm_core.testing.strategies import (  # noqa: E402
    InvalidAttributes,
    PayloadContext,
    attribute_sets,
    attribute_values,
    conditions,
    definitions,
    entities,
    histories,
    invalid_attribute_sets,
    list_parameters,
    patches,
    payloads,
    schemas,
    templates,
)
from crm_core.testing.unavailability import UnavailableContract  # noqa: E402
from crm_core.testing.undo import ImportRunsContract  # noqa: E402

__all__ = [
    "DISABLED_USER",
    "USERS",
    "AccountsContract",
    "ArchivesContract",
    "DatabaseContract",
    "FeedContract",
    "FileStoreContract",
    "ImportRunsContract",
    "InvalidAttributes",
    "OpenPair",
    "Opened",
    "OpenedArchives",
    "OpenedFeed",
    "OpenedImports",
    "OutboxContract",
    "PasswordsContract",
    "PayloadContext",
    "Scene",
    "UnavailableContract",
    "WebhookSenderContract",
    "assert_agreement",
    "attribute_sets",
    "attribute_values",
    "conditions",
    "definitions",
    "entities",
    "fact",
    "histories",
    "invalid_attribute_sets",
    "list_parameters",
    "own_registration",
    "patches",
    "payloads",
    "schemas",
    "templates",
]
