"""Ports: the interfaces that adapters implement. Adapters need not import them; mypy checks that they conform.

``docs/how-to/write-an-adapter.md`` goes through writing a Database; ``crm_core.testing`` has the facts that each
adapter must show.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias
from uuid import UUID

from crm_core.archives.lines import ArchivedRecord, Group
from crm_core.engine.agendas import AgendaQuery
from crm_core.engine.decision_runs import Decide
from crm_core.engine.queries import Page, Query
from crm_core.engine.receipts import Document, Receipt
from crm_core.engine.retention import Folded
from crm_core.imports.runs import ImportRun, RefusedRow
from crm_core.model.accounts import Account, Actor, Authentication, IssuedToken, NewToken, User, UserChange
from crm_core.model.agenda import AgendaPage
from crm_core.model.calendars import Calendar, CalendarItem, NewCalendar
from crm_core.model.events import Event, EventPlace
from crm_core.model.evolutions import HeldValue, Holding
from crm_core.model.feed import FeedPage, Position
from crm_core.model.files import OpenFile, StoredFile
from crm_core.model.records import Key
from crm_core.model.summaries import StageFigures, StageQuery
from crm_core.resources import Resource
from crm_core.rules.images import ImageHeader
from crm_core.rules.likeness import LookalikePage
from crm_core.rules.login_throttle import Failures
from crm_core.rules.needs import Known, Needs
from crm_core.rules.stays import Stay
from crm_core.tables.columns import Column
from crm_core.tables.rows import Header, Row, TableOptions
from crm_core.webhooks.attempts import Attempt, Claim, Outcome
from crm_core.webhooks.circuit_breaker import Health
from crm_core.webhooks.delivery_log import DeliveryDetail, LoggedDelivery, LogQuery
from crm_core.webhooks.retries import Result


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


class Feed(Protocol):
    """Reads the events of all commits in one order, and keeps the cursors of followers. May raise UnavailableError.

    No event ever comes before a position that was given out. What was committed before a call of ``newest`` is before
    the position that it returns; and a page without ``more`` has all that was committed before the call of ``read``.
    """

    async def oldest(self) -> Position:
        """Return the position before the oldest event that is kept."""
        ...

    async def newest(self) -> Position:
        """Return a position after everything that is committed."""
        ...

    async def read(self, after: Position, resources: Collection[str], limit: int) -> FeedPage | None:
        """Return the events of some resources after a position.

        A page ends where further reading would take long, so it can be empty although more follow; then the next page
        goes on. All readers get the same order: each commit as a whole, and the versions of a record ascending.

        Args:
            after: a position that this store gave out. None is returned if it is not known, or is no longer kept.
            resources: the names of the resources whose events are returned; the position passes the others.
            limit: the most events, up to ``MAX_FEED_PAGE``; a page also ends before ``MAX_FEED_BYTES``.
        """

    async def wait(self, after: Position) -> None:
        """Wait until something may follow a position: at once after a commit of this process, soon after another's.

        It holds no connection. It may return without news, and callers limit the time.
        """

    async def forget(self, before: datetime) -> None:
        """Stop keeping positions older than this time: they cannot be followed any longer. The events stay."""

    async def cursor(self, follower: str) -> str:
        """Return the cursor that a follower has saved; empty if there is none."""
        ...

    async def save_cursor(self, follower: str, cursor: str) -> None:
        """Save the cursor of a follower, in place of the earlier one."""


class Actors(Protocol):
    """Finds the users in whose name an embedding program acts. May raise UnavailableError."""

    async def actor_of(self, user: int | str) -> Actor | None:
        """Return a user by id or name, with all that they may do at this moment; None if there is none.

        Raises NotAuthenticatedError for a disabled user.
        """
        ...


class Accounts(Actors, Protocol):
    """Authenticates requests and logins, and finds actors.

    Methods may raise UnavailableError, and no other error of the store's own.
    """

    async def authenticate(self, token: bytes, *, ahead: Key | None = None) -> Authentication | None:
        """Return the user whose token has this hash, and the catalog version of every entity at this moment.

        A store that can read the record ``ahead`` together with the token returns it too.

        The user is narrowed to the permissions of the token (``Actor.narrowed``).

        None if the token is unknown, revoked or expired. Raises NotAuthenticatedError for a disabled user.
        """

    async def credentials(self, username: str) -> tuple[int, str] | None:
        """Return the id and password hash of an active user, whose name may be in any Unicode form."""

    async def set_password(self, user_id: int, password_hash: str, *, if_hash: str | None = None) -> None:
        """Keep a new password hash; tokens stay. With ``if_hash`` only if that is the current hash."""

    async def add_token(self, user_id: int, token: NewToken, *, if_hash: str | None = None) -> bool:
        """Keep a token of an active user; return whether it was kept.

        Args:
            user_id: the user's id.
            token: the token.
            if_hash: keep it only if this is still the hash of the user's password.
        """
        ...

    async def find_token(self, token: bytes) -> IssuedToken | None:
        """Return the token with this hash, if it has not expired. This is no use of it."""

    async def list_tokens(
        self, user_id: int, *, limit: int | None = None, before: tuple[datetime, UUID] | None = None
    ) -> Sequence[IssuedToken]:
        """Return the tokens of a user that have not expired, the newest first.

        Args:
            user_id: the user's id.
            limit: the most tokens; None for all.
            before: only those older than this time and id, where the previous page ended.
        """
        ...

    async def revoke_token(self, token: bytes) -> bool:
        """Delete a token by its hash; return whether there was one."""
        ...

    async def revoke_token_of(self, user_id: int, token_id: UUID) -> bool:
        """Delete a token of a user by its id; return whether there was one."""
        ...

    async def add_calendar(self, user_id: int, calendar: NewCalendar) -> Calendar | None:
        """Keep a calendar of an active user, and return it; None if the user is disabled."""

    async def list_calendars(self, user_id: int) -> Sequence[Calendar]:
        """Return the calendars of a user that have not expired, the newest first. They expire as tokens do."""
        ...

    async def open_calendar(self, secret: bytes) -> Actor | None:
        """Return the user of the calendar whose secret has this hash, as they are now. This is a use of it.

        None if the secret is unknown, revoked or expired, or if the user is disabled.
        """

    async def revoke_calendar(self, user_id: int, calendar_id: UUID) -> bool:
        """Delete a calendar of a user by its id; return whether there was one."""
        ...

    async def members(self, group: str) -> Sequence[User]:
        """Return the active users of a group, by id."""
        ...

    async def failures(self, keys: Sequence[str]) -> Mapping[str, Failures]:
        """Return the failed logins counted against the keys."""
        ...

    async def add_failure(self, keys: Sequence[str], now: datetime, forget_after: timedelta) -> Mapping[str, Failures]:
        """Count one more failure against the keys and return the counts.

        A count whose latest failure is older than ``forget_after`` begins again.
        """
        ...

    async def forget_failures(self, key: str) -> None:
        """Delete the count of a key."""

    async def remember_address(self, user_id: int, address: str, now: datetime, forget_after: timedelta) -> None:
        """Keep that a user logged in from an address; those last used longer than ``forget_after`` ago are deleted."""

    async def knows_address(self, username: str, address: str, since: datetime) -> bool:
        """Return whether the user with this name has logged in from an address since then."""
        ...


class Users(Accounts, Protocol):
    """Manages users, groups and tokens for administrators; includes Accounts.

    A new store has no users and the groups of ``crm_core.model.permissions.GROUPS``. Names are checked by the use
    cases (``crm_core.use_cases.users``); those of users may be in any Unicode form and are kept in NFC.
    """

    async def add_user(
        self,
        username: str,
        password_hash: str,
        *,
        first_name: str = "",
        last_name: str = "",
        email: str = "",
        is_superuser: bool = False,
        groups: Iterable[str] = (),
    ) -> int | None:
        """Keep a new user; return the id, or None if the name is taken. Raises NotFoundError for an unknown group."""

    async def find_user(self, username: str) -> Account | None:
        """Return the user with this name, disabled or not."""

    async def list_users(self) -> Sequence[Account]:
        """Return all users, by id, the disabled ones too."""
        ...

    async def change_user(self, user_id: int, change: UserChange) -> None:
        """Change a user, all or nothing, from the next request on. Raises NotFoundError for an unknown group."""

    async def reset_password(self, user_id: int, password_hash: str) -> int:
        """Keep a new password hash and delete all tokens and calendars of the user; return how many there were.

        All of that is done, or nothing.
        """
        ...

    async def erase_user(self, user_id: int, username: str) -> None:
        """Put a username in place of all that identifies a user, all or nothing, and disable the user.

        The names, the e-mail address, the password, tokens, calendars, groups, failed logins and addresses of logins
        go.
        """

    async def revoke_tokens(self, user_id: int, prefix: str | None = None) -> int:
        """Delete the tokens and calendars of a user that have this prefix, or all; return how many there were."""
        ...

    async def list_groups(self) -> Mapping[str, frozenset[str]]:
        """Return the permissions of every group."""
        ...

    async def grant(self, group: str, permissions: Iterable[str]) -> bool:
        """Give a group permissions; return whether the group was created by this."""
        ...

    async def revoke(self, group: str, permissions: Iterable[str]) -> None:
        """Take permissions from a group. Raises NotFoundError for an unknown group."""


class Passwords(Protocol):
    """Hashes passwords outside the event loop. Raises UnavailableError if too many calls wait."""

    async def hash(self, password: str) -> str:
        """Return a salted hash of a password."""
        ...

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether the hash is of the password. None takes the same time and returns False."""
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Return whether the hash was made with other parameters than today's."""
        ...


