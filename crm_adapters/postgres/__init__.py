"""PostgreSQL 15 or later: records, accounts, migrations, and the embedded server."""
