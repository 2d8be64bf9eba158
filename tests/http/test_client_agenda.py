"""The typed client reads the agenda, and makes and revokes calendars."""

import asyncio
from datetime import date
from typing import Any

import httpx
import pytest

from crm_http.client import AgendaEntry, AsyncClient, Client, InvalidError, TaskInput
from tests.http.conftest import Api, Server


@pytest.fixture
def access(server: Server, postgres_api: Api) -> dict[str, Any]:
    """How to reach the server."""
    return {"url": f"http://127.0.0.1:{server.port}", "token": postgres_api.token}


def test_tasks_are_listed_lazily_with_their_records(access: dict[str, Any]) -> None:
    with Client(**access) as crm:
        tasks: list[TaskInput] = [{"task": str(number), "date": f"2026-01-0{number}"} for number in range(1, 6)]
        client = crm.clients.create(name="Acme", list_of_tasks=tasks)
        mine = crm.tasks.list(user_id=1, completed=False, due_after=date(2026, 1, 1), resource="client", page_size=2)

        assert [entry.task for entry in mine] == list(client.list_of_tasks[1:])
        assert mine.first() == AgendaEntry(
            task=client.list_of_tasks[1],
            resource="client",
            record=client.id,
            name="Acme",
            update_task=f"/api/clients/{client.id}/update-task/",
        )
        assert len(list(crm.tasks.list(due_before="2026-01-05", limit=3))) == 3
        with pytest.raises(InvalidError):
            crm.tasks.list(responsible=10**9).first()


def test_a_calendar_is_made_listed_and_revoked(access: dict[str, Any]) -> None:
    with Client(**access) as crm:
        made = crm.calendars.create(name="Phone")
        listed = crm.calendars.list()[0]

        assert (listed.id, listed.name, listed.prefix) == (made.id, "Phone", made.secret[:8])
        assert httpx.get(made.url).status_code == 200
        crm.calendars.revoke(made.id)
        assert httpx.get(made.url).status_code == 404


def test_the_asynchronous_client_has_the_same(access: dict[str, Any]) -> None:
    async def use() -> list[str]:
        async with AsyncClient(**access) as crm:
            await crm.leads.create(name="Lee", list_of_tasks=[{"task": "ask"}])
            made = await crm.calendars.create()
            assert made.id in [each.id for each in await crm.calendars.list()]
            await crm.calendars.revoke(made.id)
            return [entry.task.task async for entry in crm.tasks.list(resource="lead", completed=False)]

    assert asyncio.run(use()) == ["ask"]
