"""Group commit: one statement writes single records of several concurrent requests."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from crm_adapters.postgres.connection.errors import StaleError, staleness
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.records.batching import Loader
from crm_adapters.postgres.records.transactions import Group, commit_group, commit_whole_group
from crm_core.errors import CrmError, UnavailableError
from crm_core.model.records import Record
from crm_core.rules.needs import Catalog

#: The statement that writes records of several requests at once, by the statement for one record: a single update,
#: which shares its statement with others, runs ``update_free_records``. Other statements write one record alone.
_SHARED: Final = {"insert_records": "insert_records", "update_records": "update_free_records"}
_MAX_BATCHERS: Final = 100


@attrs.frozen(eq=False)
class _Job:
    """One record to write, with the records and catalogs that must not have changed."""

    group: Group
    unchanged: Sequence[Record]
    catalogs: Mapping[str, Catalog]

    @property
    def kind(self) -> tuple[object, ...]:
        """Return a key that is the same for jobs that one statement can write."""
        unchanged = tuple((record.key, record.version) for record in self.unchanged)
        catalogs = tuple((entity, catalog.version) for entity, catalog in self.catalogs.items())
        return self.group.statement, self.group.table, unchanged, catalogs


class Commits:
    """Writes records of concurrent requests together.

    A request on its own does not wait for others. Records that fail together are written one by one, so that an error,
    or a lock of another transaction, concerns one request only.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._batchers: dict[tuple[object, ...], Loader[_Job, bool]] = {}

    async def commit(self, group: Group, unchanged: Sequence[Record], catalogs: Mapping[str, Catalog]) -> None:
        """Write a group of one record. Raises StaleError if what the decision was based on has changed."""
        job = _Job(group, unchanged, catalogs)
        if group.statement not in _SHARED:
            await self._commit_alone(job)
            return
        if not await self._batcher_for(job.kind).load(job):
            await self._commit_alone(job)

    def _batcher_for(self, kind: tuple[object, ...]) -> Loader[_Job, bool]:
        if kind not in self._batchers:
            if len(self._batchers) >= _MAX_BATCHERS:
                self._batchers = {kind: batcher for kind, batcher in self._batchers.items() if not batcher.is_idle}
            self._batchers[kind] = Loader(self._commit_together)
        return self._batchers[kind]

    async def _commit_together(self, jobs: list[_Job]) -> Mapping[_Job, bool]:
        groups = [job.group for job in sorted(jobs, key=lambda job: job.group.writes[0].event.record)]
        first = jobs[0]
        together = Group(
            first.group.table,
            _SHARED[first.group.statement],
            [write for group in groups for write in group.writes],
            [delivery for group in groups for delivery in group.deliveries],
        )
        try:
            async with self._pool.connect() as connection:
                with staleness():
                    written = await commit_group(connection, together, first.unchanged, first.catalogs)
        except UnavailableError:  # outcome unknown: report it
            raise
        except (StaleError, CrmError):
            return {}
        return {job: True for job in jobs if job.group.writes[0].event.record in written}

    async def _commit_alone(self, job: _Job) -> None:
        async with self._pool.connect() as connection:
            with staleness():
                await commit_whole_group(connection, job.group, job.unchanged, job.catalogs)
