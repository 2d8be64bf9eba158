"""Facts about settings: what is taken, what is refused, and what a refusal says."""

from ipaddress import ip_network
from pathlib import Path

import attrs
import pytest

from crm_http.settings import RateLimit, SettingError, Settings, unknown_names, variable

SECRET = "s3cret-word"


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(SettingError) as caught:
        Settings.from_env(environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "limit"),
    [("5/s", (5, 1)), ("5 / second", (5, 1)), ("600/minute", (600, 60)), ("1/h", (1, 3_600)), ("9/day", (9, 86_400))],
)
def test_a_rate_is_a_number_of_requests_in_a_period(text: str, limit: tuple[int, int]) -> None:
    assert Settings.from_env({"CRM_RATE_LIMIT": text}).rate_limit == limit


def test_nothing_needs_to_be_set() -> None:
    settings = Settings.from_env({"PATH": "/bin"})

    assert settings == Settings()
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 8000, Path(".crm"))
    assert (settings.database_url, settings.token_days, settings.log_format) == (None, 30, "text")


def test_an_empty_variable_is_an_unset_one() -> None:
    assert Settings.from_env({variable(field.name): " " for field in attrs.fields(Settings)}) == Settings()
    assert Settings.from_env({"CRM_NO_SUCH": ""}) == Settings()


def test_every_setting_is_read() -> None:
    settings = Settings.from_env(
        {
            "CRM_DATABASE_URL": "postgresql://crm@db/crm",
            "CRM_DATABASE_REPLICA_URL": "host=replica dbname=crm",
            "CRM_DATA_DIR": "/srv/crm",
            "CRM_HOST": "::",
            "CRM_PORT": " 80 ",
            "CRM_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "CRM_ROOT_PATH": "/tools/crm/",
            "CRM_CORS_ORIGINS": "https://App.example.org:443, http://[::1]:5173",
            "CRM_RATE_LIMIT": "10/second",
            "CRM_WORKERS": "4",
            "CRM_ADMIN_PASSWORD": " blanks count ",
            "CRM_TOKEN_DAYS": "7",
            "CRM_S3_BUCKET": "crm-files",
            "CRM_S3_ENDPOINT_URL": "http://127.0.0.1:8333/",
            "CRM_S3_PUBLIC_URL": "https://files.example.org/crm",
            "CRM_S3_PRIVATE": "yes",
            "CRM_UPLOAD_MB": "25",
            "CRM_UPLOAD_KEEP_METADATA": "1",
            "CRM_WEBHOOK_ALLOW": "10.2.0.0/16, fd00::/8,127.0.0.1",
            "CRM_WEBHOOK_RETRY_DELAYS": "0, 0.1,5",
            "CRM_LOG_FORMAT": "json",
            "CRM_ACCESS_LOG": "0",
            "CRM_METRICS_HOST": "10.0.0.7",
            "CRM_METRICS_PORT": "9100",
        }
    )

    assert settings == Settings(
        database_url="postgresql://crm@db/crm",
        database_replica_url="host=replica dbname=crm",
        data_dir=Path("/srv/crm"),
        host="::",
        port=80,
        trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1")),
        root_path="/tools/crm",
        cors_origins=("https://app.example.org", "http://[::1]:5173"),
        rate_limit=RateLimit(10, 1),
        workers=4,
        admin_password=" blanks count ",
        token_days=7,
        s3_bucket="crm-files",
        s3_endpoint_url="http://127.0.0.1:8333",
        s3_public_url="https://files.example.org/crm",
        s3_private=True,
        upload_mb=25,
        upload_keep_metadata=True,
        webhook_allow=(ip_network("10.2.0.0/16"), ip_network("fd00::/8"), ip_network("127.0.0.1")),
        webhook_retry_delays=(0.0, 0.1, 5.0),
        log_format="json",
        access_log=False,
        metrics_host="10.0.0.7",
        metrics_port=9100,
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CRM_PORT", "http"),
        ("CRM_PORT", "0"),
        ("CRM_PORT", "65536"),
        ("CRM_PORT", "8_000"),
        ("CRM_PORT", "٨٠"),
        ("CRM_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("CRM_TRUSTED_PROXIES", "proxy.example.org"),
        ("CRM_ROOT_PATH", "crm"),
        ("CRM_ROOT_PATH", "/a//b"),
        ("CRM_ROOT_PATH", "/a/../b"),
        ("CRM_ROOT_PATH", "/caf\u00e9"),
        ("CRM_ROOT_PATH", "https://example.org/crm"),
        ("CRM_CORS_ORIGINS", "app.example.org"),
        ("CRM_CORS_ORIGINS", "https://app.example.org/"),
        ("CRM_CORS_ORIGINS", "https://*.example.org"),
        ("CRM_CORS_ORIGINS", "https://app.example.org,"),
        ("CRM_CORS_ORIGINS", "https://bücher.example"),
        ("CRM_CORS_ORIGINS", "null"),
        ("CRM_RATE_LIMIT", "10"),
        ("CRM_RATE_LIMIT", "0/second"),
        ("CRM_RATE_LIMIT", "10/fortnight"),
        ("CRM_RATE_LIMIT", "/second"),
        ("CRM_WORKERS", "0"),
        ("CRM_WORKERS", "-1"),
        ("CRM_TOKEN_DAYS", "1.5"),
        ("CRM_HOST", "http://localhost"),
        ("CRM_HOST", "localhost:8000"),
        ("CRM_HOST", "127.0.0"),
        ("CRM_S3_BUCKET", "My Bucket"),
        ("CRM_S3_PRIVATE", "maybe"),
        ("CRM_UPLOAD_MB", "0"),
        ("CRM_UPLOAD_KEEP_METADATA", "2"),
        ("CRM_WEBHOOK_ALLOW", "10.2.0.1/16"),
        ("CRM_WEBHOOK_ALLOW", "10.0.0.0/8,"),
        ("CRM_WEBHOOK_RETRY_DELAYS", "5,x"),
        ("CRM_WEBHOOK_RETRY_DELAYS", "nan"),
        ("CRM_WEBHOOK_RETRY_DELAYS", "-1"),
        ("CRM_LOG_FORMAT", "xml"),
        ("CRM_ACCESS_LOG", "2"),
        ("CRM_METRICS_PORT", "0"),
        ("CRM_DATA_DIR", "\udcff"),
    ],
)
def test_a_wrong_value_is_one_line_with_the_variable_the_value_and_what_it_takes(name: str, text: str) -> None:
    said = refusal({name: text})

    assert said.startswith(f"{name}={text!r} ")
    assert ": it takes " in said
    assert said.isprintable()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CRM_DATABASE_URL", f"mysql://crm:{SECRET}@db/crm"),
        ("CRM_DATABASE_REPLICA_URL", SECRET),
        ("CRM_ADMIN_PASSWORD", SECRET * 100),
        ("CRM_ADMIN_PASSWORD", f"{SECRET}\udcff"),
        ("CRM_S3_ENDPOINT_URL", f"https://key:{SECRET}@s3.example.org"),
        ("CRM_S3_ENDPOINT_URL", f"s3://{SECRET}"),
        ("CRM_S3_PUBLIC_URL", f"https://[{SECRET}"),
    ],
)
def test_what_may_be_a_secret_is_not_repeated(name: str, text: str) -> None:
    said = refusal({name: text})

    assert said.startswith(f"{name} ")
    assert ": it takes " in said
    assert SECRET not in said


