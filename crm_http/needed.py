"""Imports what the extra ``http`` brings, so that an import of the app without it says so."""

from crm_core.extras import needs

with needs("http"):
    import litestar
    import msgspec

__all__ = ["litestar", "msgspec"]
