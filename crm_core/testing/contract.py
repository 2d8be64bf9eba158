"""The contract of databases: tests that every Database must pass.

An adapter's test subclasses :class:`DatabaseContract` and opens an empty database::

    class TestMemoryDatabase(DatabaseContract):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[Database]:
            yield MemoryDatabase(...)
"""

from crm_core.testing.agendas import AgendaFacts
from crm_core.testing.bulk import BulkFacts
from crm_core.testing.bulk_upserts import BulkUpsertFacts
from crm_core.testing.catalogs import CatalogFacts
from crm_core.testing.contention import ContentionFacts
from crm_core.testing.conversions import ConversionFacts, OnlineFacts
from crm_core.testing.decisions import DecisionFacts
from crm_core.testing.duplicates import DuplicateFacts
from crm_core.testing.equality import EqualityFacts
from crm_core.testing.erasures import AuthorFacts, ErasureFacts
from crm_core.testing.feeds import FollowingFacts
from crm_core.testing.foldings import FoldingFacts
from crm_core.testing.histories import HistoryFacts
from crm_core.testing.kept_values import KeptValueFacts
from crm_core.testing.lists import ListFacts
from crm_core.testing.merges import MergeFacts
from crm_core.testing.ranges import RangeFacts
from crm_core.testing.records import RecordFacts
from crm_core.testing.renames import RenameFacts, ValueFacts
from crm_core.testing.repetitions import RepetitionFacts
from crm_core.testing.rosters import RosterFacts
from crm_core.testing.summaries import SummaryFacts
from crm_core.testing.transfers import TransferFacts
from crm_core.testing.uniqueness import UniquenessFacts
from crm_core.testing.units_of_work import UnitOfWorkFacts


class DatabaseContract(
    RecordFacts,
    KeptValueFacts,
    DecisionFacts,
    RepetitionFacts,
    ContentionFacts,
    CatalogFacts,
    ListFacts,
    RangeFacts,
    HistoryFacts,
    AgendaFacts,
    BulkFacts,
    BulkUpsertFacts,
    UnitOfWorkFacts,
    ErasureFacts,
    AuthorFacts,
    MergeFacts,
    DuplicateFacts,
    UniquenessFacts,
    RenameFacts,
    ValueFacts,
    ConversionFacts,
    OnlineFacts,
    TransferFacts,
    RosterFacts,
    SummaryFacts,
    EqualityFacts,
):
    """All tests of a Database."""


class FeedContract(FollowingFacts, FoldingFacts):
    """All tests of a Feed."""
