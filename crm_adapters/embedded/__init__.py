"""An embedded PostgreSQL server for machines without one: set up, supervised, and stopped with the process."""

from crm_core.extras import needs

with needs("embedded"):
    from crm_adapters.embedded.server import EmbeddedServerError, embedded_server

__all__ = ["EmbeddedServerError", "embedded_server"]
