"""Sets up an empty database at the first start: the schema and the first user."""

import logging
import secrets
from typing import Final

from crm_core.errors import UsernameTakenError
from crm_core.use_cases import users as use_cases
from crm_http.server.maintenance import foreign_resources, manage_users, migrate, open_passwords
from crm_http.settings import Settings

logger: Final = logging.getLogger("crm.serving")

#: The name of the first user.
ADMIN: Final = "admin"


async def bootstrap(url: str, settings: Settings) -> str | None:
    """Migrate, and add the superuser ``admin`` if there is no user yet.

    Returns:
        The generated password of the new user, to be shown once; None if none was generated.
    """
    await migrate(url)
    if foreign := await foreign_resources(url):
        logger.warning("no package registers %s, of which there are tables: nobody sees their records", foreign)
    async with manage_users(url, settings) as users:
        if await use_cases.list_users(users):
            return None
        password = settings.admin_password or secrets.token_urlsafe(12)
        with open_passwords() as passwords:
            try:
                await use_cases.add_user(users, passwords, ADMIN, password, is_superuser=True)
            except UsernameTakenError:  # created by another server that starts at the same time and shows the password
                return None
    return None if settings.admin_password else password
