"""The settings of the CRM, read from environment variables and checked.

A setting is a field of `Settings`, with its default, its meaning and the accepted texts. Its variable is the
field's name in capitals after ``CRM_``.
"""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeAlias
from urllib.parse import urlsplit

import attrs

from crm_core.errors import InvalidError
from crm_core.model.accounts import TOKEN_DAYS
from crm_core.model.feed import FEED_DAYS
from crm_core.model.files import ROOT_PATH
from crm_core.rules.accounts import check_password
from crm_core.rules.images import MAX_IMAGE_BYTES
from crm_core.use_cases.import_requests import MAX_IMPORT_BYTES
from crm_core.use_cases.sweeping import RESTORABLE
from crm_core.webhooks.retries import DELAYS
from crm_http.environment import PREFIX, meant_by, variables_of

Network: TypeAlias = IPv4Network | IPv6Network

_PERIODS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
#: A scheme and a host, perhaps a port, and no path: what the header ``Origin`` has (RFC 6454, 6.2).
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?")
_USUAL_PORT = re.compile(r"^(http://.*):80$|^(https://.*):443$")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class SettingError(Exception):
    """A setting is wrong; one line that says which, why, and what it takes."""


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


class Setting(NamedTuple):
    """What is known about a setting beside its value.

    Attributes:
        variable: its environment variable.
        meaning: what it does, for people.
        default: its value when the variable is unset.
        kind: which texts it takes.
        is_secret: whether its text must not be shown.
        is_internal: whether it is not for administrators.
    """

    variable: str
    meaning: str
    default: object
    kind: Kind
    is_secret: bool
    is_internal: bool


def _integer(least: int, most: int) -> Kind:
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
    if not _is_address(text) and (not _HOST.fullmatch(text) or re.fullmatch(r"[0-9.]+", text)):
        raise ValueError("is not a host")
    return text


def _is_address(text: str) -> bool:
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


_RATE: Final = Kind("requests a second, minute, hour or day, such as 10/second", _rate)
_FLAG: Final = Kind("1 or 0", _flag)
_DATABASE: Final = Kind("a libpq URL, postgresql://user@host/name", _database)
_HOST_NAME: Final = Kind("an address or the name of this host, such as 0.0.0.0", _host)
_PORT: Final = _integer(1, 65_535)
_WEB_ADDRESS: Final = Kind("an address such as https://s3.example.org", _web_address)
_PASSWORD: Final = Kind("1 to 1024 characters", _password, is_trimmed=False)
_DIRECTORY: Final = Kind("a directory", Path)
_BUCKET_NAME: Final = Kind("3 to 63 small letters, digits, dots and hyphens", _bucket)
_NETWORKS: Final = Kind("networks such as 10.2.0.0/16,fd00::/8", _networks)
_ORIGINS: Final = Kind("origins such as https://app.example.org,http://localhost:5173 without a path, or *", _origins)
_PATH: Final = Kind("a path such as /crm, of letters, digits, dots, hyphens, underscores and tildes", _root_path)
_DELAYS: Final = Kind("seconds such as 5,300,1800", _delays)
_LOG_FORMAT: Final = Kind("text or json", _log_format)


def _setting(kind: Kind, default: object, meaning: str, *, is_secret: bool = False, is_internal: bool = False) -> Any:
    metadata = {"kind": kind, "meaning": meaning, "is_secret": is_secret, "is_internal": is_internal}
    return attrs.field(default=default, repr=not is_secret, metadata=metadata)


