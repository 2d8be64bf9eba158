"""The operations of pipelines: those of all records, and their summaries."""

from typing import Unpack
from uuid import UUID

import attrs

from crm_core.arguments.summaries import SummaryFilters
from crm_core.model.summaries import PipelineSummary
from crm_http.client.listings import parameters_of
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.request_parts import below
from crm_http.client.resources.pipelines import PipelineOperations
from crm_http.client.responses import decode


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
