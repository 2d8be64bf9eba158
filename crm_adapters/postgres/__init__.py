"""PostgreSQL 15 or later: records, accounts, the outbox, the change feed and migrations."""

from crm_core.extras import needs

with needs("postgres"):
    from crm_adapters.postgres.accounts import PostgresAccounts
    from crm_adapters.postgres.archives import PostgresArchives
    from crm_adapters.postgres.connection.pool import Pool
    from crm_adapters.postgres.feed import PostgresFeed
    from crm_adapters.postgres.imports import PostgresImportRuns
    from crm_adapters.postgres.outbox import PostgresOutbox
    from crm_adapters.postgres.records.connected_database import ConnectedDatabase
    from crm_adapters.postgres.records.database import PostgresDatabase
    from crm_adapters.postgres.sql.migrations import UnfitDatabaseError, migrate

__all__ = [
    "ConnectedDatabase",
    "Pool",
    "PostgresAccounts",
    "PostgresArchives",
    "PostgresDatabase",
    "PostgresFeed",
    "PostgresImportRuns",
    "PostgresOutbox",
    "UnfitDatabaseError",
    "migrate",
]
