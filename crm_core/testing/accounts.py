"""The facts that every store of users must show: the ports Accounts and Users.

An adapter's test subclasses :class:`AccountsContract`, and says how to open an empty store and how to let time pass::

    class TestMemoryAccounts(AccountsContract):
        ahead = timedelta()

        @asynccontextmanager
        async def open(self) -> AsyncIterator[Users]:
            self.ahead = timedelta()
            yield MemoryAccounts(token_days=30, clock=lambda: datetime.now(UTC) + self.ahead)

        async def elapse(self, time: timedelta) -> None:
            self.ahead += time
"""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import pytest

from crm_core.errors import NotAuthenticatedError, NotFoundError
from crm_core.model.accounts import TOKEN_DAYS, Account, Actor, NewToken, User, UserChange
from crm_core.model.entities import ENTITIES
from crm_core.model.permissions import GROUPS
from crm_core.ports import Users
from crm_core.rules.login_throttle import Failures
from crm_core.testing.calendars import CalendarFacts
from crm_core.testing.scene import fact
from crm_core.testing.strategies import near_equal
from crm_core.use_cases.accounts import hash_token
from crm_core.use_cases.callers import new_id

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_WINDOW = timedelta(minutes=15)


async def add(
    users: Users, username: str = "ann", *groups: str, first_name: str = "", last_name: str = "", email: str = ""
) -> int:
    """Add a user whose password has the hash "hash"; return the id."""
    id_ = await users.add_user(username, "hash", first_name=first_name, last_name=last_name, email=email, groups=groups)
    assert id_ is not None
    return id_


def new_token(token: str, permissions: frozenset[str] | None = None) -> NewToken:
    """Return a token that can be kept."""
    return NewToken(id=new_id(), hash=hash_token(token), prefix=token[:8], permissions=permissions)


async def add_token(
    users: Users,
    user_id: int,
    token: str = "token",  # noqa: S107  # a test's own
    permissions: frozenset[str] | None = None,
) -> bytes:
    """Add a token; return its hash."""
    assert await users.add_token(user_id, new_token(token, permissions))
    return hash_token(token)


async def actor_of(users: Users, token: bytes) -> Actor:
    """Return the user of a token."""
    session = await users.authenticate(token)
    assert session is not None
    return session[0]


