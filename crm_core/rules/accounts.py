"""Rules for the names of users and groups, passwords, the other texts of users, and permissions."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, TypeGuard

from crm_core.errors import BLANK, NOT_A_BOOLEAN, NOT_A_STRING, InvalidError, NotFoundError, Problem, invalid
from crm_core.input.readers import read_several, text_problems
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
#: The names that erased users get; the rest is their id.
_NEUTRAL: Final = "erased-"
_IS_NEUTRAL: Final = re.compile(rf"{_NEUTRAL}[0-9]+")
_OUTER_BLANKS: Final = Problem("invalid", "A name is not blank, and has no blanks around it.")


def read_username(name: str) -> str:
    """Return a username in the form in which it is kept. Raises InvalidError."""
    _raise_if({"username": name_problems(name)})
    return normal_username(name)


def read_new_username(name: str) -> str:
    """Return the name of a new user in the form in which it is kept. Raises InvalidError."""
    _raise_if({"username": _new_name_problems(name)})
    return normal_username(name)


def neutral_name(user: int) -> str:
    """Return the name that a user gets by an erasure (decision 120). No other user can have it."""
    return f"{_NEUTRAL}{user}"


def is_username(name: object) -> TypeGuard[str]:
    """Return whether a value can be the name of a user."""
    return isinstance(name, str) and not text_problems(name, MAX_NAME)


def is_user(user: object) -> bool:
    """Return whether a value can be the id or the name of a user."""
    if isinstance(user, str):
        return is_username(user)
    return isinstance(user, int) and not isinstance(user, bool) and abs(user) <= _MAX_ID


def read_group_name(name: str) -> str:
    """Return the name of a group in the form in which it is kept. Raises InvalidError."""
    _raise_if({"group": name_problems(name)})
    return normal_username(name)


def read_permissions(permissions: Iterable[str]) -> tuple[str, ...]:
    """Return the full names of permissions. Raises InvalidError, also for a text, which is a collection of letters."""
    return tuple(read_permission(each) for each in read_several(permissions, "permissions"))


def read_group_names(groups: Iterable[str]) -> tuple[str, ...]:
    """Return the names of groups in the form in which they are kept. Raises InvalidError."""
    return tuple(read_group_name(each) for each in read_several(groups, "groups"))


def read_permission(permission: str) -> str:
    """Return the full name of a permission, which may lack its ``app.``. Raises InvalidError, naming a similar one."""
    _raise_if({"permission": _string_problems(permission)})
    full = f"app.{permission.removeprefix('app.')}"
    if full not in PERMISSIONS:
        nearest = difflib.get_close_matches(full, sorted(PERMISSIONS), n=1, cutoff=0.0)[0]
        raise invalid("permission", "invalid", f"{permission!r} is not a permission: did you mean {nearest}?")
    return full


def check_password(password: str) -> str:
    """Return the password in NFC if it has 1 to 1,024 characters that can be stored. Raises InvalidError."""
    _raise_if({"password": password_problems(password)})
    return normal(password)


def read_user_texts(texts: Mapping[str, str | None]) -> Mapping[str, str]:
    """Return those texts of ``MAX_TEXTS`` that are no None, in the form in which they are kept. Raises InvalidError."""
    sent = {field: text for field, text in texts.items() if text is not None}
    _raise_if(text_problems_of(sent))
    return {field: normal(text) for field, text in sent.items()}


def check_new_user(username: str, password: str, texts: Mapping[str, str]) -> str:
    """Return the username in the form in which it is kept. Raises InvalidError with the problems of every field."""
    of_name, of_password = _new_name_problems(username), password_problems(password)
    _raise_if({"username": of_name, "password": of_password, **text_problems_of(texts)})
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


def name_problems(name: object) -> list[Problem]:
    """Return what is wrong with the name of a user or group."""
    if not isinstance(name, str):
        return [NOT_A_STRING]
    username = normal_username(name)
    problems = text_problems(username, MAX_NAME)
    return [*problems, _OUTER_BLANKS] if is_blank(username) or username != username.strip() else problems


def _new_name_problems(name: object) -> list[Problem]:
    problems = name_problems(name)
    if not problems and isinstance(name, str) and _IS_NEUTRAL.fullmatch(normal_username(name)):
        return [Problem("invalid", f"Names such as {neutral_name(5)} are those of users who were erased.")]
    return problems


def password_problems(password: str) -> list[Problem]:
    """Return what is wrong with a password."""
    return [BLANK] if password == "" else _string_problems(password, MAX_PASSWORD)


def text_problems_of(texts: Mapping[str, str]) -> dict[str, list[Problem]]:
    """Return what is wrong with the other texts of a user, by field."""
    return {field: _string_problems(text, MAX_TEXTS[field]) for field, text in texts.items()}


def check_flags(**flags: object) -> None:
    """Raise InvalidError unless each value is a boolean."""
    _raise_if({name: [NOT_A_BOOLEAN] for name, flag in flags.items() if not isinstance(flag, bool)})


def _string_problems(value: object, max_length: int | None = None) -> list[Problem]:
    if not isinstance(value, str):
        return [NOT_A_STRING]
    return [] if max_length is None else text_problems(normal(value), max_length)


def _raise_if(problems: Mapping[str, list[Problem]]) -> None:
    if found := {field: of_field for field, of_field in problems.items() if of_field}:
        raise InvalidError(found)
