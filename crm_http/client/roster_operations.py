"""The operations of cohorts: those of all records, and their rosters."""

from uuid import UUID

import attrs

from crm_core.model.rosters import Roster
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.request_parts import below
from crm_http.client.resources.cohorts import CohortOperations
from crm_http.client.responses import decode


@attrs.define(slots=False, eq=False)
class CohortOperationsWithRoster(CohortOperations[D_co]):
    """The operations of cohorts, with the one that reads a roster."""

    @operation
    def roster(self, id_: UUID | str, /) -> Operation[Roster]:
        """Return a cohort with its enrollments, their students, and the open transfer requests of these students."""
        return Operation(
            method="GET", path=below(self.place, id_, "roster"), read=lambda response: decode(response, Roster)
        )
