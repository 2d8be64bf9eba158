"""The facts about undoing runs of imports, as part of the contract of runs."""

# ruff: noqa: D102  # a test's name is the fact that it states

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import attrs
import pytest

from crm_core.errors import NotFoundError, UndoRefusedError
from crm_core.imports.runs import BATCH_ROWS, ImportRun
from crm_core.resources import ATTRIBUTES, CLIENTS, FOLLOW_UPS, LEADS, PIPELINES, SERVICES
from crm_core.testing.evolving import evolve
from crm_core.testing.imports import Importer, ImportFacts, Table, rows
from crm_core.testing.scene import at_once, fact
from crm_core.use_cases import imports
from crm_core.use_cases.callers import new_id


async def start_undo(importer: Importer, id_: UUID, **options: bool) -> ImportRun:
    """Begin to undo a run."""
    return await imports.start_undo(importer.stores.runs, importer.who, id_, **options)


async def undone(importer: Importer, run: ImportRun, **options: bool) -> ImportRun:
    """Undo a run."""
    return await importer.go_on(await start_undo(importer, run.id, **options))


def counts(run: ImportRun) -> tuple[int, int, int]:
    """Return how many changes were undone, kept and refused."""
    return run.report.reversed, run.report.kept, run.report.refused


class UndoFacts(ImportFacts):
    """How what a run did is taken back."""

    async def upserted(self, importer: Importer, changes: Table, *names: str) -> tuple[ImportRun, Sequence[UUID]]:
        """Return a run that changed clients of these names by their ids, and their ids."""
        await importer.create(ATTRIBUTES, "client", name="city", label="City", type="text")
        ids = [await importer.create(CLIENTS, name=name, attributes={"city": "Rome"}) for name in names]
        table = [["id", *changes[0]], *([str(id_), *cells] for id_, cells in zip(ids, changes[1:], strict=True))]
        return await importer.load(table, upsert_by="id"), ids

    async def client(self, importer: Importer, id_: UUID) -> tuple[str, Mapping[str, Any]]:
        value = await importer.value(CLIENTS, id_)
        return value.name, value.attributes

    @fact
    async def test_what_nobody_touched_since_goes_back_exactly(self, importer: Importer) -> None:
        known = await importer.create(CLIENTS, name="Ann", list_of_notes=[{"note": "n"}])
        before = await importer.value(CLIENTS, known)
        run = await importer.load([["id", "name"], [str(known), "Anne"], ["", "Bob"]], upsert_by="id")

        dry = await undone(importer, run, dry_run=True)
        assert (dry.state, dry.row, counts(dry), await importer.names()) == ("done", 0, (2, 0, 0), ["Anne", "Bob"])

        undo = await undone(importer, run)
        assert (undo.state, undo.row, counts(undo), await importer.names()) == ("done", 2, (2, 0, 0), ["Ann"])
        after = await importer.value(CLIENTS, known)
        assert attrs.evolve(after, updated_at=before.updated_at, updated_by=before.updated_by) == before
        assert undo.report.problems == ()

    @fact
    async def test_after_edits_of_the_same_field_it_is_kept_and_of_another_field_the_rest_goes_back(
        self, importer: Importer
    ) -> None:
        run, (same, other) = await self.upserted(importer, [["name", "city"], ["A", "Oslo"], ["B", "Oslo"]], "a", "b")
        await importer.patch(CLIENTS, same, name="by hand")
        await importer.patch(CLIENTS, other, list_of_notes=[{"note": "called"}])

        undo = await undone(importer, run)

        assert counts(undo) == (1, 1, 0)
        assert await self.client(importer, same) == ("by hand", {"city": "Rome"})
        assert await self.client(importer, other) == ("b", {"city": "Rome"})
        assert len((await importer.value(CLIENTS, other)).list_of_notes) == 1
        assert list((await importer.refused(undo)).values()) == ["name: It was changed since."]
        [row] = await importer.stores.runs.refused_rows(undo.id, 0, 9)
        assert row.cells == (str(same), "updated", "by hand")

    @fact
    async def test_what_was_created_and_edited_since_is_kept_unless_it_is_asked_for(self, importer: Importer) -> None:
        run = await importer.load(rows(2))
        [one, other] = await importer.found(CLIENTS)
        await importer.patch(CLIENTS, one, name="by hand")
        await importer.patch(CLIENTS, other, name="by hand")
        await importer.patch(CLIENTS, other, name="client 0")

        undo = await undone(importer, run)
        assert (counts(undo), await importer.found(CLIENTS)) == ((1, 1, 0), [one])
        assert counts(await undone(importer, run, even_edited=True)) == (1, 1, 0)
        assert await importer.found(CLIENTS) == []

    @fact
    async def test_after_a_delete_nothing_is_left_to_undo(self, importer: Importer) -> None:
        run, (changed,) = await self.upserted(importer, [["name"], ["A"]], "a")
        created = await importer.load([["name"], ["B"]])
        for id_ in await importer.found(CLIENTS):
            await importer.delete(CLIENTS, id_)

        for each in (run, created):
            undo = await undone(importer, each)
            assert (counts(undo), await importer.refused(undo)) == (
                (0, 1, 0),
                {1: ": The record was deleted since."},
            )
        assert await importer.record(CLIENTS, changed) is None

    @fact
    async def test_after_a_new_reference_a_record_is_kept_and_says_what_refers_to_it(self, importer: Importer) -> None:
        run = await importer.load(rows(1))
        [client] = await importer.found(CLIENTS)
        service = await importer.create(SERVICES, name="s", client=client)

        for even_edited in (False, True):
            undo = await undone(importer, run, even_edited=even_edited)
            assert (counts(undo), await importer.refused(undo)) == (
                (0, 1, 0),
                {1: ": The record is referred to by 1 service."},
            )
        assert await importer.found(SERVICES) == [service]

    @fact
    async def test_a_record_with_records_inside_it_is_kept(self, importer: Importer) -> None:
        client = await importer.create(CLIENTS, name="c")
        run = await importer.load([["name", "client"], ["s", str(client)]], SERVICES)
        [service] = await importer.found(SERVICES)
        await importer.create(FOLLOW_UPS, service, comment="called")

        undo = await undone(importer, run, even_edited=True)
        assert await importer.refused(undo) == {1: ": The record is referred to by 1 follow-up."}

    @fact
    async def test_after_a_rename_of_the_attribute_its_value_goes_back_under_the_new_name(
        self, importer: Importer
    ) -> None:
        run, ids = await self.upserted(importer, [["city"], ["Oslo"], ["Oslo"]], "a", "b")
        [city] = await importer.found(ATTRIBUTES, "client")
        await evolve(importer, "rename", city, name="town")
        await importer.patch(CLIENTS, ids[1], attributes={"town": "Ulm"})

        assert counts(await undone(importer, run)) == (1, 1, 0)
        assert [(await self.client(importer, id_))[1] for id_ in ids] == [{"town": "Rome"}, {"town": "Ulm"}]

    @fact
    async def test_after_a_rename_of_the_stage_a_lead_goes_back_to_its_stage(self, importer: Importer) -> None:
        stages = [{"name": "A", "order": 1}, {"name": "B", "order": 2}]
        pipeline = await importer.create(PIPELINES, name="p", stages=stages)
        lead = await importer.create(LEADS, name="l", pipeline=str(pipeline))
        table = [["id", "name", "pipeline", "stage"], [str(lead), "l", "p", "B"], ["", "new", "p", "B"]]
        run = await importer.load(table, LEADS, upsert_by="id")
        assert run.report.updated == run.report.created == 1
        named = (await importer.value(PIPELINES, pipeline)).stages
        renamed = [{"id": str(stage.id), "name": f"{stage.name}{stage.name}", "order": stage.order} for stage in named]
        await importer.patch(PIPELINES, pipeline, stages=renamed)

        assert counts(await undone(importer, run)) == (2, 0, 0)
        assert await importer.found(LEADS) == [lead]
        assert (await importer.value(LEADS, lead)).stage == "AA"

    @fact
    async def test_what_a_rule_does_not_allow_any_more_is_refused_with_the_reason(self, importer: Importer) -> None:
        await importer.create(ATTRIBUTES, "client", name="email", label="E-mail", type="text", is_unique=True)
        known = await importer.create(CLIENTS, name="Ann", attributes={"email": "a@x"})
        run = await importer.load([["id", "email"], [str(known), "b@x"]], upsert_by="id")
        await importer.create(CLIENTS, name="Eve", attributes={"email": "A@X"})

        undo = await undone(importer, run)
        assert (undo.state, counts(undo)) == ("done", (0, 0, 1))
        assert await importer.refused(undo) == {1: "attributes.email: This field must be unique."}

        client = await importer.create(CLIENTS, name="gone")
        service = await importer.create(SERVICES, name="s", client=client)
        run = await importer.load([["id", "client"], [str(service), "Ann"]], SERVICES, upsert_by="id")
        await importer.delete(CLIENTS, client)
        undo = await undone(importer, run)
        assert (counts(undo), list(await importer.refused(undo))) == ((0, 0, 1), [1])

    @fact
    async def test_an_undo_is_undone_like_an_import(self, importer: Importer) -> None:
        run, (known,) = await self.upserted(importer, [["name"], ["A"]], "a")
        created = await importer.load(rows(1))
        [new, _] = await importer.found(CLIENTS)
        undos = [await undone(importer, each) for each in (run, created)]
        undo, again = undos[-1], undos[-1]
        for each in undos:
            again = await undone(importer, each)
            assert (again.state, counts(again)) == ("done", (1, 0, 0))
        assert [(await importer.value(CLIENTS, id_)).name for id_ in (known, new)] == ["A", "client 0"]
        assert await importer.version(CLIENTS, new) == 3

        with pytest.raises(UndoRefusedError, match=str(again.id)) as caught:
            await start_undo(importer, undo.id)
        assert caught.value.run == again.id
        assert counts(await undone(importer, created)) == (1, 0, 0)
        assert await importer.found(CLIENTS) == [known]

    @fact
    async def test_a_run_is_undone_once(self, importer: Importer) -> None:
        run = await importer.load(rows(3))
        started = await at_once(*(start_undo(importer, run.id) for _ in range(3)))
        [undo] = [each for each in started if isinstance(each, ImportRun)]
        assert [each.run for each in started if isinstance(each, UndoRefusedError)] == [undo.id] * 2
        await importer.go_on(undo)
        with pytest.raises(UndoRefusedError, match=f"The run {undo.id} undoes this one already"):
            await start_undo(importer, run.id)

        assert (await importer.load(rows(3))).report.created == 3  # no longer the same file twice

    @fact
    async def test_a_run_that_is_active_or_wrote_nothing_is_not_undone(self, importer: Importer) -> None:
        with pytest.raises(UndoRefusedError, match="is not finished"):
            await undone(importer, await importer.start(rows(1)))
        for run in (await importer.load(rows(2), dry_run=True), await importer.load([["name"], [""]])):
            with pytest.raises(UndoRefusedError, match="has written nothing"):
                await undone(importer, run)

    @fact
    async def test_an_undo_that_is_killed_half_way_goes_on_where_it_was(self, importer: Importer) -> None:
        run = await importer.load(rows(2 * BATCH_ROWS + 1))
        kept = await importer.create(CLIENTS, name="not of the run")
        undo = await start_undo(importer, run.id)

        def end(_: ImportRun) -> None:
            raise ConnectionError

        for row in (BATCH_ROWS, 2 * BATCH_ROWS):
            with pytest.raises(ConnectionError):
                await importer.go_on(undo, end)
            stored = await importer.stores.runs.get(undo.id)
            assert stored is not None
            assert (stored.state, stored.row) == ("writing", row)
            assert len(await importer.found(CLIENTS)) == 2 * BATCH_ROWS + 2 - row

        undo = await importer.go_on(undo)
        assert (undo.state, counts(undo), await importer.found(CLIENTS)) == ("done", (2 * BATCH_ROWS + 1, 0, 0), [kept])

    @fact
    async def test_an_undo_that_is_queued_is_carried_out_by_any_worker_in_the_name_of_its_user(
        self, importer: Importer
    ) -> None:
        run = await importer.load(rows(2))
        undo = await start_undo(importer, run.id, queue=True)

        ended = await importer.run_next()
        assert ended is not None
        assert (ended.id, ended.state, counts(ended)) == (undo.id, "done", (2, 0, 0))
        assert await importer.run_next() is None

    @fact
    async def test_an_undo_whose_user_may_not_do_it_any_longer_ends_with_that_reason(self, importer: Importer) -> None:
        run = await importer.load(rows(1))
        undo = await start_undo(importer, run.id, queue=True)
        importer.people = []

        ended = await importer.run_next()
        assert ended is not None
        assert (ended.id, ended.state, [each.code for each in ended.report.problems]) == (
            undo.id,
            "refused",
            ["permission_denied"],
        )

    @fact
    async def test_lists_of_items_go_back_whole(self, importer: Importer) -> None:
        known = await importer.create(CLIENTS, name="Ann", list_of_notes=[{"note": "a"}, {"note": "b"}])
        before = await importer.value(CLIENTS, known)
        notes = '[{"note": "c"}]'
        run = await importer.load([["id", "list_of_notes"], [str(known), notes]], upsert_by="id")
        assert [each.note for each in (await importer.value(CLIENTS, known)).list_of_notes] == ["c"]

        assert counts(await undone(importer, run)) == (1, 0, 0)
        assert (await importer.value(CLIENTS, known)).list_of_notes == before.list_of_notes

    @fact
    async def test_an_undo_of_no_run_is_not_found(self, importer: Importer) -> None:
        with pytest.raises(NotFoundError):
            await start_undo(importer, new_id())


class ImportRunsContract(UndoFacts):
    """All tests of imports and of undoing them."""
