"""The two clients: the same operations, sent by httpx with and without ``await``."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final, Generic, Literal, Self, TypeAlias, TypeVar
from uuid import UUID

import attrs
import httpx

from crm_core.model import entities
from crm_core.model.accounts import User
from crm_core.webhooks import entity
from crm_http.client.answers import decode
from crm_http.client.operations import AsyncDriver, D_co, Driver, Group, Operation, Page, operation
from crm_http.client.records import Records, RecordsWithImages, RecordsWithTasks, below, body_of, path_of
from crm_http.client.retries import DeliveryDetail, Retry
from crm_http.client.webhooks import Webhook, Webhooks

T = TypeVar("T")

_TOKENS: Final = "/api-token-auth/"
_PATIENT: Final = Retry()
_TIMEOUT: Final = 30.0

#: What users define attributes for.
Catalogued: TypeAlias = Literal["client", "service", "lead", "follow_up"]


@attrs.frozen
class Me:
    """Who one is, and what one may do."""

    id: int
    username: str
    groups: tuple[str, ...]
    permissions: tuple[str, ...]


class Api(Group[D_co], Generic[D_co]):
    """All that the API has, for either client; its attributes are the documented resources."""

    def __init__(self, driver: D_co) -> None:
        super().__init__(driver)
        self.clients = RecordsWithImages(driver, entities.Client)
        self.services = RecordsWithImages(driver, entities.Service)
        self.leads = RecordsWithTasks(driver, entities.Lead)
        self.pipelines = Records(driver, entities.Pipeline)
        self.cohorts = Records(driver, entities.Cohort)
        self.enrollments = Records(driver, entities.Enrollment)
        self.enrollment_details = Records(driver, entities.EnrollmentDetail)
        self.transfer_requests = Records(driver, entities.TransferRequest)
        self.webhooks = Webhooks(driver, Webhook, path_of(entity.Webhook))

    def attributes(self, entity: Catalogued) -> Records[D_co, entities.Attribute]:
        """The attributes that users defined for an entity."""
        place = path_of(entities.Attribute)
        return Records(self.driver, entities.Attribute, f"{place}/{entity}", place)

    def follow_ups(self, service: UUID | str) -> Records[D_co, entities.FollowUp]:
        """The follow-ups of a service."""
        path = f"{below(path_of(entities.Service), service)}follow-ups"
        return Records(self.driver, entities.FollowUp, path)

    @operation
    def me(self) -> Operation[Me]:
        """Who one is, and what one may do."""
        return Operation(method="GET", path="/api/me/", read=lambda response: decode(response, Me))

    @operation
    def users(self, listed: Literal["instructors", "tas", "sales", "operations"]) -> Operation[tuple[User, ...]]:
        """One of the lists of users."""
        return Operation(method="GET", path=f"/api/{listed}/", read=lambda response: decode(response, tuple[User, ...]))

    @operation
    def log_out(self) -> Operation[None]:
        """Revoke the token that is used."""
        return Operation(method="DELETE", path=_TOKENS, read=lambda _: None, repeat="twice")


def _log_in(username: str, password: str) -> Operation[str]:
    return Operation(
        method="POST",
        path=_TOKENS,
        read=lambda response: decode(response, dict[str, str])["token"],
        repeat="safe",
        options=body_of({"username": username, "password": password}),
    )


class Sending:
    """Waits for answers. It is what `Client` stands on."""

    def __init__(self, http: httpx.Client, retry: Retry) -> None:
        self.http = http
        self._retry = retry

    def run(self, operation: Operation[T]) -> T:
        """What the answer says. Raises CrmError."""
        exchange = DeliveryDetail(operation, self._retry)
        while True:
            outcome = self._attempt(exchange)
            if isinstance(wait := exchange.after(outcome), httpx.Response):
                return operation.read(wait)
            time.sleep(wait)

    def pages(self, first: Operation[Page[T]]) -> Iterator[T]:
        """All that is on a page and those that follow it. Raises CrmError."""
        following: Operation[Page[T]] | None = first
        while following:
            page = self.run(following)
            yield from page.items
            following = page.following

    def _attempt(self, exchange: DeliveryDetail) -> httpx.Response | httpx.RequestError:
        try:
            return self.http.request(**exchange.request)
        except httpx.RequestError as error:
            return error


class AsyncSending:
    """The same, without blocking others. It is what `AsyncClient` stands on."""

    def __init__(self, http: httpx.AsyncClient, retry: Retry) -> None:
        self.http = http
        self._retry = retry

    async def run(self, operation: Operation[T]) -> T:
        """What the answer says. Raises CrmError."""
        exchange = DeliveryDetail(operation, self._retry)
        while True:
            outcome = await self._attempt(exchange)
            if isinstance(wait := exchange.after(outcome), httpx.Response):
                return operation.read(wait)
            await asyncio.sleep(wait)

    async def pages(self, first: Operation[Page[T]]) -> AsyncIterator[T]:
        """All that is on a page and those that follow it. Raises CrmError."""
        following: Operation[Page[T]] | None = first
        while following:
            page = await self.run(following)
            for item in page.items:
                yield item
            following = page.following

    async def _attempt(self, exchange: DeliveryDetail) -> httpx.Response | httpx.RequestError:
        try:
            return await self.http.request(**exchange.request)
        except httpx.RequestError as error:
            return error


class Client(Api[Driver]):
    """The API over HTTP; a context manager, as ``httpx.Client`` is.

    Args:
        url: where the API is.
        token: who asks; without one only ``log_in`` gets anywhere.
        retry: how patient it is.
        timeout: seconds without a sign of the server after which an attempt is given up.
        transport: what httpx is to send by, such as ``httpx.HTTPTransport(verify=..., proxy=...)``.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        retry: Retry = _PATIENT,
        timeout: float = _TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        http = httpx.Client(base_url=url, headers=_headers(token), timeout=timeout, transport=transport)
        super().__init__(Sending(http, retry))
        self.close = http.close

    @classmethod
    def log_in(cls, url: str, username: str, password: str, *, retry: Retry = _PATIENT) -> Self:
        """A client with a new token."""
        with cls(url, retry=retry) as crm:
            token = crm.driver.run(_log_in(username, password))
        return cls(url, token=token, retry=retry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient(Api[AsyncDriver]):
    """The same for asyncio: operations are awaited, lists are iterated over with ``async for``.

    Args:
        url: where the API is.
        token: who asks; without one only ``log_in`` gets anywhere.
        retry: how patient it is.
        timeout: seconds without a sign of the server after which an attempt is given up.
        transport: what httpx is to send by, such as ``httpx.AsyncHTTPTransport(verify=..., proxy=...)``.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        retry: Retry = _PATIENT,
        timeout: float = _TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        http = httpx.AsyncClient(base_url=url, headers=_headers(token), timeout=timeout, transport=transport)
        super().__init__(AsyncSending(http, retry))
        self.aclose = http.aclose

    @classmethod
    async def log_in(cls, url: str, username: str, password: str, *, retry: Retry = _PATIENT) -> Self:
        """A client with a new token."""
        async with cls(url, retry=retry) as crm:
            token = await crm.driver.run(_log_in(username, password))
        return cls(url, token=token, retry=retry)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _headers(token: str) -> dict[str, str]:
    """What every request has: nothing that is sent may be ignored, so that a wrong name is an error."""
    authorization = {"Authorization": f"Token {token}"} if token else {}
    return {"Prefer": "handling=strict", **authorization}
