"""Commands' way to the database."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from crm_http.cli.terminal import FAILED
from crm_http.server.composition import PostgresAccounts, manage, migrate
from crm_http.server.supervisor import Stop, open_database
from crm_http.settings import Settings

_T = TypeVar("_T")


def with_accounts(work: Callable[[PostgresAccounts], Awaitable[_T]]) -> _T:
    """Do something with the accounts of the database that the environment names."""

    async def run(url: str) -> _T:
        async with manage(url) as accounts:
            return await work(accounts)

    return on_database(Settings.from_env(os.environ), run)


def on_database(settings: Settings, work: Callable[[str], Awaitable[_T]]) -> _T:
    """Do something with the database, whose embedded server runs meanwhile."""

    async def run(url: str) -> _T:
        if settings.is_embedded:  # which is nobody's to migrate but ours
            await migrate(url)
        return await work(url)

    with open_database(settings, Stop(FAILED)) as url:
        return asyncio.run(run(url))
