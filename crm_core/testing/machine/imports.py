"""Steps that import tables and take the imports back."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from crm_core.imports.options import read_options
from crm_core.imports.runs import ImportRun
from crm_core.model.accounts import Caller
from crm_core.model.plain_values import parse_json
from crm_core.ports import Database, ImportRuns
from crm_core.resources import CLIENTS
from crm_core.testing.differences import difference
from crm_core.testing.imports import Tables
from crm_core.testing.machine.state import MachineState
from crm_core.testing.readings import whole_list
from crm_core.testing.strategies import texts
from crm_core.use_cases import imports
from crm_core.use_cases.import_stores import ImportStores

_HEADER: Final = ("name", "text", "number")
_ROWS: Final = st.lists(
    st.tuples(texts(8, min_length=0), texts(8), st.sampled_from(["", "1", "1.10", "x"])), max_size=4
)
_PATH: Final = "drawn.csv"


class ImportingSteps(MachineState):
    """Imports, where the databases have runs. Their records have ids and times of their own, so none of them stays."""

    @precondition(lambda self: self._pair.imports_of is not None)
    @rule(rows=_ROWS, lenient=st.booleans(), atomic=st.booleans())
    def import_and_undo(self, rows: Sequence[tuple[str, ...]], lenient: bool, atomic: bool) -> None:  # noqa: FBT001  # drawn by name
        """Create clients by a run, compare what it did, and undo it, which leaves the clients of before."""
        runs_of = self._pair.imports_of
        assert runs_of is not None
        options = {"format": "csv", "again": True, "no_webhooks": True, "lenient": lenient, "atomic": atomic}
        run = partial(_imported_and_undone, table=[_HEADER, *rows], options=options)
        words = f"import {rows} as clients{', lenient' * lenient}{', in one commit' * atomic}, and undo it"
        self._pair.both(words, lambda db, who: run(db, who, runs_of(db)))


async def _imported_and_undone(
    db: Database, who: Caller, runs: ImportRuns, *, table: Sequence[Sequence[str]], options: Mapping[str, object]
) -> object:
    tables = Tables()
    tables.files[_PATH] = table
    stores = ImportStores(db, runs, tables)
    before = await whole_list(db, who, CLIENTS, {})
    started = await imports.start(stores, who, CLIENTS, _PATH, read_options(options))
    done = await imports.carry_out(stores, who, started.id, _PATH)
    created = parse_json(b"[%b]" % await whole_list(db, who, CLIENTS, {}))[: done.report.created]
    answer = {"import": _result(done), "created": [(each["name"], each["attributes"]) for each in created]}
    if not created:
        return answer
    undo = await imports.start_undo(runs, who, started.id)
    undone = await imports.carry_out(stores, who, undo.id, _PATH)
    if (after := await whole_list(db, who, CLIENTS, {})) != before:
        raise AssertionError(
            f"the import was not undone; the model here is what was before: {difference(before, after)}"
        )
    return {**answer, "undo": _result(undone)}


def _result(run: ImportRun) -> object:
    return {"state": run.state, "row": run.row, "report": run.report}
