"""Databases of SQLite that treat what the driver raises in another way than the port says."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from tests.sqlite.database import SqliteDatabase

_P = ParamSpec("_P")
_T = TypeVar("_T")


class LeaksDriverErrors(SqliteDatabase):
    """Exceptions of the driver leave the adapter as they are."""

    async def _run(self, kind: str, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        def run() -> _T:
            with self._transaction(kind):
                return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)


class CommitsOnErrors(SqliteDatabase):
    """What was written before an exception is committed, as when a connection is closed in the wrong place."""

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        self._connection.execute(f"begin {kind}")
        try:
            yield
        finally:
            self._connection.commit()
