"""The page of time limits says what the code does: a row for each limit, with the value that it really has."""

import inspect
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest

from crm_adapters import s3
from crm_adapters.postgres import feed
from crm_adapters.postgres.connection import options, pool, session, timeouts
from crm_adapters.webhooks import HttpWebhookSender, egress, sender
from crm_core.engine.receipts import RECEIPTS_KEPT
from crm_core.rules.login_throttle import ADDRESS_MEMORY, FAILURE_WINDOW
from crm_core.use_cases import DeliveryWorker, changes, waiters
from crm_core.webhooks import attempts, circuit_breaker, retries
from crm_core.webhooks.delivery_log import RETENTION
from crm_core.webhooks.entity import SECRET_OVERLAP
from crm_http.middleware import Limits, fairness
from crm_http.server import readiness, workers
from crm_http.settings import Settings
from tests.markdown import ROOT

PAGE: Final = (ROOT / "docs/reference/timeouts.md").read_text("utf-8")
ROWS: Final = dict(re.findall(r"^\| ([^|]+) \| ([\d.]+(?: \w+)?) \|", PAGE, re.MULTILINE))


def default(function: Callable[..., object], parameter: str) -> object:
    return inspect.signature(function).parameters[parameter].default


def of_postgres(setting: str) -> float:
    return float(session.SETTINGS[setting].removesuffix("s"))


def of_libpq(parameter: str) -> float:
    return float(options.parameters("")[parameter])


SECONDS: Final = {
    "receiving a body, or one piece of an upload": Limits().body_seconds,
    "receiving a whole upload": Limits().pieces_seconds,
    "sending one piece of a long answer": Limits().send_seconds,
    "waiting for one's turn beside others": fairness.MAX_TURN_WAIT,
    "waiting for the database in `/readyz`": readiness._READY_SECONDS,
    "waiting for a free connection of the pool": pool.Pool("")._pool.timeout,
    "opening a connection, for each host": of_libpq("connect_timeout"),
    "repeating a connection that cannot be opened": timeouts.MAX_RECONNECT,
    "sharing the running query of other reads": timeouts.MAX_BATCH_WAIT,
    "waiting for changes of the same record in this process": timeouts.MAX_TURN_WAIT,
    "waiting for one such change that does not end": timeouts.MAX_TURN_WITHOUT_END,
    "waiting for a lock of the database": of_postgres("lock_timeout"),
    "one statement": of_postgres("statement_timeout"),
    "one statement of a change of thousands of records": timeouts.WIDE_STATEMENT_TIMEOUT,
    "an idle transaction": of_postgres("idle_in_transaction_session_timeout"),
    "no answer of PostgreSQL": timeouts.ANSWER_TIMEOUT,
    "no answer of PostgreSQL to a change of thousands of records": timeouts.WIDE_ANSWER_TIMEOUT,
    "a connection to a machine that is silent": of_libpq("tcp_user_timeout") / 1000,
    "deciding again because others changed the same records": timeouts.MAX_CONTENTION,
    "opening a connection": s3._CONNECT_TIMEOUT,
    "a sign of life on a connection": s3._READ_TIMEOUT,
    "one operation with all its repetitions": s3._OPERATION_TIMEOUT,
    "the validity of a signed URL": s3._SIGNED_URL_LIFETIME,
    "waiting without a wake-up": default(DeliveryWorker, "poll"),
    "resolving the host name": sender._LOOKUP_TIMEOUT,
    "opening the connection to the receiver": egress._CONNECT_TIMEOUT,
    "one attempt in total": default(HttpWebhookSender, "deadline"),
    "the lease of a delivery": attempts.LEASE.total_seconds(),
    "the first pause of an endpoint, after five failures in a row": circuit_breaker._FIRST_PAUSE,
    "the longest pause of an endpoint": circuit_breaker._MAX_PAUSE,
    "waiting for a change": changes.MAX_WAIT,
    "looking for commits of other processes while somebody waits": feed.LOOK_INTERVAL,
    "between two ticks of a process": feed.TICK_INTERVAL,
    "between two checks of a token that waits or streams": waiters.CHECK_INTERVAL,
    "a sign of life on a stream": changes.HEARTBEAT_INTERVAL,
    "finishing the running attempts of a delivery worker": default(DeliveryWorker, "grace"),
    "finishing the accepted requests of a worker process": workers._WORKER_SECONDS,
}
LONGER: Final = {
    "all attempts of a delivery": timedelta(seconds=sum(retries.DELAYS)),
    "an endpoint without a success": circuit_breaker._DISABLE_AFTER,
    "a replaced secret": SECRET_OVERLAP,
    "a token that is not used": timedelta(days=Settings().token_days),
    "a position of the change feed": timedelta(days=Settings().feed_days),
    "the receipt of an idempotency key": RECEIPTS_KEPT,
    "a finished delivery": RETENTION["delivered"],
    "a dead delivery": RETENTION["dead"],
    "counted failures of a login": FAILURE_WINDOW,
    "an address from which a user logged in": ADDRESS_MEMORY,
}


def test_the_page_has_these_limits_and_no_others() -> None:
    assert ROWS.keys() == SECONDS.keys() | LONGER.keys()


@pytest.mark.parametrize("limit", SECONDS)
def test_a_limit_in_seconds_is_what_the_page_says(limit: str) -> None:
    assert float(ROWS[limit]) == SECONDS[limit]


@pytest.mark.parametrize("limit", LONGER)
def test_a_longer_limit_is_what_the_page_says(limit: str) -> None:
    number, unit = ROWS[limit].split()

    # Whole hours and days: the attempts of a delivery take 35 minutes more.
    assert LONGER[limit] // timedelta(**{unit: 1}) == int(number)


def test_what_a_replica_may_be_behind_is_what_the_page_says() -> None:
    behind, valid, together = re.findall(r"(\d) seconds?", PAGE.partition("A replica is used if")[2])[:3]

    assert (float(behind), float(valid)) == (timeouts.MAX_REPLICA_LAG, timeouts.REPLICA_ANSWER_LIFETIME)
    assert float(together) == timeouts.MAX_REPLICA_LAG + timeouts.REPLICA_ANSWER_LIFETIME
