"""Sessions: all calls of one user."""

from types import TracebackType
from typing import Final, Generic, TypeVar, cast
from uuid import UUID

import attrs

from crm_core.embedding.agenda import AgendaCalls
from crm_core.embedding.any_records import AnyRecordCalls
from crm_core.embedding.calendars import CalendarCalls
from crm_core.embedding.calls import Awaiting, CallGroup, R_co, Runner
from crm_core.embedding.changes import ChangeCalls
from crm_core.embedding.imports import ImportCalls
from crm_core.embedding.resources import (
    AttributeCalls,
    ClientCalls,
    EnrollmentCalls,
    EnrollmentDetailCalls,
    FollowUpCalls,
    LeadCalls,
    ServiceCalls,
)
from crm_core.embedding.rosters import CohortCallsWithRoster
from crm_core.embedding.summaries import PipelineCallsWithSummary
from crm_core.embedding.transfers import TransferCalls
from crm_core.embedding.webhooks import WebhookCalls
from crm_core.engine.decisions import id_of
from crm_core.model.accounts import Actor, Caller
from crm_core.model.entities import EntityWithAttributes
from crm_core.resources import (
    ATTRIBUTES,
    CLIENTS,
    COHORTS,
    ENROLLMENT_DETAILS,
    ENROLLMENTS,
    FOLLOW_UPS,
    LEADS,
    PIPELINES,
    SERVICES,
    TRANSFER_REQUESTS,
    WEBHOOKS,
    Resource,
)
from crm_core.use_cases.units_of_work import UnitOfWork
from crm_core.webhooks.reports import WebhookWithSecret

E = TypeVar("E")

#: Webhooks are read as the entity that has the secret, too.
_WEBHOOKS: Final = cast("Resource[WebhookWithSecret]", WEBHOOKS)


class Session(CallGroup[R_co], Generic[R_co]):
    """All calls of one user, in groups as the typed client has them. Each call has its own moment.

    Each attribute is one of the documented resources; ``tasks`` is the agenda, and ``changes`` is the change feed.
    """

    @property
    def actor(self) -> Actor:
        """Return the user."""
        return self.context.actor

    @property
    def clients(self) -> ClientCalls[R_co]:
        """Return the calls of clients."""
        return ClientCalls(self.context, self.runner, CLIENTS)

    @property
    def services(self) -> ServiceCalls[R_co]:
        """Return the calls of services."""
        return ServiceCalls(self.context, self.runner, SERVICES)

    @property
    def leads(self) -> LeadCalls[R_co]:
        """Return the calls of leads."""
        return LeadCalls(self.context, self.runner, LEADS)

    @property
    def pipelines(self) -> PipelineCallsWithSummary[R_co]:
        """Return the calls of pipelines."""
        return PipelineCallsWithSummary(self.context, self.runner, PIPELINES)

    @property
    def cohorts(self) -> CohortCallsWithRoster[R_co]:
        """Return the calls of cohorts."""
        return CohortCallsWithRoster(self.context, self.runner, COHORTS)

    @property
    def enrollments(self) -> EnrollmentCalls[R_co]:
        """Return the calls of enrollments."""
        return EnrollmentCalls(self.context, self.runner, ENROLLMENTS)

    @property
    def enrollment_details(self) -> EnrollmentDetailCalls[R_co]:
        """Return the calls of enrollment details."""
        return EnrollmentDetailCalls(self.context, self.runner, ENROLLMENT_DETAILS)

    @property
    def transfer_requests(self) -> TransferCalls[R_co]:
        """Return the calls of transfer requests."""
        return TransferCalls(self.context, self.runner, TRANSFER_REQUESTS)

    @property
    def tasks(self) -> AgendaCalls[R_co]:
        """Return the calls of the agenda."""
        return AgendaCalls(self.context, self.runner)

    @property
    def calendars(self) -> CalendarCalls[R_co]:
        """Return the calls of the user's own calendars."""
        return CalendarCalls(self.context, self.runner)

    @property
    def imports(self) -> ImportCalls[R_co]:
        """Return the calls of imports."""
        return ImportCalls(self.context, self.runner)

    @property
    def webhooks(self) -> WebhookCalls[R_co]:
        """Return the calls of webhooks."""
        return WebhookCalls(self.context, self.runner, _WEBHOOKS)

    @property
    def changes(self) -> ChangeCalls[R_co]:
        """Return the calls of the change feed."""
        return ChangeCalls(self.context, self.runner)

    def records(self, resource: Resource[E]) -> AnyRecordCalls[R_co, E]:
        """Return the calls of any resource, such as one that a package has registered."""
        return AnyRecordCalls(self.context, self.runner, resource)

    def attributes(self, entity: EntityWithAttributes | Resource) -> AttributeCalls[R_co]:
        """Return the calls of the user-defined attributes of an entity: one of the CRM's, or any resource."""
        name = entity.name if isinstance(entity, Resource) else entity
        return AttributeCalls(self.context, self.runner, ATTRIBUTES, name)

    def follow_ups(self, service: UUID | str) -> FollowUpCalls[R_co]:
        """Return the calls of a service's follow-ups. Raises NotFoundError for what is no id."""
        return FollowUpCalls(self.context, self.runner, FOLLOW_UPS, id_of(service))

    def caller(self) -> Caller:
        """Return a caller of this moment, for ``crm_core.use_cases``."""
        return self.context.caller()

    def together(self) -> "Together[R_co]":
        """Return a block whose calls are committed together at its end, or not at all (``unit_of_work``).

        .. code-block:: python

            async with session.together() as work:
                client = await work.clients.create(name="Acme")
                await work.services.create(name="Ann", client=client.id)
        """
        return Together(self)


class Together(Generic[R_co]):
    """A block of calls that are committed together: ``with``, or ``async with`` where calls are awaited."""

    def __init__(self, session: Session[R_co]) -> None:
        self._runner = session.runner
        self._work = UnitOfWork(session.context.db)
        self._session = Session(attrs.evolve(session.context, db=self._work), session.runner)

    def __enter__(self: "Together[Runner]") -> Session[Runner]:
        runner: object = self._runner
        if isinstance(runner, Awaiting):  # its commit would be a coroutine that nobody awaits
            raise TypeError("the calls of Crm are awaited: use `async with`")
        return self._session

    def __exit__(
        self: "Together[Runner]", kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None:
            self._runner.run(self._work.commit())

    async def __aenter__(self: "Together[Awaiting]") -> Session[Awaiting]:
        runner: object = self._runner
        if not isinstance(runner, Awaiting):  # its commit would be made without the runner
            raise TypeError("the calls of SyncCrm are not awaited: use `with`")
        return self._session

    async def __aexit__(
        self: "Together[Awaiting]", kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None:
            await self._work.commit()
