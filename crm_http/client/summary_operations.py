"""The operations of pipelines: those of all records, and their summaries."""

import datetime as dt
from typing import TypedDict, Unpack
from uuid import UUID

import attrs

from crm_core.model.summaries import PipelineSummary
from crm_http.client.listings import parameters_of
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.records import below
from crm_http.client.resources.pipelines import PipelineOperations
from crm_http.client.responses import decode


class SummaryFilters(TypedDict, total=False):
    """What is summed up.

    Attributes:
        since: only stays that ended at or after this time count for times and moves.
        until: only stays that ended before this time count for times and moves.
        responsible: only leads of the user with this id.
    """

    since: dt.datetime | str
    until: dt.datetime | str
    responsible: int


@attrs.define(slots=False, eq=False)
class PipelineOperationsWithSummary(PipelineOperations[D_co]):
    """The operations of pipelines, with the one that sums up their leads."""

    @operation
    def summary(self, id_: UUID | str, /, **filters: Unpack[SummaryFilters]) -> Operation[PipelineSummary]:
        """Return where the leads of a pipeline are, how long they were in each stage, and where they went.

        Args:
            id_: the id of the pipeline.
            filters: what is summed up.
        """
        return Operation(
            method="GET",
            path=below(self.place, id_, "summary"),
            read=lambda response: decode(response, PipelineSummary),
            options={"params": parameters_of(filters)},
        )
