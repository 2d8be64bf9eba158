"""Drivers: they send operations by httpx, with retries, and with or without blocking."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import httpx

from crm_http.client.operations import Operation
from crm_http.client.retries import Retry, RetryState

T = TypeVar("T")
#: Takes a piece of the body of an answer.
Save: TypeAlias = Callable[[bytes], object]


class HttpDriver:
    """Sends operations and blocks until they are answered (``Driver``)."""

    def __init__(self, http: httpx.Client, retry: Retry) -> None:
        self.http = http
        self._retry = retry

    def run(self, operation: Operation[T]) -> T:
        """Return the value in the answer. Raises CrmError."""
        while True:
            response = self._answer(operation)
            if operation.again is None or (seconds := operation.again(response)) is None:
                return operation.read(response)
            time.sleep(seconds)  # the server has no event to wait for: the operation asks again

    def _answer(self, operation: Operation[object]) -> httpx.Response:
        state = RetryState(operation, self._retry)
        while True:
            outcome = self._attempt(state, operation.save)
            if isinstance(next_step := state.after(outcome), httpx.Response):
                return next_step
            time.sleep(next_step)

    def _attempt(self, state: RetryState, save: Save | None) -> httpx.Response | httpx.RequestError:
        try:
            return self.http.request(**state.request) if save is None else self._download(state, save)
        except httpx.RequestError as error:
            return error

    def _download(self, state: RetryState, save: Save) -> httpx.Response:
        with self.http.stream(**state.request) as response:
            if response.is_success:
                for piece in response.iter_bytes():
                    save(piece)
            else:
                response.read()
            return response


class AsyncHttpDriver:
    """Sends operations without blocking the event loop (``AsyncDriver``)."""

    def __init__(self, http: httpx.AsyncClient, retry: Retry) -> None:
        self.http = http
        self._retry = retry

    async def run(self, operation: Operation[T]) -> T:
        """Return the value in the answer. Raises CrmError."""
        while True:
            response = await self._answer(operation)
            if operation.again is None or (seconds := operation.again(response)) is None:
                return operation.read(response)
            await asyncio.sleep(seconds)

    async def _answer(self, operation: Operation[object]) -> httpx.Response:
        state = RetryState(operation, self._retry)
        while True:
            outcome = await self._attempt(state, operation.save)
            if isinstance(next_step := state.after(outcome), httpx.Response):
                return next_step
            await asyncio.sleep(next_step)

    async def _attempt(self, state: RetryState, save: Save | None) -> httpx.Response | httpx.RequestError:
        try:
            return await (self.http.request(**state.request) if save is None else self._download(state, save))
        except httpx.RequestError as error:
            return error

    async def _download(self, state: RetryState, save: Save) -> httpx.Response:
        async with self.http.stream(**state.request) as response:
            if response.is_success:
                async for piece in response.aiter_bytes():
                    save(piece)
            else:
                await response.aread()
            return response