@attrs.frozen(kw_only=True)
class Settings:
    """The values of all settings; ``described`` says what they mean."""

    database_url: str | None = _setting(
        _DATABASE, None, "a PostgreSQL 15 or later, as a libpq URL or connection string", is_secret=True
    )
    database_replica_url: str | None = _setting(
        _DATABASE, None, "one or several replicas that serve reads", is_secret=True
    )
    data_dir: Path = _setting(  # noqa: RUF009 - a Path is as frozen as a text
        _DIRECTORY, Path(".crm"), "directory of the embedded database, and of files unless they are on S3"
    )
    host: str = _setting(_HOST_NAME, "127.0.0.1", "address that the server listens on")
    port: int = _setting(_PORT, 8000, "port that the server listens on")
    trusted_proxies: tuple[Network, ...] = _setting(
        _NETWORKS, (), "networks of proxies whose `Forwarded` or `X-Forwarded-For` is believed"
    )
    root_path: str = _setting(_PATH, "", "path below which a proxy serves the API, such as `/crm`")
    cors_origins: tuple[str, ...] = _setting(
        _ORIGINS, (), "origins of web pages that may call the API from browsers; `*` for every page"
    )
    rate_limit: RateLimit | None = _setting(  # noqa: RUF009 - a NamedTuple is frozen
        _RATE, None, "requests that one token may make, such as `10/second` or `600/minute`; further ones are 429"
    )
    workers: int = _setting(_integer(1, 64), 1, "number of worker processes")
    admin_password: str | None = _setting(_PASSWORD, None, "password of the first user", is_secret=True)
    token_days: int = _setting(_integer(1, 3_650), TOKEN_DAYS, "a token expires after this many days without use")
    s3_bucket: str | None = _setting(_BUCKET_NAME, None, "bucket for files")
    s3_endpoint_url: str | None = _setting(
        _WEB_ADDRESS, None, "URL of an S3 server that is not Amazon's", is_secret=True
    )
    s3_public_url: str | None = _setting(
        _WEB_ADDRESS, None, "beginning of the URLs of images, for example the address of a CDN", is_secret=True
    )
    s3_private: bool = _setting(
        _FLAG,
        default=False,
        meaning="`1`: only users who may view the record can read its images, wherever files are stored",
    )
    upload_mb: int = _setting(
        _integer(1, 1_000), MAX_IMAGE_BYTES // 2**20, "maximum size of an image, in units of 1,048,576 bytes"
    )
    upload_keep_metadata: bool = _setting(
        _FLAG,
        default=False,
        meaning="`1`: images keep their metadata, such as the place where a photo was taken",
    )
    import_mb: int = _setting(
        _integer(1, 10_000), MAX_IMPORT_BYTES // 2**20, "maximum size of a file that is imported, in the same units"
    )
    restore_days: int = _setting(
        _integer(0, 36_500),
        RESTORABLE.days,
        "days for which the sweep keeps the images of deleted records; `0` deletes them at once",
    )
    webhook_allow: tuple[Network, ...] = _setting(
        _NETWORKS, (), "networks that webhooks may reach although they are not public"
    )
    webhook_retry_delays: tuple[float, ...] = _setting(
        _DELAYS, DELAYS, "seconds before each further attempt of a delivery"
    )
    feed_days: int = _setting(_integer(1, 3_650), FEED_DAYS, "the change feed can be followed from this many days ago")
    history_days: int | None = _setting(
        _integer(1, 36_500), None, "events of histories are kept this many days, then folded; for ever unless it is set"
    )
    log_format: str = _setting(_LOG_FORMAT, "text", "`text` or `json`")
    access_log: bool = _setting(_FLAG, default=True, meaning="`0` switches the log line of each request off")
    metrics_host: str = _setting(
        _HOST_NAME, "127.0.0.1", "address of the port for metrics; reading them needs no token"
    )
    metrics_port: int | None = _setting(_PORT, None, "port on which `/metrics` serves metrics for Prometheus")
    embedded: bool = _setting(
        Kind("nothing: it is internal", _flag),
        default=False,
        meaning="set by a server for its workers, whose `CRM_DATABASE_URL` is the embedded server's",
        is_internal=True,
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings of an environment; an empty variable is the same as an unset one.

        Raises SettingError for a wrong value, and for a name that is probably a misspelt setting. ``unknown_names``
        returns the other names that are no setting.
        """
        given = variables_of(environ)
        known = {setting.variable: setting for setting in described()}
        for name in sorted(given.keys() - known.keys()):
            _refuse_misspelt(name)
        return cls(**{_field_of(name): _read(known[name], text) for name, text in given.items() if name in known})

    @property
    def is_embedded(self) -> bool:
        """Whether the database is the embedded server."""
        return self.database_url is None or self.embedded

    @property
    def zero_setup(self) -> bool:
        """Whether this is the mode without any set-up: an embedded database, and a server for this machine alone."""
        is_loopback = self.host == "localhost" or (
            _is_address(self.host) and ipaddress.ip_address(self.host).is_loopback
        )
        return self.is_embedded and is_loopback


def described() -> Sequence[Setting]:
    """Return all settings, in the order of the documentation."""
    return [
        Setting(variable=variable(field.name), default=field.default, **field.metadata)
        for field in attrs.fields(Settings)
    ]


def unknown_names(environ: Mapping[str, str]) -> Sequence[str]:
    """Return the names of variables that begin with ``CRM_`` and are no settings, sorted."""
    return sorted(variables_of(environ).keys() - {setting.variable for setting in described()})


def variable(name: str) -> str:
    """Return the environment variable of a field of `Settings`."""
    return PREFIX + name.upper()


def _field_of(name: str) -> str:
    return name.removeprefix(PREFIX).lower()


def _refuse_misspelt(name: str) -> None:
    nearest = meant_by(name, [setting.variable for setting in described() if not setting.is_internal])
    if nearest is not None:
        raise SettingError(f"{name} is no setting: did you mean {nearest}? If not, unset it.")


def _read(setting: Setting, text: str) -> Any:
    kind = setting.kind
    shown = setting.variable if setting.is_secret else f"{setting.variable}={text!r}"
    try:
        # Bytes of a variable that are not UTF-8 come as surrogates, which could be stored and shown nowhere.
        text.encode()
        return kind.read(text.strip() if kind.is_trimmed else text)
    except UnicodeEncodeError:
        raise SettingError(f"{shown} is not UTF-8: it takes {kind.takes}.") from None
    except ValueError as error:
        raise SettingError(f"{shown} {error}: it takes {kind.takes}.") from None
