"""Connects commands to the database that the environment names."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from crm_core.errors import UnknownUserError, UsernameTakenError
from crm_core.ports import Database, Users
from crm_http.failures import FAILED
from crm_http.server.database import open_database
from crm_http.server.errors import FailedError
from crm_http.server.maintenance import manage_users_and_records, migrate
from crm_http.server.signals import Stop
from crm_http.settings import Settings

_T = TypeVar("_T")


def with_users(work: Callable[[Users], Awaitable[_T]]) -> _T:
    """Run ``work`` with the users of the database, and return its result. Raises FailedError."""
    return with_users_and_records(lambda users, _: work(users))


def with_users_and_records(work: Callable[[Users, Database], Awaitable[_T]]) -> _T:
    """Run ``work`` with the users and the records, and return its result. Raises FailedError."""
    settings = Settings.from_env(os.environ)

    async def run(url: str) -> _T:
        async with manage_users_and_records(url, settings) as (users, db):
            with _advice():
                return await work(users, db)

    return on_database(settings, run)


def on_database(settings: Settings, work: Callable[[str], Awaitable[_T]]) -> _T:
    """Run ``work`` with the URL of the database, and return its result. Raises FailedError.

    An embedded server runs until then, and its database is brought up to date first.
    """

    async def run(url: str) -> _T:
        if settings.is_embedded:  # no other process migrates it
            await migrate(url)
        return await work(url)

    with open_database(settings, Stop(FAILED)) as url:
        return asyncio.run(run(url))


@contextmanager
def _advice() -> Iterator[None]:
    """Add to errors about unknown names which command lists the known ones."""
    try:
        yield
    except UnknownUserError as error:
        raise FailedError(f"{str(error).removesuffix('.')}: `crm user list` shows all.") from error
    except UsernameTakenError as error:
        raise FailedError(
            "A user with that name already exists: `crm user passwd` sets a new password, `crm user change` the rest."
        ) from error