def test_secrets_are_not_shown_with_the_settings() -> None:
    settings = Settings.from_env(
        {"CRM_DATABASE_URL": f"postgresql://crm:{SECRET}@db/crm", "CRM_ADMIN_PASSWORD": SECRET}
    )

    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("CRM_PROT", "CRM_PORT"), ("CRM_S3_BUKET", "CRM_S3_BUCKET"), ("CRM_DB_URL", "CRM_DATABASE_URL")],
)
def test_an_unknown_variable_is_an_error_that_names_the_nearest(name: str, nearest: str) -> None:
    said = refusal({name: SECRET})

    assert said == f"{name} is no setting: did you mean {nearest}? If not, unset it."


@pytest.mark.parametrize(
    "name", ["CRM_GIT_SHA", "CRM_RELEASE", "CRM_BACKUP_DIR", "CRM_LOG_LEVEL", "CRM_", "CRM_EXTRA_1"]
)
def test_an_unknown_variable_near_no_setting_is_passed_over_and_can_be_named(name: str) -> None:
    assert Settings.from_env({name: "x"}) == Settings()
    assert unknown_names({name: "x", "CRM_PORT": "80", "PATH": "/bin"}) == [name]


KUBERNETES = {
    "CRM_SERVICE_HOST": "10.96.0.7",
    "CRM_SERVICE_PORT": "8000",
    "CRM_SERVICE_PORT_HTTP": "8000",
    "CRM_PORT": "tcp://10.96.0.7:8000",
    "CRM_PORT_8000_TCP": "tcp://10.96.0.7:8000",
    "CRM_PORT_8000_TCP_PROTO": "tcp",
    "CRM_PORT_8000_TCP_PORT": "8000",
    "CRM_PORT_8000_TCP_ADDR": "10.96.0.7",
    # Services beside it, one with a port for each protocol, one with an IPv6 address.
    "CRM_METRICS_SERVICE_HOST": "fd00::7",
    "CRM_METRICS_PORT": "tcp://[fd00::7]:9100",
    "CRM_METRICS_PORT_9100_TCP_ADDR": "fd00::7",
    "CRM_DNS_PORT": "udp://10.96.0.8:53",
    "CRM_DNS_PORT_53_UDP_PROTO": "udp",
    "CRM_DATABASE_SERVICE_PORT_POSTGRES": "5432",
}


def test_what_kubernetes_sets_for_services_is_passed_over() -> None:
    assert Settings.from_env(KUBERNETES) == Settings()
    assert unknown_names(KUBERNETES) == []
    assert Settings.from_env(KUBERNETES | {"CRM_PORT": "80"}).port == 80


def test_variables_of_the_tests_are_let_be() -> None:
    assert Settings.from_env({"CRM_TEST_DATABASE_URL": "postgresql:///crm"}) == Settings()


@pytest.mark.parametrize(
    ("environ", "zero_setup"),
    [
        ({}, True),
        ({"CRM_HOST": "localhost"}, True),
        ({"CRM_HOST": "::1"}, True),
        ({"CRM_HOST": "0.0.0.0"}, False),  # noqa: S104
        ({"CRM_HOST": "crm.example.org"}, False),
        ({"CRM_DATABASE_URL": "postgresql:///crm"}, False),
        # As a server leaves it to its workers.
        ({"CRM_DATABASE_URL": "postgresql:///crm", "CRM_EMBEDDED": "1"}, True),
        ({"CRM_DATABASE_URL": "postgresql:///crm", "CRM_EMBEDDED": "0"}, False),
        ({"CRM_DATABASE_URL": "postgresql:///crm", "CRM_EMBEDDED": "1", "CRM_HOST": "0.0.0.0"}, False),  # noqa: S104
    ],
)
def test_zero_setup_is_an_embedded_database_that_serves_this_machine_alone(
    environ: dict[str, str], *, zero_setup: bool
) -> None:
    assert Settings.from_env(environ).zero_setup is zero_setup
