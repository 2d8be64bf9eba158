"""URLs in what comes in: those of the web, and those of images."""

import re
from typing import Final
from urllib.parse import unquote

from crm_core.input.readers import refuse

#: Paths under which the app itself serves files; ``list_of_images`` may name them without a host.
OWN_FILES: Final = "/files/"


_URL = re.compile(r"https?://[^\s/?#\\@]+(?:[/?#][^\s\\]*)?", re.IGNORECASE)


def is_web_url(value: str) -> bool:
    """Whether a text is an absolute http or https URL."""
    return bool(_URL.fullmatch(value))


def read_url(value: str) -> str:
    """An image's URL: http(s), or one of the app's own files."""
    if is_web_url(value) or (value.startswith(OWN_FILES) and not re.search(r"\s|\\|\.\.", unquote(value))):
        return value
    raise refuse("invalid", "Enter a valid URL.")