class Outbox(Protocol):
    """Keeps deliveries until they are sent, for workers. The clock is that of the store. May raise UnavailableError."""

    async def claim(self, limit: int, in_flight: Mapping[UUID, int], *, idle_only: bool = False) -> Claim:
        """Return attempts that are due, each under a lease within which no other worker is given it.

        Attempts are made by ``make_attempt`` from the webhooks as they are now.

        Of each record and webhook only the first unfinished delivery is due, of each endpoint a few, and of an
        endpoint that fails one. Those of a lower ``Delivery.priority`` number come first at each endpoint, and one for
        which such a one of its record waits soon does, too. Deliveries of endpoints that are paused or not active wait.

        Args:
            limit: the most attempts, shared fairly among all endpoints.
            in_flight: how many attempts this worker has under way, by webhook.
            idle_only: take only endpoints that do not fail and have nothing under way, one attempt for each.
        """
        ...

    async def record_results(self, results: Sequence[Result]) -> Mapping[UUID, Health]:
        """Record the results of attempts and return the health of the webhooks that failed.

        A result whose claim is not the latest changes nothing: its lease was over, and another worker has the delivery.
        A delivery that was cancelled during the attempt stays cancelled unless the receiver accepted it.
        """
        ...

    async def release(self, attempts: Sequence[Attempt]) -> None:
        """Give back attempts that were begun and have not ended; their deliveries are due at once."""

    async def pause(self, webhook: UUID, seconds: float) -> None:
        """Send nothing to an endpoint for some seconds."""

    async def reset_health(self, webhook: UUID) -> None:
        """Forget the failures of an endpoint."""

    async def clean(self) -> int:
        """Delete some deliveries that expired (``delivery_log.RETENTION``) or lost their webhook; return how many."""
        ...

    async def wait_for_work(self) -> None:
        """Wait until something may have become due. It may miss something, so workers also poll."""


