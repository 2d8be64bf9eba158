"""Two databases that are given the same to do, and must give the same answers.

Clock and ids are the pair's, so that even the documents must be equal, byte by byte.
"""

import asyncio
import copy
import itertools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from crm_core.errors import CrmError, InvalidError
from crm_core.model.accounts import Actor, Caller, Idempotency, User
from crm_core.model.permissions import PERMISSIONS
from crm_core.ports import Database
from crm_core.rules.needs import Known, Needs

#: Opens two empty databases that both have the users of ``USERS``. The first is the model, which is copied to see what
#: would be in another order: the memory's, whose lists are ``matches`` and ``sort_key`` in plain Python.
OpenPair: TypeAlias = Callable[[], AbstractAsyncContextManager[tuple[Database, Database]]]
#: Something done to a database by somebody.
Operation: TypeAlias = Callable[[Database, Caller], Awaitable[object]]

#: The ids of the users that both databases must have; they take turns.
USERS: Final = (1, 2)

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Pair:
    """The model and the database that is tried.

    Attributes:
        operations: how many there were; each has a number, from 1.
    """

    def __init__(self, runner: asyncio.Runner, open_pair: OpenPair) -> None:
        self.operations = 0
        self._runner = runner
        self._open = AsyncExitStack()
        self._model, self._tried = runner.run(self._open.enter_async_context(open_pair()))

    def close(self) -> None:
        """Close both."""
        self._runner.run(self._open.aclose())

    def number(self) -> int:
        """The number of another operation."""
        self.operations += 1
        return self.operations

    def both(
        self,
        operation: Operation,
        number: int | None = None,
        *,
        idempotency: Idempotency | None = None,
        permissions: frozenset[str] = PERMISSIONS,
    ) -> object:
        """What came of an operation, the same from both."""
        number = self.number() if number is None else number
        one, other = (
            self._runner.run(_outcome(operation(db, _caller(number, idempotency, permissions))))
            for db in (self._model, self._tried)
        )
        assert one == other
        return one

    def at_once(self, operations: Sequence[Operation], look: Operation) -> Sequence[object]:
        """What came of operations that two callers began at once: the same as if one had come before the other.

        Args:
            operations: two of them.
            look: reads afterwards what they are about.
        """
        numbers = [self.number() for _ in operations]
        seen = self._runner.run(_at_once(self._tried, operations, numbers))
        left = self._runner.run(_outcome(look(self._tried, _caller(numbers[0]))))
        possible = []
        for order in itertools.permutations(range(len(operations))):
            model = copy.deepcopy(self._model)
            came = {at: self._runner.run(_outcome(operations[at](model, _caller(numbers[at])))) for at in order}
            possible.append(
                ([came[at] for at in range(len(seen))], self._runner.run(_outcome(look(model, _caller(1)))))
            )
            if possible[-1] == (seen, left):
                self._model = model
                return seen
        raise AssertionError(f"{(seen, left)} comes of no order: {possible}")

    def known(self, needs: Needs) -> Known:
        """What both know."""
        one, other = (self._runner.run(_awaited(db.known(needs))) for db in (self._model, self._tried))
        assert one.records == other.records
        for entity, catalog in one.catalogs.items():  # whose versions may differ
            assert catalog.definitions == other.catalogs[entity].definitions
            assert catalog.webhooks == other.catalogs[entity].webhooks
        return one


def _caller(number: int, idempotency: Idempotency | None = None, permissions: frozenset[str] = PERMISSIONS) -> Caller:
    user = USERS[number % len(USERS)]
    return Caller(
        actor=Actor(user=User(id=user, username=f"user {user}"), permissions=permissions),
        # Every third operation has a later time, so that some records are of the same.
        now=_START + timedelta(seconds=number // 3),
        new_id=_ids(number),
        request_id=f"operation {number}",
        idempotency=idempotency,
    )


def _ids(number: int) -> Callable[[], UUID]:
    """New ids that look like UUIDv7s of the operation's own millisecond, the same each time."""
    count = itertools.count()
    return lambda: UUID(int=number << 80 | 0x7 << 76 | 0b10 << 62 | next(count))


async def _outcome(operation: Awaitable[object]) -> object:
    """What an operation gives, or what it raises on purpose; anything else passes through and fails the test."""
    try:
        return await operation
    except InvalidError as error:
        return InvalidError, error.problems
    except CrmError as error:
        return type(error), str(error)


async def _at_once(db: Database, operations: Sequence[Operation], numbers: Sequence[int]) -> list[object]:
    callers = map(_caller, numbers)
    return await asyncio.gather(*(_outcome(do(db, who)) for do, who in zip(operations, callers, strict=True)))


async def _awaited(knowing: Awaitable[Known]) -> Known:
    return await knowing
