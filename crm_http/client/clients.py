"""The two clients: the whole API, synchronous and asynchronous."""

from typing import Final, Generic, Literal, Self
from uuid import UUID

import attrs
import httpx

from crm_core.model import entities
from crm_core.model.accounts import User
from crm_core.model.entities import EntityWithAttributes
from crm_core.webhooks import entity
from crm_http.client.drivers import AsyncHttpDriver, HttpDriver
from crm_http.client.operations import AsyncDriver, D_co, Driver, Operation, OperationGroup, operation
from crm_http.client.records import (
    RecordOperations,
    RecordOperationsWithImages,
    RecordOperationsWithTasks,
    below,
    body_of,
    path_of,
)
from crm_http.client.responses import decode
from crm_http.client.retries import Retry
from crm_http.client.webhooks import WebhookOperations, WebhookWithSecret

_TOKENS: Final = "/api-token-auth/"
_RETRY: Final = Retry()
_TIMEOUT: Final = 30.0


@attrs.frozen
class Me:
    """The user of the token, with the names of their groups and permissions."""

    id: int
    username: str
    groups: tuple[str, ...]
    permissions: tuple[str, ...]


class Api(OperationGroup[D_co], Generic[D_co]):
    """The whole API, for either client; each attribute is one of the documented resources."""

    def __init__(self, driver: D_co) -> None:
        super().__init__(driver)
        self.clients = RecordOperationsWithImages(driver, entities.Client)
        self.services = RecordOperationsWithImages(driver, entities.Service)
        self.leads = RecordOperationsWithTasks(driver, entities.Lead)
        self.pipelines = RecordOperations(driver, entities.Pipeline)
        self.cohorts = RecordOperations(driver, entities.Cohort)
        self.enrollments = RecordOperations(driver, entities.Enrollment)
        self.enrollment_details = RecordOperations(driver, entities.EnrollmentDetail)
        self.transfer_requests = RecordOperations(driver, entities.TransferRequest)
        self.webhooks = WebhookOperations(driver, WebhookWithSecret, path_of(entity.Webhook))

    def attributes(self, entity: EntityWithAttributes) -> RecordOperations[D_co, entities.Attribute]:
        """Return the operations of an entity's user-defined attributes."""
        place = path_of(entities.Attribute)
        return RecordOperations(self.driver, entities.Attribute, f"{place}/{entity}", place)

    def follow_ups(self, service: UUID | str) -> RecordOperations[D_co, entities.FollowUp]:
        """Return the operations of a service's follow-ups."""
        path = f"{below(path_of(entities.Service), service)}follow-ups"
        return RecordOperations(self.driver, entities.FollowUp, path)

    @operation
    def me(self) -> Operation[Me]:
        """Return the user of the token."""
        return Operation(method="GET", path="/api/me/", read=lambda response: decode(response, Me))

    @operation
    def users(self, listed: Literal["instructors", "tas", "sales", "operations"]) -> Operation[tuple[User, ...]]:
        """Return one of the lists of users."""
        return Operation(method="GET", path=f"/api/{listed}/", read=lambda response: decode(response, tuple[User, ...]))

    @operation
    def log_out(self) -> Operation[None]:
        """Revoke the token."""
        return Operation(method="DELETE", path=_TOKENS, read=lambda _: None, repeat="none")


class Client(Api[Driver]):
    """A synchronous client; a context manager, as ``httpx.Client`` is.

    Args:
        url: the address of the server.
        token: the token; without one use ``log_in``.
        retry: how often and how long to retry.
        timeout: seconds without any data from the server after which an attempt fails.
        transport: a transport of httpx, such as ``httpx.HTTPTransport(verify=..., proxy=...)``.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        retry: Retry = _RETRY,
        timeout: float = _TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        http = httpx.Client(base_url=url, headers=_headers(token), timeout=timeout, transport=transport)
        super().__init__(HttpDriver(http, retry))
        self.close = http.close

    @classmethod
    def log_in(cls, url: str, username: str, password: str, *, retry: Retry = _RETRY) -> Self:
        """Return a client with a new token. Raises NotAuthenticatedError, ThrottledError."""
        with cls(url, retry=retry) as crm:
            token = crm.driver.run(_log_in(username, password))
        return cls(url, token=token, retry=retry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient(Api[AsyncDriver]):
    """An asynchronous client with the same operations: they are awaited, and lists are read with ``async for``.

    Args:
        url: the address of the server.
        token: the token; without one use ``log_in``.
        retry: how often and how long to retry.
        timeout: seconds without any data from the server after which an attempt fails.
        transport: a transport of httpx, such as ``httpx.AsyncHTTPTransport(verify=..., proxy=...)``.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        retry: Retry = _RETRY,
        timeout: float = _TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        http = httpx.AsyncClient(base_url=url, headers=_headers(token), timeout=timeout, transport=transport)
        super().__init__(AsyncHttpDriver(http, retry))
        self.aclose = http.aclose

    @classmethod
    async def log_in(cls, url: str, username: str, password: str, *, retry: Retry = _RETRY) -> Self:
        """Return a client with a new token. Raises NotAuthenticatedError, ThrottledError."""
        async with cls(url, retry=retry) as crm:
            token = await crm.driver.run(_log_in(username, password))
        return cls(url, token=token, retry=retry)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _log_in(username: str, password: str) -> Operation[str]:
    return Operation(
        method="POST",
        path=_TOKENS,
        read=lambda response: decode(response, dict[str, str])["token"],
        repeat="safe",
        options=body_of({"username": username, "password": password}),
    )


def _headers(token: str) -> dict[str, str]:
    """Return the headers of every request; with strict handling a misspelled name is an error."""
    authorization = {"Authorization": f"Token {token}"} if token else {}
    return {"Prefer": "handling=strict", **authorization}
