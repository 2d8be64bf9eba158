"""Decides a change on records that are locked, and writes it, inside a transaction that is open."""

from collections.abc import Callable, Sequence

from crm_adapters.postgres.connection.session import Connection
from crm_adapters.postgres.imports import make_step
from crm_adapters.postgres.records.commits import answer_of, commit_groups, groups_of
from crm_adapters.postgres.records.decision_runs import complete, start
from crm_adapters.postgres.records.erasures import forget_erased
from crm_adapters.postgres.records.locking_reader import LockingReader
from crm_adapters.postgres.records.receipts import keep_receipt
from crm_adapters.postgres.records.rewrites import hold_entity, rewrite_records
from crm_core.engine.changes import Changes
from crm_core.engine.decision_runs import Decide, size_of
from crm_core.engine.receipts import Document
from crm_core.model.events import Event


async def change_under_locks(
    connection: Connection, decide: Decide, on_rewritten: Callable[[Sequence[Event]], None] = lambda _: None
) -> tuple[Changes, Document | None]:
    """Read, decide and write inside the caller's transaction; return the changes and the answer.

    ``on_rewritten`` is called with the events of records that change with an attribute.
    """
    await complete(LockingReader(connection), decision := await start(decide), size=size_of(decide))
    rewrite = decision.changes.rewrite
    if rewrite:
        await hold_entity(connection, rewrite)
    groups = groups_of(decision.changes)
    await commit_groups(connection, groups, (), decision.known.catalogs)
    if rewrite:
        await rewrite_records(connection, rewrite, on_rewritten)
    await forget_erased(connection, decision.changes)
    answer = answer_of(decision, groups)
    await keep_receipt(connection, decision.changes, answer)
    await make_step(connection, decision.changes.advance)
    return decision.changes, answer
