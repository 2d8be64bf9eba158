"""Bulk requests: many operations in one, from plain values to decisions, and from results to outcomes."""
