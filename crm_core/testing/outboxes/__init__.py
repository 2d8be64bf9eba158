"""The facts that every Outbox must show, together with the Database whose commits fill it.

An adapter's test subclasses :class:`OutboxContract`, and says how to open an empty database with its outbox and how to
let time pass there.
"""

from crm_core.testing.outboxes.claims import ClaimFacts
from crm_core.testing.outboxes.commits import CommitFacts
from crm_core.testing.outboxes.endpoints import EndpointFacts
from crm_core.testing.outboxes.logs import LogFacts
from crm_core.testing.outboxes.scene import Opened, Post
from crm_core.testing.outboxes.secrets import SecretFacts

__all__ = ["Opened", "OutboxContract", "Post"]


class OutboxContract(CommitFacts, ClaimFacts, EndpointFacts, LogFacts, SecretFacts):
    """All facts about Outbox and DeliveryLog."""
