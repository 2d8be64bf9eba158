"""Facts about calendars, users, groups and tokens by typed calls in process, on the memory: blocking, and awaited."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from crm_adapters.memory import MemoryDatabase
from crm_core import (
    Actor,
    InvalidError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    UnknownUserError,
    User,
    UsernameTakenError,
)
from crm_core.embedding import Crm, SyncCrm
from crm_core.use_cases import accounts


class ShortPasswords:
    """Hashes in no time, for users of tests (``crm_core.ports.Passwords``)."""

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def verify(self, password: str, password_hash: str | None) -> bool:
        return password_hash == f"hash of {password}"

    def is_outdated(self, password_hash: str) -> bool:
        return not password_hash


def blocking() -> tuple[SyncCrm, MemoryDatabase]:
    db = MemoryDatabase()
    return SyncCrm(db, users=db.accounts, passwords=ShortPasswords(), deliveries=db.outbox), db


# Calendars


def test_calendars_show_the_own_tasks_of_their_users() -> None:
    crm, _ = blocking()
    crm.users.add_external("ann", groups=["Sales"])
    ann = crm.as_user("ann")
    lead = ann.leads.create(name="Acme", list_of_tasks=[{"task": "Call", "date": "2999-01-01"}, {"task": "Think"}])
    made = ann.calendars.create(name="Phone")
    shown, todo = crm.read_calendar(made.secret), crm.read_calendar(made.secret, kind="todo")

    assert [(each.id, each.name, each.prefix) for each in ann.calendars.list()] == [
        (made.id, "Phone", made.secret[: len(made.prefix)])
    ]
    assert [(item.uid, item.summary) for item in shown.items] == [(lead.list_of_tasks[0].id, "Call (Acme)")]
    assert (shown.owner.actor.user.username, shown.as_todo, len(todo.items), todo.as_todo) == ("ann", False, 2, True)
    ann.calendars.revoke(made.id)
    with pytest.raises(NotFoundError):
        crm.read_calendar(made.secret)
    with pytest.raises(NotFoundError):
        ann.calendars.revoke(made.id)


def test_calendars_are_for_sessions_with_all_rights_of_the_user() -> None:
    crm, db = blocking()
    crm.users.add_external("ann", groups=["Sales"])
    strangers = Actor(user=User(id=99, username="stranger"), is_superuser=True)

    for session in (crm.as_user("ann", permissions=["view_lead"]), crm.as_(strangers)):
        for call in (session.calendars.create, session.calendars.list, partial(session.calendars.revoke, UUID(int=1))):
            with pytest.raises(PermissionDeniedError):
                call()
    with pytest.raises(ValueError, match="only finds actors"):
        SyncCrm(db, users=Finding()).as_(strangers).calendars.list()


class Finding:
    """Finds no actors (``crm_core.ports.Actors``)."""

    async def actor_of(self, user: int | str) -> None:
        pass


# Users, groups and tokens


def test_users_are_added_changed_and_disabled() -> None:
    crm, db = blocking()
    ann = crm.users.add("ann", "secret", first_name="Ann", groups=["Sales"], is_superuser=True)
    changed = crm.users.change("ann", last_name="Lee", is_superuser=False, groups=[])

    assert (ann.user.name, ann.groups, ann.is_superuser) == ("Ann", ("Sales",), True)
    assert (changed.user.name, changed.groups, changed.is_superuser) == ("Ann Lee", (), False)
    assert crm.users.get("ann") == changed
    with pytest.raises(UsernameTakenError):
        crm.users.add("ann", "other")
    assert crm.tokens.issue("ann") != crm.tokens.issue("ann")
    assert crm.users.reset_password("ann", "other") == (2, True)
    assert asyncio.run(db.accounts.credentials("ann")) == (ann.user.id, "hash of other")
    crm.as_(Actor(user=ann.user, is_superuser=True)).webhooks.create(name="w", model="Lead", url="https://a.example/")
    assert [(each.name, each.model) for each in crm.users.disable("ann")] == [("w", "Lead")]
    with pytest.raises(NotAuthenticatedError):
        crm.as_user("ann")
    assert crm.users.enable("ann") == 0
    assert crm.users.erase("ann") == (f"erased-{ann.user.id}", 0)
    assert [each.user.username for each in crm.users.list()] == [f"erased-{ann.user.id}"]
    with pytest.raises(InvalidError, match="is_active: This user was erased and stays disabled"):
        crm.users.enable(f"erased-{ann.user.id}")


def test_groups_and_tokens_are_managed_by_awaited_calls() -> None:
    async def facts() -> None:
        db = MemoryDatabase()
        crm = Crm(db, users=db.accounts)
        await crm.users.add_external("ann")

        assert [await crm.groups.add("Auditors"), await crm.groups.add("Auditors")] == [True, False]
        assert not await crm.groups.grant("Auditors", ["view_lead", "app.view_client"])
        await crm.groups.revoke("Auditors", ["view_client"])
        assert (await crm.groups.list())["Auditors"] == ["app.view_lead"]
        await crm.users.change("ann", groups=["Auditors"])
        token = await crm.tokens.issue("ann", only=["view_lead"])
        authentication = await db.accounts.authenticate(accounts.hash_token(token))
        assert authentication is not None
        assert authentication.actor.permissions == {"app.view_lead"}
        [issued] = await crm.tokens.list("ann")
        assert token.startswith(issued.prefix)
        assert [await crm.tokens.revoke("ann", each) for each in ("x", issued.prefix, None)] == [0, 1, 0]
        with pytest.raises(ValueError, match=r"Crm\(db, passwords=...\)"):
            await crm.users.add("bea", "secret")

    asyncio.run(facts())


@pytest.mark.parametrize(
    "thing", [None, 5, 1.5, b"x", "\x00", "\ud800", "x" * 1_000, ["x"], {"x"}, object(), float("nan")]
)
def test_wrong_values_for_users_groups_and_tokens_are_problems(thing: Any) -> None:
    crm, _ = blocking()
    crm.users.add_external("ann")
    wrong_flag: Any = 5 if thing is None else thing  # None changes nothing
    invalid: list[Callable[[], object]] = [
        lambda: crm.users.add(thing, "secret"),
        lambda: crm.users.add("bea", thing if thing != "x" * 1_000 else thing * 2),
        lambda: crm.users.add("bea", "secret", first_name=thing),
        lambda: crm.users.add_external("bea", groups=[thing]),
        lambda: crm.users.change("ann", is_superuser=wrong_flag),
        lambda: crm.groups.add(thing),
        lambda: crm.groups.grant("Sales", [thing]),
        lambda: crm.as_user("ann", permissions=[thing]),
        lambda: crm.tokens.issue("ann", only=[thing]),
    ]
    unknown: list[Callable[[], object]] = [
        lambda: crm.users.get(thing),
        lambda: crm.users.change(thing, email=""),
        lambda: crm.users.reset_password(thing, "secret"),
        lambda: crm.tokens.list(thing),
        lambda: crm.as_user([thing]),  # type: ignore[arg-type]
    ]

    for call in invalid:
        with pytest.raises(InvalidError):
            call()
    for call in unknown:
        with pytest.raises(UnknownUserError):
            call()
    assert crm.tokens.revoke("ann", [thing]) == 0  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        crm.read_calendar(thing)
    assert [each.user.username for each in crm.users.list()] == ["ann"]
