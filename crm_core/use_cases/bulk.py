"""Bulk requests: many operations in one commit (decisions 99 to 103)."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import attrs

from crm_core.bulk.operations import Read, Task, read_operations
from crm_core.bulk.outcomes import Outcome, read_outcomes, write_outcomes
from crm_core.engine import decisions
from crm_core.engine.changes import Changes, Reply
from crm_core.engine.decision_runs import Decide
from crm_core.engine.receipts import Document, ReceiptKey
from crm_core.engine.together import Look, Result, Together
from crm_core.engine.validation import does_not_exist
from crm_core.errors import (
    BulkRefusedError,
    CrmError,
    InvalidError,
    NotFoundError,
    Problem,
    VersionConflictError,
)
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller, require
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.rules.needs import without_needs
from crm_core.use_cases.records import answered_once, with_changed_fields


@attrs.frozen
class BulkAnswer:
    """What became of a bulk request.

    Attributes:
        outcomes: the outcome of each operation, in the order of the request.
        records: the record of each operation as it is now, if that was asked for; None where there is none.
        is_replayed: it is the answer to an earlier request with the same idempotency key.
    """

    outcomes: Sequence[Outcome]
    records: Sequence[Document | None] = ()
    is_replayed: bool = False


async def bulk(
    db: Database,
    who: Caller,
    resource: Resource,
    sent: object,
    *,
    lenient: bool = False,
    strict: bool = False,
    with_records: bool = False,
) -> BulkAnswer:
    """Carry out many operations, each with the rules, events and webhooks of a single call, in one commit.

    Args:
        db: the store of records.
        who: the caller, who needs the permissions only for what the operations do.
        resource: the resource of the operations that name no other.
        sent: the body, plain values (``crm_core.bulk.operations.BulkRequest``).
        lenient: operations that are refused have no effect, and the others count; otherwise none has an effect.
        strict: refuse unknown and output-only fields of records instead of ignoring them.
        with_records: return the records too.

    Raises PermissionDeniedError, InvalidError if the body is not a list of operations, BulkRefusedError unless lenient.
    """
    # Reading takes as long as deciding, so it must not hold up others.
    operations = await asyncio.to_thread(read_operations, resource, sent, ReadContext(who.new_id, strict))
    for verb in sorted({verb for operation in operations for verb in operation.verbs}):
        require(who.actor, verb)
    id_ = who.new_id()
    alone = attrs.evolve(who, idempotency=None)
    group = Together(
        [_decide(alone, operation) for operation in operations],
        lambda results, look: Reply(id_, write_outcomes(_outcomes(operations, results, look, lenient=lenient))),
        ReceiptKey(who.actor.user.id, who.idempotency) if who.idempotency else None,
    )
    try:
        _, document = await answered_once(db, who, id_, lambda: db.change(group))
    except BulkRefusedError as error:
        raise BulkRefusedError(await _explained(db, operations, error.errors)) from None
    outcomes = await asyncio.to_thread(read_outcomes, document.body)
    errors = {index: outcome.error for index, outcome in enumerate(outcomes) if outcome.error}
    explained = await _explained(db, operations, errors)
    named = [attrs.evolve(each, error=explained[index]) if each.error else each for index, each in enumerate(outcomes)]
    records = await _records(db, operations, outcomes) if with_records else ()
    return BulkAnswer(named, records, document.is_replayed)


async def _records(db: Database, operations: Sequence[Read], outcomes: Sequence[Outcome]) -> Sequence[Document | None]:
    """Return the records of operations as they are now; None for those that are refused or deleted."""

    async def look(operation: Read, outcome: Outcome) -> Document | None:
        if outcome.kind in {"refused", "deleted"} or outcome.id is None or not isinstance(operation.task, Task):
            return None
        return await db.get(decisions.key_of(operation.task.resource, outcome.id))

    return await asyncio.gather(*map(look, operations, outcomes))


def _decide(who: Caller, operation: Read) -> Decide:
    task = operation.task
    if isinstance(task, InvalidError):
        return partial(_refuse, task)
    if task.draft is None:
        return partial(decisions.delete, task.resource, who, task.key, None, task.expected)
    if task.op == "create":
        return partial(decisions.create, task.resource, who, task.key, task.draft, task.parent)
    draft = task.draft
    return partial(decisions.change, task.resource, who, task.key, lambda _: draft, None, task.expected)


@without_needs
def _refuse(error: CrmError) -> Changes:
    raise error


def _outcomes(
    operations: Sequence[Read], results: Sequence[Result], look: Look, *, lenient: bool
) -> tuple[Outcome, ...]:
    """Return the outcomes. Raises BulkRefusedError if an operation is refused, unless lenient."""
    failed = {index for index, result in enumerate(results) if isinstance(result, CrmError)}
    outcomes = tuple(_outcome(each, results[index], look, failed) for index, each in enumerate(operations))
    errors = {index: outcome.error for index, outcome in enumerate(outcomes) if outcome.error}
    if errors and not lenient:
        raise BulkRefusedError(errors)
    return outcomes


def _outcome(operation: Read, result: Result, look: Look, failed: set[int]) -> Outcome:
    task = operation.task
    if isinstance(task, InvalidError):
        return Outcome("refused", None, None, task)
    id_ = task.key.id
    assert not isinstance(id_, int)  # noqa: S101  # users have integers, but they are not records
    if isinstance(result, CrmError):
        return Outcome("refused", None if task.op == "create" else id_, None, _blamed(task, result, failed))
    events = [write.event for write in result.writes if write.key == task.key]
    if events:
        return Outcome(events[0].kind, id_, events[0].version)
    record = look(task.key)
    return Outcome("unchanged", id_, record.version if record else None)


_OF_REFUSED: Final = (Problem("refused", "The operation that this ref names is refused."),)


def _blamed(task: Task, error: CrmError, failed: set[int]) -> CrmError:
    """Return the error of an operation, which may come from another one to which its fields refer."""
    blamed = {name: _OF_REFUSED for name, index in task.refs.items() if index in failed}
    if isinstance(error, InvalidError):
        return InvalidError({**error.problems, **blamed}) if blamed else error
    if isinstance(error, NotFoundError) and task.op == "create" and task.resource.parent:
        # What the path names in single calls is a field here.
        parent = task.resource.parent
        key = decisions.key_of(task.resource, task.parent)  # type: ignore[arg-type]
        return InvalidError(blamed or {parent: does_not_exist(key)})
    return error


async def _explained(db: Database, operations: Sequence[Read], errors: Mapping[int, CrmError]) -> dict[int, CrmError]:
    """Return the errors, those of version conflicts with the fields that changed."""

    async def explain(operation: Read, error: CrmError) -> CrmError:
        if isinstance(error, VersionConflictError) and isinstance(operation.task, Task):
            return await with_changed_fields(db, operation.task.key, operation.task.expected, error)
        return error

    each = [explain(operations[index], error) for index, error in errors.items()]
    return dict(zip(errors, await asyncio.gather(*each), strict=True))
