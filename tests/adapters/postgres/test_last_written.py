"""Values of large records, kept from one change to the next."""

from uuid import UUID

import psycopg
import pytest

from crm_adapters import json_documents
from crm_adapters.postgres.records.last_written import MAX_KEPT, MIN_KEPT, LastWritten
from crm_core.model.entities import Cohort
from crm_core.model.records import Key
from crm_core.resources import CLIENTS
from crm_core.testing.scene import Scene, fact
from tests.adapters.postgres.on_postgres import OnPostgres

_LONG = [{"task": f"task {number}"} for number in range(100)]


def _written(kept: LastWritten, number: int, size: int) -> tuple[Key, Cohort, bytes]:
    value = Cohort(id=UUID(int=number), name_cohort="x" * size)
    key, document = Key("cohort", value.id), json_documents.encode(value)
    kept.forget([key])
    kept.keep(key, document, value)
    return key, value, document


@pytest.mark.parametrize(("size", "is_kept"), [(1, False), (MIN_KEPT, True), (MAX_KEPT, False)])
def test_documents_of_some_size_are_kept(*, size: int, is_kept: bool) -> None:
    key, value, document = _written(kept := LastWritten(), 1, size)
    assert (kept.value_of(key, document) is value) == is_kept
    assert kept.value_of(key, document) == value


def test_the_oldest_go_first() -> None:
    kept = LastWritten()
    written = [_written(kept, number, MAX_KEPT // 4) for number in (1, 2, 3, 1, 4)]
    left = [key.id for key, value, document in written if kept.value_of(key, document) is value]
    assert left == [UUID(int=number) for number in (3, 1, 4)]


def test_what_is_removed_is_kept_no_longer() -> None:
    key, value, document = _written(kept := LastWritten(), 1, MIN_KEPT)
    kept.forget([key])
    assert kept.value_of(key, document) is not value


class TestLargeRecords(OnPostgres):
    @fact
    async def test_a_record_that_was_written_is_read_without_decoding_it(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="x", list_of_tasks=_LONG)
        assert await scene.value(CLIENTS, client) is await scene.value(CLIENTS, client)

    @fact
    async def test_writes_of_others_count(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="x", list_of_tasks=_LONG)
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            await connection.execute("""update client set document = replace(document::text, '"x"', '"y"')::json""")

        assert (await scene.value(CLIENTS, client)).name == "y"
