"""Dry runs: requests that are decided and answered, and change nothing (``?dry_run=1``, decision 85)."""

from collections.abc import Mapping
from typing import Final, cast

import attrs

from crm_core.engine.changes import Changes, Put, Remove, Reply
from crm_core.engine.decision_runs import Decide, Decision
from crm_core.engine.receipts import Document
from crm_core.errors import InUseError
from crm_core.input.declarations import boolean
from crm_core.input.drafts import read_payload
from crm_core.input.readers import ReadContext
from crm_core.input.texts import is_blank
from crm_core.model.accounts import Caller
from crm_core.model.plain_values import json_text, plain
from crm_core.ports import Database
from crm_core.rules.needs import Steps

_NAME: Final = "dry_run"


@attrs.frozen
class DryRun:
    """The query parameters of a request that takes ``dry_run``.

    Attributes:
        dry_run: answer what would be the answer, or why it is refused, and change nothing. A blank value is refused.
    """

    dry_run: bool = boolean(default=False)


def is_dry_run(params: Mapping[str, str], who: Caller, *, strict: bool) -> bool:
    """Return whether query parameters ask for a dry run. Raises InvalidError, also for a blank ``dry_run``."""
    # Other blank parameters count as not sent; with this one the request would be carried out.
    sent = {name: value for name, value in params.items() if name == _NAME or not is_blank(value)}
    return bool(read_payload(DryRun, sent, ReadContext(who.new_id, strict))[_NAME])


async def decided(db: Database, decide: Decide) -> Changes:
    """Return what a decision changes; nothing is committed. Raises what the decision does, and InUseError."""
    decision = Decision(decide)
    while decision.needs:
        decision.send(await db.known(decision.needs))
    await refuse_referred(db, decision.changes)
    return decision.changes


async def refuse_referred(db: Database, changes: Changes) -> None:
    """Raise InUseError if the commit of some changes would, as foreign tables refer to what they delete."""
    removed = [write.key for write in changes.writes if isinstance(write, Remove) and write.is_stored]
    table = await db.foreign_referrer(removed) if removed else None
    if table is not None:
        raise InUseError.by_table(table)


def dry_run_database(db: Database) -> Database:
    """Return a database with the reads of another one, on which changes are decided and answered and not committed."""
    return cast("Database", _DryRunDatabase(db))


class _DryRunDatabase:
    def __init__(self, db: Database) -> None:
        self._db = db

    def __getattr__(self, name: str) -> object:
        return getattr(self._db, name)

    async def change(self, decide: Decide) -> Document | None:
        """Run the decision; return the record as it would be after the commit."""
        decided: list[Changes] = []

        def decide_only() -> Steps[Changes]:
            decided.append((yield from decide()))
            return Changes()

        await self._db.change(decide_only)
        changes = decided[-1]
        for write in changes.writes:
            if isinstance(write, Put) and write.key == changes.answer:
                return Document(write.event.version, json_text(plain(write.value)).encode())
        if isinstance(changes.answer, Reply):
            return changes.answer.document
        return await self._db.get(changes.answer) if changes.answer else None
