"""Webhooks: conditions, templates, deliveries, retries."""