class DeliveryLog(Protocol):
    """The log of a webhook's deliveries, and its secrets, for its administrators."""

    async def find(self, webhook: UUID, query: LogQuery) -> Sequence[LoggedDelivery]:
        """Return deliveries of a webhook, the newest first."""
        ...

    async def get(self, webhook: UUID, delivery: UUID) -> tuple[LoggedDelivery, DeliveryDetail] | None:
        """Return one delivery with its request and the last answer; None if the webhook has no such delivery."""

    async def redeliver(self, webhook: UUID, delivery: UUID) -> None:
        """Send a delivery again from its first attempt on; does nothing while it is being sent."""

    async def cancel(self, webhook: UUID, delivery: UUID) -> None:
        """Finish a delivery that waits; the record's next one becomes due. Does nothing to a finished one.

        An attempt under way goes on: if it succeeds the delivery is ``delivered``, else it stays ``cancelled``.
        """

    async def recover(self, webhook: UUID, since: datetime) -> int:
        """Send all deliveries again that died since then; return how many."""
        ...

    async def secret(self, webhook: UUID) -> str | None:
        """Return the secret that a webhook's requests are signed with."""

    async def first_secret(self, webhook: UUID) -> str | None:
        """Return the secret that a webhook was created with; None if it has been replaced."""

    async def rotate(self, webhook: UUID, secret: str) -> None:
        """Sign with a new secret, and for a day (``entity.SECRET_OVERLAP``) also with the earlier ones."""


class WebhookSender(Protocol):
    """Sends requests to webhooks' receivers."""

    async def send(self, attempt: Attempt) -> Outcome:
        """Try once, within a total deadline, and return the outcome, which says what went wrong. Raises nothing."""
        ...


