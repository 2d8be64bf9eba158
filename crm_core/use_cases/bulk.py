"""Bulk requests: many operations in one commit (decisions 112 to 116)."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import attrs

from crm_core.bulk.lookups import Wanted, upserts_of, values_of
from crm_core.bulk.operations import BulkTask, ReadOperation, read_operations
from crm_core.bulk.outcomes import Outcome, read_outcomes, write_outcomes
from crm_core.bulk.upserts import Stored, edited, is_taken
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
    PermissionDeniedError,
    Problem,
    VersionConflictError,
)
from crm_core.input.drafts import Draft
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller, require
from crm_core.ports import Database
from crm_core.resources import Resource
from crm_core.rules.needs import Needs, catalog_of, without_needs
from crm_core.use_cases.idempotency import answered_once
from crm_core.use_cases.records import with_changed_fields

#: How often the operations are read again, after somebody else wrote the records of upserts at the same moment.
_MAX_ROUNDS: Final = 20


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
    strict: bool = True,
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
    request = _Request(db, who, resource, sent, ReadContext(who.new_id, strict), lenient=lenient)
    await request.read()
    request.check_before()
    try:
        _, document = await answered_once(db, who, request.id, request.carry_out)
    except BulkRefusedError as error:
        raise BulkRefusedError(await _explained(db, request.operations, error.errors)) from None
    operations = request.operations
    outcomes = await asyncio.to_thread(read_outcomes, document.body)
    errors = {index: outcome.error for index, outcome in enumerate(outcomes) if outcome.error}
    explained = await _explained(db, operations, errors)
    named = [attrs.evolve(each, error=explained[index]) if each.error else each for index, each in enumerate(outcomes)]
    records = await _records(db, operations, outcomes) if with_records else ()
    return BulkAnswer(named, records, document.is_replayed)


async def _records(
    db: Database, operations: Sequence[ReadOperation], outcomes: Sequence[Outcome]
) -> Sequence[Document | None]:
    """Return the records of operations as they are now; None for those that are refused or deleted."""

    async def look(operation: ReadOperation, outcome: Outcome) -> Document | None:
        if outcome.kind in {"refused", "deleted"} or outcome.id is None or not isinstance(operation.task, BulkTask):
            return None
        return await db.get(decisions.key_of(operation.task.resource, outcome.id))

    return await asyncio.gather(*map(look, operations, outcomes))


class _MovedError(Exception):
    """Somebody else created, changed or deleted the record of an upsert at the same moment."""


class _Request:
    """A bulk request, which is read again if the records of its upserts are others at the commit."""

    def __init__(
        self, db: Database, who: Caller, resource: Resource, sent: object, context: ReadContext, *, lenient: bool
    ) -> None:
        self.id = who.new_id()
        self.operations: Sequence[ReadOperation] = ()
        self._db = db
        self._who = who
        self._resource = resource
        self._sent = sent
        self._context = context
        self._lenient = lenient
        self._stored = Stored()

    async def read(self) -> None:
        """Read the operations. Raises InvalidError if the body is not a list of them."""
        self._stored = await _look_up(self._db, self._who, upserts_of(self._resource, self._sent))
        # Reading takes as long as deciding, so it must not hold up others.
        self.operations = await asyncio.to_thread(
            read_operations, self._resource, self._sent, self._context, self._stored
        )

    def check_before(self) -> None:
        """Raise PermissionDeniedError if the caller may not do the operations, whatever records upserts find.

        A request that comes again finds the records that it created, and may have been allowed to do only that.
        """
        actor = self._who.actor
        for verb in sorted({verb for each in self.operations if not each.one_of for verb in each.verbs}):
            require(actor, verb)
        for one_of in {each.one_of for each in self.operations if each.one_of}:
            if not any(actor.may(verb) for verb in one_of):
                raise PermissionDeniedError

    async def carry_out(self) -> Document | None:
        """Carry out the operations, and return the answer that is kept."""
        for _ in range(_MAX_ROUNDS):
            before = self._stored
            try:
                return await self._commit(is_last=False)
            except _MovedError:
                await self.read()
            if self._stored == before:  # what moved the record is another operation of the request
                break
        return await self._commit(is_last=True)

    async def _commit(self, *, is_last: bool) -> Document | None:
        for verb in sorted({verb for each in self.operations for verb in each.verbs}):
            require(self._who.actor, verb)
        operations, alone = self.operations, attrs.evolve(self._who, idempotency=None)

        def answer(results: Sequence[Result], look: Look) -> Reply:
            if not is_last and any(map(_is_moved, operations, results)):
                raise _MovedError
            return Reply(self.id, write_outcomes(outcomes_of(operations, results, look, lenient=self._lenient)))

        idempotency = self._who.idempotency
        receipt = ReceiptKey(self._who.actor.user.id, idempotency) if idempotency else None
        return await self._db.change(Together([decision_of(alone, each) for each in operations], answer, receipt))


async def _look_up(db: Database, who: Caller, upserts: Sequence[Wanted]) -> Stored:
    """Return what the store says about the records of upserts."""
    if not upserts:
        return Stored()
    names = {upsert.resource.name for upsert in upserts}
    catalogs = (await db.known(Needs.union(catalog_of(name, who) for name in sorted(names)))).catalogs
    definitions = {name: catalogs[name].definitions for name in names}
    values = await asyncio.to_thread(values_of, upserts, definitions)
    holders = (await db.known(Needs(holders=values))).holders if values else {}
    return Stored(definitions, {value: holder.id if holder else None for value, holder in holders.items()})


def _is_moved(operation: ReadOperation, result: Result) -> bool:
    """Return whether an upsert failed because another record has the value now, or none has."""
    task = operation.task
    if not isinstance(task, BulkTask) or not task.place:
        return False
    if task.op == "update":
        return isinstance(result, NotFoundError)
    return isinstance(result, InvalidError) and is_taken(task.place, result)


def decision_of(who: Caller, operation: ReadOperation) -> Decide:
    """Return the decision to carry out one operation, or to refuse one that could not be read."""
    task = operation.task
    if isinstance(task, InvalidError):
        return partial(_refuse, task)
    if task.draft is None:
        return partial(decisions.delete, task.resource, who, task.key, None, task.expected)
    if task.op == "create":
        return partial(decisions.create, task.resource, who, task.key, task.draft, task.parent)
    edit = partial(_edited, task, task.draft)
    return partial(decisions.change, task.resource, who, task.key, edit, None, task.expected)


def _edited(task: BulkTask, draft: Draft, record: Any) -> Draft:
    return edited(task.place, task.resource, task.parent, draft, record) if task.place else draft


@without_needs
def _refuse(error: CrmError) -> Changes:
    raise error


def outcomes_of(
    operations: Sequence[ReadOperation], results: Sequence[Result], look: Look, *, lenient: bool
) -> tuple[Outcome, ...]:
    """Return the outcomes. Raises BulkRefusedError if an operation is refused, unless lenient."""
    failed = {index for index, result in enumerate(results) if isinstance(result, CrmError)}
    outcomes = tuple(_outcome(each, results[index], look, failed) for index, each in enumerate(operations))
    errors = {index: outcome.error for index, outcome in enumerate(outcomes) if outcome.error}
    if errors and not lenient:
        raise BulkRefusedError(errors)
    return outcomes


def _outcome(operation: ReadOperation, result: Result, look: Look, failed: set[int]) -> Outcome:
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


def _blamed(task: BulkTask, error: CrmError, failed: set[int]) -> CrmError:
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


async def _explained(
    db: Database, operations: Sequence[ReadOperation], errors: Mapping[int, CrmError]
) -> dict[int, CrmError]:
    """Return the errors, those of version conflicts with the fields that changed."""

    async def explain(operation: ReadOperation, error: CrmError) -> CrmError:
        if isinstance(error, VersionConflictError) and isinstance(operation.task, BulkTask):
            return await with_changed_fields(db, operation.task.key, operation.task.expected, error)
        return error

    each = [explain(operations[index], error) for index, error in errors.items()]
    return dict(zip(errors, await asyncio.gather(*each), strict=True))
