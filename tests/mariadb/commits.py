"""Commits: a decision is run, and its changes are written, in one transaction that no other change runs beside."""

from typing import Final
from uuid import UUID

import attrs

from crm_core import (
    RECEIPTS_KEPT,
    Changes,
    Decide,
    Decision,
    Document,
    DuplicateRequestError,
    Key,
    Put,
    Receipt,
    Remove,
    Reply,
)
from crm_core.engine.erased_events import erased_changes, without_copies
from crm_core.engine.receipts import ERASED_ANSWER
from crm_core.engine.rewrites import rewritten
from crm_core.model.authors import with_author
from crm_core.resources import RESOURCES
from tests.mariadb import deliveries
from tests.mariadb.connection import Session, microseconds
from tests.mariadb.events import Events
from tests.mariadb.records import Records
from tests.mariadb.stays import Stays

_KEPT: Final = f"kept_at > utc_timestamp(6) - interval {microseconds(RECEIPTS_KEPT)} microsecond"


async def take_turn(session: Session, name: str) -> None:
    """Wait until nobody else has the turn. It is kept until the transaction ends, and whatever is read now is true."""
    await session.rows("select name from turn where name = %s for update", name)


async def commit(session: Session, decide: Decide) -> tuple[Document | None, Changes]:
    """Run a decision and write its changes; return the answer and the changes."""
    await take_turn(session, "records")
    return await _Commit(session).run(decide)


async def receipt_of(session: Session, user: int, key: str) -> Receipt | None:
    """Return the receipt of a request, if it is not too old."""
    columns = "fingerprint, record, version, body"
    statement = f"select {columns} from receipt where user = %s and name = %s and {_KEPT}"
    for fingerprint, record, version, body in await session.rows(statement, user, key):
        return Receipt(fingerprint, UUID(record), Document(version, body.encode()))
    return None


class _Commit:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._records = Records(session)
        self._events = Events(session)

    async def run(self, decide: Decide) -> tuple[Document | None, Changes]:
        decision = Decision(decide)
        while decision.needs:
            decision.send(await self._records.known(decision.needs))
        changes = decision.changes
        await self._check_receipt(changes)
        await self._write_all(changes)
        if changes.deliveries:
            await deliveries.append(self._session, changes.deliveries)
        await self._forget(changes)
        answer = await self._answer(changes.answer)
        await self._keep_receipt(changes, answer)
        return answer, changes

    async def _write_all(self, changes: Changes) -> None:
        if not changes.writes and not changes.rewrite:
            return
        await self._session.run("update feed set tick = tick + 1")
        [(tick,)] = await self._session.rows("select tick from feed")
        for write in changes.writes:
            await self._write(write, tick)
        if rewrite := changes.rewrite:
            for record in await self._records.where(rewrite.before.entity):
                if put := rewritten(rewrite, record):
                    await self._write(put, tick)

    async def _write(self, write: Put | Remove, tick: int) -> None:
        watched = await self._records.watched(write.key)
        await (self._records.put(write) if isinstance(write, Put) else self._records.remove(write.key))
        await self._events.append(write.event, tick)
        if write.key.resource == "lead":
            await Stays(self._session).move(write)
        if write.key.resource == "webhook":
            keep = deliveries.add_webhook if isinstance(write, Put) else deliveries.remove_webhook
            await keep(self._session, write.key.id)
        await self._records.advance_catalogs(watched | await self._records.watched(write.key))

    async def _forget(self, changes: Changes) -> None:
        """Forget the values of erased records, and copies of them."""
        for event in changes.erasures:
            for found in await self._events.where("record = %s and version < %s", event.record, event.version):
                kept = erased_changes(RESOURCES[found.resource], found.changes)
                await self._events.rewrite(attrs.evolve(found, changes=kept))
            await deliveries.forget(self._session, event.record, event.version)
        for copy in changes.copies:
            await self._forget_copy(copy.key, copy.field)
        for record in (*(event.record for event in changes.erasures), *(copy.key.id for copy in changes.copies)):
            statement = "update receipt set body = %s where record = %s or version = 0 and instr(body, %s)"
            await self._session.run(statement, ERASED_ANSWER.decode(), record, record)

    async def _forget_copy(self, key: Key, field: str) -> None:
        events = await self._events.where("record = %s", key.id)
        latest = max(event.version for event in events if field in event.changes)
        for event in events:
            kept = without_copies(event.changes, field, is_latest=event.version == latest)
            await self._events.rewrite(attrs.evolve(event, changes=kept))

    async def _answer(self, answer: Key | Reply | None) -> Document | None:
        if isinstance(answer, Reply):
            return answer.document
        return await self._records.document(answer) if answer else None

    async def _check_receipt(self, changes: Changes) -> None:
        if changes.receipt and await receipt_of(self._session, changes.receipt.user, changes.receipt.idempotency.key):
            raise DuplicateRequestError

    async def _keep_receipt(self, changes: Changes, answer: Document | None) -> None:
        if changes.receipt is None or changes.answer is None or answer is None:
            return
        user, (key, fingerprint) = changes.receipt
        statement = "replace into receipt values (%s, %s, utc_timestamp(6), %s, %s, %s, %s)"
        body = answer.body.decode()
        await self._session.run(statement, user, key, fingerprint, changes.answer.id, answer.version, body)


async def rename_author(session: Session, user: int, name: str) -> int:
    """Put a name in place of a user's in everything that is kept; return how many records that changed."""
    await take_turn(session, "records")
    await Events(session).rename_author(user, name)
    for id_, body in await session.rows("select id, body from delivery"):
        told = with_author(body.decode(), user, name).encode()
        await session.run("update delivery set body = %s where id = %s", told, id_)
    for owner, key, body in await session.rows("select user, name, body from receipt"):
        statement = "update receipt set body = %s where user = %s and name = %s"
        await session.run(statement, with_author(body, user, name), owner, key)
    count = 0
    for resource, id_, document in await session.rows("select resource, id, document from record"):
        if (renamed := with_author(document, user, name)) != document:
            statement = "update record set version = version + 1, document = %s where resource = %s and id = %s"
            count += await session.run(statement, renamed, resource, id_)
    return count
