"""The two clients: the whole API, synchronous and asynchronous."""

from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, Self, TypeVar
from uuid import UUID

import attrs
import httpx

from crm_core.model import entities
from crm_core.model.accounts import User
from crm_core.model.entities import EntityWithAttributes
from crm_core.webhooks.entity import Webhook
from crm_core.webhooks.reports import WebhookWithSecret
from crm_http.client.agenda import AgendaOperations, CalendarOperations
from crm_http.client.any_records import AnyRecordOperations
from crm_http.client.changes import ChangeOperations
from crm_http.client.drivers import AsyncHttpDriver, HttpDriver
from crm_http.client.import_operations import ImportOperations
from crm_http.client.operations import AsyncDriver, D_co, Driver, Operation, OperationGroup, operation
from crm_http.client.request_parts import below, body_of, name_of, path_of
from crm_http.client.resources import (
    AttributeOperations,
    ClientOperations,
    EnrollmentDetailOperations,
    EnrollmentOperations,
    FollowUpOperations,
    LeadOperations,
    ServiceOperations,
)
from crm_http.client.responses import decode
from crm_http.client.retries import Retry
from crm_http.client.roster_operations import CohortOperationsWithRoster
from crm_http.client.summary_operations import PipelineOperationsWithSummary
from crm_http.client.token_operations import TokenOperations
from crm_http.client.transfer_operations import TransferOperations
from crm_http.client.webhook_operations import WebhookOperations

E = TypeVar("E")

_TOKENS: Final = "/api-token-auth/"
_RETRY: Final = Retry()
_TIMEOUT: Final = 30.0
#: With strict handling a misspelled name is an error.
_STRICT: Final = {"Prefer": "handling=strict"}
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


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
        self.clients: ClientOperations[D_co] = ClientOperations(driver, entities.Client)
        self.services: ServiceOperations[D_co] = ServiceOperations(driver, entities.Service)
        self.leads: LeadOperations[D_co] = LeadOperations(driver, entities.Lead)
        self.pipelines: PipelineOperationsWithSummary[D_co] = PipelineOperationsWithSummary(driver, entities.Pipeline)
        self.cohorts: CohortOperationsWithRoster[D_co] = CohortOperationsWithRoster(driver, entities.Cohort)
        self.enrollments: EnrollmentOperations[D_co] = EnrollmentOperations(driver, entities.Enrollment)
        self.enrollment_details: EnrollmentDetailOperations[D_co] = EnrollmentDetailOperations(
            driver, entities.EnrollmentDetail
        )
        self.transfer_requests: TransferOperations[D_co] = TransferOperations(driver, entities.TransferRequest)
        self.tasks: AgendaOperations[D_co] = AgendaOperations(driver)
        self.calendars: CalendarOperations[D_co] = CalendarOperations(driver)
        self.changes: ChangeOperations[D_co] = ChangeOperations(driver)
        self.imports: ImportOperations[D_co] = ImportOperations(driver)
        self.webhooks: WebhookOperations[D_co] = WebhookOperations(driver, WebhookWithSecret, path_of(Webhook))
        self.tokens: TokenOperations[D_co] = TokenOperations(driver)

    def records(self, entity: type[E]) -> AnyRecordOperations[D_co, E]:
        """Return the operations of any resource, such as one that a package has registered, by its entity."""
        return AnyRecordOperations(self.driver, entity)

    def attributes(self, entity: EntityWithAttributes | type) -> AttributeOperations[D_co]:
        """Return the operations of the user-defined attributes of an entity: one of the CRM's by name, or any class."""
        place, name = path_of(entities.Attribute), name_of(entity) if isinstance(entity, type) else entity
        return AttributeOperations(
            self.driver, entities.Attribute, f"{place}/{name}", place, exports=place, within={"entity": name}
        )

    def follow_ups(self, service: UUID | str) -> FollowUpOperations[D_co]:
        """Return the operations of a service's follow-ups."""
        path = f"{below(path_of(entities.Service), service)}follow-ups"
        return FollowUpOperations(
            self.driver, entities.FollowUp, path, exports=path_of(entities.FollowUp), within={"service": service}
        )

    @operation
    def me(self) -> Operation[Me]:
        """Return the user of the token."""
        return Operation(method="GET", path="/api/me/", read=lambda response: decode(response, Me))

    @operation
    def users(self, listed: Literal["instructors", "tas", "sales", "operations"]) -> Operation[tuple[User, ...]]:
        """Return the active users of a group.

        Args:
            listed: the group; ``tas`` are the teacher assistants.
        """
        return Operation(method="GET", path=f"/api/{listed}/", read=lambda response: decode(response, tuple[User, ...]))

    @operation
    def log_out(self) -> Operation[None]:
        """Revoke the token."""
        return Operation(method="DELETE", path=_TOKENS, read=lambda _: None, repeat="none")