class FileStore(Protocol):
    """Keeps files by their keys (``crm_core.model.files``), written once, completely or not at all, and never changed.

    Methods may raise UnavailableError, and no other error of the store's own.
    """

    def url(self, key: str) -> str:
        """Return the URL of a file, which is valid as long as the file is kept."""
        ...

    def key(self, url: str) -> str | None:
        """Return the key of the file with this URL; None for a URL of another store."""

    async def put(self, key: str, content: AsyncIterator[bytes], *, name: str) -> None:
        """Keep a file.

        Errors of ``content`` pass through. After an error or a cancellation nothing is kept.

        Args:
            key: a key that was never used.
            content: the bytes in pieces; they are read as fast as they can be stored.
            name: a name for people, which a store may offer to those who download the file.
        """

    async def open(self, key: str) -> OpenFile | str | None:
        """Return the file, or a URL that works for anybody for some minutes; None if it is known not to exist."""

    async def fetch(self, key: str) -> OpenFile | None:
        """Return the file itself, wherever it is kept; None if it does not exist."""

    async def delete(self, key: str) -> None:
        """Delete a file, if it exists."""

    def stored(self, prefix: str = "") -> AsyncIterator[StoredFile]:
        """Yield the files in the folder ``prefix``, which ends with a slash, or all files; in no order.

        Remains of interrupted writes are included, under keys that are longer than those of files.
        """
        ...


class OpenTable(Protocol):
    """A foreign table that is being read, in the order of its rows, once."""

    @property
    def header(self) -> Header:
        """Return what the file says before its rows."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Return sentences about the whole file, such as that hidden rows were read; complete after the last row."""
        ...

    def __aiter__(self) -> AsyncIterator[Sequence[Row]]:
        """Yield the rows some hundred at a time, without blank ones. Raises UnreadableTableError."""
        ...


