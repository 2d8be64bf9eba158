"""Webhooks: when they fire, what is sent, and what follows from an attempt to send it."""
