"""Logging in and out, and who somebody is."""

import hashlib
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import attrs

from crm_core.errors import ACROSS_FIELDS, BLANK, InvalidError, NotAuthenticatedError, ThrottledError, invalid
from crm_core.input.drafts import read_payload
from crm_core.input.fields import text
from crm_core.input.readers import ReadContext, text_problems
from crm_core.input.texts import normal
from crm_core.model.accounts import Actor, Caller, User, require
from crm_core.model.permissions import PERMISSIONS, permission
from crm_core.ports import Accounts, Passwords
from crm_core.rules.login_throttle import FAILURE_WINDOW, failure_keys, seconds_to_wait
from crm_core.use_cases.callers import caller, new_id

_LONGEST_PASSWORD = 1_024
_LONGEST_USERNAME = 150
_PREFIX_LENGTH = 8


def hash_token(token: str) -> bytes:
    """What is kept of a token; it is long and random, so a fast hash is right."""
    return hashlib.sha256(token.encode()).digest()


async def authenticate(accounts: Accounts, token: str, *, request_id: str = "") -> Caller:
    """The caller whose token this is, with the rights of this moment. Raises NotAuthenticatedError."""
    known = await accounts.authenticate(hash_token(token)) if token.isascii() else None
    if known is None:
        raise NotAuthenticatedError("Invalid token.")
    actor, catalogs = known
    return caller(actor, request_id=request_id, catalogs=catalogs)


async def log_in(accounts: Accounts, passwords: Passwords, data: object, *, address: str, strict: bool = False) -> str:
    """A new token for a username and password, shown this once.

    Wrong credentials, an unknown user and a disabled one take the same time and give the same answer.
    Raises InvalidError, or ThrottledError after too many failures from one address.
    """
    username, password = _credentials(data, strict=strict)
    keys = failure_keys(username, address)
    await _check_throttle(accounts, keys)
    found = await accounts.credentials(username)
    sent_as = await _spelling(passwords, password, found[1] if found else None)
    if sent_as is None or found is None:
        await accounts.add_failure(list(keys.values()), datetime.now(UTC), FAILURE_WINDOW)
        raise _refused()
    user_id, password_hash = found
    await accounts.forget_failures(keys["user"])
    # Somebody may change the password meanwhile: the old one then gives no token, and is not written back.
    token = await issue_token(accounts, user_id, seen=password_hash)
    if token is None:
        raise _refused()
    if sent_as != normal(password) or passwords.is_outdated(password_hash):
        await accounts.set_password(user_id, await passwords.hash(normal(password)), seen=password_hash)
    return token


async def _spelling(passwords: Passwords, password: str, password_hash: str | None) -> str | None:
    """Return the Unicode form of a password of which a hash is, or None.

    Hashes are of NFC. Those of earlier releases are of what was sent then, as it is sent now or decomposed. How many
    forms are tried depends on what is sent, not on the user, so that nobody can tell by the time which users exist.
    """
    for spelling in dict.fromkeys((normal(password), password, unicodedata.normalize("NFD", password))):
        if await passwords.verify(spelling, password_hash):
            return spelling
    return None


async def issue_token(accounts: Accounts, user_id: int, *, seen: str | None = None) -> str | None:
    """A new token for a user, of which only a hash is kept; None for one who is disabled.

    With ``seen`` it is also None when that is no longer the hash of the user's password.
    """
    token = secrets.token_urlsafe(32)
    kept = await accounts.add_token(user_id, hash_token(token), token[:_PREFIX_LENGTH], seen=seen)
    return token if kept else None


async def log_out(accounts: Accounts, token: str) -> None:
    """Revoke a token; it stops working with the next request."""
    await accounts.revoke_token(hash_token(token))


async def members(accounts: Accounts, who: Caller, group: str) -> Sequence[User]:
    """The users of a group. Raises PermissionDeniedError."""
    require(who.actor, permission("view", "user"))
    return await accounts.members(group)


def describe(actor: Actor) -> Mapping[str, object]:
    """What ``/api/me/`` shows."""
    granted = PERMISSIONS if actor.is_superuser else actor.permissions
    return {
        "id": actor.user.id,
        "username": actor.user.username,
        "groups": sorted(actor.groups),
        "permissions": sorted(granted),
    }


def check_password(password: str) -> str:
    """A password that may be set, in NFC: 1 to 1,024 characters. Raises InvalidError."""
    password = normal(password)
    if not password:
        raise InvalidError({"password": (BLANK,)})
    if problems := text_problems(password, _LONGEST_PASSWORD):
        raise InvalidError({"password": problems})
    return password


@attrs.frozen
class Credentials:
    """What a login takes."""

    username: str = text(max_length=_LONGEST_USERNAME)
    password: str = text(max_length=_LONGEST_PASSWORD, verbatim=True)


def _refused() -> InvalidError:
    return invalid(ACROSS_FIELDS, "authorization", "Unable to log in with provided credentials.")


def _credentials(data: object, *, strict: bool) -> tuple[str, str]:
    values = read_payload(Credentials, data, ReadContext(new_id, strict))
    return values["username"], values["password"]


async def _check_throttle(accounts: Accounts, keys: Mapping[str, str]) -> None:
    found = await accounts.failures(list(keys.values()))
    by_kind = {kind: found[key] for kind, key in keys.items() if key in found}
    if wait := seconds_to_wait(by_kind, datetime.now(UTC)):
        raise ThrottledError(wait)
