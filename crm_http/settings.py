"""What an administrator can set, read from the environment once and checked there.

A setting is a field of `Settings`: its variable is the field's name in capitals after ``CRM_``.
"""

import difflib
import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final, Self, TypeAlias
from urllib.parse import urlsplit

import attrs

from crm_core.errors import InvalidError
from crm_core.use_cases.accounts import check_password
from crm_core.webhooks.retries import DELAYS

PREFIX: Final = "CRM_"
_OF_THE_TESTS: Final = "CRM_TEST_"

Network: TypeAlias = IPv4Network | IPv6Network

# Each reader takes a text and gives the value, or raises ValueError with what is wrong. That never repeats the text,
# which may be a secret.
_Reader: TypeAlias = Callable[[str], object]

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MOST_DAYS: Final = 3_650
_MOST_WORKERS: Final = 64
_MOST_MEGABYTES: Final = 1_000


class SettingError(Exception):
    """A setting is wrong; one line that says which, why, and what it takes."""


def _whole(least: int, most: int) -> _Reader:
    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text):
            raise ValueError("is not a whole number")
        if not least <= int(text) <= most:
            raise ValueError("is out of range")
        return int(text)

    return read


def _flag(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("is neither yes nor no")
    return words[text.lower()]


def _host(text: str) -> str:
    if not _is_address(text) and (not _HOST.fullmatch(text) or re.fullmatch(r"[0-9.]+", text)):
        raise ValueError("is no host")
    return text


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _database(text: str) -> str:
    # Only the shape: what is behind it shows when it is connected to, and `main` knows the driver.
    if not re.match(r"postgres(ql)?://|\w+\s*=", text):
        raise ValueError("is no address of a PostgreSQL database")
    return text


def _password(text: str) -> str:
    try:
        return check_password(text)
    except InvalidError as error:
        raise ValueError("cannot be a password") from error


def _bucket(text: str) -> str:
    if not _BUCKET.fullmatch(text):
        raise ValueError("is no name of a bucket")
    return text


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is no such URL")
    if parts.username is not None:
        raise ValueError("has credentials in it, which belong into the AWS variables")
    return text.rstrip("/")


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part) for part in _parts(text))
    except ValueError:
        raise ValueError("has a part that is no network") from None


def _delays(text: str) -> tuple[float, ...]:
    try:
        delays = tuple(float(part) for part in _parts(text))
    except ValueError:
        raise ValueError("has a part that is no number") from None
    if not all(math.isfinite(delay) and delay >= 0 for delay in delays):
        raise ValueError("has a part that is no number of seconds")
    return delays


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _log_format(text: str) -> str:
    if text not in {"text", "json"}:
        raise ValueError("is no such format")
    return text


def _setting(read: _Reader, takes: str, default: object, *, secret: bool = False) -> Any:
    return attrs.field(default=default, repr=not secret, metadata={"read": read, "takes": takes, "secret": secret})


_AN_ADDRESS: Final = "an address or the name of this host, such as 0.0.0.0"
_WEB: Final = "an address such as https://s3.example.org"