class AccountsContract(CalendarFacts):
    """All facts about Accounts and Users."""

    def open(self) -> AbstractAsyncContextManager[Users]:
        """Return an empty store: no users, the groups of ``GROUPS``, tokens that expire after ``TOKEN_DAYS`` unused.

        It is entered and left in different tasks of one event loop.
        """
        raise NotImplementedError

    async def elapse(self, time: timedelta) -> None:
        """Let time pass in the store, after every use of a token so far has been recorded."""
        raise NotImplementedError

    @pytest.fixture
    def users(self) -> Iterator[Users]:
        """Open an empty store."""
        yield from self.opened(self.open())

    # Users

    @fact
    async def test_a_new_user_is_found_with_all_that_was_given(self, users: Users) -> None:
        id_ = await users.add_user(
            "ann",
            "hash",
            first_name="Ann",
            last_name="Lee",
            email="ann@example.org",
            is_superuser=True,
            groups=["Sales", "Instructors", "Sales"],
        )
        assert id_ is not None
        user = User(id=id_, username="ann", first_name="Ann", last_name="Lee", email="ann@example.org")

        assert await users.find_user("ann") == Account(user=user, groups=("Instructors", "Sales"), is_superuser=True)
        assert await users.credentials("ann") == (id_, "hash")

    @fact
    async def test_an_actor_is_found_by_id_or_name_with_all_that_they_may_do_now(self, users: Users) -> None:
        id_ = await add(users, "Zoe\u0308", "Sales")
        await add(users, "other", "Instructors")

        expected = Actor(
            user=User(id=id_, username="Zo\u00eb"), groups=("Sales",), permissions=GROUPS["Sales"], is_superuser=False
        )
        for user in (id_, "Zo\u00eb", "Zoe\u0308"):
            assert await users.actor_of(user) == expected
        await users.revoke("Sales", GROUPS["Sales"])
        await users.change_user(id_, UserChange(is_superuser=True))
        assert await users.actor_of(id_) == Actor(user=expected.user, groups=("Sales",), is_superuser=True)
        for unknown in ("nobody", "", str(id_), -1, 2**63 - 1):
            assert await users.actor_of(unknown) is None
        await users.change_user(id_, UserChange(is_active=False))
        with pytest.raises(NotAuthenticatedError):
            await users.actor_of(id_)

    @fact
    async def test_a_name_is_taken_once_and_who_comes_second_changes_nothing(self, users: Users) -> None:
        await add(users, first_name="Ann")
        before = await users.list_users()

        assert await users.add_user("ann", "other", is_superuser=True, groups=["Sales"]) is None
        assert await users.list_users() == before

    @fact
    async def test_of_many_who_take_a_name_at_once_one_gets_it(self, users: Users) -> None:
        ids = await asyncio.gather(*(users.add_user("ann", "hash", groups=["Sales"]) for _ in range(8)))

        assert [account.user.id for account in await users.list_users()] == [id_ for id_ in ids if id_ is not None]
        assert len(await users.list_users()) == 1

    @fact
    async def test_usernames_are_exact_but_for_their_unicode_form(self, users: Users) -> None:
        id_ = await add(users, "Zoe\u0308")

        for form in ("Zo\u00eb", "Zoe\u0308"):
            assert await users.credentials(form) == (id_, "hash")
            assert await users.find_user(form)
            assert await users.add_user(form, "hash") is None
        for other in ("zo\u00eb", "Zoe", "Zo\u00eb ", ""):
            assert await users.credentials(other) is None
            assert await users.find_user(other) is None
        assert [account.user.username for account in await users.list_users()] == ["Zo\u00eb"]

    @fact
    async def test_users_are_listed_by_id_the_disabled_ones_too(self, users: Users) -> None:
        ids = [await add(users, name) for name in ("zoe", "ann", "eve")]
        await users.change_user(ids[1], UserChange(is_active=False))
        listed = await users.list_users()

        assert [account.user.id for account in listed] == ids == sorted(ids)
        assert [account.is_active for account in listed] == [True, False, True]

    @fact
    async def test_a_user_of_an_unknown_group_is_not_added(self, users: Users) -> None:
        with pytest.raises(NotFoundError, match="Nothing"):
            await users.add_user("ann", "hash", groups=["Sales", "Nothing"])

        assert await users.list_users() == []

    @fact
    async def test_a_change_is_of_what_is_named_alone(self, users: Users) -> None:
        id_ = await add(users, "ann", "Sales", first_name="Ann", last_name="Lee", email="a@example.org")
        other = await add(users, "eve", "Sales")
        await users.change_user(id_, UserChange())
        assert await users.find_user("ann") == Account(
            user=User(id=id_, username="ann", first_name="Ann", last_name="Lee", email="a@example.org"),
            groups=("Sales",),
        )

        await users.change_user(id_, UserChange(last_name="", is_superuser=True))
        await users.change_user(id_, UserChange(email="b@example.org", groups=frozenset({"Instructors", "Operations"})))

        assert await users.find_user("ann") == Account(
            user=User(id=id_, username="ann", first_name="Ann", last_name="", email="b@example.org"),
            groups=("Instructors", "Operations"),
            is_superuser=True,
        )
        assert await users.find_user("eve") == Account(user=User(id=other, username="eve"), groups=("Sales",))
        assert await users.credentials("ann") == (id_, "hash")

    @fact
    async def test_a_user_can_leave_all_groups(self, users: Users) -> None:
        id_ = await add(users, "ann", "Sales")
        await users.change_user(id_, UserChange(groups=frozenset()))

        assert await users.members("Sales") == []

    @fact
    async def test_a_change_to_an_unknown_group_changes_nothing(self, users: Users) -> None:
        id_ = await add(users, "ann", "Sales")
        before = await users.find_user("ann")

        with pytest.raises(NotFoundError, match="Nothing"):
            await users.change_user(id_, UserChange(first_name="Ann", groups=frozenset({"Nothing"})))

        assert await users.find_user("ann") == before

    @fact
    async def test_a_disabled_user_is_out_at_once_until_enabled_again(self, users: Users) -> None:
        id_ = await add(users, "ann", "Sales")
        token = await add_token(users, id_)
        await users.change_user(id_, UserChange(is_active=False))

        assert await users.credentials("ann") is None
        assert await users.members("Sales") == []
        assert not await users.add_token(id_, new_token("other"))
        with pytest.raises(NotAuthenticatedError, match="User inactive or deleted"):
            await users.authenticate(token)

        await users.change_user(id_, UserChange(is_active=True))

        assert await users.credentials("ann") == (id_, "hash")
        assert (await actor_of(users, token)).user.id == id_

    @fact
    async def test_of_an_erased_user_only_the_id_is_left(self, users: Users) -> None:
        id_, other = await add(users), await add(users, "joann")
        token = await add_token(users, id_)
        now = datetime.now(UTC)
        await users.change_user(id_, UserChange(first_name="Ann", email="ann@example.com", groups=frozenset({"Sales"})))
        await users.remember_address(id_, "192.0.2.1", now, timedelta(days=1))
        await users.add_failure(["account ann", "account joann"], now, timedelta(days=1))
        await users.erase_user(id_, "erased-x")

        assert await users.find_user("ann") is None
        account = await users.find_user("erased-x")
        assert account == Account(user=User(id=id_, username="erased-x"), is_active=False)
        assert await users.authenticate(token) is None
        assert set(await users.failures(["account ann", "account joann"])) == {"account joann"}
        assert not await users.knows_address("erased-x", "192.0.2.1", now - timedelta(hours=1))
        assert await users.find_user("joann") is not None
        assert other

    # Passwords

    @fact
    async def test_a_new_password_keeps_the_tokens_and_a_reset_ends_those_of_the_user(self, users: Users) -> None:
        id_, other = await add(users), await add(users, "eve")
        tokens = [await add_token(users, id_, "one"), await add_token(users, id_, "two")]
        others = await add_token(users, other, "others")

        await users.set_password(id_, "new")
        assert await users.credentials("ann") == (id_, "new")
        assert (await actor_of(users, tokens[0])).user.id == id_

        assert await users.reset_password(id_, "newer") == 2
        assert await users.credentials("ann") == (id_, "newer")
        assert [await users.authenticate(token) for token in tokens] == [None, None]
        assert (await actor_of(users, others)).user.id == other
        assert await users.reset_password(id_, "newest") == 0

    @fact
    async def test_a_login_that_began_before_a_new_password_gives_no_token_and_writes_nothing_back(
        self, users: Users
    ) -> None:
        id_ = await add(users)
        await users.set_password(id_, "new")

        assert not await users.add_token(id_, new_token("a"), if_hash="hash")
        await users.set_password(id_, "rehashed", if_hash="hash")

        assert await users.credentials("ann") == (id_, "new")
        assert await users.add_token(id_, new_token("a"), if_hash="new")

    @fact
    async def test_no_token_of_the_old_password_outlives_a_reset_at_the_same_moment(self, users: Users) -> None:
        for number in range(10):
            id_ = await add(users, f"ann {number}")
            await asyncio.gather(
                users.add_token(id_, new_token(str(number)), if_hash="hash"),
                users.reset_password(id_, "new"),
                users.add_token(id_, new_token(f"second {number}"), if_hash="hash"),
            )

            assert await users.list_tokens(id_) == []

    # Tokens and permissions

    @fact
    async def test_a_token_tells_the_user_and_their_permissions_at_this_moment(self, users: Users) -> None:
        id_ = await add(users, "ann", "Sales", "Instructors", first_name="Ann")
        token = await add_token(users, id_)
        actor = await actor_of(users, token)

        assert (actor.user.id, actor.user.name, sorted(actor.groups)) == (id_, "Ann", ["Instructors", "Sales"])
        assert actor.permissions == GROUPS["Sales"] | GROUPS["Instructors"]
        assert not actor.is_superuser

        await users.revoke("Sales", ["app.add_lead"])
        await users.grant("Instructors", ["app.delete_cohort"])
        await users.change_user(id_, UserChange(is_superuser=True))
        actor = await actor_of(users, token)

        assert "app.add_lead" not in actor.permissions
        assert "app.delete_cohort" in actor.permissions
        assert actor.is_superuser

    @fact
    async def test_a_narrow_token_may_do_what_both_its_user_and_its_own_list_allow(self, users: Users) -> None:
        id_ = await add(users, "ann", "Instructors")
        only = frozenset({"app.view_cohort", "app.view_client", "app.delete_cohort"})
        narrow, full = await add_token(users, id_, "narrow", only), await add_token(users, id_, "full")

        assert (await actor_of(users, narrow)).permissions == {"app.view_cohort"}
        assert (await actor_of(users, full)).permissions == GROUPS["Instructors"]
        assert (await actor_of(users, narrow)).groups == ("Instructors",)

        await users.grant("Instructors", ["app.delete_cohort"])
        await users.revoke("Instructors", ["app.view_cohort"])
        assert (await actor_of(users, narrow)).permissions == {"app.delete_cohort"}

        await users.change_user(id_, UserChange(is_superuser=True))
        for _ in range(2):  # what a store keeps of a user is of all their tokens
            actor = await actor_of(users, narrow)
            assert (actor.permissions, actor.is_superuser) == (only, False)
            assert (await actor_of(users, full)).is_superuser
        assert not await users.add_token(id_, new_token("other", only), if_hash="another")
        assert (await actor_of(users, await add_token(users, id_, "nothing", frozenset()))).granted == frozenset()

    @fact
    async def test_a_token_comes_with_the_version_of_every_catalog(self, users: Users) -> None:
        token = await add_token(users, await add(users))
        session = await users.authenticate(token)

        assert session is not None
        assert session[1].keys() == set(ENTITIES)

    @fact
    async def test_a_token_ends_when_it_is_revoked_or_too_long_unused(self, users: Users) -> None:
        id_ = await add(users)
        revoked, used, unused = [await add_token(users, id_, name) for name in ("revoked", "used", "unused")]

        assert await users.revoke_token(revoked)
        assert not await users.revoke_token(revoked)
        assert await users.authenticate(revoked) is None
        assert await users.authenticate(hash_token("unknown")) is None

        await self.elapse(timedelta(days=TOKEN_DAYS - 1))
        assert await users.authenticate(used)
        await self.elapse(timedelta(days=2))
        assert await users.authenticate(used)
        assert await users.authenticate(unused) is None
        assert [token.prefix for token in await users.list_tokens(id_)] == ["used"]

    @fact
    async def test_tokens_are_listed_the_newest_first_with_their_times(self, users: Users) -> None:
        id_ = await add(users)
        for name in ("first", "second"):
            await add_token(users, id_, name)
            await self.elapse(timedelta(hours=1))
        await users.authenticate(hash_token("first"))
        await self.elapse(timedelta())
        second, first = await users.list_tokens(id_)

        assert (first.prefix, second.prefix) == ("first", "second")
        assert first.created_at < second.created_at <= second.last_used_at < first.last_used_at
        assert first.created_at.tzinfo is not None

    @fact
    async def test_tokens_are_listed_in_pages_that_neither_repeat_nor_skip_one(self, users: Users) -> None:
        id_, other = await add(users), await add(users, "eve")
        for number in range(5):
            await add_token(users, id_, f"{number}")
        await add_token(users, other, "of eve")
        everything = await users.list_tokens(id_)
        pages, last = [], None
        while page := await users.list_tokens(id_, limit=2, before=last):
            last = page[-1].created_at, page[-1].id
            pages.append(page)
            await add_token(users, id_, f"newer {len(pages)}")

        assert [len(page) for page in pages] == [2, 2, 1]
        assert [token for page in pages for token in page] == everything
        assert {token.prefix for token in everything} == set("01234")

    @fact
    async def test_a_token_is_found_with_its_id_and_permissions_until_it_expires(self, users: Users) -> None:
        only = frozenset({"app.view_client"})
        id_ = await add(users)
        made = new_token("narrow", only)
        assert await users.add_token(id_, made)
        await add_token(users, id_, "full")
        found = await users.find_token(made.hash)
        full = await users.find_token(hash_token("full"))

        assert found
        assert full
        assert (found.id, found.prefix, found.permissions, full.permissions) == (made.id, "narrow", only, None)
        assert await users.list_tokens(id_) == [full, found]
        assert await users.find_token(hash_token("unknown")) is None
        await self.elapse(timedelta(days=TOKEN_DAYS + 1))
        assert await users.find_token(made.hash) is None
        assert not await users.revoke_token_of(id_, made.id)

    @fact
    async def test_a_token_is_revoked_by_its_id_by_its_own_user_alone(self, users: Users) -> None:
        id_, other = await add(users), await add(users, "eve")
        made = new_token("one")
        assert await users.add_token(id_, made)
        kept = await add_token(users, id_, "kept")

        assert not await users.revoke_token_of(other, made.id)
        assert await users.authenticate(made.hash)
        assert await users.revoke_token_of(id_, made.id)
        assert not await users.revoke_token_of(id_, made.id)
        assert await users.authenticate(made.hash) is None
        assert (await actor_of(users, kept)).user.id == id_

    @fact
    async def test_tokens_are_revoked_by_their_prefix_or_all_of_one_user(self, users: Users) -> None:
        id_, other = await add(users), await add(users, "eve")
        for name in ("a", "b", "c"):
            await add_token(users, id_, name)
        await add_token(users, other, "a of eve")

        assert await users.revoke_tokens(id_, "a of eve") == 0
        assert await users.revoke_tokens(id_, "a") == 1
        assert [token.prefix for token in await users.list_tokens(id_)] == ["c", "b"]
        assert await users.revoke_tokens(id_) == 2
        assert await users.list_tokens(id_) == []
        assert len(await users.list_tokens(other)) == 1

    # Users without tokens

    @fact
    async def test_a_user_is_found_with_the_permissions_of_this_moment(self, users: Users) -> None:
        id_ = await add(users)
        await users.grant("Auditors", ["app.view_client"])
        for group, permissions in (("Auditors", {"app.view_client"}), ("Nobody", set[str]())):
            await users.grant(group, [])
            await users.change_user(id_, UserChange(groups=frozenset({group})))
            actor = await users.actor_of(id_)
            assert actor
            assert (actor.user.id, actor.groups, actor.permissions) == (id_, (group,), frozenset(permissions))

    # Groups

    @fact
    async def test_a_new_store_has_the_groups_of_the_core(self, users: Users) -> None:
        assert await users.list_groups() == GROUPS

    @fact
    async def test_a_grant_makes_a_new_group_and_a_revocation_leaves_it(self, users: Users) -> None:
        assert await users.grant("Auditors", ["app.view_client", "app.view_lead", "app.view_client"])
        assert not await users.grant("Auditors", ["app.view_client"])
        assert await users.grant("Guests", [])
        await users.revoke("Auditors", ["app.view_client", "app.add_lead"])

        assert await users.list_groups() == {**GROUPS, "Auditors": frozenset({"app.view_lead"}), "Guests": frozenset()}
        with pytest.raises(NotFoundError, match="Nothing"):
            await users.revoke("Nothing", ["app.add_lead"])

    @fact
    async def test_groups_and_keys_of_failures_are_told_apart_that_are_almost_equal(self, users: Users) -> None:
        names = near_equal("Zo\u00e9")
        assert all([await users.grant(name, [f"app.{number}"]) for number, name in enumerate(names)])
        await users.add_failure(names, _NOW, _WINDOW)

        groups = await users.list_groups()
        assert {name: groups[name] for name in names} == {
            name: frozenset({f"app.{number}"}) for number, name in enumerate(names)
        }
        assert await users.failures(names) == dict.fromkeys(names, Failures(1, _NOW))

    @fact
    async def test_the_members_of_a_group_are_its_users_by_id(self, users: Users) -> None:
        ids = [await add(users, name, *groups) for name, *groups in (("zoe", "Sales"), ("eve",), ("ann", "Sales"))]

        assert [user.id for user in await users.members("Sales")] == [ids[0], ids[2]]
        assert await users.members("Operations") == []
        assert await users.members("Nothing") == []

    # Failed logins

    @fact
    async def test_failures_are_counted_until_they_are_forgotten(self, users: Users) -> None:
        await users.add_failure(["a", "b"], _NOW, _WINDOW)
        await users.add_failure(["a"], _NOW + _WINDOW, _WINDOW)
        assert await users.failures(["a", "b", "c"]) == {"a": Failures(2, _NOW + _WINDOW), "b": Failures(1, _NOW)}

        await users.forget_failures("a")
        await users.forget_failures("a")
        later = _NOW + _WINDOW + timedelta(seconds=1)
        await users.add_failure(["b"], later, _WINDOW)
        assert await users.failures(["a", "b"]) == {"b": Failures(1, later)}

    @fact
    async def test_failures_at_once_are_all_counted(self, users: Users) -> None:
        await asyncio.gather(*(users.add_failure(["a", "b"], _NOW, _WINDOW) for _ in range(10)))

        assert await users.failures(["a", "b"]) == {"a": Failures(10, _NOW), "b": Failures(10, _NOW)}

    @fact
    async def test_a_count_is_returned_as_it_is_after_the_failure(self, users: Users) -> None:
        assert await users.add_failure(["a"], _NOW, _WINDOW) == {"a": Failures(1, _NOW)}
        assert await users.add_failure(["a", "b"], _NOW, _WINDOW) == {"a": Failures(2, _NOW), "b": Failures(1, _NOW)}
        counts = await asyncio.gather(*(users.add_failure(["a"], _NOW, _WINDOW) for _ in range(5)))
        assert sorted(counted["a"].count for counted in counts) == [3, 4, 5, 6, 7]

    # Addresses of logins

    @fact
    async def test_an_address_is_known_to_the_user_who_logged_in_from_it(self, users: Users) -> None:
        ann, bob = await users.add_user("ann", "hash"), await users.add_user("bob", "hash")
        assert ann
        assert bob
        await users.remember_address(ann, "10.0.0.1", _NOW, _WINDOW)
        await users.remember_address(ann, "10.0.0.1", _NOW + _WINDOW, _WINDOW)

        assert await users.knows_address("ann", "10.0.0.1", _NOW)
        assert not await users.knows_address("ann", "10.0.0.1", _NOW + 2 * _WINDOW)
        assert not await users.knows_address("ann", "10.0.0.2", _NOW)
        assert not await users.knows_address("bob", "10.0.0.1", _NOW)
        assert not await users.knows_address("nobody", "10.0.0.1", _NOW)

    @fact
    async def test_addresses_unused_for_too_long_are_forgotten_at_the_next_login(self, users: Users) -> None:
        ann = await users.add_user("ann", "hash")
        assert ann
        await users.remember_address(ann, "10.0.0.1", _NOW, _WINDOW)
        await users.remember_address(ann, "10.0.0.2", _NOW + timedelta(seconds=1), _WINDOW)
        await users.remember_address(ann, "10.0.0.3", _NOW + _WINDOW + timedelta(seconds=1), _WINDOW)

        known = [place for place in ("1", "2", "3") if await users.knows_address("ann", f"10.0.0.{place}", _NOW)]
        assert known == ["2", "3"]
