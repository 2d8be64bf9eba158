"""Connections to PostgreSQL: their pool, options, time limits and errors."""
