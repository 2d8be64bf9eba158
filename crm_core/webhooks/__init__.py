"""The domain of webhooks: conditions, templates, deliveries, retries. ``rules.webhooks`` checks one that is saved."""
