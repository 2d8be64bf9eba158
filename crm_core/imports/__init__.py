"""Imports: from the rows of a foreign table to operations, and from their outcomes to a report."""