class Client(Api[Driver]):
    """A synchronous client; a context manager, as ``httpx.Client`` is.

    Args:
        url: the address of the server, such as ``https://crm.example.com``.
        token: the token; without one use ``log_in``.
        retry: how often and how long to retry.
        timeout: seconds without any data from the server after which an attempt fails.
        transport: a transport of httpx, such as ``httpx.HTTPTransport(verify=..., proxy=...)``.
        headers: headers of every request, such as a ``User-Agent``.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        retry: Retry = _RETRY,
        timeout: float = _TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        http = httpx.Client(
            base_url=_address(url), headers={**_STRICT, **headers}, timeout=timeout, transport=transport
        )
        super().__init__(HttpDriver(http, retry))
        self.close: Callable[[], None] = http.close
        self._http = http
        if token:
            _authorize(http, token)

    @classmethod
    def log_in(
        cls,
        url: str,
        username: str,
        password: str,
        *,
        permissions: Collection[str] | None = None,
        retry: Retry = _RETRY,
        timeout: float = _TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> Self:
        """Return a client with a new token.

        Args:
            url: the address of the server.
            username: the name of the user.
            password: the password of the user.
            permissions: what the token may do, such as ``app.view_client``, of what the user may do; None for all of
                that.
            retry: as in the class, and so are the others.
            timeout: as in the class.
            transport: as in the class.
            headers: as in the class.

        Raises NotAuthenticatedError, ThrottledError, InvalidError.
        """
        crm = cls(url, retry=retry, timeout=timeout, transport=transport, headers=headers)
        try:
            _authorize(crm._http, crm.driver.run(_log_in(username, password, permissions)))
        except BaseException:
            crm.close()
            raise
        return crm

    def __repr__(self) -> str:
        return f"Client({str(self._http.base_url)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient(Api[AsyncDriver]):
    """An asynchronous client with the same operations: they are awaited, and lists are read with ``async for``.

    Args:
        url: the address of the server, such as ``https://crm.example.com``.
        token: the token; without one use ``log_in``.
        retry: how often and how long to retry.
        timeout: seconds without any data from the server after which an attempt fails.
        transport: a transport of httpx, such as ``httpx.AsyncHTTPTransport(verify=..., proxy=...)``.
        headers: headers of every request, such as a ``User-Agent``.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        retry: Retry = _RETRY,
        timeout: float = _TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        http = httpx.AsyncClient(
            base_url=_address(url), headers={**_STRICT, **headers}, timeout=timeout, transport=transport
        )
        super().__init__(AsyncHttpDriver(http, retry))
        self.aclose: Callable[[], Coroutine[Any, Any, None]] = http.aclose
        self._http = http
        if token:
            _authorize(http, token)

    @classmethod
    async def log_in(
        cls,
        url: str,
        username: str,
        password: str,
        *,
        permissions: Collection[str] | None = None,
        retry: Retry = _RETRY,
        timeout: float = _TIMEOUT,  # noqa: ASYNC109  # it is the client's, of every attempt
        transport: httpx.AsyncBaseTransport | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> Self:
        """Return a client with a new token.

        Args:
            url: the address of the server.
            username: the name of the user.
            password: the password of the user.
            permissions: what the token may do, such as ``app.view_client``, of what the user may do; None for all of
                that.
            retry: as in the class, and so are the others.
            timeout: as in the class.
            transport: as in the class.
            headers: as in the class.

        Raises NotAuthenticatedError, ThrottledError, InvalidError.
        """
        crm = cls(url, retry=retry, timeout=timeout, transport=transport, headers=headers)
        try:
            _authorize(crm._http, await crm.driver.run(_log_in(username, password, permissions)))
        except BaseException:
            await crm.aclose()
            raise
        return crm

    def __repr__(self) -> str:
        return f"AsyncClient({str(self._http.base_url)!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _address(url: str) -> httpx.URL:
    """Return the address of a server. Raises ValueError for what is none."""
    with suppress(httpx.InvalidURL):
        address = httpx.URL(url)
        if address.scheme in {"http", "https"} and address.host:
            return address
    raise ValueError(f"the address of a server is like https://crm.example.com, and not {url!r}")


def _log_in(username: str, password: str, permissions: Collection[str] | None) -> Operation[str]:
    narrowed = {} if permissions is None else {"permissions": _texts(permissions)}
    return Operation(
        method="POST",
        path=_TOKENS,
        read=lambda response: decode(response, dict[str, str])["token"],
        repeat="safe",
        options=body_of({"username": username, "password": password, **narrowed}),
    )


def _texts(permissions: Collection[str]) -> list[str]:
    """Return the permissions as a list. Raises TypeError for a single text, which is a collection of letters."""
    if isinstance(permissions, str):
        raise TypeError(f"permissions is a list of texts, such as [{permissions!r}]")
    return list(permissions)


def _authorize(http: httpx.Client | httpx.AsyncClient, token: str) -> None:
    http.headers["Authorization"] = f"Token {token}"
