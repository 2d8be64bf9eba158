"""How a worker's places and the time of its lists are shared among users, so that no flood of one is everybody's.

A user is known only after the token was looked up, which is too late to refuse a request cheaply. So the user of each
token that was found lately is remembered (`Guests`). Requests without such a token share what the address of their
client has.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, NamedTuple, Self, TypeVar

from litestar.types import HTTPScope

from crm_core.errors import UnavailableError

T = TypeVar("T")

_SCHEMES: Final = frozenset({b"token", b"bearer"})

#: How many tokens are remembered with their users.
_MAX_TOKENS: Final = 10_000
#: Pieces of lists that are made at once: as many as the pool has connections.
MAX_TURNS: Final = 16
#: Those of one user while others are there. The rest of the time of the event loop is for what others ask.
MAX_TURNS_BESIDE_OTHERS: Final = 2
#: Requests of one user that are worked on at once while others are there. Alone they may have all places.
MAX_RUNNING_BESIDE_OTHERS: Final = 16
#: Seconds after its latest request for which a user counts as there.
_PRESENCE_SECONDS: Final = 10.0
#: Seconds that the first piece of a list waits for a turn, as it would for a connection; later ones wait for ever.
MAX_TURN_WAIT: Final = 1.0


def hash_in(authorization: bytes) -> bytes:
    """Return the hash of the token in an ``Authorization`` header, however that is spelled; empty if it has none."""
    scheme, _, token = authorization.strip().partition(b" ")
    return hashlib.sha256(token.strip()).digest() if scheme.lower() in _SCHEMES else b""


class Guests:
    """Remembers which user has which token, and who was there lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._users: OrderedDict[bytes, int] = OrderedDict()
        # The latest user with their address, and the latest before who is another one.
        self._latest: tuple[Hashable, str, float] = ("", "", -_PRESENCE_SECONDS)
        self._other: tuple[Hashable, str, float] = ("", "", -_PRESENCE_SECONDS)

    def welcome(self, token: bytes, address: str) -> Hashable:
        """Return with whom a request shares: the user of its token, or if that is not known, all of its address.

        Args:
            token: its hash; empty without one.
            address: of the client.
        """
        guest: Hashable = self._users.get(token, address)
        latest, latest_address, _ = self._latest
        # A login, and the first use of a token, count as requests of a user who comes from the same address.
        is_unnamed = address == latest_address and address in {guest, latest}
        if guest != latest and not is_unnamed:
            self._other = self._latest
        self._latest = latest if is_unnamed and guest == address else guest, address, self._clock()
        return guest

    def remember(self, token: bytes, user_id: int) -> None:
        """Keep whose token it is, by its hash."""
        self._users[token] = user_id
        self._users.move_to_end(token)
        if len(self._users) > _MAX_TOKENS:
            self._users.popitem(last=False)

    def has_others(self, guest: Hashable) -> bool:
        """Return whether somebody else was there lately."""
        _, _, seen = self._other if guest in self._latest[:2] else self._latest
        return self._clock() - seen < _PRESENCE_SECONDS


class Places:
    """Counts the requests in flight.

    There are so many places. When all are taken, a request is still let in if its user has less than an equal share.

    Args:
        most: how many places there are.

    Attributes:
        taken: how many are taken.
    """

    def __init__(self, most: int) -> None:
        self.taken: int = 0
        self._most = most
        self._by_guest: dict[Hashable, int] = {}

    def enter(self, guest: Hashable) -> None:
        """Take a place."""
        self.taken += 1
        self._by_guest[guest] = self._by_guest.get(guest, 0) + 1

    def leave(self, guest: Hashable) -> None:
        """Give a place back."""
        self.taken -= 1
        self._by_guest[guest] -= 1
        if not self._by_guest[guest]:
            del self._by_guest[guest]

    @contextmanager
    def away(self, guest: Hashable) -> Iterator[None]:
        """Give a place back for as long as the block takes."""
        self.leave(guest)
        try:
            yield
        finally:
            self.enter(guest)

    def is_beyond(self, guest: Hashable) -> bool:
        """Return whether a guest, who has just entered, has taken a place that is not theirs."""
        return self.taken > self._most and self._by_guest[guest] * len(self._by_guest) > self._most


