"""URLs in input: web addresses, and the addresses of images."""

import re
from typing import Final
from urllib.parse import unquote

from crm_core.errors import NOT_A_URL
from crm_core.input.readers import RefusedError

#: Paths under which the app itself serves files; ``list_of_images`` may name them without a host.
OWN_FILES: Final = "/files/"


_URL = re.compile(r"https?://[^\s/?#\\@]+(?:[/?#][^\s\\]*)?", re.IGNORECASE)


def is_web_url(value: str) -> bool:
    """Return whether a text is an absolute http or https URL."""
    return bool(_URL.fullmatch(value))


def read_url(value: str) -> str:
    """Return an image's URL: an http(s) URL, or the path of a file that the app serves. Raises RefusedError."""
    if is_web_url(value) or (value.startswith(OWN_FILES) and not re.search(r"\s|\\|\.\.", unquote(value))):
        return value
    raise RefusedError((NOT_A_URL,))
