"""The facts that a Database with ImportRuns must show.

An adapter's test subclasses ``ImportRunsContract``, and says how to open an empty database with its runs.
"""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import NamedTuple, cast
from uuid import UUID

import attrs
import pytest

from crm_core.engine.together import Together
from crm_core.errors import InvalidError, RequestInProgressError, RunLostError, SameFileError
from crm_core.imports.options import read_options
from crm_core.imports.runs import BATCH_ROWS, Advance, ImportRun
from crm_core.model.accounts import Actor
from crm_core.model.plain_values import json_text, parse_json
from crm_core.model.records import Key
from crm_core.ports import Accounts, Database, ImportRuns
from crm_core.resources import ATTRIBUTES, CLIENTS, FOLLOW_UPS, SERVICES, Resource
from crm_core.tables.rows import Header, Row, TableOptions
from crm_core.testing.scene import OnOneLoop, Scene, at_once, fact
from crm_core.use_cases import erasures, imports
from crm_core.use_cases.callers import new_id
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.import_stores import ImportStores
from crm_core.use_cases.import_worker import OnProgress


class OpenedImports(NamedTuple):
    """A database and the runs of its imports."""

    database: Database
    runs: ImportRuns


Table = Sequence[Sequence[str]]


class Tables:
    """Tables of texts that are there already, by the paths of files (``crm_core.ports.TableReader``)."""

    def __init__(self) -> None:
        self.files: dict[str, Table] = {}

    @asynccontextmanager
    async def open(self, path: str, options: TableOptions) -> AsyncIterator["OpenedTable"]:
        """Open a table."""
        assert options.format == "csv"
        header, *rows = self.files[path]
        yield OpenedTable(Header(tuple(header), row=1), [Row(number, cells) for number, cells in enumerate(rows, 2)])

    async def digest(self, path: str) -> bytes:
        """Return the digest of a table."""
        return hashlib.sha256(repr(self.files[path]).encode()).digest()

    async def content(self, path: str) -> AsyncIterator[bytes]:
        """Yield a table as JSON, cut into pieces."""
        whole = json_text(self.files[path]).encode()
        for start in range(0, len(whole), 5_000):
            yield whole[start : start + 5_000]

    @asynccontextmanager
    async def written(self, content: AsyncIterator[bytes]) -> AsyncIterator[str]:
        """Keep a table that comes as JSON for as long as the block."""
        path = str(new_id())
        self.files[path] = parse_json(b"".join([piece async for piece in content]))
        yield path
        del self.files[path]


class OpenedTable(NamedTuple):
    """A table that is being read (``crm_core.ports.OpenTable``)."""

    header: Header
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    async def __aiter__(self) -> AsyncIterator[Sequence[Row]]:
        for start in range(0, len(self.rows), 300):
            yield self.rows[start : start + 300]


class Importer(Scene):
    """A scene with imports."""

    def __init__(self, opened: OpenedImports) -> None:
        super().__init__(opened.database)
        self.tables: Tables = Tables()
        self.stores: ImportStores = ImportStores(opened.database, opened.runs, self.tables)
        self.people: list[Actor] = [self.who.actor]

    async def start(self, table: Table, resource: Resource = CLIENTS, **options: object) -> ImportRun:
        """Begin a run of a table."""
        self.tables.files["a.csv"] = table
        wanted = read_options({"format": "csv", **options})
        return await imports.start(self.stores, self.who, resource, "a.csv", wanted)

    async def go_on(self, run: ImportRun, on_progress: OnProgress = lambda _: None) -> ImportRun:
        """Carry out a run."""
        return await imports.carry_out(self.stores, self.who, run.id, "a.csv", on_progress)

    async def load(self, table: Table, resource: Resource = CLIENTS, **options: object) -> ImportRun:
        """Begin a run and carry it out."""
        return await self.go_on(await self.start(table, resource, **options))

    async def send(self, table: Table, **options: object) -> ImportRun:
        """Begin a run of a table that is stored with it."""
        self.tables.files["a.csv"] = table
        wanted = read_options({"format": "csv", **options})
        return await imports.start(self.stores, self.who, CLIENTS, "a.csv", wanted, keep=True)

    async def run_next(self, on_progress: OnProgress = lambda _: None) -> ImportRun | None:
        """Carry out the next run that is stored."""
        return await imports.carry_out_next(self.stores, cast("Accounts", _People(self.people)), on_progress)

    async def stored(self, run: ImportRun) -> bytes:
        """Return the stored file of a run."""
        return b"".join([piece async for piece in self.stores.runs.content(run.id)])

    async def sent(self, table: Table) -> bytes:
        """Return what is stored of a table."""
        self.tables.files["b.csv"] = table
        return b"".join([piece async for piece in self.tables.content("b.csv")])

    async def make(self, step: Advance) -> None:
        """Make a step of a run, with no records."""
        await self.db.change(Together([], advance=lambda _, __: step))

    async def refused(self, run: ImportRun) -> Mapping[int, str]:
        """Return the columns and messages of the refused rows of a run."""
        return {
            row.row: " ".join(f"{each.column}: {each.message}" for each in row.problems)
            async for row in imports.refused_rows(self.stores.runs, run.id)
        }

    async def names(self, resource: Resource = CLIENTS) -> list[str]:
        """Return the names of all records, in the order of their creation."""
        ids = await self.found(resource)
        return [(await self.value(resource, id_)).name for id_ in reversed(ids)]


