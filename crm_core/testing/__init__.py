"""The harness for adapters: what clients may send, what every adapter must do, and a machine that compares databases.

An adapter's test subclasses a contract and says how to open an empty store; ``docs/how-to/write-an-adapter.md``
goes through it.
"""

import pytest

# So that a fact that fails shows the values, as it would in a test of one's own.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{name}"
        for name in (
            "catalogs",
            "contention",
            "decisions",
            "files",
            "lists",
            "machine",
            "outboxes",
            "pairs",
            "records",
            "scene",
            "senders",
        )
    )
)

from crm_core.testing.contract import DatabaseContract  # noqa: E402  # rewritten from here on
from crm_core.testing.files import FileStoreContract  # noqa: E402
from crm_core.testing.machine import USERS, OpenPair, assert_agreement  # noqa: E402
from crm_core.testing.outboxes import Opened, OutboxContract  # noqa: E402
from crm_core.testing.scene import Scene, fact  # noqa: E402
from crm_core.testing.senders import WebhookSenderContract  # noqa: E402
from crm_core.testing.strategies import (  # noqa: E402
    Surroundings,
    attribute_values,
    entities,
    list_parameters,
    patches,
    payloads,
)

__all__ = [
    "USERS",
    "DatabaseContract",
    "FileStoreContract",
    "OpenPair",
    "Opened",
    "OutboxContract",
    "Scene",
    "Surroundings",
    "WebhookSenderContract",
    "assert_agreement",
    "attribute_values",
    "entities",
    "fact",
    "list_parameters",
    "patches",
    "payloads",
]
