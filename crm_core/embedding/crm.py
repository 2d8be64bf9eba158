"""Crm and SyncCrm: where embedders begin."""

from collections.abc import Collection
from typing import Any

from crm_core.embedding.calls import Awaiting, Context, Runner, needed
from crm_core.embedding.runners import CallingThread
from crm_core.embedding.sessions import Session
from crm_core.model.accounts import Actor
from crm_core.ports import Actors, Database, DeliveryLog, Feed, WorkbookWriter
from crm_core.use_cases import users as user_use_cases
from crm_core.use_cases.import_requests import Imports
from crm_core.use_cases.uploads import Images


class _Stores:
    """The stores and services that calls need, each only for the calls that say so.

    Args:
        db: where records are stored.
        users: where users are stored: for ``as_user``.
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
        feed: Feed | None = None,
        deliveries: DeliveryLog | None = None,
        images: Images | None = None,
        workbooks: WorkbookWriter | None = None,
        imports: Imports | None = None,
    ) -> None:
        self._users = users
        self._stores: dict[str, Any] = {
            "db": db,
            "users": users,
            "feed": feed,
            "deliveries": deliveries,
            "images": images,
            "workbooks": workbooks,
            "imports": imports,
        }

    def _context(self, actor: Actor, request_id: str) -> Context:
        return Context(actor=actor, request_id=request_id, **self._stores)

    async def _context_of(self, user: int | str, permissions: Collection[str] | None, request_id: str) -> Context:
        actor = await user_use_cases.actor_of(needed(self._users, "users"), user)
        narrowed = None if permissions is None else frozenset(permissions)
        return self._context(actor.narrowed(narrowed), request_id)


class Crm(_Stores):
    """The CRM in your own process, with typed calls that are awaited.

    .. code-block:: python

        crm = Crm(MemoryDatabase())
        lead = await crm.as_(actor).leads.create(name="Ann")

    Args:
        db: where records are stored.
        users: where users are stored: for ``as_user``.
        feed: the change feed: for ``changes``.
        deliveries: the log of deliveries: for ``webhooks``.
        images: the images of records: for ``upload``.
        workbooks: writes XLSX: for ``export``.
        imports: the stores of imports: for ``import_file`` and ``imports``.
    """

    def as_(self, actor: Actor, *, request_id: str = "") -> Session[Awaiting]:
        """Return the calls of an actor.

        Args:
            actor: in whose name calls are made.
            request_id: the id of the request that makes them, in logs and events.
        """
        return Session(self._context(actor, request_id), Awaiting())

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
        return Session(await self._context_of(user, permissions, request_id), Awaiting())


class SyncCrm(_Stores):
    """The CRM in your own process, for programs without an event loop: calls return their results.

    .. code-block:: python

        crm = SyncCrm(MemoryDatabase())
        lead = crm.as_(actor).leads.create(name="Ann")

    Args:
        db: where records are stored.
        runner: runs the calls: ``CallingThread``, or a ``Portal`` if the store has connections of its own or several
            threads make calls.
        users: where users are stored: for ``as_user``.
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
        feed: Feed | None = None,
        deliveries: DeliveryLog | None = None,
        images: Images | None = None,
        workbooks: WorkbookWriter | None = None,
        imports: Imports | None = None,
    ) -> None:
        super().__init__(
            db, users=users, feed=feed, deliveries=deliveries, images=images, workbooks=workbooks, imports=imports
        )
        self._runner: Runner = runner or CallingThread()

    def as_(self, actor: Actor, *, request_id: str = "") -> Session[Runner]:
        """Return the calls of an actor; the arguments are those of ``Crm.as_``."""
        return Session(self._context(actor, request_id), self._runner)

    def as_user(
        self, user: int | str, *, permissions: Collection[str] | None = None, request_id: str = ""
    ) -> Session[Runner]:
        """Return the calls of a user; arguments and errors are those of ``Crm.as_user``."""
        return Session(self._runner.run(self._context_of(user, permissions, request_id)), self._runner)
