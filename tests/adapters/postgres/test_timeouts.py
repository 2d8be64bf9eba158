"""The table of time limits: which comes first."""

import ast
import inspect
import re

import pytest

from crm_adapters.postgres.connection import timeouts
from crm_adapters.postgres.connection.options import parameters
from crm_adapters.postgres.connection.session import SETTINGS
from crm_core.webhooks.attempts import LEASE

#: The seconds after which clients of the API are promised an answer to a change that a lock holds up.
PROMISED = 6.0
NAMES = [name for name in vars(timeouts) if name.isupper()]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        # A look-up is sent, or refused, before the statement that it waits for is given up.
        ("BATCH_WINDOW", "MAX_BATCH_WAIT"),
        ("MAX_BATCH_WAIT", "STATEMENT_TIMEOUT"),
        # Connecting starts over while requests still wait for a connection.
        ("MAX_RECONNECT", "MAX_CONNECTION_WAIT"),
        # The server cancels what waits for a lock, then what runs too long, and only then do we close the connection.
        ("LOCK_TIMEOUT", "STATEMENT_TIMEOUT"),
        ("STATEMENT_TIMEOUT", "ANSWER_TIMEOUT"),
        ("WIDE_STATEMENT_TIMEOUT", "WIDE_ANSWER_TIMEOUT"),
        ("ANSWER_TIMEOUT", "WIDE_STATEMENT_TIMEOUT"),
        # A change that waits for a lock is decided again at least once.
        ("LOCK_TIMEOUT", "MAX_CONTENTION"),
        # A change ends before those behind it are refused, and these before they have waited for many.
        ("MAX_CONTENTION", "MAX_TURN_WITHOUT_END"),
        ("MAX_TURN_WITHOUT_END", "MAX_TURN_WAIT"),
        # A transaction that waits for us is ended after the statement of another that waits for its locks.
        ("STATEMENT_TIMEOUT", "IDLE_IN_TRANSACTION_TIMEOUT"),
        # A frozen server is noticed by us before TCP does.
        ("ANSWER_TIMEOUT", "TCP_TIMEOUT"),
    ],
)
def test_of_two_limits_one_comes_first(first: str, then: str) -> None:
    assert getattr(timeouts, first) < getattr(timeouts, then)


def test_a_change_behind_a_lock_ends_when_it_is_promised_to() -> None:
    last_round_begins = timeouts.MAX_CONTENTION

    assert last_round_begins + timeouts.MAX_CONNECTION_WAIT + timeouts.LOCK_TIMEOUT <= PROMISED
    assert timeouts.MAX_TURN_WITHOUT_END <= PROMISED


def test_tcp_notices_a_lost_host_when_the_table_says_so() -> None:
    probes = timeouts.KEEPALIVE_INTERVAL * timeouts.KEEPALIVE_COUNT

    assert timeouts.KEEPALIVE_IDLE + probes == timeouts.TCP_TIMEOUT


def test_a_claim_of_deliveries_outlives_any_statement_of_the_outbox() -> None:
    assert LEASE.total_seconds() > timeouts.ANSWER_TIMEOUT + timeouts.MAX_CONNECTION_WAIT


def test_the_table_lists_every_limit_in_order_with_its_seconds() -> None:
    table = re.findall(r"^\S.*?  +([A-Z_]{6,}) +([0-9.]+)  ", inspect.getdoc(timeouts) or "", re.MULTILINE)
    values = [float(seconds) for _, seconds in table]

    assert values == sorted(values)
    assert values == [getattr(timeouts, name) for name, _ in table]
    elsewhere = {
        *("MAX_RECONNECT", "MAX_REPLICA_LAG", "REPLICA_ANSWER_LIFETIME"),
        *("KEEPALIVE_IDLE", "KEEPALIVE_INTERVAL", "KEEPALIVE_COUNT"),
    }
    assert {name for name, _ in table} == set(NAMES) - elsewhere
    assert all(name in (timeouts.__doc__ or "") for name in NAMES if not name.startswith("KEEPALIVE_"))


def test_the_limits_are_what_the_server_is_told() -> None:
    asked = parameters("postgresql://one.example/crm")

    assert {name: setting for name, setting in SETTINGS.items() if name.endswith("_timeout")} == {
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "10s",
    }
    assert asked["connect_timeout"] == "3"
    assert asked["tcp_user_timeout"] == "10000"
    assert [asked[f"keepalives_{name}"] for name in ("idle", "interval", "count")] == ["4", "2", "3"]


def test_every_limit_is_a_plain_number_of_seconds() -> None:
    tree = ast.parse(inspect.getsource(timeouts))
    described = [
        node.target.id for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]

    assert described == NAMES
    assert all(isinstance(getattr(timeouts, name), int | float) and getattr(timeouts, name) > 0 for name in NAMES)
