"""PostgreSQL 15 or later: records, accounts, migrations, and the embedded server."""

from crm_adapters.embedded.server import EmbeddedServerError, embedded_server
from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.outbox import PostgresOutbox
from crm_adapters.postgres.records.database import ConnectedDatabase, PostgresDatabase
from crm_adapters.postgres.sql.migrations import UnfitDatabaseError, migrate

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
