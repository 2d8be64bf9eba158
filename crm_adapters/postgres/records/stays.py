"""Reads where leads are, and what their stays in stages were."""

import attrs

from crm_adapters.postgres.connection.session import Connection, fetch
from crm_adapters.postgres.sql.statements import query as statement
from crm_core.model.summaries import Leavings, StageFigures, StageQuery

_NOTHING = (None, None)


async def read_figures(connection: Connection, query: StageQuery) -> StageFigures:
    """Return the figures of a pipeline, read one after another on one connection."""
    params = {**attrs.asdict(query), "stages": list(query.stages)}
    present = await fetch(connection, statement("present_leads"), params)
    left = await fetch(connection, statement("stage_leavings"), params)
    moves = await fetch(connection, statement("stage_moves"), params)
    name = "open_since" if query.responsible is None else "open_since_of"
    open_since = await fetch(connection, statement(name), params)
    return StageFigures(
        present={(stage, responsible): count for stage, responsible, count in present},
        left={
            stage: Leavings(leads, known, int(total), *(quantiles or _NOTHING))
            for stage, leads, known, total, quantiles in left
        },
        moves={(stage, to): count for stage, to, count in moves},
        open_since={stage: moment for stage, moment in open_since if moment is not None},
    )
