"""The app on memory behind the real server, with no patience: ``python -m tests.http.impatient PORT FOLDER``."""

import asyncio
import sys
from functools import partial
from pathlib import Path

from argon2 import PasswordHasher

from crm_adapters.image_headers import read_header
from crm_adapters.local_files import LocalFileStore
from crm_adapters.memory import MemoryAccounts, MemoryDatabase
from crm_adapters.passwords import Argon2Passwords
from crm_core.use_cases.uploads import Images
from crm_http.app import create_app
from crm_http.middleware import Limits, RequestMiddleware
from crm_http.server import workers
from crm_http.settings import Settings
from tests.http.conftest import PASSWORD

LIMITS = Limits(requests=2, body_seconds=0.5, pieces_seconds=1.0, send_seconds=0.5)


def load(directory: Path) -> RequestMiddleware:
    accounts, passwords = MemoryAccounts(), Argon2Passwords(PasswordHasher(1, 8, 1))
    asyncio.run(accounts.add_user("admin", asyncio.run(passwords.hash(PASSWORD)), is_superuser=True))
    records = MemoryDatabase(accounts)
    images = Images(files=LocalFileStore(directory), read_header=read_header)
    return create_app(records, accounts, passwords, records.outbox, records.feed, images, limits=LIMITS)


if __name__ == "__main__":
    port, directory = sys.argv[1:]
    server = workers.granian_server(Settings(port=int(port)), "127.0.0.1")
    server.serve(target_loader=partial(load, Path(directory)), wrap_loader=False)
