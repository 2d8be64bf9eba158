"""The kinds of settings: which texts each takes, and the value that it reads from them."""

import ipaddress
import math
import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from crm_core.errors import InvalidError
from crm_core.model.files import ROOT_PATH
from crm_core.rules.accounts import check_password

Network: TypeAlias = IPv4Network | IPv6Network

_PERIODS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
#: A scheme and a host, perhaps a port, and no path: what the header ``Origin`` has (RFC 6454, 6.2).
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?")
_USUAL_PORT = re.compile(r"^(http://.*):80$|^(https://.*):443$")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class RateLimit(NamedTuple):
    """How many requests may be made: so many at once, and then so many in each period.

    Attributes:
        requests: how many.
        seconds: the length of the period.
    """

    requests: int
    seconds: int


class Kind(NamedTuple):
    """A kind of setting.

    Attributes:
        takes: the texts that it takes, for people.
        read: returns the value of a text, or raises ValueError that says what is wrong with it. That never repeats the
            text, which may be a secret.
        is_trimmed: whether blanks around the text are ignored.
    """

    takes: str
    read: Callable[[str], object]
    is_trimmed: bool = True


def integer(least: int, most: int) -> Kind:
    """Return the kind of whole numbers from ``least`` to ``most``."""

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text):
            raise ValueError("is not a whole number")
        if not least <= int(text) <= most:
            raise ValueError("is out of range")
        return int(text)

    return Kind(f"{least} to {most}", read)


def _flag(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("is neither yes nor no")
    return words[text.lower()]


def _host(text: str) -> str:
    if not is_address(text) and (not _HOST.fullmatch(text) or re.fullmatch(r"[0-9.]+", text)):
        raise ValueError("is not a host")
    return text


def is_address(text: str) -> bool:
    """Return whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _database(text: str) -> str:
    # Only the form: `crm_http.server.database` knows the driver, and connecting shows the rest.
    if not re.match(r"postgres(ql)?://|\w+\s*=", text):
        raise ValueError("is not the address of a PostgreSQL database")
    return text


def _password(text: str) -> str:
    try:
        return check_password(text)
    except InvalidError as error:
        raise ValueError("cannot be a password") from error


def _bucket(text: str) -> str:
    if not _BUCKET.fullmatch(text):
        raise ValueError("is not the name of a bucket")
    return text


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is not such a URL")
    if parts.username is not None:
        raise ValueError("contains credentials, which belong in the AWS variables")
    return text.rstrip("/")


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part) for part in _parts(text))
    except ValueError:
        raise ValueError("has a part that is not a network") from None


def _origins(text: str) -> tuple[str, ...]:
    return tuple(_origin(part) for part in _parts(text))


def _origin(text: str) -> str:
    """Return an origin as browsers send it: in lower case, without the port that its scheme has anyway."""
    if text != "*" and not _ORIGIN.fullmatch(text.lower()):
        raise ValueError("has a part that is not an origin")
    return _USUAL_PORT.sub(r"\1\2", text.lower())


def _root_path(text: str) -> str:
    path = text.rstrip("/")
    if not re.fullmatch(ROOT_PATH, path) or {".", ".."} & set(path.split("/")):
        raise ValueError("is not a path that begins with a slash")
    return path


def _delays(text: str) -> tuple[float, ...]:
    try:
        delays = tuple(float(part) for part in _parts(text))
    except ValueError:
        raise ValueError("has a part that is not a number") from None
    if not all(math.isfinite(delay) and delay >= 0 for delay in delays):
        raise ValueError("has a part that is not a number of seconds")
    return delays


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _rate(text: str) -> RateLimit:
    match = re.fullmatch(r"([0-9]{1,9}) ?/ ?([a-z]+)", text)
    seconds = next((seconds for name, seconds in _PERIODS.items() if match and match[2] in (name, name[0])), None)
    if match is None or seconds is None or int(match[1]) < 1:
        raise ValueError("is not a number of requests in a time")
    return RateLimit(int(match[1]), seconds)


def _log_format(text: str) -> str:
    if text not in {"text", "json"}:
        raise ValueError("is not a format")
    return text


RATE: Final = Kind("requests a second, minute, hour or day, such as 10/second", _rate)
FLAG: Final = Kind("1 or 0", _flag)
DATABASE: Final = Kind("a libpq URL, postgresql://user@host/name", _database)
HOST_NAME: Final = Kind("an address or the name of this host, such as 0.0.0.0", _host)
PORT: Final = integer(1, 65_535)
WEB_ADDRESS: Final = Kind("an address such as https://s3.example.org", _web_address)
PASSWORD: Final = Kind("1 to 1024 characters", _password, is_trimmed=False)
DIRECTORY: Final = Kind("a directory", Path)
BUCKET_NAME: Final = Kind("3 to 63 small letters, digits, dots and hyphens", _bucket)
NETWORKS: Final = Kind("networks such as 10.2.0.0/16,fd00::/8", _networks)
ORIGINS: Final = Kind("origins such as https://app.example.org,http://localhost:5173 without a path, or *", _origins)
PATH: Final = Kind("a path such as /crm, of letters, digits, dots, hyphens, underscores and tildes", _root_path)
DELAY_LIST: Final = Kind("seconds such as 5,300,1800", _delays)
LOG_FORMAT: Final = Kind("text or json", _log_format)
INTERNAL: Final = Kind("nothing: it is internal", _flag)
