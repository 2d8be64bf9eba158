"""What requests for pages share, and what they do not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import evolve

from crm_adapters.postgres.connection.session import Connection
from crm_adapters.postgres.records.pages import SharedPages
from crm_core.engine.queries import Filter, Page, Query
from crm_core.resources import CLIENTS

FIRST = Query(resource=CLIENTS, limit=2, filters=(Filter("name", "in", ("Acme", "Best"), "text"),))


class Readings:
    """Readings that count themselves, for each reader; every page says how many were read before it."""

    def __init__(self) -> None:
        self.by: list[int | None] = []

    def __call__(self, reader: int | None) -> Callable[[Callable[[Connection], Awaitable[Any]]], Awaitable[Any]]:
        async def reading(_: Callable[[Connection], Awaitable[Any]]) -> Any:
            self.by.append(reader)
            body = b"%d" % len(self.by)
            await asyncio.sleep(0)
            return [(body, None, None)]

        return reading


def pages_of(*asked: tuple[Query, int | None]) -> tuple[list[int | None], list[Page]]:
    """Ask for pages at the same moment; return who read, and the pages."""

    async def run() -> tuple[list[int | None], list[Page]]:
        readings = Readings()
        pages = SharedPages(readings)
        return readings.by, await asyncio.gather(*(pages.page(query, reader) for query, reader in asked))

    return asyncio.run(run())


def test_equal_pages_of_one_moment_are_read_once() -> None:
    read, pages = pages_of(*[(evolve(FIRST), None)] * 20)

    assert read == [None]
    assert pages == [Page(b"1", None)] * 20


def test_other_pages_and_those_of_other_readers_are_read_on_their_own() -> None:
    others = [evolve(FIRST, limit=3), evolve(FIRST, descending=False), evolve(FIRST, filters=())]

    read, pages = pages_of((FIRST, None), *((each, None) for each in others), (FIRST, 7), (FIRST, 8), (FIRST, 7))

    assert read == [None, None, None, None, 7, 8]
    assert [page.body for page in pages] == [b"1", b"2", b"3", b"4", b"5", b"6", b"5"]


def test_a_page_is_as_new_as_its_request() -> None:
    async def run() -> list[bytes]:
        pages = SharedPages(Readings())
        return [(await pages.page(FIRST, None)).body for _ in range(3)]

    assert asyncio.run(run()) == [b"1", b"2", b"3"]