class Turns:
    """Shares work among users: those that wait have their turns user by user.

    Args:
        guests: who knows whether others are there.
        most: how many turns there are at once.
        beside_others: how many of them one user has while others are there.
    """

    def __init__(self, guests: Guests, most: float = MAX_TURNS, beside_others: int = MAX_TURNS_BESIDE_OTHERS) -> None:
        self._guests = guests
        self._free, self._beside_others = most, beside_others
        self._running: dict[Hashable, int] = {}
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, guest: Hashable, seconds: float | None = None) -> AsyncIterator[None]:
        """Wait for a turn, which lasts for the block. Raises UnavailableError after so many seconds."""
        await self.take(guest, seconds)
        try:
            yield
        finally:
            self.give_back(guest)

    async def take(self, guest: Hashable, seconds: float | None = None) -> None:
        """Wait for a turn, to be given back. Raises UnavailableError after so many seconds."""
        if self._may_run(guest):
            self._begin(guest)
        else:
            await self._wait(guest, seconds)

    async def _wait(self, guest: Hashable, seconds: float | None) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(guest, deque()).append(future)
        try:
            async with asyncio.timeout(seconds):
                await future
        except BaseException as error:
            if future.done() and not future.cancelled():
                self.give_back(guest)  # the turn came at the same moment
            if isinstance(error, TimeoutError):
                raise UnavailableError from error
            raise

    def _may_run(self, guest: Hashable) -> bool:
        if not self._free:
            return False
        return self._running.get(guest, 0) < self._beside_others or not self._guests.has_others(guest)

    def _begin(self, guest: Hashable) -> None:
        self._free -= 1
        self._running[guest] = self._running.get(guest, 0) + 1

    def give_back(self, guest: Hashable) -> None:
        """End a turn, and begin one of those who wait."""
        self._free += 1
        self._running[guest] -= 1
        if not self._running[guest]:
            del self._running[guest]
        self._hand_on()

    def _hand_on(self) -> None:
        """Begin turns of those who wait, as many as may run; of each user one, then it is the next user's."""
        for guest in list(self._waiting):
            if not self._free:
                return
            queue = self._waiting[guest]
            while queue and queue[0].done():  # it has given up
                queue.popleft()
            if queue and self._may_run(guest):
                self._begin(guest)
                queue.popleft().set_result(None)
                self._waiting.move_to_end(guest)
            if not queue:
                del self._waiting[guest]


class Share(NamedTuple):
    """What a request has of the worker.

    Attributes:
        token: the hash of its token; empty without one.
        guest: with whom it shares; None for what is never refused.
        guests: who remembers users.
        turns: of the pieces of lists.
    """

    token: bytes
    guest: Hashable
    guests: Guests
    turns: Turns

    @classmethod
    def of(cls, scope: HTTPScope) -> Self:
        """Return what a request has; the middleware put it into its scope."""
        share = scope["state"]["share"]
        assert isinstance(share, cls)  # noqa: S101
        return share

    async def in_turn(self, made: Coroutine[Any, Any, T], seconds: float = MAX_TURN_WAIT) -> T:
        """Return what is awaited, in a turn. Raises UnavailableError if none came within so many seconds."""
        try:
            async with self.turns.turn(self.guest, seconds):
                return await made
        finally:
            made.close()  # no turn came

    def belongs_to(self, user_id: int) -> None:
        """Remember the user for the next requests with this token."""
        if self.guest != user_id:
            self.guests.remember(self.token, user_id)

    async def pieces(self, made: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the pieces of a list, each made in a turn. Raises UnavailableError if the first waits too long."""
        seconds: float | None = MAX_TURN_WAIT
        while True:
            async with self.turns.turn(self.guest, seconds):
                piece = await anext(made, None)
            if piece is None:
                return
            seconds = None
            yield piece
