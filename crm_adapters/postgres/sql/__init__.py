"""SQL: statements, list queries, indexes and migrations."""
