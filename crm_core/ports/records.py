"""Keeps records and what follows from them."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

from crm_core.engine.agendas import AgendaQuery
from crm_core.engine.decision_runs import Decide
from crm_core.engine.queries import Page, Query
from crm_core.engine.receipts import Document, Receipt
from crm_core.engine.retention import Folded
from crm_core.model.agenda import AgendaPage
from crm_core.model.events import Event, EventPlace
from crm_core.model.evolutions import HeldValue, Holding
from crm_core.model.records import Key
from crm_core.model.summaries import StageFigures, StageQuery
from crm_core.resources import Resource
from crm_core.rules.likeness import LookalikePage
from crm_core.rules.needs import Known, Needs


class Database(Protocol):
    """Keeps records. Every method may raise UnavailableError, and no other error of the store's own.

    ``reader`` is the id of the user who reads. With it, a read shows everything that this user wrote, but changes of
    others may be some seconds late; without it, a read shows everything that is committed.
    """

    async def get(self, key: Key, *, reader: int | None = None) -> Document | None:
        """Return the record as clients see it, or None."""

    async def known(self, needs: Needs) -> Known:
        """Read what is needed, without an intention to change it."""
        ...

    async def page(self, query: Query, *, reader: int | None = None) -> Page:
        """Return one page of a list: at most ``query.limit`` records, which must be given."""
        ...

    def stream(self, query: Query, *, reader: int | None = None, separator: str = ",") -> AsyncIterator[bytes]:
        """Yield a whole list as documents joined by a separator, in pieces of bounded size.

        A document is compact JSON, so none has a line feed in it. All pieces but the first begin with the separator.
        """
        ...

    async def agenda(self, query: AgendaQuery, *, reader: int | None = None) -> AgendaPage:
        """Return one page of the agenda: at most ``query.limit`` tasks, in the order of their places.

        A page may end before, but has at least one task if there is one.
        """
        ...

    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        """Return the names of the fields that changed after a version of a record, in alphabetical order."""
        ...

    async def history(self, key: Key, *, before: int | None = None, limit: int | None = None) -> Sequence[Event]:
        """Return events of a record, the newest first, also of one that was deleted.

        The changes and causes of events that are read are plain JSON values, with numbers as they were stored.

        Args:
            key: the record's key.
            before: only events of lower versions.
            limit: the most events; None for all.
        """
        ...

    async def lineage(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events from which a version of a record can be built (``crm_core.model.replay``), in their order.

        The first is the latest one of the ``WHOLE_KINDS`` up to that version; those after it up to that version follow.
        """
        ...

    def deletions_since(self, since: datetime) -> AsyncIterator[bytes]:
        """Yield what the deletions since a time recorded, whole records as changes in JSON, some at a time."""
        ...

    async def followers(self, key: Key, version: int) -> Sequence[Event]:
        """Return the events that followed from a change of a record in its commit (``Event.cause``), in their order."""
        ...

    async def named(self, resource: Resource, field: str, texts: Sequence[str]) -> Mapping[str, Sequence[UUID]]:
        """Return the ids of the records of a resource whose field is exactly one of some texts, by text.

        Of each text the ids of two at most, in their order; a text that no record has may be missing.
        """
        ...

    async def events_of_run(self, run: UUID, *, before: EventPlace | None, limit: int) -> Sequence[Event]:
        """Return events of a run of an import (``run_request_id``), by record and version in descending order.

        Args:
            run: the id of the run.
            before: only events before this place in ascending order, so that they follow it in this one; None for all.
            limit: the most events.
        """
        ...

    async def once_referring(self, key: Key, resource: str, field: str) -> Sequence[UUID]:
        """Return the ids of records of a resource that ever referred to a record, also of deleted ones.

        Args:
            key: the record that was referred to.
            resource: the name of a resource.
            field: a field of that resource that refers to the owner of its records, or that ``Resource.copies`` names.
        """
        ...

    async def foreign_referrer(self, keys: Collection[Key]) -> str | None:
        """Return the name of a table that keeps records from being deleted, and that no decision can know of.

        It is of no registered resource and refers to one of the records (decision 174): ``change`` raises InUseError
        for such a deletion. None if there is none, as in every store that has no references of its own.
        """
        ...

    async def mentions(self, texts: Sequence[str], limit: int) -> Sequence[Key]:
        """Return the keys of some records in which one of some texts occurs anywhere. It reads all records."""
        ...

    async def count_holders(self, entity: str, name: str) -> int:
        """Return how many records of an entity hold a value under the name of an attribute, defined or not."""
        ...

    def held_values(self, entity: str, name: str) -> AsyncIterator[Sequence[HeldValue]]:
        """Yield the different values that records hold under the name of an attribute, in any order, some at a time.

        It reads all records. Equal numbers may be given once, in any of their spellings.
        """
        ...

    async def holders(self, entity: str, name: str, which: Holding, limit: int) -> Sequence[UUID]:
        """Return the ids of the first records that hold a value under the name of an attribute, by id."""
        ...

    async def alike(self, resource: str, *, after: str, limit: int) -> LookalikePage:
        """Return the records of a resource that have keys in common (``rules.likeness``), by key.

        It takes a bounded time, so a page can have fewer keys than follow, or none.

        Args:
            resource: the name of a resource whose records can be merged.
            after: only keys after this one; empty for all.
            limit: the most keys.
        """
        ...

    async def rename_author(self, user: int, name: str) -> int:
        """Put a name in place of a user's in everything that is kept; return how many records that changed.

        In events, as their author; in tasks and notes of records, and wherever copies of these are: in events,
        deliveries and receipts. A record that changes has a new version, without an event. It may take long: a store
        may commit in parts, and what was not reached is reached by another call.

        Args:
            user: the id of the user.
            name: the new name: letters, digits and hyphens.
        """
        ...

    async def fold(self, before: datetime, after: UUID) -> Folded:
        """Fold the older events of some records by ``engine.retention``: one batch, in one commit.

        Nobody waits for it but erasures.

        Args:
            before: events from this time on stay, and those that the change feed can still show.
            after: the record after which the batch begins, by id.
        """
        ...

    async def stage_figures(self, query: StageQuery, *, reader: int | None = None) -> StageFigures:
        """Return where the leads of a pipeline are, and what their stays were (``crm_core.rules.stays``).

        A store keeps the stays of a lead in the commits that write or delete it: ``rules.stays.moved`` says how.
        """
        ...

    async def change(self, decide: Decide) -> Document | None:
        """Run a :class:`~crm_core.engine.decision_runs.Decision` and commit its changes, all or nothing.

        The commit succeeds only if everything that was known is still true; otherwise another run begins. ``decide`` is
        pure: it may run several times, and in any thread. A record's new version is that of its event.

        Returns the record that the changes name as their answer, as it is after the commit. Errors of the decision pass
        through, and nothing is written. Raises DuplicateRequestError if another request has left the receipt.
        """

    async def receipt(self, user: int, key: str) -> Receipt | None:
        """Return the receipt of a request with this key, if it is not older than ``receipts.RECEIPTS_KEPT``."""


#: Is called with the events of a commit of this process, directly after it. It must not wait.
AfterCommit: TypeAlias = Callable[[Sequence[Event]], None]
