"""Logging in and out, authenticating requests, and describing the caller."""

import hashlib
import logging
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import attrs

from crm_core.errors import NotAuthenticatedError, ThrottledError, WrongCredentialsError
from crm_core.input.declarations import text, texts
from crm_core.input.drafts import read_payload
from crm_core.input.readers import ReadContext
from crm_core.input.texts import normal
from crm_core.model.accounts import Actor, Caller, NewToken, User, require
from crm_core.model.permissions import PERMISSIONS, permission
from crm_core.model.records import Key
from crm_core.ports import Accounts, Passwords
from crm_core.rules.accounts import MAX_NAME, MAX_PASSWORD
from crm_core.rules.login_throttle import (
    ADDRESS_MEMORY,
    FAILURE_WINDOW,
    account_key,
    counted_address,
    failure_keys,
    newly_throttled,
    seconds_to_wait,
)
from crm_core.use_cases.callers import caller, new_id

logger: Final = logging.getLogger("crm.logins")

#: How many first characters of a token are stored, so that its owner can recognize it.
PREFIX_LENGTH: Final = 8


def hash_token(token: str) -> bytes:
    """Return the hash under which a token is kept; a token is long and random, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


async def authenticate(accounts: Accounts, token: str, *, request_id: str = "", ahead: Key | None = None) -> Caller:
    """Return the caller with this token and their current permissions. Raises NotAuthenticatedError.

    Args:
        accounts: where tokens are stored.
        token: the token that was sent.
        request_id: the id of the request in logs and events.
        ahead: the record that the request is about; the store may read it together with the token.
    """
    known = await accounts.authenticate(hash_token(token), ahead=ahead) if token.isascii() else None
    if known is None:
        raise NotAuthenticatedError("Invalid token.")
    return caller(known.actor, request_id=request_id, catalogs=known.catalogs, ahead=known.ahead)


async def log_in(accounts: Accounts, passwords: Passwords, data: object, *, address: str, strict: bool = True) -> str:
    """Return a new token for a username and password, narrowed if permissions are sent; it cannot be shown again.

    Wrong credentials, an unknown user and a disabled one take the same time and give the same answer.
    Raises WrongCredentialsError, InvalidError for other problems, and ThrottledError after too many failures.

    Args:
        accounts: where users, tokens and failures are stored.
        passwords: verifies the password.
        data: the payload of the login.
        address: of the client; failures from it are counted.
        strict: whether unknown members of the payload are problems.
    """
    username, password, permissions = _credentials(data, strict=strict)
    address, now = counted_address(address), datetime.now(UTC)
    keys = {**failure_keys(username, address), "account": account_key(username)}
    await _check_throttle(accounts, keys, username, address, now)
    credentials = await accounts.credentials(username)
    spelling = await _spelling(passwords, password, credentials[1] if credentials else None)
    if spelling is None or credentials is None:
        await _count_failure(accounts, keys, address, credentials and credentials[0])
        raise WrongCredentialsError
    user_id, password_hash = credentials
    await accounts.forget_failures(keys["user"])
    # If the password is changed at the same moment, the old one gives no token and its hash is not written back.
    token = await issue_token(accounts, user_id, permissions, if_hash=password_hash)
    if token is None:
        raise WrongCredentialsError
    await accounts.remember_address(user_id, address, now, ADDRESS_MEMORY)
    if spelling != normal(password) or passwords.is_outdated(password_hash):
        await accounts.set_password(user_id, await passwords.hash(normal(password)), if_hash=password_hash)
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


async def issue_token(
    accounts: Accounts, user_id: int, permissions: frozenset[str] | None = None, *, if_hash: str | None = None
) -> str | None:
    """Return a new token for a user, of which only a hash is kept; None if the user is disabled.

    Args:
        accounts: where users and tokens are stored.
        user_id: the id of the user.
        permissions: what the token is narrowed to; None for whatever the user may do.
        if_hash: return None if this is no longer the hash of the user's password.
    """
    token = secrets.token_urlsafe(32)
    made = NewToken(id=new_id(), hash=hash_token(token), prefix=token[:PREFIX_LENGTH], permissions=permissions)
    kept = await accounts.add_token(user_id, made, if_hash=if_hash)
    return token if kept else None


async def log_out(accounts: Accounts, token: str) -> None:
    """Revoke a token; it stops working with the next request."""
    await accounts.revoke_token(hash_token(token))


async def members(accounts: Accounts, who: Caller, group: str) -> Sequence[User]:
    """Return the active users of a group, by id. Raises PermissionDeniedError."""
    require(who.actor, permission("view", "user"))
    return await accounts.members(group)


def describe(actor: Actor) -> Mapping[str, object]:
    """Return a user's id, name, groups and permissions, as ``/api/me/`` shows them."""
    return {
        "id": actor.user.id,
        "username": actor.user.username,
        "groups": sorted(actor.groups),
        "permissions": sorted(actor.granted),
    }


@attrs.frozen
class Credentials:
    """The payload of a login.

    Attributes:
        username: the username.
        password: the password, exactly as it was set.
        permissions: what the token may do, of what its user may do; without it the token may do all of that.
    """

    username: str = text(max_length=MAX_NAME)
    password: str = text(max_length=MAX_PASSWORD, verbatim=True)
    permissions: tuple[str, ...] | None = texts(options=PERMISSIONS, all_by_default=False)


def _credentials(data: object, *, strict: bool) -> tuple[str, str, frozenset[str] | None]:
    values = read_payload(Credentials, data, ReadContext(new_id, strict))
    permissions = values["permissions"]
    return values["username"], values["password"], None if permissions is None else frozenset(permissions)


async def _check_throttle(
    accounts: Accounts, keys: Mapping[str, str], username: str, address: str, now: datetime
) -> None:
    counted = await accounts.failures(list(keys.values()))
    by_kind = {kind: counted[key] for kind, key in keys.items() if key in counted}
    account = by_kind.pop("account", None)
    wait = seconds_to_wait(by_kind, now)
    slowed = seconds_to_wait({"account": account}, now) if account else 0
    if slowed > wait and not await accounts.knows_address(username, address, now - ADDRESS_MEMORY):
        wait = slowed
    if wait:
        raise ThrottledError(wait)


async def _count_failure(accounts: Accounts, keys: Mapping[str, str], address: str, user_id: int | None) -> None:
    counted = await accounts.add_failure(list(keys.values()), datetime.now(UTC), FAILURE_WINDOW)
    for kind in newly_throttled({kind: counted[key] for kind, key in keys.items()}):
        # Not the name that was sent: people type passwords into the wrong field.
        user = "an unknown user" if user_id is None else f"user {user_id}"
        whose = {"user": f"as {user} from {address}", "address": f"from {address}", "account": f"as {user}"}[kind]
        count = counted[keys[kind]].count
        logger.warning("logins %s have to wait after %d failures, the latest from %s", whose, count, address or "-")
