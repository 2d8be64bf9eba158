"""The process that carries out one import: ``python -m crm_http.server.import_process RUN CLAIM LIFELINE < URL``."""

import asyncio
import logging
import os
import signal
import sys
from typing import Final
from uuid import UUID

from crm_adapters.postgres.accounts import PostgresAccounts
from crm_adapters.postgres.connection.pool import Pool
from crm_adapters.postgres.imports import PostgresImportRuns
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.tables.child_limits import end_with_parent
from crm_adapters.tables.reader import ChildTableReader
from crm_core.errors import CrmError, RequestInProgressError
from crm_core.imports.runs import ImportRun
from crm_core.use_cases.import_stores import ImportStores
from crm_core.use_cases.imports import carry_out_claimed, get
from crm_core.use_cases.installed_resources import register_installed

logger: Final = logging.getLogger("crm.imports")

#: How much the processes of requests come first.
_NICENESS: Final = 5
_CONNECTIONS: Final = 3


class _StoppedError(Exception):
    """The server stops."""


def main(run: str, claim: str, lifeline: str) -> int:
    """Carry out a run under a claim, until it ends or SIGTERM comes; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the server, too, which then sends SIGTERM
    os.nice(_NICENESS)
    end_with_parent(int(lifeline))
    register_installed()
    return asyncio.run(_carry_out(sys.stdin.readline().strip(), UUID(run), UUID(claim)))


async def _carry_out(url: str, id_: UUID, claim: UUID) -> int:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)

    def check(_: ImportRun) -> None:
        if stopping.is_set():
            raise _StoppedError

    async with Pool(url, size=_CONNECTIONS) as pool:
        database, accounts, runs = PostgresDatabase(pool), PostgresAccounts(pool), PostgresImportRuns(pool)
        stores = ImportStores(database, runs, ChildTableReader())
        try:
            await carry_out_claimed(stores, accounts, await get(runs, id_), claim, check)
        except (_StoppedError, RequestInProgressError):
            return 0
        except CrmError as error:
            logger.warning("import %s cannot go on now: %s", id_, error)
            return 1
        finally:
            await accounts.close()
            await database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