class _People:
    """Users who are there (``crm_core.ports.Accounts``, as far as imports need it)."""

    def __init__(self, actors: Sequence[Actor]) -> None:
        self._actors = actors

    async def actor_of(self, user: int | str) -> Actor | None:
        """Return a user."""
        return next((actor for actor in self._actors if actor.user.id == user), None)


def rows(count: int) -> Table:
    """Return a table of clients."""
    return [["name"], *([f"client {number}"] for number in range(count))]


class ImportFacts(OnOneLoop):
    """All tests of imports."""

    def open_imports(self) -> AbstractAsyncContextManager[OpenedImports]:
        """Return a context manager of an empty database with the users ``crm_core.testing.USERS``, and its runs."""
        raise NotImplementedError

    @pytest.fixture
    def importer(self) -> Iterator[Importer]:
        """Yield an empty database with its runs."""
        yield from map(Importer, self.opened(self.open_imports()))

    @fact
    async def test_every_row_becomes_a_record_whose_event_names_the_run(self, importer: Importer) -> None:
        run = await importer.load([["Name"], ["Ann"], ["'=Bob"]])

        assert (run.state, run.row, run.report.rows, run.report.created) == ("done", 3, 2, 2)
        assert await importer.names() == ["Ann", "=Bob"]
        for id_ in await importer.found(CLIENTS):
            [event] = await importer.db.history(Key("client", id_))
            assert event.request_id == f"import {run.id}"

    @fact
    async def test_a_refused_row_refuses_all_and_the_report_sums_them_by_column(self, importer: Importer) -> None:
        bad = [["Ann", "x"], *(["", "1"] for _ in range(5)), ["Bob", ""]]
        await importer.create(ATTRIBUTES, "client", name="size", label="Size", type="number")

        run = await importer.load([["name", "size"], *bad])

        assert (run.state, run.row, await importer.names()) == ("refused", 0, [])
        assert (run.report.rows, run.report.created, run.report.refused) == (7, 1, 6)
        assert [(each.column, each.count) for each in run.report.problems] == [("size", 1), ("name", 5)]
        assert [row for row, _ in run.report.problems[1].examples] == [3, 4, 5]
        refused = await importer.refused(run)
        assert list(refused) == [2, 3, 4, 5, 6, 7]
        assert refused[7] == "name: This field is required."

    @fact
    async def test_refused_rows_are_forgotten_after_a_week(self, importer: Importer) -> None:
        run = await importer.load([["name"], [""]])
        await importer.stores.runs.forget(run.created_at)
        assert list(await importer.refused(run)) == [2]

        await importer.stores.runs.forget(run.created_at + timedelta(seconds=1))
        assert await importer.refused(run) == {}
        assert (await imports.get(importer.stores.runs, run.id)).report.refused == 1

    @fact
    async def test_a_stored_file_is_kept_with_its_run_until_that_ends(self, importer: Importer) -> None:
        runs = importer.stores.runs
        done, cancelled, old = [await importer.send(rows(count)) for count in (1, 2, 3)]
        assert await importer.stored(done) == await importer.sent(rows(1))

        assert await importer.run_next() == await runs.get(done.id)
        await imports.cancel(runs, cancelled.id)
        await runs.forget(old.created_at + timedelta(seconds=1))

        assert [await importer.stored(each) for each in (done, cancelled, old)] == [b"", b"", b""]
        states = [(await imports.get(runs, each.id)).state for each in (done, cancelled, old)]
        assert states == ["done", "cancelled", "cancelled"]
        assert await importer.run_next() is None
        assert await importer.names() == ["client 0"]

    @fact
    async def test_runs_with_stored_files_are_claimed_one_by_one_the_oldest_first(self, importer: Importer) -> None:
        runs = importer.stores.runs
        await importer.start(rows(1))
        sent = [await importer.send(rows(count)) for count in (2, 3)]
        claims = [new_id() for _ in range(3)]
        claimed = await at_once(*(runs.claim_next(claim, 60) for claim in claims))

        assert sorted(run.id for run in claimed if isinstance(run, ImportRun)) == [run.id for run in sent]
        await runs.release(sent[1].id, claims[claimed.index(sent[1])])
        assert await runs.claim_next(claims[0], 0) == sent[1]
        await runs.renew(sent[1].id, claims[1], 60)  # of another claim
        assert await runs.claim_next(claims[1], 0) == sent[1]
        await runs.renew(sent[1].id, claims[1], 60)
        assert await runs.claim_next(claims[2], 60) is None

    @fact
    async def test_a_file_that_is_barred_is_not_stored(self, importer: Importer) -> None:
        first = await importer.send(rows(1))
        with pytest.raises(SameFileError, match=str(first.id)):
            await importer.send(rows(1))
        await importer.run_next()
        assert await importer.run_next() is None

    @fact
    async def test_the_author_of_a_run_is_the_user_who_began_it(self, importer: Importer) -> None:
        run = await importer.send(rows(1))
        await importer.run_next()
        [id_] = await importer.found(CLIENTS)
        [event] = await importer.db.history(Key("client", id_))
        assert (event.actor, event.request_id) == (run.user, f"import {run.id}")

    @fact
    async def test_a_run_ends_when_its_user_may_not_do_it_any_longer(self, importer: Importer) -> None:
        refused, stopped = [await importer.send(rows(count)) for count in (1, BATCH_ROWS + 5)]
        importer.people.clear()
        run = await importer.run_next()
        assert (run.id, run.state, run.row) == (refused.id, "refused", 0) if run else False

        importer.people.append(importer.who.actor)

        def dismiss(run: ImportRun) -> None:
            if run.row:
                importer.people.clear()

        run = await importer.run_next(dismiss)
        assert (run.id, run.state, run.row) == (stopped.id, "stopped", BATCH_ROWS + 1) if run else False
        assert [each.code for each in run.report.problems] == ["permission_denied"] if run else False
        assert len(await importer.found(CLIENTS)) == BATCH_ROWS

    @fact
    async def test_a_run_shows_when_its_state_began_and_how_many_rows_there_are(self, importer: Importer) -> None:
        run = await importer.start(rows(3))
        seen: list[ImportRun] = []
        ended = await importer.go_on(run, seen.append)

        assert (run.total, run.since, ended.total) == (0, run.created_at, 3)
        assert [each.updated_at for each in seen] == sorted(each.updated_at for each in seen)
        [writing, *_] = [each for each in seen if each.state == "writing"]
        assert run.created_at < writing.since == writing.updated_at < ended.since == ended.updated_at
        assert await importer.stores.runs.get(run.id) == ended

    @fact
    async def test_runs_are_listed_by_their_users_page_by_page(self, importer: Importer) -> None:
        runs = importer.stores.runs
        made = [await importer.start(rows(count)) for count in range(1, 4)]
        for run, user in zip(made, (1, 2, 1), strict=True):
            await runs.create(attrs.evolve(run, id=new_id(), user=user, fingerprint=run.id.bytes))
        theirs = await runs.latest(5, user=2)

        assert [run.user for run in theirs] == [2]
        first, second, *_ = every = await runs.latest(9)
        assert (len(every), await runs.latest(1), await runs.latest(1, before=first.id)) == (6, [first], [second])

    @fact
    async def test_an_erasure_reaches_refused_rows_and_reports(self, importer: Importer) -> None:
        client = await importer.create(CLIENTS, name='Ada "L"')
        table = [["id", "name"], [str(client), "x" * 300], ["", 'ADA "L" jr' * 40], ["", "y" * 300]]
        run = await importer.load(table, upsert_by="id")
        named = await importer.load([["name", "client"], ["a", 'ada "L"']], SERVICES)
        other = await importer.load([["name"], ["z" * 300]])
        assert [list(await importer.refused(each)) for each in (run, named, other)] == [[2, 3, 4], [2], [2]]

        await erasures.erase(importer.db, None, importer.who, ErasureTarget(CLIENTS, client))

        assert [list(await importer.refused(each)) for each in (run, named, other)] == [[4], [], [2]]
        [problems] = (await imports.get(importer.stores.runs, named.id)).report.problems
        assert (problems.count, problems.examples) == (1, ())
        assert await importer.stores.runs.get(other.id) == other

    @fact
    async def test_a_lenient_import_leaves_out_what_is_refused(self, importer: Importer) -> None:
        header, first, _, *others, _ = rows(BATCH_ROWS + 3)

        run = await importer.load([header, first, [""], *others, [""]], lenient=True)

        assert (run.state, run.report.created, run.report.refused) == ("done", BATCH_ROWS + 1, 2)
        assert list(await importer.refused(run)) == [3, BATCH_ROWS + 4]
        assert len(await importer.found(CLIENTS)) == BATCH_ROWS + 1

    @fact
    async def test_a_dry_run_writes_nothing_and_says_what_it_would_do(self, importer: Importer) -> None:
        run = await importer.load(rows(3), dry_run=True)

        assert (run.state, run.row, run.report.created, await importer.names()) == ("done", 0, 3, [])
        assert (await importer.load(rows(3))).report.created == 3

    @fact
    async def test_an_import_that_ends_between_batches_goes_on_without_doubling_or_missing(
        self, importer: Importer
    ) -> None:
        run = await importer.start(table := rows(2 * BATCH_ROWS + 500))

        def end(run: ImportRun) -> None:
            if run.row:
                raise ConnectionError

        for row in (BATCH_ROWS + 1, 2 * BATCH_ROWS + 1):
            with pytest.raises(ConnectionError):
                await importer.go_on(run, end)
            stored = await importer.stores.runs.get(run.id)
            assert stored is not None
            assert (stored.state, stored.row, len(await importer.found(CLIENTS))) == ("writing", row, row - 1)

        run = await importer.go_on(run)
        assert (run.state, run.report.created, run.report.rows) == ("done", 2 * BATCH_ROWS + 500, 2 * BATCH_ROWS + 500)
        assert await importer.names() == [name for (name,) in table[1:]]

    @fact
    async def test_only_one_worker_has_a_run_and_a_worker_without_it_commits_nothing(self, importer: Importer) -> None:
        run = await importer.start(rows(2))
        claim = new_id()
        claimed = await importer.stores.runs.claim(run.id, claim, 60)
        assert claimed == run

        with pytest.raises(RequestInProgressError):
            await importer.go_on(run)
        await importer.stores.runs.release(run.id, new_id())  # of another claim
        assert await importer.stores.runs.claim(run.id, new_id(), 60) is None

        writing = attrs.evolve(run, state="writing")
        await importer.stores.runs.save(writing, claim)
        for wrong, after in [(new_id(), 0), (claim, 5)]:
            with pytest.raises(RunLostError):
                await importer.make(Advance(run=attrs.evolve(writing, row=7), claim=wrong, after=after))
        step = Advance(run=attrs.evolve(writing, row=7), claim=claim, after=0)
        await importer.make(step)
        assert await importer.stores.runs.get(run.id) == step.run

    @fact
    async def test_a_claim_ends_after_its_time(self, importer: Importer) -> None:
        run = await importer.start(rows(1))
        assert await importer.stores.runs.claim(run.id, new_id(), 0)

        assert (await importer.go_on(run)).state == "done"
        with pytest.raises(RequestInProgressError, match="it is done"):
            await importer.go_on(run)

    @fact
    async def test_the_same_file_is_imported_once_unless_that_is_asked_for(self, importer: Importer) -> None:
        await importer.load(rows(2), dry_run=True)
        for _ in range(2):
            assert (await importer.load([["name"], [""]])).state == "refused"

        started = await at_once(*(importer.start(rows(2)) for _ in range(5)))
        [run] = [each for each in started if isinstance(each, ImportRun)]
        same = [each.run for each in started if isinstance(each, SameFileError)]
        assert same == [run.id] * 4
        assert (await importer.go_on(run)).state == "done"

        with pytest.raises(SameFileError):
            await importer.load(rows(2))
        assert (await importer.load(rows(2), again=True)).report.created == 2
        assert len(await importer.found(CLIENTS)) == 4

    @fact
    async def test_a_cancelled_run_keeps_what_it_committed_and_does_not_go_on(self, importer: Importer) -> None:
        run = await importer.start(rows(2 * BATCH_ROWS))
        cancelling: list[asyncio.Task[ImportRun]] = []

        def cancel(run: ImportRun) -> None:
            if run.row:
                cancelling.append(asyncio.ensure_future(imports.cancel(importer.stores.runs, run.id)))

        ended = await importer.go_on(run, cancel)
        await asyncio.gather(*cancelling)

        assert ended.state == "cancelled"
        assert ended.row in {BATCH_ROWS + 1, 2 * BATCH_ROWS + 1}
        assert len(await importer.found(CLIENTS)) == ended.row - 1
        assert (await imports.cancel(importer.stores.runs, run.id)).state == "cancelled"
        assert [each.id for each in await importer.stores.runs.latest(5)] == [run.id]

    @fact
    async def test_references_are_ids_or_exact_names(self, importer: Importer) -> None:
        ann, bob = [await importer.create(CLIENTS, name=name) for name in ("Ann", "Bob")]
        table = [["name", "client"], ["a", "Ann"], ["b", str(bob)]]
        run = await importer.load(table, SERVICES)
        assert run.state == "done"
        assert [(await importer.value(SERVICES, id_)).client for id_ in await importer.found(SERVICES)] == [bob, ann]

        other = await importer.create(CLIENTS, name="Ann")
        run = await importer.load([["name", "client"], ["a", "Ann"], ["b", "ann"], ["c", "Ba"]], SERVICES)
        refused = await importer.refused(run)
        assert str(ann) in refused[2]
        assert str(other) in refused[2]
        assert refused[3] == 'client: No client has the name "ann".'

    @fact
    async def test_references_are_found_by_a_unique_attribute_of_what_they_refer_to(self, importer: Importer) -> None:
        for name, type_ in (("email", "text"), ("number", "number")):
            await importer.create(ATTRIBUTES, "client", name=name, label=name, type=type_, is_unique=True)
        ann = await importer.create(CLIENTS, name="Same", attributes={"email": "a@x", "number": 7})
        bob = await importer.create(CLIENTS, name="Same", attributes={"email": "b@x", "number": 8})

        run = await importer.load(
            [["name", "client.by:email"], ["a", " A@X"], ["b", "b@x"], ["c", "c@x"]], SERVICES, lenient=True
        )
        assert await importer.refused(run) == {4: 'client.by:email: No client has the email "c@x".'}
        run = await importer.load(
            [["name", "client"], ["d", "by:number=8.0"], ["e", "by:name=x"]], SERVICES, lenient=True
        )
        assert await importer.refused(run) == {3: 'client: "name" is no unique attribute of clients.'}
        found = [(await importer.value(SERVICES, id_)).client for id_ in await importer.found(SERVICES)]
        assert found == [bob, bob, ann]

    @fact
    async def test_a_record_inside_another_one_names_it_in_a_column(self, importer: Importer) -> None:
        client = await importer.create(CLIENTS, name="Ann")
        service = await importer.create(SERVICES, name="S", client=client)
        run = await importer.load([["service", "comment"], ["S", "called"], [str(new_id()), "x"]], FOLLOW_UPS)
        assert list(await importer.refused(run)) == [3]

        run = await importer.load([["service", "comment"], ["S", "called"]], FOLLOW_UPS)
        [id_] = await importer.found(FOLLOW_UPS, parent=service)
        assert (await importer.value(FOLLOW_UPS, id_)).comment == "called"

    @fact
    async def test_rows_with_an_id_change_records_and_make_no_event_if_nothing_changes(
        self, importer: Importer
    ) -> None:
        await importer.create(ATTRIBUTES, "client", name="city", label="City", type="text")
        same, changed, cleared = [
            await importer.create(CLIENTS, name=name, attributes={"city": "Rome"}) for name in ("a", "b", "c")
        ]
        table = [["id", "name", "city"], [str(same), "a", ""], [str(changed), "B", "Oslo"], ["", "new", ""]]
        run = await importer.load(table, upsert_by="id")

        report = run.report
        assert (report.created, report.updated, report.unchanged, report.refused) == (1, 1, 1, 0)
        assert await importer.version(CLIENTS, same) == 1
        assert (await importer.value(CLIENTS, changed)).attributes == {"city": "Oslo"}

        await importer.load([["id", "city"], [str(cleared), ""]], upsert_by="id", blank="clear")
        assert (await importer.value(CLIENTS, cleared)).attributes == {}
        run = await importer.load([["id", "name"], [str(UUID(int=1)), "x"]], upsert_by="id")
        assert await importer.refused(run) == {2: "id: Not found."}

    @fact
    async def test_rows_find_records_by_a_unique_attribute(self, importer: Importer) -> None:
        await importer.create(ATTRIBUTES, "client", name="email", label="E-mail", type="text", is_unique=True)
        known = await importer.create(CLIENTS, name="Ann", attributes={"email": "a@x"})
        table = [["name", "E-Mail"], ["Anne", " A@X"], ["Bob", "b@x"], ["Cleo", ""]]

        report = (await importer.load(table, upsert_by="email")).report

        assert (report.created, report.updated, report.refused) == (2, 1, 0)
        assert (await importer.value(CLIENTS, known)).name == "Anne"
        with pytest.raises(InvalidError, match="neither id nor a unique attribute"):
            await importer.start(table, upsert_by="name")

    @fact
    async def test_rows_with_the_same_unique_value_are_refused_also_far_apart(self, importer: Importer) -> None:
        await importer.create(ATTRIBUTES, "client", name="email", label="E-mail", type="text", is_unique=True)
        others = [[name, ""] for (name,) in rows(BATCH_ROWS)[1:]]
        run = await importer.load([["name", "email"], ["a", "a@x"], *others, ["b", "A@x"], ["c", "c@x"], ["d", "c@x"]])

        assert (run.state, await importer.names()) == ("refused", [])
        last = BATCH_ROWS + 3
        assert await importer.refused(run) == {
            last: "email: Row 2 has the same value, and this attribute is unique.",
            last + 2: f"email: Row {last + 1} has the same value, and this attribute is unique.",
        }

    @fact
    async def test_an_atomic_import_is_one_commit(self, importer: Importer) -> None:
        steps: list[int] = []
        run = await importer.start(rows(BATCH_ROWS + 10), atomic=True)
        await importer.go_on(run, lambda run: steps.append(run.row))

        assert set(steps) == {0, BATCH_ROWS + 11}
        assert len(await importer.found(CLIENTS)) == BATCH_ROWS + 10

    @fact
    async def test_a_rule_that_is_broken_between_the_passes_stops_the_run(self, importer: Importer) -> None:
        client = await importer.create(CLIENTS, name="Ann")
        table = [["name", "client"], *(["s", str(client)] for _ in range(3))]
        run = await importer.start(table, SERVICES)
        claim = new_id()
        assert await importer.stores.runs.claim(run.id, claim, 60)
        await importer.stores.runs.save(attrs.evolve(run, state="writing"), claim)  # the first pass is over
        await importer.stores.runs.release(run.id, claim)
        await importer.delete(CLIENTS, client)

        run = await importer.go_on(run)

        assert (run.state, run.row, await importer.found(SERVICES)) == ("refused", 0, [])
        assert list(await importer.refused(run)) == [2, 3, 4]

    @fact
    async def test_an_attribute_that_is_made_required_between_two_batches_stops_the_run(
        self, importer: Importer
    ) -> None:
        city = await importer.create(ATTRIBUTES, "client", name="city", label="City", type="text")
        run = await importer.start(rows(BATCH_ROWS + 3))

        def end(run: ImportRun) -> None:
            if run.row:
                raise ConnectionError

        with pytest.raises(ConnectionError):
            await importer.go_on(run, end)
        await importer.patch(ATTRIBUTES, city, is_required=True)
        run = await importer.go_on(run)

        assert (run.state, run.row, len(await importer.found(CLIENTS))) == ("stopped", BATCH_ROWS + 1, BATCH_ROWS)
        [problem] = run.report.problems
        assert (problem.code, "which every client needs" in problem.examples[0][1]) == ("required", True)
