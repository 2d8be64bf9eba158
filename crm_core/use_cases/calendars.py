"""A user's calendars: made with a secret, listed and revoked, and read by the secret (decisions 139 to 142)."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import attrs

from crm_core.engine.calendars import digest, item_of, own_tasks, together
from crm_core.errors import NotFoundError, PermissionDeniedError
from crm_core.input.declarations import choice, text
from crm_core.input.drafts import read_parameters, read_payload
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller
from crm_core.model.agenda import AgendaTask
from crm_core.model.calendars import Calendar, CalendarItem, NewCalendar
from crm_core.ports import Accounts, Database
from crm_core.use_cases import agendas
from crm_core.use_cases.accounts import PREFIX_LENGTH, hash_token
from crm_core.use_cases.callers import caller

#: The most calendars of a user.
MAX_CALENDARS: Final = 100
_TODO: Final = "todo"


@attrs.frozen
class CalendarInput:
    """The body of a request for a calendar.

    Attributes:
        name: a name for its user, such as that of the device.
    """

    name: str = text(max_length=100, blank=True, default="")


@attrs.frozen
class Reading:
    """The query parameters of a calendar.

    Attributes:
        as: ``event`` for tasks with a date as events of whole days; ``todo`` for all open tasks as things to do.
    """

    as_: str = choice("event", _TODO, default="event")


class Contents(NamedTuple):
    """What a calendar shows.

    Attributes:
        owner: its user, with the rights of this moment.
        tasks: the tasks.
        as_todo: whether they are things to do, not events.
        tag: another text as soon as the calendar shows something else.
    """

    owner: Caller
    tasks: Sequence[AgendaTask]
    as_todo: bool
    tag: str

    @property
    def items(self) -> Sequence[CalendarItem]:
        """Return the tasks as a calendar shows them."""
        return [item_of(each) for each in self.tasks]


async def create(
    accounts: Accounts, who: Caller, token: str | None, data: object, *, strict: bool = True
) -> tuple[Calendar, str]:
    """Make a calendar of the caller; return it, and its secret, which cannot be shown again.

    Args:
        accounts: where users, tokens and calendars are stored.
        who: the caller.
        token: the token that the caller sent; a narrow one makes no calendar, which would show more than it may. None
            for a caller whom a program has authenticated itself, and who needs all permissions of the user then.
        data: plain values.
        strict: refuse unknown fields instead of ignoring them.

    Raises InvalidError, and PermissionDeniedError for a narrow token and for one calendar too many.
    """
    await _require_all_rights(accounts, who, token)
    values = read_payload(CalendarInput, data, ReadContext(who.new_id, strict))
    if len(await accounts.list_calendars(who.actor.user.id)) >= MAX_CALENDARS:
        raise PermissionDeniedError(f"There are {MAX_CALENDARS} calendars already: revoke one first.")
    secret = secrets.token_urlsafe(32)
    made = NewCalendar(id=who.new_id(), hash=hash_token(secret), prefix=secret[:PREFIX_LENGTH], name=values["name"])
    kept = await accounts.add_calendar(who.actor.user.id, made)
    if kept is None:
        raise PermissionDeniedError
    return kept, secret


async def find(accounts: Accounts, who: Caller, token: str | None) -> Sequence[Calendar]:
    """Return the calendars of the caller, the newest first. Raises PermissionDeniedError for a narrow token."""
    await _require_all_rights(accounts, who, token)
    return await accounts.list_calendars(who.actor.user.id)


async def revoke(accounts: Accounts, who: Caller, token: str | None, calendar_id: UUID) -> None:
    """Revoke a calendar of the caller: it cannot be read any more.

    Raises NotFoundError if the caller has no such calendar, and PermissionDeniedError for a narrow token.
    """
    await _require_all_rights(accounts, who, token)
    if not await accounts.revoke_calendar(who.actor.user.id, calendar_id):
        raise NotFoundError


async def read(
    accounts: Accounts,
    db: Database,
    secret: str,
    params: Mapping[str, str],
    *,
    request_id: str = "",
    strict: bool = True,
) -> Contents:
    """Return what a calendar shows: the open tasks of its user's own that the user may view at this moment.

    Args:
        accounts: where users and calendars are stored.
        db: the store of records.
        secret: the secret of the calendar.
        params: the parameters of ``Reading``.
        request_id: the id of the request in logs.
        strict: whether unknown parameters are problems.

    Raises NotFoundError for a secret that is unknown, revoked or expired, or of a user who is disabled; InvalidError.
    """
    actor = await accounts.open_calendar(hash_token(secret)) if _is_ascii(secret) else None
    if actor is None:
        raise NotFoundError
    owner = caller(actor, request_id=request_id)
    as_todo = read_parameters(Reading, params, ReadContext(owner.new_id, strict))["as"] == _TODO
    queries = own_tasks(actor.user.id, agendas.visible_resources(actor), owner.now.date(), as_todo=as_todo)
    tasks = together([(await agendas.read(db, owner, query)).tasks for query in queries])
    return Contents(owner, tasks, as_todo, digest(tasks, as_todo=as_todo))


def _is_ascii(secret: object) -> bool:
    return isinstance(secret, str) and secret.isascii()


async def _require_all_rights(accounts: Accounts, who: Caller, token: str | None) -> None:
    if token is None:
        user = await accounts.actor_of(who.actor.user.id)
        if user is None or not user.granted <= who.actor.granted:
            raise PermissionDeniedError
        return
    found = await accounts.find_token(hash_token(token))
    if found is None or found.permissions is not None:
        raise PermissionDeniedError
