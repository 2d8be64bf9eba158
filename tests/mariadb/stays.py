"""The stays of leads in the stages of pipelines."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from crm_adapters import json_documents
from crm_core import Put, Remove
from crm_core.model.summaries import StageFigures, StageQuery
from crm_core.rules.stays import Present, Stay, figures, moved, place_of
from tests.mariadb.connection import Session

_LEADS: Final = "select document, json_value(hidden, '$.stage_id') from record where resource = 'lead'"


class Stays:
    """The stays of a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def move(self, write: Put | Remove) -> None:
        """Keep the stays of a lead that was just written or removed."""
        rows = await self._session.rows("select stays from stays where lead = %s", write.key.id)
        before = read_stays(rows[0][0]) if rows else ()
        leads = await self._leads("and id = %s", write.key.id)
        stays = moved(before, write.event, leads[0].place if leads else None)
        await self._session.run(
            "replace into stays values (%s, %s)", write.key.id, json_documents.encode(stays).decode()
        )

    async def figures(self, query: StageQuery) -> StageFigures:
        """Return where the leads of a pipeline are, and what their stays were."""
        stays = [stay for (text,) in await self._session.rows("select stays from stays") for stay in read_stays(text)]
        return figures(query, await self._leads(), stays)

    async def _leads(self, condition: str = "", *params: object) -> Sequence[Present]:
        rows = await self._session.rows(f"{_LEADS} {condition}", *params)
        found = [(json_documents.decode("lead", text.encode()), stage and UUID(stage)) for text, stage in rows]
        return [Present(lead.id, lead.pipeline, place_of(lead, stage), lead.responsible) for lead, stage in found]


def read_stays(text: str) -> Sequence[Stay]:
    """Return the stays that a text is."""
    return msgspec.json.decode(text, type=list[Stay])
