"""Tests of calendars: whom their secrets stand for, and when they end."""

# ruff: noqa: D102  # a test's name is the fact that it states

from datetime import timedelta

from crm_core.model.accounts import TOKEN_DAYS, NewToken, UserChange
from crm_core.model.calendars import Calendar, NewCalendar
from crm_core.ports import Users
from crm_core.testing.scene import OnOneLoop, fact
from crm_core.use_cases.accounts import hash_token
from crm_core.use_cases.callers import new_id


async def add_calendar(users: Users, user_id: int, secret: str = "secret") -> Calendar:  # noqa: S107  # a test's own
    """Add a calendar, and return it."""
    made = NewCalendar(id=new_id(), hash=hash_token(secret), prefix=secret[:8], name=f"{secret}'s")
    kept = await users.add_calendar(user_id, made)
    assert kept is not None
    return kept


class CalendarFacts(OnOneLoop):
    """Calendars of users."""

    async def elapse(self, time: timedelta) -> None:
        """Let time pass in the store."""
        raise NotImplementedError

    @fact
    async def test_a_calendar_tells_its_user_and_their_permissions_at_this_moment(self, users: Users) -> None:
        id_ = await _add(users, "ann", "Sales")
        await add_calendar(users, id_)
        secret = hash_token("secret")
        before = await users.open_calendar(secret)
        await users.change_user(id_, UserChange(groups=frozenset({"Instructors"})))
        after = await users.open_calendar(secret)

        assert before is not None
        assert after is not None
        assert (before.user.id, before.groups, after.groups) == (id_, ("Sales",), ("Instructors",))
        assert before.may("app.view_lead")
        assert not after.may("app.view_lead")

        await users.change_user(id_, UserChange(is_active=False))
        assert await users.open_calendar(secret) is None
        assert await users.open_calendar(hash_token("other")) is None

    @fact
    async def test_a_disabled_user_gets_no_calendar(self, users: Users) -> None:
        id_ = await _add(users, "ann")
        await users.change_user(id_, UserChange(is_active=False))
        made = NewCalendar(id=new_id(), hash=hash_token("secret"), prefix="secret")

        assert await users.add_calendar(id_, made) is None
        assert await users.list_calendars(id_) == []

    @fact
    async def test_calendars_are_listed_the_newest_first_and_are_no_tokens(self, users: Users) -> None:
        id_, other = await _add(users, "ann"), await _add(users, "eve")
        first, second = await add_calendar(users, id_, "a"), await add_calendar(users, id_, "b")
        await add_calendar(users, other, "c")

        assert await users.list_calendars(id_) == [second, first]
        assert (first.name, first.prefix, first.created_at.utcoffset()) == ("a's", "a", timedelta())
        assert await users.authenticate(hash_token("a")) is None
        assert await users.list_tokens(id_) == []

    @fact
    async def test_a_calendar_ends_when_it_is_revoked_or_too_long_unused(self, users: Users) -> None:
        id_, other = await _add(users, "ann"), await _add(users, "eve")
        gone, used = await add_calendar(users, id_, "gone"), await add_calendar(users, id_, "used")
        await add_calendar(users, id_, "unused")

        assert not await users.revoke_calendar(other, gone.id)
        assert await users.revoke_calendar(id_, gone.id)
        assert not await users.revoke_calendar(id_, gone.id)
        await self.elapse(timedelta(days=TOKEN_DAYS - 1))
        assert await users.open_calendar(hash_token("used")) is not None
        await self.elapse(timedelta(days=2))
        opened = [await users.open_calendar(hash_token(name)) for name in ("gone", "used", "unused")]
        assert [actor is not None for actor in opened] == [False, True, False]
        assert [each.id for each in await users.list_calendars(id_)] == [used.id]

    @fact
    async def test_calendars_end_with_the_tokens_of_their_user(self, users: Users) -> None:
        id_, other = await _add(users, "ann"), await _add(users, "eve")
        for secret in "abcd":
            await add_calendar(users, id_, secret)
        await add_calendar(users, other, "a of eve")
        await users.add_token(id_, NewToken(id=new_id(), hash=hash_token("t"), prefix="t"))

        assert await users.revoke_tokens(id_, "a") == 1
        assert [each.prefix for each in await users.list_calendars(id_)] == ["d", "c", "b"]
        assert await users.revoke_tokens(id_) == 4
        await add_calendar(users, id_, "e")
        assert await users.reset_password(id_, "other") == 1
        await add_calendar(users, id_, "f")
        await users.erase_user(id_, "erased-x")
        assert await users.list_calendars(id_) == []
        assert len(await users.list_calendars(other)) == 1


async def _add(users: Users, username: str, *groups: str) -> int:
    id_ = await users.add_user(username, "hash", groups=groups)
    assert id_ is not None
    return id_
