"""The parameters of connections: several hosts, and what the URL says itself."""

import pytest

from crm_adapters.postgres.connection.options import parameters


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgresql://user@one/crm", None),
        ("postgresql://user@one,two/crm", "read-write"),
        ("postgresql://user@one:1,two:2/crm?target_session_attrs=any", "any"),
        ("postgresql:///crm?hostaddr=10.0.0.1,10.0.0.2", "read-write"),
        ("host=one,two dbname=crm", "read-write"),
    ],
)
def test_of_several_hosts_the_one_that_takes_writes_is_looked_for_unless_the_url_says_otherwise(
    url: str, wanted: str | None
) -> None:
    assert parameters(url).get("target_session_attrs") == wanted


def test_parameters_that_the_url_sets_are_kept() -> None:
    known = parameters("postgresql://one/crm?connect_timeout=9&application_name=mine")

    assert (known["connect_timeout"], known["application_name"]) == ("9", "mine")
