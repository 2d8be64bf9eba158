"""The outermost layer, before routing: limits on every request, and headers of every answer."""

from crm_http.middleware.limits import Limits
from crm_http.middleware.request_middleware import AbandonedError, RequestMiddleware, RequestObserver

__all__ = ["AbandonedError", "Limits", "RequestMiddleware", "RequestObserver"]
