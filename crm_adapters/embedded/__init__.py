"""A PostgreSQL server of our own, for those who have none: set up, supervised, ended with its holder."""
