"""Two databases that run the same operations and must give the same answers.

Both get the same clock and ids, so that even the documents must be equal byte for byte.
"""

import asyncio
import copy
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from crm_core.errors import CrmError, InvalidError
from crm_core.model.accounts import Actor, Caller, Idempotency, User
from crm_core.model.entities import BUILDING, ENTITIES
from crm_core.model.events import Event
from crm_core.model.feed import FeedEvent, Position
from crm_core.model.permissions import PERMISSIONS
from crm_core.ports import Database, DeliveryLog, Feed, ImportRuns
from crm_core.rules.needs import Known, Needs
from crm_core.testing.differences import difference
from crm_core.testing.readings import logged_deliveries
from crm_core.testing.replay import all_events, assert_replayed
from crm_core.testing.steps import Steps, is_made, made_id

#: Opens two empty databases with the users ``USERS``. The first is the model, which must support ``copy.deepcopy``, to
#: try operations in another order: the memory database, whose lists are ``matches`` and ``sort_key`` in plain Python.
OpenPair: TypeAlias = Callable[[], AbstractAsyncContextManager[tuple[Database, Database]]]
#: Returns the feed of a database.
FeedOf: TypeAlias = Callable[[Database], Feed]
#: Returns the log of the deliveries of a database.
DeliveriesOf: TypeAlias = Callable[[Database], DeliveryLog]
#: Returns the runs of imports of a database.
ImportsOf: TypeAlias = Callable[[Database], ImportRuns]
#: An operation of a caller on a database.
Operation: TypeAlias = Callable[[Database, Caller], Awaitable[object]]

#: The ids of the users that both databases must have; operations are theirs by turns.
USERS: Final = (1, 2)
#: The user who is disabled in the databases that contracts open.
DISABLED_USER: Final = 3

_SECONDS_TO_BUILD: Final = 30.0
#: With microseconds, which not every store keeps.
_START: Final = datetime(2026, 1, 1, microsecond=123_456, tzinfo=UTC)


class Pair:
    """The model and the database under test.

    Attributes:
        operations: how many operations were run; each has a number, from 1.
        imports_of: returns the runs of imports of a database; None if they are not compared.
    """

    def __init__(
        self,
        runner: asyncio.Runner,
        open_pair: OpenPair,
        feed_of: FeedOf | None = None,
        deliveries_of: DeliveriesOf | None = None,
        imports_of: ImportsOf | None = None,
    ) -> None:
        self.operations: int = 0
        self.imports_of: ImportsOf | None = imports_of
        self._runner = runner
        self._open = AsyncExitStack()
        self._model, self._tested = runner.run(self._open.enter_async_context(open_pair()))
        self._feed_of = feed_of
        self._deliveries_of = deliveries_of
        self._starts = [runner.run(feed_of(db).newest()) for db in self._both] if feed_of else []
        self._steps = Steps()

    @property
    def _both(self) -> tuple[Database, Database]:
        return self._model, self._tested

    def compare_feeds(self) -> None:
        """Check that both feeds have the same events of each record, and that replaying them gives the documents."""
        if self._feed_of is None:
            return
        with self._steps.step(self.number(), "read the feeds", is_read=True):
            histories = []
            for db, start in zip(self._both, self._starts, strict=True):
                events = self._runner.run(_all_events(self._feed_of(db), start))
                self._runner.run(assert_replayed(db, events))
                histories.append(_by_record(events))
            _assert_same(*histories)

    def compare_deliveries(self) -> None:
        """Check that the same deliveries wait in both outboxes."""
        if (of := self._deliveries_of) is not None:
            self.compare("list the deliveries of all webhooks", lambda db, who: logged_deliveries(db, who, of(db)))

    def close(self) -> None:
        """Close both databases."""
        self._runner.run(self._open.aclose())

    def number(self) -> int:
        """Return the number of the next operation."""
        self.operations += 1
        return self.operations

    def compare(self, words: str, reading: Operation, *, permissions: AbstractSet[str] = PERMISSIONS) -> object:
        """Run an operation that only reads on both databases; return its outcome, which must be the same."""
        return self._run(words, reading, self.number(), is_read=True, permissions=permissions)

    def both(
        self,
        words: str,
        operation: Operation,
        number: int | None = None,
        *,
        idempotency: Idempotency | None = None,
        permissions: AbstractSet[str] = PERMISSIONS,
    ) -> object:
        """Run an operation on both databases; return its outcome, which must be the same.

        Args:
            words: what the operation does, for the report of a failure.
            operation: the operation.
            number: the number of an operation that is repeated.
            idempotency: its idempotency key.
            permissions: those of the caller.
        """
        number = self.number() if number is None else number
        return self._run(words, operation, number, idempotency=idempotency, permissions=permissions)

    def _run(
        self,
        words: str,
        operation: Operation,
        number: int,
        *,
        is_read: bool = False,
        idempotency: Idempotency | None = None,
        permissions: AbstractSet[str] = PERMISSIONS,
    ) -> object:
        with self._steps.step(number, words, is_read=is_read):
            one, other = (
                self._runner.run(_outcome(operation(db, _caller(number, idempotency, permissions))))
                for db in (self._model, self._tested)
            )
            _assert_same(one, other)
            return one

    def settle(self) -> None:
        """Wait until no attribute is ``building``."""
        self._runner.run(_settled(self._tested))

    def at_once(self, words: str, operations: Sequence[Operation], look: Operation) -> Sequence[object]:
        """Run operations concurrently; return their outcomes, which some serial order must give too.

        Args:
            words: what the operations do, for the report of a failure.
            operations: the operations.
            look: reads the records that they change, afterwards.
        """
        numbers = [self.number() for _ in operations]
        with self._steps.step(numbers[0], f"at once: {words}"):
            outcomes = self._runner.run(_at_once(self._tested, operations, numbers))
            self.settle()
            result = self._runner.run(_outcome(look(self._tested, _caller(numbers[0]))))
            serial = []
            for order in itertools.permutations(range(len(operations))):
                model = copy.deepcopy(self._model)
                by_index = {i: self._runner.run(_outcome(operations[i](model, _caller(numbers[i])))) for i in order}
                in_order = [by_index[i] for i in range(len(outcomes))]
                serial.append((in_order, self._runner.run(_outcome(look(model, _caller(1))))))
                if serial[-1] == (outcomes, result):
                    self._model = model
                    return outcomes
            nearest = min((difference(each, (outcomes, result)) for each in serial), key=len)
            raise AssertionError(f"not what one after the other gives, in any order; to one of them {nearest}")

    def known(self, needs: Needs) -> Known:
        """Return what both databases know, which must be the same."""
        with self._steps.step(self.operations, f"read what a decision needs: {', '.join(_words(needs))}", is_read=True):
            one, other = (self._runner.run(_awaited(db.known(needs))) for db in (self._model, self._tested))
            _assert_same(*(_comparable(known) for known in (one, other)))
            return one


