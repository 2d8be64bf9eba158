"""The page about adapters is true of MariaDB, too: its statements run, and its app serves the typed client."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from crm_adapters.passwords import Argon2Passwords
from crm_http.client import AsyncClient
from tests.markdown import blocks

pytest.importorskip("asyncmy", reason="asyncmy is missing: make adapters installs it")

from tests.mariadb.connection import Session
from tests.mariadb.opened import Stores, opened

PAGE = blocks("docs/how-to/write-an-adapter.md")
PASSWORDS = Argon2Passwords(PasswordHasher(1, 8, 1))


def test_the_statements_of_the_page_take_the_turn(mariadb: Mapping[str, str]) -> None:
    async def run(session: Session) -> None:
        *statements, _ = PAGE["A database on a server 1"].text.split(";")
        for statement in statements:
            await session.rows(statement)

    async def facts() -> None:
        async with opened(mariadb) as stores:
            await stores.pool.run("write", run)

    asyncio.run(facts())


def test_the_typed_client_finds_what_it_wrote_through_the_app_of_the_page(mariadb: Mapping[str, str]) -> None:
    async def facts() -> None:
        async with opened(mariadb) as stores:
            await stores.accounts.add_user("ann", await PASSWORDS.hash("a word"), is_superuser=True)
            transport = httpx.ASGITransport(await _app_of_the_page(stores))
            async with await AsyncClient.log_in("http://crm", "ann", "a word", transport=transport) as crm:
                await crm.attributes("lead").create(name="größe", label="Size", type="number")
                lead = await crm.leads.create(name="Zoë 😀", attributes={"größe": 1.10})
                assert [each.id async for each in crm.leads.list(name="Zoë 😀")] == [lead.id]
                assert (await crm.leads.retrieve(lead.id)).name == "Zoë 😀"

    asyncio.run(facts())


async def _app_of_the_page(stores: Stores) -> Any:
    names = ("A Database, in seven steps 1", "Run the API on it 1", "A database on a server 2")
    page: dict[str, Any] = {}
    exec("\n".join(PAGE[name].text for name in names), page)  # noqa: S102  # our own page
    return await page["app_on"](stores.pool)