class TableReader(Protocol):
    """Reads files of tables that others made. They may be damaged, or made to do harm."""

    def open(self, path: str, options: TableOptions) -> AbstractAsyncContextManager[OpenTable]:
        """Open a table. Raises UnreadableTableError for what cannot be read, also while its rows are read."""
        ...

    async def digest(self, path: str) -> bytes:
        """Return the SHA-256 of a file. Raises UnreadableTableError."""
        ...

    def content(self, path: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file in pieces of bounded size. Raises UnreadableTableError."""
        ...

    def written(self, content: AsyncIterator[bytes]) -> AbstractAsyncContextManager[str]:
        """Write a file that exists for as long as the block, and return its path; errors of ``content`` pass through.

        It is gone after a crash, too. Raises UnavailableError if there is no room.
        """
        ...


class ImportRuns(Protocol):
    """Keeps the runs of imports, beside the records of a Database, which moves them (``Changes.advance``).

    A commit with an ``advance`` also keeps its run and its refused rows, and renews the claim. It raises RunLostError
    and writes nothing unless the run is active, claimed by that claim, and at the row ``after``. The clock of claims is
    that of the store. Methods may raise UnavailableError.

    A file that is stored with a run is deleted with its end. An erasure (``Changes.erased_texts``) also forgets the
    refused rows, and the examples in reports, that have one of the texts, in any case of letters.
    """

    async def create(self, run: ImportRun, content: AsyncIterator[bytes] | None = None) -> ImportRun | None:
        """Keep a new run; or return the run that bars it (``ImportRun.bars_the_same``), and keep nothing.

        A dry run is not barred, nor is a run with the option ``again``; a run that another one undoes bars none.

        Args:
            run: the run.
            content: its file, which is stored with it; None if others have it.
        """

    def content(self, id_: UUID) -> AsyncIterator[bytes]:
        """Yield the stored file of a run in pieces of bounded size; nothing if there is none."""
        ...

    async def get(self, id_: UUID) -> ImportRun | None:
        """Return a run; None if there is none."""

    async def latest(self, limit: int, *, user: int | None = None, before: UUID | None = None) -> Sequence[ImportRun]:
        """Return the latest runs, the newest first.

        Args:
            limit: the most runs.
            user: only those that this user began.
            before: only those that were begun before the run with this id.
        """
        ...

    async def claim(self, id_: UUID, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim an active run for some seconds and return it; None if another claim holds it, or it is not active."""

    async def claim_next(self, claim: UUID, seconds: float) -> ImportRun | None:
        """Claim and return the oldest active run that has a stored file or is a queued undo, and is not claimed."""

    async def renew(self, id_: UUID, claim: UUID, seconds: float) -> None:
        """Let a claim last some seconds from now on, if it still holds."""

    async def release(self, id_: UUID, claim: UUID) -> None:
        """Give up a claim, if it still holds."""

    async def save(
        self, run: ImportRun, claim: UUID, refused: Sequence[RefusedRow] = (), *, restarts: bool = False
    ) -> None:
        """Keep a run as it is now, and more refused rows, and renew the claim. Raises RunLostError as a commit does.

        Args:
            run: the run.
            claim: the claim of the worker.
            refused: rows that are refused; one that is kept already is replaced.
            restarts: forget the refused rows that are kept before.
        """

    async def cancel(self, id_: UUID) -> bool:
        """Cancel a run; what it has committed stays. Return whether it was active."""
        ...

    async def refused_rows(self, id_: UUID, after: int, limit: int) -> Sequence[RefusedRow]:
        """Return refused rows of a run after a row, in their order."""
        ...

    async def forget(self, before: datetime) -> None:
        """Forget the refused rows of runs that were begun before a time; cancel those of them with a stored file."""


class Snapshot(Protocol):
    """Everything that a database keeps, as it was at one moment, some rows at a time."""

    async def groups(self) -> Sequence[Group]:
        """Return the groups, by name."""
        ...

    async def users(self) -> Sequence[Account]:
        """Return the users, by id."""
        ...

    def records(self, resource: str) -> AsyncIterator[Sequence[ArchivedRecord]]:
        """Yield the records of a resource, by id."""
        ...

    def stays(self) -> AsyncIterator[Sequence[Stay]]:
        """Yield the stays of leads in stages, by lead, and those of a lead as they followed each other."""
        ...

    def events(self) -> AsyncIterator[Sequence[bytes]]:
        """Yield all events as JSON (``crm_core.archives.lines.event_of``), in an order in which they can come again."""
        ...


class Filling(Protocol):
    """An empty database that is being filled, in one commit. Rows are added in the order of an archive's parts."""

    async def add_groups(self, groups: Sequence[Group]) -> None:
        """Add groups, in place of those that an empty database has."""

    async def add_users(self, accounts: Sequence[Account]) -> None:
        """Add users with their ids. They have no passwords."""

    async def add_records(self, resource: str, records: Sequence[ArchivedRecord]) -> None:
        """Add records of a resource, without events. A webhook without a secret gets a new one."""

    async def add_events(self, events: Sequence[Event]) -> None:
        """Add events."""

    async def add_stays(self, stays: Sequence[Stay]) -> None:
        """Add stays, in place of those that the store has made up from records and events."""


class Archives(Protocol):
    """Reads all that a database keeps, and fills another one with it. May raise UnavailableError."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Read everything as it is at this moment. Others can write at the same time."""
        ...

    def filling(self) -> AbstractAsyncContextManager[Filling]:
        """Fill the database: everything is committed when the block ends, and nothing after an error.

        Raises ArchiveError for a database that has users, records or events, and for what it cannot keep.
        """
        ...


class ArchiveDirectory(Protocol):
    """The files of an archive, by their names, which may have folders in them. Methods raise ArchiveError."""

    async def write(self, name: str, content: AsyncIterator[bytes]) -> None:
        """Write a new file."""

    def read(self, name: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file."""
        ...


class WorkbookWriter(Protocol):
    """Writes workbooks, in XLSX."""

    def write(self, columns: Sequence[Column], pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield a workbook; the first piece comes when all records are in it.

        Raises InvalidError for what a workbook cannot hold, and the errors of ``pieces``, before the first piece.

        Args:
            columns: its columns.
            pieces: the records as JSON documents, joined by line feeds (``crm_core.use_cases.exports.Export``).
        """
        ...


class CalendarWriter(Protocol):
    """Writes calendars, in the form of iCalendar (RFC 5545)."""

    async def write(self, items: Sequence[CalendarItem], *, as_todo: bool) -> bytes:
        """Return a calendar of events of whole days, or of things to do. The same items give the same bytes."""
        ...


#: Returns the kind of an image by its first bytes; None if it is not an image of an accepted kind.
ReadHeader: TypeAlias = Callable[[bytes], ImageHeader | None]

#: Is called with the events of a commit of this process, directly after it. It must not wait.
AfterCommit: TypeAlias = Callable[[Sequence[Event]], None]
