"""When an operation is sent again. There is no I/O here: drivers send, report the outcome, and wait."""

import random
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

import attrs
import httpx

from crm_core.errors import CrmError, RequestInProgressError
from crm_http.client.operations import Operation
from crm_http.client.responses import NoResponseError, error_of, retry_after_of

#: Errors that occur before anything is sent.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
#: Errors that occur when the request may have been sent.
_LOST: Final = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)
#: Answers of servers or gateways that may not know whether the request was carried out.
_UNCERTAIN: Final = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


@attrs.frozen(kw_only=True)
class Retry:
    """How often and how long a client retries.

    Attributes:
        attempts: the most attempts of an operation.
        first: the longest wait before the second attempt, in seconds; it doubles before each further attempt.
        longest: the longest wait, in seconds; if a server asks for a longer one, the client gives up.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 20.0


class RetryState:
    """The state of one operation from its first attempt until it is answered.

    Attributes:
        request: the arguments of ``httpx.Client.request``, the same in every attempt.
    """

    def __init__(self, operation: Operation[object], retry: Retry) -> None:
        key = {"Idempotency-Key": str(uuid4())} if operation.repeat == "keyed" else {}
        body_type = {"Content-Type": "application/json"} if "content" in operation.options else {}
        self.request: dict[str, Any] = {
            "method": operation.method,
            "url": operation.path,
            "headers": {**body_type, **key, **operation.headers},
            **operation.options,
        }
        self._repeat = operation.repeat
        self._retry = retry
        self._attempts = 0
        self._is_uncertain = False

    def after(self, outcome: httpx.Response | httpx.RequestError) -> httpx.Response | float:
        """Return the final answer, or the seconds to wait before the next attempt. Raises CrmError to give up."""
        self._attempts += 1
        if isinstance(outcome, httpx.Response) and self._is_final(outcome):
            return outcome
        requested = retry_after_of(outcome) if isinstance(outcome, httpx.Response) else 0
        is_over = self._attempts >= self._retry.attempts or requested > self._retry.longest
        if is_over or not self._may_repeat(outcome):
            raise _error(outcome)
        self._is_uncertain |= _leaves_uncertain(outcome)
        # Jitter, so that clients that failed together do not return together.
        limit = min(self._retry.first * 2.0 ** (self._attempts - 1), self._retry.longest)
        return requested + random.uniform(0, limit)  # noqa: S311  # no secret

    def _is_final(self, response: httpx.Response) -> bool:
        # After a lost answer to a delete, 404 means that the delete was carried out.
        is_gone = self._repeat == "idempotent" and self._is_uncertain and response.status_code == HTTPStatus.NOT_FOUND
        return response.is_success or is_gone

    def _may_repeat(self, outcome: httpx.Response | httpx.RequestError) -> bool:
        if _leaves_uncertain(outcome):
            return self._repeat != "none"
        if isinstance(outcome, httpx.RequestError):
            return isinstance(outcome, _NOT_SENT)
        if outcome.status_code == HTTPStatus.CONFLICT:
            # The previous attempt is still in progress; what else conflicts stays as it is.
            return self._repeat == "keyed" and isinstance(error_of(outcome), RequestInProgressError)
        return outcome.status_code == HTTPStatus.TOO_MANY_REQUESTS


def _leaves_uncertain(outcome: httpx.Response | httpx.RequestError) -> bool:
    """Return whether the request may or may not have been carried out."""
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in _UNCERTAIN
    return isinstance(outcome, _LOST) and not isinstance(outcome, _NOT_SENT)


def _error(outcome: httpx.Response | httpx.RequestError) -> CrmError:
    if isinstance(outcome, httpx.Response):
        return error_of(outcome)
    error = NoResponseError(str(outcome) or type(outcome).__name__)
    error.__cause__ = outcome
    return error
