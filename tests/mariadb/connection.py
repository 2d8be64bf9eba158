"""Transactions on a MariaDB server: values on their way in and out, and the one place where foreign errors end.

Every other module of this adapter writes statements; this one alone knows the driver.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast
from uuid import UUID

import asyncmy
import asyncmy.errors

from crm_core import CrmError, UnavailableError

_T = TypeVar("_T")
#: A read sees everything as it was at one moment. A write sees what is committed at each of its statements: what it
#: waited for, too. Under REPEATABLE READ, the server's default, it would go on seeing what was there before its wait,
#: and its locks would cover the gaps between records.
Kind: TypeAlias = Literal["read", "write"]
_BEGIN: Final[Mapping[Kind, tuple[str, ...]]] = {
    "read": (
        "set transaction isolation level repeatable read",
        "start transaction with consistent snapshot, read only",
    ),
    "write": ("start transaction",),
}
#: What this adapter depends on is said in every session, whatever the server's own settings are: texts are compared by
#: code point and with their trailing blanks, what does not fit is an error, and times are UTC.
_SETTINGS: Final = (
    "set names utf8mb4 collate utf8mb4_nopad_bin",
    "set sql_mode = 'traditional', time_zone = '+00:00', sql_notes = 0",
    "set session transaction isolation level read committed",
)
#: Seconds within which a transaction ends, and pauses before it is run again after a deadlock.
_TIME: Final = 30.0
_PAUSES: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
#: Numbers of errors: two transactions wait for each other; a snapshot was overtaken; a unique key is taken.
_DEADLOCKS: Final = frozenset({1213, 1020})
_TAKEN: Final = 1062


class TakenError(CrmError):
    """A unique key is taken. The statement did nothing, and the transaction can go on."""


class DeadlockError(UnavailableError):
    """The server ended one of two transactions that waited for each other. It did nothing, and can be run again."""


class Session:
    """The statements of one transaction."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    async def rows(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement, and return its rows. A parameter is ``%s``; a tuple stands after ``in``."""
        await self.run(statement, *params)
        return [tuple(map(_read, row)) for row in await self._cursor.fetchall()]

    async def run(self, statement: str, *params: object) -> int:
        """Run a statement, and return how many rows it changed: fewer than it found, if some were so already."""
        with _translated():
            return int(await self._cursor.execute(statement, tuple(map(_sent, params))))

    async def now(self) -> datetime:
        """Return the time of the server."""
        [(now,)] = await self.rows("select utc_timestamp(6)")
        assert isinstance(now, datetime)
        return now


class Pool:
    """A few connections to a server.

    Args:
        address: what ``asyncmy.connect`` is given: ``unix_socket`` or ``host`` and ``port``, ``user``, ``db``.
        size: the most connections.
        lock_wait: after how many seconds a statement that waits for a lock of others fails.

    Attributes:
        address: what it was given.
    """

    def __init__(self, address: Mapping[str, Any], size: int = 8, lock_wait: int = 5) -> None:
        self.address = address
        self._settings = (*_SETTINGS, f"set innodb_lock_wait_timeout = {lock_wait}")
        self._free = asyncio.Semaphore(size)
        self._idle: list[Any] = []

    async def run(self, kind: Kind, work: Callable[[Session], Awaitable[_T]]) -> _T:
        """Run a function in a transaction, and again if the server had to end it for another one."""
        for pause in _PAUSES:
            try:
                async with self._transaction(kind) as session:
                    return await work(session)
            except DeadlockError:
                await asyncio.sleep(pause)
        raise UnavailableError

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().ensure_closed()

    @asynccontextmanager
    async def _transaction(self, kind: Kind) -> AsyncIterator[Session]:
        with _translated():
            async with asyncio.timeout(_TIME), self._free, self._connection(kind) as connection:
                try:
                    yield Session(connection.cursor())
                except CrmError:
                    await connection.rollback()
                    raise
                await connection.commit()

    @asynccontextmanager
    async def _connection(self, kind: Kind) -> AsyncIterator[Any]:
        """Lend a connection with a new transaction, and take it back if it can be used again."""
        connection = await self._begun(kind)
        try:
            yield connection
        except CrmError:
            self._idle.append(connection)
            raise
        except BaseException:
            # After a cancellation an answer may still be under way, which the next one would take for its own.
            connection.close()
            raise
        self._idle.append(connection)

    async def _begun(self, kind: Kind) -> Any:
        """Return a connection with a new transaction: a new connection if the server has ended the idle ones."""
        while self._idle:
            with suppress(asyncmy.errors.OperationalError, OSError):
                return await _after(self._idle.pop(), _BEGIN[kind])
        connection = await cast("Any", asyncmy).connect(**self.address, charset="utf8mb4", connect_timeout=5)
        return await _after(connection, (*self._settings, *_BEGIN[kind]))


async def _after(connection: Any, statements: tuple[str, ...]) -> Any:
    """Return a connection after some statements, or close it."""
    try:
        for statement in statements:
            await connection.cursor().execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _sent(value: object) -> object:
    """Return a parameter as the driver takes it. It would drop the zone of a time, and knows no ids."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, tuple):
        return tuple(map(_sent, cast("tuple[object, ...]", value)))
    return str(value) if isinstance(value, UUID) else value


def _read(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def microseconds(time: timedelta) -> int:
    """Return a time as ``interval %s microsecond`` takes it."""
    return time // timedelta(microseconds=1)


@contextmanager
def _translated() -> Iterator[None]:
    """What the driver raises, as the ports say. Nothing else of it leaves this module."""
    try:
        yield
    except asyncmy.errors.MySQLError as error:
        number = error.args[0] if error.args else None
        if number == _TAKEN:
            raise TakenError from error
        if number in _DEADLOCKS:
            raise DeadlockError from error
        raise UnavailableError from error
    except (OSError, EOFError, TimeoutError) as error:
        raise UnavailableError from error
