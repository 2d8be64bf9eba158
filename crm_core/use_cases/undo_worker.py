"""The worker that undoes a run: it goes through the changes of the run, the latest first (decision 106)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.engine.restorations import Returning
from crm_core.engine.together import Look, Result, Together
from crm_core.engine.undo import PastChange, Undone, ends_of, undo
from crm_core.errors import CrmError, InUseError, PermissionDeniedError, UnregisteredError
from crm_core.imports.endings import ended
from crm_core.imports.rows import row_problems
from crm_core.imports.runs import BATCH_ROWS, Advance, ImportRun, RefusedRow, RowProblem, Undo
from crm_core.model.accounts import Caller
from crm_core.model.entities import Attribute
from crm_core.model.events import Event, EventPlace
from crm_core.model.records import Key
from crm_core.model.replay import WHOLE_KINDS, Version, deleted_version, replayed
from crm_core.ports import Database
from crm_core.resources import LEADS, RESOURCES, Resource
from crm_core.rules.pipelines import name_of_stage_now
from crm_core.tables.formula_guard import guard
from crm_core.use_cases.evolved_versions import definitions_of, up_to_date
from crm_core.use_cases.import_stores import ImportStores
from crm_core.use_cases.import_worker import OnProgress, Renew, caller_of, decided_step
from crm_core.use_cases.restorations import returning_value

#: The columns that tell, after those of ``REFUSED_COLUMNS``, which change of a run was kept or refused.
UNDO_HEADER: Final = ("id", "change", "name")
_GONE: Final = "Changes of the run that are no longer in the history, and stay: {:,}."


class UndoWorker:
    """Undoes one run, under a claim.

    Args:
        stores: the stores.
        renew: is called before each batch, and returns the author of what it writes.
        claim: the claim.
        on_progress: is called after each batch.
    """

    def __init__(self, stores: ImportStores, renew: Renew, claim: UUID, on_progress: OnProgress) -> None:
        self._stores = stores
        self._renew = renew
        self._claim = claim
        self._on_progress = on_progress

    async def work(self, run: ImportRun) -> ImportRun:
        """Do what is left to do."""
        try:
            while (undo_ := run.undo) and (events := await self._events(undo_)):
                run = await self._step(run, undo_, events)
        except (PermissionDeniedError, UnregisteredError, InUseError) as error:
            run = ended(await self._stores.runs.get(run.id) or run, error)
        else:
            run = attrs.evolve(run, state="done", report=run.report.noting(await self._gone(run)))
        run = run.saved_at(datetime.now(UTC), restarts=False)
        await self._stores.runs.save(run, self._claim)
        return run

    async def _gone(self, run: ImportRun) -> Sequence[str]:
        """Return a note if the history does not have all that an import did any longer."""
        undone = await self._stores.runs.get(run.undo.run) if run.undo else None
        if undone is None or undone.undo is not None or undone.state != "done":
            return ()
        missing = undone.report.created + undone.report.updated - run.report.rows
        return (_GONE.format(missing),) if missing > 0 else ()

    async def _events(self, undo_: Undo) -> Sequence[Event]:
        return await self._stores.db.events_of_run(undo_.run, before=undo_.after, limit=BATCH_ROWS)

    async def _step(self, run: ImportRun, undo_: Undo, events: Sequence[Event]) -> ImportRun:
        """Undo some changes, in one commit with the run."""
        last = attrs.evolve(undo_, after=EventPlace(events[-1].record, events[-1].version))
        who = caller_of(run, await self._renew())
        changes = await _Past(self._stores.db, who, RESOURCES[run.resource], undo_).changes(events)
        decisions = [partial(undo, RESOURCES[each.event.resource], who, each) for each in changes]
        advance = partial(_advance, attrs.evolve(run, undo=last, updated_at=who.now), self._claim, changes)
        group = Together(decisions, advance=advance)
        if run.options.dry_run:
            step = await decided_step(self._stores.db, group)
            await self._stores.runs.save(step.run, self._claim, step.refused)
        else:
            await self._stores.db.change(group)
        run = await self._stores.runs.get(run.id) or run
        self._on_progress(run)
        return run


class _Past:
    """Reads what the events of a run changed, as it is to be compared with what is there now."""

    def __init__(self, db: Database, who: Caller, resource: Resource, undo_: Undo) -> None:
        self._db = db
        self._who = who
        self._resource = resource
        self._even_edited = undo_.even_edited
        self._pipelines: dict[str, Sequence[Event]] = {}
        self._definitions: Mapping[str, Attribute] | None = None

    async def changes(self, events: Sequence[Event]) -> Sequence[PastChange]:
        """Return the changes of events. What followed from another change follows from its undoing, too."""
        return [await self._change(event) for event in events if "record" not in event.cause]

    async def _change(self, event: Event) -> PastChange:
        resource = RESOURCES[event.resource]
        ends, returning = ends_of(resource, event), None
        if event.kind == "deleted":
            returning = await self._returning(resource, event)
        elif event.kind == "updated" and _needs_versions(event):
            return await self._whole(resource, event, ends)
        elif resource is LEADS and event.kind == "created":
            found = replayed(resource.entity, (event,))
            ends = {**ends, **(await self._stages(event, None, found))}
        return PastChange(event=event, ends=ends, returning=returning, even_edited=self._even_edited)

    async def _whole(self, resource: Resource, event: Event, ends: Mapping[str, tuple[Any, Any]]) -> PastChange:
        """Return an update with whole lists, and with stages by their names now."""
        events = await self._db.lineage(Key(event.resource, event.record), event.version)
        before, after = (replayed(resource.entity, each) for each in (events[:-1], events))
        if before is None or after is None or events[-1].kind in WHOLE_KINDS:
            return PastChange(event=event, ends=ends, is_folded=True)
        whole = {name: (before.document[name], after.document[name]) for name in ends if name in resource.fields}
        stages = await self._stages(event, before, after) if resource is LEADS else {}
        return PastChange(event=event, ends={**ends, **whole, **stages})

    async def _stages(
        self, event: Event, before: Version | None, after: Version | None
    ) -> Mapping[str, tuple[Any, Any]]:
        """Return the stages of a lead before and after an event, by the names that they have by now."""
        if "stage" not in event.changes:
            return {}
        return {"stage": (await self._stage(event, before), await self._stage(event, after))}

    async def _stage(self, event: Event, lead: Version | None) -> object:
        if lead is None or lead.document["stage"] is None or lead.document["pipeline"] is None:
            return lead and lead.document["stage"]
        pipeline = lead.document["pipeline"]
        if pipeline not in self._pipelines:
            self._pipelines[pipeline] = await self._db.history(Key("pipeline", UUID(pipeline)))
        later = [each for each in reversed(self._pipelines[pipeline]) if each.at > event.at]
        return name_of_stage_now(lead.document["stage"], later)

    async def _returning(self, resource: Resource, event: Event) -> Returning | None:
        """Return a deleted record as it comes back; None if it was erased since."""
        [latest, *_] = await self._db.history(Key(event.resource, event.record), limit=1)
        if latest.kind == "erased":
            return None
        if self._definitions is None:
            self._definitions = await definitions_of(self._db, self._who, self._resource)
        found = await up_to_date(self._db, self._definitions, deleted_version(resource.entity, event), event)
        if resource is LEADS:
            found = found._replace(document={**found.document, "stage": await self._stage(event, found)})
        return Returning(resource, returning_value(resource, found), found.version, latest.version)


def _needs_versions(event: Event) -> bool:
    """Return whether the values before and after a change are not in its event alone."""
    changes: Mapping[str, Any] = event.changes
    return "stage" in changes or any("added" in change for change in changes.values())


def _advance(
    run: ImportRun, claim: UUID, changes: Sequence[PastChange], results: Sequence[Result], look: Look
) -> Advance:
    """Return the step of a run after these changes are undone."""
    kinds, rows = list[str](), list[RefusedRow]()
    for row, (change, result) in enumerate(zip(changes, results, strict=True), run.report.rows + 1):
        kind, problems = _outcome(result)
        kinds.append(kind)
        if problems:
            rows.append(RefusedRow(row, problems, _cells(change, look)))
    report = run.report.counting(kinds, rows)
    after = attrs.evolve(run, row=0 if run.options.dry_run else report.rows, report=report)
    return Advance(run=after, claim=claim, after=run.row, refused=tuple(rows))


def _outcome(result: Result) -> tuple[str, tuple[RowProblem, ...]]:
    if isinstance(result, CrmError):
        return "refused", tuple(row_problems(result, {}))
    assert isinstance(result, Undone)  # noqa: S101  # they are decisions of engine.undo
    return ("kept" if result.kept else "reversed"), result.kept


def _cells(change: PastChange, look: Look) -> tuple[str, ...]:
    """Return the id of the record of a change, the kind of the change, and the name of the record."""
    field = next(iter(RESOURCES[change.event.resource].search), "")
    record = look(change.key)
    name = getattr(record.value, field, None) if record else next(filter(None, change.ends.get(field, ())), "")
    return str(change.event.record), change.event.kind, guard(str(name)) if name else ""
