"""Sends webhooks by HTTP, to allowed addresses only."""

from crm_core.extras import needs

with needs("webhooks"):
    from crm_adapters.webhooks.policy import policy_of
    from crm_adapters.webhooks.sender import HttpWebhookSender

__all__ = ["HttpWebhookSender", "policy_of"]
