"""A shop beside the CRM: an order and its lead in one transaction, stages, history, a hook, and webhooks.

pip install 'crm-core[postgres,webhooks]'
"""
