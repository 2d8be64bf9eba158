"""Web addresses in input."""

import re

_URL = re.compile(r"https?://[^\s/?#\\@]+(?:[/?#][^\s\\]*)?", re.IGNORECASE)


def is_web_url(value: str) -> bool:
    """Return whether a text is an absolute http or https URL."""
    return bool(_URL.fullmatch(value))