def _assert_same(model: object, tested: object) -> None:
    if model != tested:
        raise AssertionError(difference(model, tested))


def _words(needs: Needs) -> Sequence[str]:
    return [
        *(f"{key.resource} {key.id}" for key in needs.records),
        *(f"the catalog of {each}" for each in needs.catalogs),
    ]


def _comparable(known: Known) -> Mapping[str, object]:
    """Return what must be the same; the versions of catalogs may differ."""
    catalogs = {entity: (each.definitions, each.webhooks) for entity, each in known.catalogs.items()}
    records = {" ".join(map(str, key)): record for key, record in known.records.items()}
    return {"records": records, "catalogs": catalogs}


async def _all_events(feed: Feed, start: Position) -> Sequence[FeedEvent]:
    return await all_events(feed, start)


def _by_record(events: Sequence[FeedEvent]) -> Mapping[UUID, list[Event]]:
    found: dict[UUID, list[Event]] = {}
    for each in (each for each in events if is_made(each.event.record)):
        found.setdefault(each.event.record, []).append(each.event)
    return found


def _caller(number: int, idempotency: Idempotency | None = None, permissions: AbstractSet[str] = PERMISSIONS) -> Caller:
    user = USERS[number % len(USERS)]
    return Caller(
        actor=Actor(user=User(id=user, username=f"user {user}"), permissions=frozenset(permissions)),
        # Only every third operation has a later time, so that some records have the same.
        now=_START + timedelta(seconds=number // 3),
        new_id=_ids(number),
        request_id=f"operation {number}",
        idempotency=idempotency,
    )


def _ids(number: int) -> Callable[[], UUID]:
    """Return a source of the ids of an operation."""
    count = itertools.count()
    return lambda: made_id(number, next(count))


async def _outcome(operation: Awaitable[object]) -> object:
    """Return the result of an operation or the CrmError it raises; other errors are raised."""
    try:
        return await operation
    except InvalidError as error:
        return InvalidError, error.problems
    except CrmError as error:
        return type(error), str(error)


async def _at_once(db: Database, operations: Sequence[Operation], numbers: Sequence[int]) -> list[object]:
    callers = map(_caller, numbers)
    return await asyncio.gather(*(_outcome(do(db, who)) for do, who in zip(operations, callers, strict=True)))


async def _settled(db: Database) -> None:
    needs = Needs(catalogs=dict.fromkeys(ENTITIES))
    async with asyncio.timeout(_SECONDS_TO_BUILD):
        while any(  # noqa: ASYNC110  # stores build their indexes by themselves
            definition.is_unique == BUILDING
            for catalog in (await db.known(needs)).catalogs.values()
            for definition in catalog.definitions.values()
        ):
            await asyncio.sleep(0.01)


async def _awaited(known: Awaitable[Known]) -> Known:
    return await known
