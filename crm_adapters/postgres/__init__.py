"""PostgreSQL 15 or later: records, accounts, migrations, and the embedded server."""

from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.database import ConnectedDatabase, PostgresDatabase
from crm_adapters.postgres.embedded import EmbeddedServerError, embedded_server
from crm_adapters.postgres.outbox import PostgresOutbox
from crm_adapters.postgres.pool import Pool
from crm_adapters.postgres.schema import UnfitDatabaseError, migrate

__all__ = [
    "ConnectedDatabase",
    "EmbeddedServerError",
    "Pool",
    "PostgresAccounts",
    "PostgresDatabase",
    "PostgresOutbox",
    "UnfitDatabaseError",
    "embedded_server",
    "migrate",
]
