"""Crm and SyncCrm: where embedders begin."""

from collections.abc import Collection
from typing import Generic, Literal, TypeAlias

import attrs

from crm_core.embedding.administration import GroupCalls, TokenCalls, UserCalls
from crm_core.embedding.calls import Awaiting, Context, R_co, Runner, needed
from crm_core.embedding.runners import CallingThread
from crm_core.embedding.sessions import Session
from crm_core.engine.parameters import parameter_texts
from crm_core.model.accounts import SYSTEM, Actor
from crm_core.ports import Actors, Database, DeliveryLog, Feed, Passwords, WorkbookWriter
from crm_core.rules.accounts import read_permissions
from crm_core.use_cases import calendars
from crm_core.use_cases import users as user_use_cases
from crm_core.use_cases.import_requests import Imports
from crm_core.use_cases.uploads import Images

#: How a calendar shows tasks.
CalendarKind: TypeAlias = Literal["event", "todo"]


class _Calls(Generic[R_co]):
    """What ``Crm`` and ``SyncCrm`` have in common: the calls of administrators, and the sessions of actors.

    Args:
        context: the stores, in the name of the system.
        runner: runs the calls.
    """

    def __init__(self, context: Context, runner: R_co) -> None:
        self._context = context
        self._runner = runner

    @property
    def users(self) -> UserCalls[R_co]:
        """Return the calls that manage who can log in. They check no permission."""
        return UserCalls(self._context, self._runner)

    @property
    def groups(self) -> GroupCalls[R_co]:
        """Return the calls that manage what the users of a group may do. They check no permission."""
        return GroupCalls(self._context, self._runner)

    @property
    def tokens(self) -> TokenCalls[R_co]:
        """Return the calls that manage tokens for HTTP. They check no permission."""
        return TokenCalls(self._context, self._runner)

    def as_(self, actor: Actor, *, request_id: str = "") -> Session[R_co]:
        """Return the calls of an actor.

        Args:
            actor: in whose name calls are made.
            request_id: the id of the request that makes them, in logs and events.
        """
        return Session(self._context_for(actor, request_id), self._runner)

    def _context_for(self, actor: Actor, request_id: str) -> Context:
        return attrs.evolve(self._context, actor=actor, request_id=request_id)

    async def _context_of_user(self, user: int | str, permissions: Collection[str] | None, request_id: str) -> Context:
        actor = await user_use_cases.actor_of(needed(self._context.users, "users"), user)
        narrowed = None if permissions is None else frozenset(read_permissions(permissions))
        return self._context_for(actor.narrowed(narrowed), request_id)

    async def _calendar(self, secret: str, kind: CalendarKind, request_id: str) -> calendars.Contents:
        params = parameter_texts({"as": kind})
        return await calendars.read(self._context.accounts, self._context.db, secret, params, request_id=request_id)


class Crm(_Calls[Awaiting]):
    """The CRM in your own process, with typed calls that are awaited.

    .. code-block:: python

        crm = Crm(MemoryDatabase())
        lead = await crm.as_(actor).leads.create(name="Ann")

    Args:
        db: where records are stored.
        users: where users are stored: for ``as_user``; those of ``crm_core.ports.Users`` for ``users``, ``groups``,
            ``tokens`` and ``calendars``, too.
        passwords: hashes the passwords of ``users``.
        feed: the change feed: for ``changes``.
        deliveries: the log of deliveries: for ``webhooks``.
        images: the images of records: for ``upload``.
        workbooks: writes XLSX: for ``export``.
        imports: the stores of imports: for ``import_file`` and ``imports``.
    """

    def __init__(
        self,
        db: Database,
        *,
        users: Actors | None = None,
        passwords: Passwords | None = None,
        feed: Feed | None = None,
        deliveries: DeliveryLog | None = None,
        images: Images | None = None,
        workbooks: WorkbookWriter | None = None,
        imports: Imports | None = None,
    ) -> None:
        context = Context(
            actor=SYSTEM,
            db=db,
            users=users,
            passwords=passwords,
            feed=feed,
            deliveries=deliveries,
            images=images,
            workbooks=workbooks,
            imports=imports,
        )
        super().__init__(context, Awaiting())

    async def as_user(
        self, user: int | str, *, permissions: Collection[str] | None = None, request_id: str = ""
    ) -> Session[Awaiting]:
        """Return the calls of a user whom your program has authenticated, with their permissions at this moment.

        Args:
            user: the id of the user, or the name.
            permissions: what the calls may do, of what the user may do; None for all of that.
            request_id: as in ``as_``.

        Raises UnknownUserError, NotAuthenticatedError for a disabled user.
        """
        return Session(await self._context_of_user(user, permissions, request_id), self._runner)

    async def read_calendar(
        self, secret: str, /, *, kind: CalendarKind = "event", request_id: str = ""
    ) -> calendars.Contents:
        """Return what a calendar shows, for a ``crm_core.ports.CalendarWriter``. Raises NotFoundError.

        Args:
            secret: the secret of the calendar, which ``calendars.create`` returned.
            kind: ``event`` for tasks with a date as events of whole days; ``todo`` for all open tasks as things to do.
            request_id: as in ``as_``.
        """
        return await self._calendar(secret, kind, request_id)


class SyncCrm(_Calls[Runner]):
    """The CRM in your own process, for programs without an event loop: calls return their results.

    .. code-block:: python

        crm = SyncCrm(MemoryDatabase())
        lead = crm.as_(actor).leads.create(name="Ann")

    Args:
        db: where records are stored.
        runner: runs the calls: ``CallingThread``, or a ``Portal`` if the store has connections of its own or several
            threads make calls.
        users: where users are stored: for ``as_user``; those of ``crm_core.ports.Users`` for ``users``, ``groups``,
            ``tokens`` and ``calendars``, too.
        passwords: hashes the passwords of ``users``.
        feed: the change feed: for ``changes``.
        deliveries: the log of deliveries: for ``webhooks``.
        images: the images of records: for ``upload``.
        workbooks: writes XLSX: for ``export``.
        imports: the stores of imports: for ``import_file`` and ``imports``.
    """

    def __init__(
        self,
        db: Database,
        *,
        runner: Runner | None = None,
        users: Actors | None = None,
        passwords: Passwords | None = None,
        feed: Feed | None = None,
        deliveries: DeliveryLog | None = None,
        images: Images | None = None,
        workbooks: WorkbookWriter | None = None,
        imports: Imports | None = None,
    ) -> None:
        context = Context(
            actor=SYSTEM,
            db=db,
            users=users,
            passwords=passwords,
            feed=feed,
            deliveries=deliveries,
            images=images,
            workbooks=workbooks,
            imports=imports,
        )
        super().__init__(context, runner or CallingThread())

    def as_user(
        self, user: int | str, *, permissions: Collection[str] | None = None, request_id: str = ""
    ) -> Session[Runner]:
        """Return the calls of a user; arguments and errors are those of ``Crm.as_user``."""
        return Session(self._runner.run(self._context_of_user(user, permissions, request_id)), self._runner)

    def read_calendar(
        self, secret: str, /, *, kind: CalendarKind = "event", request_id: str = ""
    ) -> calendars.Contents:
        """Return what a calendar shows; arguments and errors are those of ``Crm.read_calendar``."""
        return self._runner.run(self._calendar(secret, kind, request_id))
