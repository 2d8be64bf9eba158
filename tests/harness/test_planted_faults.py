"""Databases with one fault each, and what finds it: a fact of the contract, the machine, or both.

``docs/reference/planted-faults.md`` has the same table. With ``-s`` each has the seconds and the lines of its report.
"""

import asyncio
import itertools
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from crm_adapters.memory import MemoryDatabase
from crm_core import CrmError, Database, DeliveryLog, ImportRuns
from crm_core.testing import (
    DatabaseContract,
    ImportRunsContract,
    Opened,
    OpenedImports,
    OutboxContract,
    Scene,
    UnavailableContract,
    assert_agreement,
)
from crm_core.testing.imports import Importer
from crm_core.testing.outboxes import Post
from tests.harness import faulty_commits, faulty_drivers, faulty_lists, faulty_texts, faulty_values
from tests.markdown import ROOT
from tests.sqlite.database import SqliteDatabase
from tests.sqlite.test_sqlite import users

PAGE: Final = ROOT / "docs/reference/planted-faults.md"
MAX_SECONDS: Final = 60
MAX_LINES: Final = 60


class Planted(NamedTuple):
    """A faulty database, the name of the fact that finds it, and whether the machine finds it too."""

    database: type[Any]
    fact: str
    is_found_by_machine: bool = True
    arguments: tuple[object, ...] = ()


DATABASE_FACTS: Final[Sequence[Planted]] = [
    Planted(faulty_commits.LosesUpdates, "of_many_changes_at_once_none_is_lost"),
    Planted(faulty_commits.CommitsHalf, "a_commit_that_fails_half_way_leaves_nothing_behind"),
    Planted(faulty_drivers.CommitsOnErrors, "a_commit_that_fails_half_way_leaves_nothing_behind"),
    Planted(faulty_commits.ForgetsReceipts, "a_request_that_comes_again_has_its_effect_once"),
    Planted(faulty_commits.SharesReceipts, "a_request_that_comes_again_has_its_effect_once"),
    Planted(faulty_commits.KeepsCatalogs, "every_change_of_a_webhook_moves_the_catalogs_of_its_models"),
    Planted(faulty_texts.IgnoresCase, "a_filter_tells_almost_equal_values_of_attributes_apart"),
    Planted(faulty_texts.IgnoresAccents, "a_filter_tells_almost_equal_values_of_attributes_apart"),
    Planted(faulty_texts.IgnoresOuterBlanks, "a_filter_tells_almost_equal_values_of_attributes_apart"),
    Planted(faulty_texts.IgnoresCaseInSearches, "a_search_and_a_look_for_names_tell_almost_equal_texts_apart"),
    Planted(faulty_texts.FindsNoNull, "children_and_counts_are_the_records_with_the_wanted_values"),
    Planted(faulty_texts.LooksByLowerCase, "lists_equal_filtering_and_sorting_in_python"),
    Planted(faulty_lists.SortsByCodePoint, "lists_equal_filtering_and_sorting_in_python"),
    Planted(faulty_lists.SortsNullsLast, "lists_equal_filtering_and_sorting_in_python"),
    Planted(faulty_lists.TakesNullForSmall, "lists_equal_filtering_and_sorting_in_python"),
    Planted(faulty_lists.SkipsBetweenPages, "lists_equal_filtering_and_sorting_in_python"),
    Planted(faulty_lists.RepeatsBetweenPages, "lists_equal_filtering_and_sorting_in_python"),
    Planted(faulty_lists.IgnoresTies, "lists_equal_filtering_and_sorting_in_python"),
    Planted(faulty_lists.ForgetsTasksOfLeads, "the_agenda_is_a_scan_of_all_records_after_every_change"),
    Planted(faulty_lists.LosesItsPlace, "pages_neither_repeat_nor_skip_while_others_write", arguments=("",)),
    Planted(faulty_values.CutsTimes, "times_come_back_as_they_were"),
    Planted(faulty_values.CutsTexts, "long_texts_come_back_whole"),
    Planted(faulty_values.HasThreeBytesACharacter, "texts_come_back_as_they_were_in_nfc"),
    Planted(faulty_values.TakesEmptyForNull, "an_empty_text_is_not_null"),
    Planted(faulty_values.KeepsDecomposed, "texts_come_back_as_they_were_in_nfc"),
    Planted(faulty_values.KeepsFloats, "numbers_keep_their_digits"),
    Planted(faulty_values.SortsItems, "items_keep_their_order"),
    Planted(faulty_values.ForgetsHiddenValues, "what_is_kept_beside_a_document_stays_when_that_is_written_again"),
    Planted(faulty_values.ForgetsHistories, "a_change_may_expect_a_version_and_is_told_what_others_changed"),
]
#: Of other contracts.
DELIVERIES: Final = Planted(faulty_commits.KeepsRefusedDeliveries, "a_refused_commit_leaves_no_delivery")
IMPORTS: Final = Planted(faulty_commits.ForgetsEventsOfRuns, "what_nobody_touched_since_goes_back_exactly")
DRIVER: Final = Planted(
    faulty_drivers.LeaksDriverErrors, "a_change_raises_unavailable_error", is_found_by_machine=False
)
PLANTED: Final = (*DATABASE_FACTS, DELIVERIES, IMPORTS, DRIVER)


