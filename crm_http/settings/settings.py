"""The settings of the CRM, read from environment variables and checked.

A setting is a field of `Settings`, with its default, its meaning and the accepted texts. Its variable is the
field's name in capitals after ``CRM_``.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import attrs

from crm_core.model.accounts import TOKEN_DAYS
from crm_core.model.feed import FEED_DAYS
from crm_core.rules.images import MAX_IMAGE_BYTES
from crm_core.use_cases.import_requests import MAX_IMPORT_BYTES
from crm_core.use_cases.sweeping import RESTORABLE
from crm_core.webhooks.retries import DELAYS
from crm_http.failures import WRONG_USE, CommandError
from crm_http.settings.environment import PREFIX, meant_by, variables_of
from crm_http.settings.kinds import (
    BUCKET_NAME,
    DATABASE,
    DELAY_LIST,
    DIRECTORY,
    FLAG,
    HOST_NAME,
    INTERNAL,
    LOG_FORMAT,
    NETWORKS,
    ORIGINS,
    PASSWORD,
    PATH,
    PORT,
    RATE,
    WEB_ADDRESS,
    Kind,
    Network,
    RateLimit,
    integer,
    is_address,
)


class SettingError(CommandError):
    """A setting is wrong; one line that says which, why, and what it takes."""

    exit_code = WRONG_USE


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


def _setting(kind: Kind, default: object, meaning: str, *, is_secret: bool = False, is_internal: bool = False) -> Any:
    metadata = {"kind": kind, "meaning": meaning, "is_secret": is_secret, "is_internal": is_internal}
    return attrs.field(default=default, repr=not is_secret, metadata=metadata)


@attrs.frozen(kw_only=True)
class Settings:
    """The values of all settings; ``described`` says what they mean."""

    database_url: str | None = _setting(
        DATABASE, None, "a PostgreSQL 15 or later, as a libpq URL or connection string", is_secret=True
    )
    database_replica_url: str | None = _setting(
        DATABASE, None, "one or several replicas that serve reads", is_secret=True
    )
    data_dir: Path = _setting(  # noqa: RUF009 - a Path is as frozen as a text
        DIRECTORY, Path(".crm"), "directory of the embedded database, and of files unless they are on S3"
    )
    host: str = _setting(HOST_NAME, "127.0.0.1", "address that the server listens on")
    port: int = _setting(PORT, 8000, "port that the server listens on")
    trusted_proxies: tuple[Network, ...] = _setting(
        NETWORKS, (), "networks of proxies whose `Forwarded` or `X-Forwarded-For` is believed"
    )
    root_path: str = _setting(PATH, "", "path below which a proxy serves the API, such as `/crm`")
    cors_origins: tuple[str, ...] = _setting(
        ORIGINS, (), "origins of web pages that may call the API from browsers; `*` for every page"
    )
    rate_limit: RateLimit | None = _setting(  # noqa: RUF009 - a NamedTuple is frozen
        RATE, None, "requests that one token may make, such as `10/second` or `600/minute`; further ones are 429"
    )
    workers: int = _setting(integer(1, 64), 1, "number of worker processes")
    admin_password: str | None = _setting(PASSWORD, None, "password of the first user", is_secret=True)
    token_days: int = _setting(integer(1, 3_650), TOKEN_DAYS, "a token expires after this many days without use")
    s3_bucket: str | None = _setting(BUCKET_NAME, None, "bucket for files")
    s3_endpoint_url: str | None = _setting(
        WEB_ADDRESS, None, "URL of an S3 server that is not Amazon's", is_secret=True
    )
    s3_public_url: str | None = _setting(
        WEB_ADDRESS, None, "beginning of the URLs of images, for example the address of a CDN", is_secret=True
    )
    s3_private: bool = _setting(
        FLAG,
        default=False,
        meaning="`1`: only users who may view the record can read its images, wherever files are stored",
    )
    upload_mb: int = _setting(
        integer(1, 1_000), MAX_IMAGE_BYTES // 2**20, "maximum size of an image, in units of 1,048,576 bytes"
    )
    upload_keep_metadata: bool = _setting(
        FLAG,
        default=False,
        meaning="`1`: images keep their metadata, such as the place where a photo was taken",
    )
    import_mb: int = _setting(
        integer(1, 10_000), MAX_IMPORT_BYTES // 2**20, "maximum size of a file that is imported, in the same units"
    )
    restore_days: int = _setting(
        integer(0, 36_500),
        RESTORABLE.days,
        "days for which the sweep keeps the images of deleted records; `0` deletes them at once",
    )
    webhook_allow: tuple[Network, ...] = _setting(
        NETWORKS, (), "networks that webhooks may reach although they are not public"
    )
    webhook_retry_delays: tuple[float, ...] = _setting(
        DELAY_LIST, DELAYS, "seconds before each further attempt of a delivery"
    )
    feed_days: int = _setting(integer(1, 3_650), FEED_DAYS, "the change feed can be followed from this many days ago")
    history_days: int | None = _setting(
        integer(1, 36_500), None, "events of histories are kept this many days, then folded; for ever unless it is set"
    )
    log_format: str = _setting(LOG_FORMAT, "text", "`text` or `json`")
    access_log: bool = _setting(FLAG, default=True, meaning="`0` switches the log line of each request off")
    metrics_host: str = _setting(HOST_NAME, "127.0.0.1", "address of the port for metrics; reading them needs no token")
    metrics_port: int | None = _setting(PORT, None, "port on which `/metrics` serves metrics for Prometheus")
    embedded: bool = _setting(
        INTERNAL,
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
            is_address(self.host) and ipaddress.ip_address(self.host).is_loopback
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
