"""Statements, lists as SQL, indexes and migrations."""
