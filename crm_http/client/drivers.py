"""Drivers: they send operations by httpx, with retries, and with or without blocking."""

import asyncio
import time
from typing import TypeVar

import httpx

from crm_http.client.operations import Operation
from crm_http.client.retries import Retry, RetryState

T = TypeVar("T")


class HttpDriver:
    """Sends operations and blocks until they are answered (``Driver``)."""

    def __init__(self, http: httpx.Client, retry: Retry) -> None:
        self.http = http
        self._retry = retry

    def run(self, operation: Operation[T]) -> T:
        """Return the value in the answer. Raises CrmError."""
        state = RetryState(operation, self._retry)
        while True:
            outcome = self._attempt(state)
            if isinstance(next_step := state.after(outcome), httpx.Response):
                return operation.read(next_step)
            time.sleep(next_step)

    def _attempt(self, state: RetryState) -> httpx.Response | httpx.RequestError:
        try:
            return self.http.request(**state.request)
        except httpx.RequestError as error:
            return error


class AsyncHttpDriver:
    """Sends operations without blocking the event loop (``AsyncDriver``)."""

    def __init__(self, http: httpx.AsyncClient, retry: Retry) -> None:
        self.http = http
        self._retry = retry

    async def run(self, operation: Operation[T]) -> T:
        """Return the value in the answer. Raises CrmError."""
        state = RetryState(operation, self._retry)
        while True:
            outcome = await self._attempt(state)
            if isinstance(next_step := state.after(outcome), httpx.Response):
                return operation.read(next_step)
            await asyncio.sleep(next_step)

    async def _attempt(self, state: RetryState) -> httpx.Response | httpx.RequestError:
        try:
            return await self.http.request(**state.request)
        except httpx.RequestError as error:
            return error
