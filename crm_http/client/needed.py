"""Imports what the extra ``client`` brings, so that an import without it says so."""

from crm_core.extras import needs

with needs("client"):
    import httpx
    import msgspec

__all__ = ["httpx", "msgspec"]
