"""The calls of cohorts: those of all records, and their rosters."""

from uuid import UUID

import attrs

from crm_core.embedding.calls import R_co, call
from crm_core.embedding.resources.cohorts import CohortCalls
from crm_core.engine.decisions import id_of
from crm_core.model.rosters import Roster
from crm_core.use_cases import rosters


@attrs.define(slots=False, eq=False)
class CohortCallsWithRoster(CohortCalls[R_co]):
    """The calls of cohorts, with the one that reads a roster."""

    @call
    async def roster(self, id_: UUID | str, /) -> Roster:
        """Return a cohort with its enrollments, their students, and the open transfer requests of these students."""
        return await rosters.roster(self.context.db, self.context.caller(), id_of(id_))
