"""When an operation is sent again, without any I/O: drivers send, tell what came of it, and wait as they are told."""

import random
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import attrs
import httpx

from crm_core.errors import CrmError
from crm_http.client.answers import NoAnswerError, error_of, seconds_asked_for
from crm_http.client.operations import Operation

#: These came before anything was sent.
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
#: These came when something may have been.
_LOST: Final = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)
#: Answers of servers that may know nothing of what became of the request, or of gateways before them.
_UNSURE: Final = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


@attrs.frozen(kw_only=True)
class Retry:
    """How patient a client is.

    Attributes:
        attempts: how often an operation is sent at most.
        first: the longest wait before the second attempt, in seconds; twice as long before each further one.
        longest: no wait is longer; a server that asks for a longer one is not asked again.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 20.0


class DeliveryDetail:
    """One operation until it is answered.

    Attributes:
        request: what httpx is to send in every attempt.
    """

    def __init__(self, operation: Operation[object], retry: Retry) -> None:
        key = {"Idempotency-Key": str(uuid4())} if operation.repeat == "keyed" else {}
        self.request: dict[str, Any] = {
            "method": operation.method,
            "url": operation.path,
            "headers": {**operation.headers, **key},
            **operation.options,
        }
        self._repeat = operation.repeat
        self._retry = retry
        self._attempts = 0
        self._is_unsure = False

    def after(self, outcome: httpx.Response | httpx.RequestError) -> httpx.Response | float:
        """The answer, or the seconds after which to send the request again. Raises CrmError."""
        self._attempts += 1
        if isinstance(outcome, httpx.Response) and self._is_answer(outcome):
            return outcome
        asked = seconds_asked_for(outcome) if isinstance(outcome, httpx.Response) else 0
        is_over = self._attempts >= self._retry.attempts or asked > self._retry.longest
        if is_over or not self._may_repeat(outcome):
            raise _error(outcome)
        self._is_unsure |= _leaves_unsure(outcome)
        # So many clients that fail together do not come back together.
        most = min(self._retry.first * 2.0 ** (self._attempts - 1), self._retry.longest)
        return asked + random.uniform(0, most)  # noqa: S311  # no secret

    def _is_answer(self, response: httpx.Response) -> bool:
        # Whoever deletes, loses the answer and finds nothing the next time has what they wanted.
        is_gone = self._repeat == "gone" and self._is_unsure and response.status_code == HTTPStatus.NOT_FOUND
        return response.is_success or is_gone

    def _may_repeat(self, outcome: httpx.Response | httpx.RequestError) -> bool:
        if _leaves_unsure(outcome):
            return self._repeat != "twice"
        if isinstance(outcome, httpx.RequestError):
            return isinstance(outcome, _UNSENT)
        if outcome.status_code == HTTPStatus.CONFLICT:  # what was sent before is still under way
            return self._repeat == "keyed"
        return outcome.status_code == HTTPStatus.TOO_MANY_REQUESTS


def _leaves_unsure(outcome: httpx.Response | httpx.RequestError) -> bool:
    """Whether what was asked may have been done or not."""
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in _UNSURE
    return isinstance(outcome, _LOST) and not isinstance(outcome, _UNSENT)


def _error(outcome: httpx.Response | httpx.RequestError) -> CrmError:
    if isinstance(outcome, httpx.Response):
        return error_of(outcome)
    error = NoAnswerError(str(outcome) or type(outcome).__name__)
    error.__cause__ = outcome
    return error
