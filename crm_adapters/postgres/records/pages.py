"""Reads lists page by page. Equal pages that are asked for at the same time, as by open dashboards, are read once."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from attrs import evolve

from crm_adapters.postgres.connection.session import Reading, fetch
from crm_adapters.postgres.connection.timeouts import BATCH_WINDOW
from crm_adapters.postgres.records.loader import Loader, Loaders
from crm_adapters.postgres.sql.list_queries import page_statement
from crm_core.engine.queries import Cursor, Page, Query

_STREAM_PIECE: Final = 500
#: Statements for equal pages that are under way at once, where one takes longer than others wait for it.
_MAX_EQUAL: Final = 8


class SharedPages:
    """Pages that equal requests share. None of them gets what is older than its request.

    Args:
        reading_for: returns how to read for a user, who must see what they wrote; None for nobody in particular.
    """

    def __init__(self, reading_for: Callable[[int | None], Reading]) -> None:
        self._reading_for = reading_for
        self._pages: Loaders[tuple[Query, int | None], Query, Page] = Loaders(self._loader_of)

    async def page(self, query: Query, reader: int | None) -> Page:
        """Return one page of a list, for a user."""
        page = await self._pages.load((query, reader), query)
        assert page is not None  # noqa: S101  # every list has a page, if only an empty one
        return page

    def _loader_of(self, wanted: tuple[Query, int | None]) -> Loader[Query, Page]:
        query, reader = wanted

        async def load(_: list[Query]) -> Mapping[Query, Page]:
            return {query: await read_page(self._reading_for(reader), query, query.limit)}

        return Loader(load, max_concurrency=_MAX_EQUAL, window=BATCH_WINDOW)


async def read_page(reading: Reading, query: Query, limit: int | None, separator: str = ",") -> Page:
    """Return one page of a list, of at most ``limit`` records, which are joined by the separator."""
    assert limit is not None  # noqa: S101  # a page has a limit; lists without one are streamed
    statement, params = page_statement(query, limit)
    rows = await reading(lambda connection: fetch(connection, statement, params))
    documents = [document for document, _, _ in rows if document is not None]
    more = len(documents) < len(rows)
    return Page(separator.encode().join(documents), Cursor(rows[-1][2], rows[-1][1]) if more else None)


async def stream_pages(reading: Reading, query: Query, separator: str) -> AsyncIterator[bytes]:
    """Yield a whole list in pieces, which begin with the separator where it is needed."""
    page = await read_page(reading, query, _STREAM_PIECE, separator)
    yield page.body
    while page.next is not None:
        query = evolve(query, after=page.next)
        page = await read_page(reading, query, _STREAM_PIECE, separator)
        if page.body:
            yield separator.encode() + page.body
