"""The settings of the CRM: environment variables that begin with ``CRM_``."""

from crm_http.settings.kinds import Network, RateLimit
from crm_http.settings.settings import Setting, SettingError, Settings, described, unknown_names, variable

__all__ = ["Network", "RateLimit", "Setting", "SettingError", "Settings", "described", "unknown_names", "variable"]
