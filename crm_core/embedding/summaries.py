"""The calls of pipelines: those of all records, and their summaries."""

from typing import Unpack
from uuid import UUID

import attrs

from crm_core.arguments.summaries import SummaryFilters
from crm_core.embedding.calls import R_co, call
from crm_core.embedding.resources.pipelines import PipelineCalls
from crm_core.engine.decisions import id_of
from crm_core.engine.parameters import parameter_texts
from crm_core.model.summaries import PipelineSummary
from crm_core.use_cases import summaries


@attrs.define(slots=False, eq=False)
class PipelineCallsWithSummary(PipelineCalls[R_co]):
    """The calls of pipelines, with the one that sums up their leads."""

    @call
    async def summary(self, id_: UUID | str, /, **filters: Unpack[SummaryFilters]) -> PipelineSummary:
        """Return where the leads of a pipeline are, how long they were in each stage, and where they went.

        Args:
            id_: the id of the pipeline.
            filters: what is summed up.
        """
        context, params = self.context, parameter_texts(filters)
        return await summaries.summary(context.db, context.caller(), id_of(id_), params, strict=True)