async def opened(kind: type[Any], path: Path) -> Any:
    return kind(path, await users()) if issubclass(kind, SqliteDatabase) else kind(await users())


def report_of(error: BaseException) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


def contract_of(planted: Planted) -> type[Any]:
    others = {DELIVERIES: OutboxContract, IMPORTS: ImportRunsContract, DRIVER: UnavailableContract}
    return others.get(planted, DatabaseContract)


def scene_of(planted: Planted, database: Any) -> Scene:
    if planted is IMPORTS:
        return Importer(OpenedImports(database, database.imports))
    return Post(Opened(database, database.outbox)) if planted is DELIVERIES else Scene(database)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.database.__name__)
def test_a_fact_of_the_contract_is_false(planted: Planted, tmp_path: Path) -> None:
    contract = contract_of(planted)()
    with asyncio.Runner() as contract.runner:
        database = contract.runner.run(opened(planted.database, tmp_path / "crm.sqlite"))
        scene = scene_of(planted, database)
        if planted is DRIVER:
            with sqlite3.connect(tmp_path / "crm.sqlite") as connection:
                connection.execute("drop table record")
        with pytest.raises(sqlite3.Error if planted is DRIVER else (AssertionError, CrmError)):
            getattr(contract, f"test_{planted.fact}")(scene, *planted.arguments)


@pytest.mark.parametrize(
    "planted", [each for each in PLANTED if each.is_found_by_machine], ids=lambda planted: planted.database.__name__
)
def test_the_machine_finds_it_and_says_in_which_step_and_field(planted: Planted, tmp_path: Path) -> None:
    numbers = itertools.count()

    @asynccontextmanager
    async def pair() -> AsyncIterator[tuple[Database, Database]]:
        yield MemoryDatabase(await users()), await opened(planted.database, tmp_path / f"{next(numbers)}.sqlite")

    def deliveries_of(database: Database) -> DeliveryLog:
        assert isinstance(database, MemoryDatabase | SqliteDatabase)
        return database.outbox

    def imports_of(database: Database) -> ImportRuns:
        assert isinstance(database, MemoryDatabase | SqliteDatabase)
        return database.imports

    began = time.process_time()
    with pytest.raises(AssertionError) as failure:
        assert_agreement(pair, deliveries_of=deliveries_of, imports_of=imports_of)
    report = report_of(failure.value)
    print(f"{planted.database.__name__:24}{time.process_time() - began:6.1f} s {len(report.splitlines()):3} lines")

    assert time.process_time() - began < MAX_SECONDS
    assert len(report.splitlines()) < MAX_LINES
    assert re.search(r"in step \d+\. [a-z]", report), report
    assert "b'{\"" not in report


def test_the_page_has_every_fault_and_what_finds_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (\w+) \| (.+) \| .+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)

    assert [(name, words, fact, found != "not found") for name, words, fact, found in rows] == [
        (each.database.__name__, _sentence(each.database), each.fact, each.is_found_by_machine) for each in PLANTED
    ]


def _sentence(database: type[Any]) -> str:
    return " ".join(str(database.__doc__).replace("``", "`").split()).removesuffix(".")
