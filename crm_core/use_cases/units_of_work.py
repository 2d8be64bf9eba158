"""Units of work: several use cases together or not at all, on any store."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from crm_core.engine.agendas import AgendaQuery
from crm_core.engine.changes import Changes, Reply
from crm_core.engine.decision_runs import Decide, Decision
from crm_core.engine.overlay import Overlay
from crm_core.engine.queries import Page, Query
from crm_core.engine.receipts import Document, Receipt
from crm_core.engine.retention import Folded
from crm_core.engine.together import Look, Result, Together
from crm_core.errors import CrmError
from crm_core.model.agenda import AgendaPage
from crm_core.model.events import Event, EventPlace
from crm_core.model.evolutions import HeldValue, Holding
from crm_core.model.plain_values import json_text, plain
from crm_core.model.records import Key
from crm_core.model.summaries import StageFigures, StageQuery
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.rules.likeness import LookalikePage
from crm_core.rules.needs import Known, Needs


@asynccontextmanager
async def unit_of_work(db: Database) -> AsyncIterator["UnitOfWork"]:
    """Return a store for the use cases of one block; what they change is committed when the block ends.

    .. code-block:: python

        async with unit_of_work(db) as work:
            client, _ = await records.create(work, who, CLIENTS, {"name": "Acme"})
            await records.create(work, who, SERVICES, {"name": "Ann", "client": str(client)})

    Each use case sees what the earlier ones did; others see nothing of it until the commit. An error of the block
    leaves nothing. A use case that is refused, where the block catches its error, has no effect, and the others count.

    All decisions are made again at the commit, on what the store then has. If one is then refused, because others
    changed something meanwhile, the block ends with its error, and nothing is written.
    """
    work = UnitOfWork(db)
    yield work
    await work.commit()


class UnitOfWork:
    """The Database port inside a unit of work. Lists show only what is committed.

    Requests with an idempotency key raise ValueError: a key is for a request that is committed alone. So do changes of
    attributes in all records (``use_cases.evolutions``).
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._overlay = Overlay()
        self._decided: list[Decide] = []

    async def commit(self) -> None:
        """Commit all changes."""
        if self._decided:
            await self._db.change(Together(self._decided, _refuse_any))

    async def get(self, key: Key, *, reader: int | None = None) -> Document | None:
        """Return the record as the unit has it, or None."""
        if not self._overlay.has(key):
            return await self._db.get(key, reader=reader)
        record = self._overlay.record(key, Known())
        return Document(record.version, _encoded(record.value)) if record else None

    async def known(self, needs: Needs) -> Known:
        """Read what is needed, as the unit has it."""
        return self._overlay.answer(needs, await self._db.known(self._overlay.base_of(needs)))

    async def page(self, query: Query, *, reader: int | None = None) -> Page:
        """Return one page of a list, as it is committed."""
        return await self._db.page(query, reader=reader)

    def stream(self, query: Query, *, reader: int | None = None, separator: str = ",") -> AsyncIterator[bytes]:
        """Yield a whole list, as it is committed."""
        return self._db.stream(query, reader=reader, separator=separator)

    async def history(self, key: Key, *, before: int | None = None, limit: int | None = None) -> Sequence[Event]:
        """Return committed events of a record."""
        return await self._db.history(key, before=before, limit=limit)

    async def lineage(self, key: Key, version: int) -> Sequence[Event]:
        """Return the committed events from which a version of a record can be built."""
        return await self._db.lineage(key, version)

    def deletions_since(self, since: datetime) -> AsyncIterator[bytes]:
        """Yield what committed deletions recorded."""
        return self._db.deletions_since(since)

    async def followers(self, key: Key, version: int) -> Sequence[Event]:
        """Return the committed events that followed from a change of a record."""
        return await self._db.followers(key, version)

    async def named(self, resource: Resource, field: str, texts: Sequence[str]) -> Mapping[str, Sequence[UUID]]:
        """Return the ids of committed records whose field is exactly one of some texts."""
        return await self._db.named(resource, field, texts)

    async def events_of_run(self, run: UUID, *, before: EventPlace | None, limit: int) -> Sequence[Event]:
        """Return committed events of a run of an import."""
        return await self._db.events_of_run(run, before=before, limit=limit)

    async def once_referring(self, key: Key, resource: str, field: str) -> Sequence[UUID]:
        """Return the ids of records whose committed events say that they referred to a record."""
        return await self._db.once_referring(key, resource, field)

    async def foreign_referrer(self, keys: Collection[Key]) -> str | None:
        """Return the name of a table of no resource that refers to one of some committed records."""
        return await self._db.foreign_referrer(keys)

    async def stage_figures(self, query: StageQuery, *, reader: int | None = None) -> StageFigures:
        """Return where the committed leads of a pipeline are, and what their stays were."""
        return await self._db.stage_figures(query, reader=reader)

    async def mentions(self, texts: Sequence[str], limit: int) -> Sequence[Key]:
        """Return the keys of some committed records in which a text occurs."""
        return await self._db.mentions(texts, limit)

    async def count_holders(self, entity: str, name: str) -> int:
        """Return how many committed records hold a value under a name."""
        return await self._db.count_holders(entity, name)

    def held_values(self, entity: str, name: str) -> AsyncIterator[Sequence[HeldValue]]:
        """Yield the different values that committed records hold under a name."""
        return self._db.held_values(entity, name)

    async def holders(self, entity: str, name: str, which: Holding, limit: int) -> Sequence[UUID]:
        """Return the ids of the first committed records that hold a value under a name."""
        return await self._db.holders(entity, name, which, limit)

    async def alike(self, resource: str, *, after: str, limit: int) -> LookalikePage:
        """Return committed records that have keys in common."""
        return await self._db.alike(resource, after=after, limit=limit)

    async def rename_author(self, user: int, name: str) -> int:
        """Put a name in place of a user's in what is committed, at once."""
        return await self._db.rename_author(user, name)

    async def fold(self, before: datetime, after: UUID) -> Folded:
        """Fold committed events, at once."""
        return await self._db.fold(before, after)

    async def agenda(self, query: AgendaQuery, *, reader: int | None = None) -> AgendaPage:
        """Return one page of the committed agenda."""
        return await self._db.agenda(query, reader=reader)

    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        """Return the names of the fields that committed changes after a version touched."""
        return await self._db.changed_fields(key, since)

    async def change(self, decide: Decide) -> Document | None:
        """Decide on what the unit has, and keep the decision for the commit."""
        base = Known()
        decision = Decision(decide)
        while decision.needs:
            base |= await self._db.known(self._overlay.base_of(decision.needs))
            decision.send(self._overlay.answer(decision.needs, base))
        changes = decision.changes
        if changes.receipt:
            raise ValueError("a unit of work takes no idempotency key")
        if changes.rewrite:
            raise ValueError("a unit of work takes no change of an attribute in all records")
        self._overlay.add(changes, base, 0)
        self._decided.append(decide)
        return await self._answer(changes)

    async def receipt(self, user: int, key: str) -> Receipt | None:
        """Return the receipt of a request that was committed."""
        return await self._db.receipt(user, key)

    async def _answer(self, changes: Changes) -> Document | None:
        if isinstance(changes.answer, Reply):
            return changes.answer.document
        return await self.get(changes.answer) if changes.answer else None


def _refuse_any(results: Sequence[Result], _: Look) -> None:
    for result in results:
        if isinstance(result, CrmError):
            raise result


def _encoded(value: object) -> bytes:
    return json_text(plain(value)).encode()
