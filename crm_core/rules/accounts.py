"""Rules for the names of users and groups, passwords, the other texts of users, and permissions."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from crm_core.errors import BLANK, InvalidError, NotFoundError, Problem, invalid
from crm_core.input.readers import text_problems
from crm_core.input.texts import is_blank, normal
from crm_core.model.accounts import normal_username
from crm_core.model.permissions import PERMISSIONS

#: The most characters of the name of a user or group.
MAX_NAME: Final = 150
MAX_PASSWORD: Final = 1_024
#: The most characters of the other texts of a user, by field.
MAX_TEXTS: Final[Mapping[str, int]] = {"first_name": 150, "last_name": 150, "email": 254}

#: The ids of users have 64 bits.
_MAX_ID: Final = 2**63 - 1
_OUTER_BLANKS: Final = Problem("invalid", "A name is not blank, and has no blanks around it.")


def read_username(name: str) -> str:
    """Return a username in the form in which it is kept. Raises InvalidError."""
    _raise_if({"username": name_problems(name)})
    return normal_username(name)


def is_user(user: object) -> bool:
    """Return whether a value can be the id or the name of a user."""
    if isinstance(user, str):
        return not text_problems(user, MAX_NAME)
    return isinstance(user, int) and not isinstance(user, bool) and abs(user) <= _MAX_ID


def read_group_name(name: str) -> str:
    """Return the name of a group in the form in which it is kept. Raises InvalidError."""
    _raise_if({"group": name_problems(name)})
    return normal_username(name)


def read_permission(permission: str) -> str:
    """Return the full name of a permission, which may lack its ``app.``. Raises InvalidError, naming a similar one."""
    full = f"app.{permission.removeprefix('app.')}"
    if full not in PERMISSIONS:
        nearest = difflib.get_close_matches(full, sorted(PERMISSIONS), n=1, cutoff=0.0)[0]
        raise invalid("permission", "invalid", f"{permission!r} is not a permission: did you mean {nearest}?")
    return full


def check_password(password: str) -> str:
    """Return the password in NFC if it has 1 to 1,024 characters that can be stored. Raises InvalidError."""
    _raise_if({"password": password_problems(password)})
    return normal(password)


def check_user_texts(texts: Mapping[str, str]) -> None:
    """Raise InvalidError unless the texts of ``MAX_TEXTS`` fit."""
    _raise_if(text_problems_of(texts))


def check_new_user(username: str, password: str, texts: Mapping[str, str]) -> str:
    """Return the username in the form in which it is kept. Raises InvalidError with the problems of every field."""
    _raise_if({"username": name_problems(username), "password": password_problems(password), **text_problems_of(texts)})
    return normal_username(username)


def check_groups(names: Iterable[str], known: Collection[str]) -> None:
    """Raise NotFoundError if one of the groups does not exist.

    Args:
        names: the groups that must exist.
        known: all groups that exist.
    """
    for name in names:
        if name not in known:
            raise NotFoundError(f"There is no group {name}, only {', '.join(sorted(known)) or 'none at all'}.")


def name_problems(name: str) -> list[Problem]:
    """Return what is wrong with the name of a user or group."""
    username = normal_username(name)
    problems = text_problems(username, MAX_NAME)
    return [*problems, _OUTER_BLANKS] if is_blank(username) or username != username.strip() else problems


def password_problems(password: str) -> list[Problem]:
    """Return what is wrong with a password."""
    return text_problems(normal(password), MAX_PASSWORD) if password else [BLANK]


def text_problems_of(texts: Mapping[str, str]) -> dict[str, list[Problem]]:
    """Return what is wrong with the other texts of a user, by field."""
    return {field: text_problems(normal(text), MAX_TEXTS[field]) for field, text in texts.items()}


def _raise_if(problems: Mapping[str, list[Problem]]) -> None:
    if found := {field: of_field for field, of_field in problems.items() if of_field}:
        raise InvalidError(found)
