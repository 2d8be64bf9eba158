"""The ``Authorization`` header (RFC 9110, 11.6.2): which token it carries."""

from crm_core.errors import NotAuthenticatedError


def read_authorization(header: str | None) -> str:
    """The token of an ``Authorization`` header; raises NotAuthenticatedError with the texts of the documented API."""
    if not is_ours(header):
        raise NotAuthenticatedError
    _, *parts = (header or "").split()
    if not parts:
        raise NotAuthenticatedError("Invalid token header. No credentials provided.")
    if len(parts) > 1:
        raise NotAuthenticatedError("Invalid token header. Token string should not contain spaces.")
    return parts[0]


def is_ours(header: str | None) -> bool:
    """Whether an ``Authorization`` header is of a scheme that carries tokens; others are as good as none."""
    return (header or "").strip().partition(" ")[0].lower() in {"token", "bearer"}