@attrs.frozen(kw_only=True)
class Settings:
    """All settings, with what holds where one is unset.

    Attributes:
        database_url: unset for the embedded server.
        database_replica_url: a copy that may be read from.
        data_dir: where the embedded server's data and local files are.
        host: what is listened on.
        port: its port.
        workers: how many processes answer.
        admin_password: of the first user; unset for a random one.
        token_days: after how many days without use a token ends.
        s3_bucket: where files are; unset for `data_dir`.
        s3_endpoint_url: of another S3 than Amazon's.
        s3_public_url: what URLs of files begin with, where that is not the endpoint and bucket.
        s3_private: whether files are shown to those only who may see the record.
        upload_mb: the most that an image may have, in units of 2**20 bytes.
        upload_keep_metadata: whether images are kept with all that they tell of places and people.
        webhook_allow: networks that webhooks may reach although they are not public.
        webhook_retry_delays: seconds before each further try of a delivery.
        log_format: ``text`` or ``json``.
        access_log: whether each request is logged.
        metrics_host: where figures for Prometheus are served.
        metrics_port: its port; unset for not at all.
        embedded: internal; set by a server for its workers, whose `database_url` is the embedded server's.
    """

    database_url: str | None = _setting(_database, "a libpq URL, postgresql://user@host/name", None, secret=True)
    database_replica_url: str | None = _setting(
        _database, "a libpq URL, postgresql://user@host/name", None, secret=True
    )
    data_dir: Path = _setting(Path, "a directory", Path(".crm"))  # noqa: RUF009 - a Path is as frozen as a text
    host: str = _setting(_host, _AN_ADDRESS, "127.0.0.1")
    port: int = _setting(_whole(1, 65_535), "1 to 65535", 8000)
    workers: int = _setting(_whole(1, _MOST_WORKERS), f"1 to {_MOST_WORKERS}", 1)
    admin_password: str | None = _setting(_password, "1 to 1024 characters", None, secret=True)
    token_days: int = _setting(_whole(1, _MOST_DAYS), f"1 to {_MOST_DAYS}", 30)
    s3_bucket: str | None = _setting(_bucket, "3 to 63 small letters, digits, dots and hyphens", None)
    s3_endpoint_url: str | None = _setting(_web_address, _WEB, None, secret=True)
    s3_public_url: str | None = _setting(_web_address, _WEB, None, secret=True)
    s3_private: bool = _setting(_flag, "1 or 0", default=False)
    upload_mb: int = _setting(_whole(1, _MOST_MEGABYTES), f"1 to {_MOST_MEGABYTES}", 10)
    upload_keep_metadata: bool = _setting(_flag, "1 or 0", default=False)
    webhook_allow: tuple[Network, ...] = _setting(_networks, "networks such as 10.2.0.0/16,fd00::/8", ())
    webhook_retry_delays: tuple[float, ...] = _setting(_delays, "seconds such as 5,300,1800", DELAYS)
    log_format: str = _setting(_log_format, "text or json", "text")
    access_log: bool = _setting(_flag, "1 or 0", default=True)
    metrics_host: str = _setting(_host, _AN_ADDRESS, "127.0.0.1")
    metrics_port: int | None = _setting(_whole(1, 65_535), "1 to 65535", None)
    embedded: bool = _setting(_flag, "nothing: it is internal", default=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """The settings of an environment, in which an empty variable is as good as none. Raises SettingError."""
        given = {name: text for name, text in environ.items() if _is_ours(name) and text.strip()}
        fields = {variable(field.name): field for field in attrs.fields(cls)}
        for name in sorted(given.keys() - fields.keys()):
            raise SettingError(_unknown(name, fields))
        return cls(**{fields[name].name: _read(name, text, fields[name].metadata) for name, text in given.items()})

    @property
    def is_embedded(self) -> bool:
        """Whether the database is the embedded server."""
        return self.database_url is None or self.embedded

    @property
    def zero_setup(self) -> bool:
        """Whether this is the mode without any set-up: an embedded database, and nobody but this machine is served."""
        is_loopback = self.host == "localhost" or (
            _is_address(self.host) and ipaddress.ip_address(self.host).is_loopback
        )
        return self.is_embedded and is_loopback


def variable(name: str) -> str:
    """The variable of a field."""
    return PREFIX + name.upper()


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX) and not name.startswith(_OF_THE_TESTS)


def _unknown(name: str, fields: Mapping[str, object]) -> str:
    public = [known for known in fields if known != variable("embedded")]
    nearest = difflib.get_close_matches(name, public, n=1, cutoff=0.0)[0]
    return f"{name} is no setting: did you mean {nearest}? If not, unset it."


def _read(name: str, text: str, how: Mapping[str, Any]) -> Any:
    secret = how["secret"]
    shown = name if secret else f"{name}={text!r}"
    try:
        # A variable's bytes that are no UTF-8 come as surrogates, which could be stored and shown nowhere.
        text.encode()
        # Blanks around a value are a slip of whoever wrote it, but a password is what it is.
        return how["read"](text if how["read"] is _password else text.strip())
    except UnicodeEncodeError:
        raise SettingError(f"{shown} is not UTF-8: it takes {how['takes']}.") from None
    except ValueError as error:
        raise SettingError(f"{shown} {error}: it takes {how['takes']}.") from None
