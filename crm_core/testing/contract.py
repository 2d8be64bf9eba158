"""The facts that every Database must show.

An adapter's test subclasses :class:`DatabaseContract` and says how to open an empty database::

    class TestMemoryDatabase(DatabaseContract):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[Database]:
            yield MemoryDatabase(...)
"""

from crm_core.testing.catalogs import CatalogFacts
from crm_core.testing.contention import ContentionFacts
from crm_core.testing.decisions import DecisionFacts
from crm_core.testing.lists import ListFacts
from crm_core.testing.records import RecordFacts


class DatabaseContract(RecordFacts, DecisionFacts, ContentionFacts, CatalogFacts, ListFacts):
    """Everything that is asked of a Database."""
