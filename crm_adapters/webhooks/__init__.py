"""Delivery of webhooks by HTTP, to where it may go."""
