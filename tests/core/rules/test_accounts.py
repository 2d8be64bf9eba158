"""What users and groups may be called, their passwords, and permissions by name (decision 10)."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import NotFoundError
from crm_core.model.permissions import PERMISSIONS
from crm_core.rules.accounts import (
    MAX_NAME,
    MAX_PASSWORD,
    check_flags,
    check_groups,
    check_new_user,
    check_password,
    is_username,
    read_group_name,
    read_group_names,
    read_new_username,
    read_permission,
    read_permissions,
    read_user_texts,
    read_username,
)
from tests.core.knowledge import refused

COMPOSED, DECOMPOSED = "Zo\u00e9", "Zoe\u0301"
BLANKS = ["A name is not blank, and has no blanks around it."]
NULLS = ["Null characters are not allowed."]


def too_long(limit: int) -> list[str]:
    return [f"Ensure this field has no more than {limit} characters."]


@pytest.mark.parametrize("read", [read_username, read_group_name])
def test_a_name_is_kept_in_one_form_of_unicode(read: Any) -> None:
    assert read(DECOMPOSED) == COMPOSED
    assert read("ann lee") == "ann lee"
    assert read("x" * MAX_NAME) == "x" * MAX_NAME


def test_a_new_user_has_not_the_name_of_one_who_was_erased() -> None:
    problems = {"username": ["Names such as erased-5 are those of users who were erased."]}

    assert refused(read_new_username, "erased-12") == problems
    assert refused(check_new_user, "erased-12", "word", {}) == problems
    assert [read_new_username(name) for name in ("erased-", "erased-5b", "Erased-5")] == [
        "erased-",
        "erased-5b",
        "Erased-5",
    ]
    assert read_username("erased-12") == "erased-12"


@pytest.mark.parametrize(("read", "field"), [(read_username, "username"), (read_group_name, "group")])
@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("", BLANKS),
        ("\u3164", BLANKS),
        (" ann", BLANKS),
        ("ann\u2003", BLANKS),
        ("a\x00b", NULLS),
        ("\x00 ", [*NULLS, *BLANKS]),
        ("x" * (MAX_NAME + 1), too_long(MAX_NAME)),
    ],
)
def test_a_name_is_a_short_text_without_blanks_around_it(read: Any, field: str, name: str, problems: list[str]) -> None:
    assert refused(read, name) == {field: problems}


def test_a_permission_may_lack_its_app() -> None:
    assert read_permission("view_client") == "app.view_client"
    assert {read_permission(each) for each in PERMISSIONS} == set(PERMISSIONS)


def test_an_unknown_permission_is_refused_with_the_nearest_one() -> None:
    assert refused(read_permission, "view_clint") == {
        "permission": ["'view_clint' is not a permission: did you mean app.view_client?"]
    }


@given(st.text())
def test_any_other_text_is_no_permission_but_is_near_one(text: str) -> None:
    [message] = refused(read_permission, f"?{text}")["permission"]

    assert any(message.endswith(f"did you mean {each}?") for each in PERMISSIONS)


def test_a_password_is_kept_in_one_form_of_unicode_with_its_blanks() -> None:
    assert check_password(f" {DECOMPOSED} ") == f" {COMPOSED} "
    assert check_password("x" * MAX_PASSWORD) == "x" * MAX_PASSWORD


@pytest.mark.parametrize(
    ("password", "problems"),
    [
        ("", ["This field may not be blank."]),
        ("a\x00b", NULLS),
        ("\ud800", ["Surrogate characters are not allowed: U+D800."]),
        ("x" * (MAX_PASSWORD + 1), too_long(MAX_PASSWORD)),
    ],
)
def test_a_password_can_be_stored_and_is_not_empty(password: str, problems: list[str]) -> None:
    assert refused(check_password, password) == {"password": problems}


@given(st.text(min_size=1, max_size=20))
def test_a_password_is_in_nfc_or_refused(password: str) -> None:
    if "\x00" in password:
        assert refused(check_password, password) == {"password": NULLS}
    else:
        assert check_password(password) == unicodedata.normalize("NFC", password)


def test_the_other_texts_of_a_user_have_a_length_each_and_may_be_empty() -> None:
    fitting = {"first_name": "x" * 150, "last_name": "", "email": "x" * 254}
    assert read_user_texts({**fitting, "email": None}) == {"first_name": "x" * 150, "last_name": ""}

    assert refused(read_user_texts, {name: f"{text}{'x' * 150}" for name, text in fitting.items()}) == {
        "first_name": too_long(150),
        "email": too_long(254),
    }


def test_a_new_user_is_called_as_the_name_is_kept() -> None:
    assert check_new_user(DECOMPOSED, "secret", {"email": "zoe@a.example"}) == COMPOSED


def test_all_problems_of_a_new_user_are_reported_at_once() -> None:
    assert refused(check_new_user, " ", "", {"first_name": "\x00", "last_name": "Lee"}) == {
        "username": BLANKS,
        "password": ["This field may not be blank."],
        "first_name": NULLS,
    }


def test_groups_that_exist_are_taken() -> None:
    known = ["sales"]
    check_groups(iter(known), known)

    with pytest.raises(NotFoundError, match=r"^There is no group sale, only admins, sales\.$"):
        check_groups(["sales", "sale"], {"sales", "admins"})
    with pytest.raises(NotFoundError, match=r"^There is no group sales, only none at all\.$"):
        check_groups(known, ())


@pytest.mark.parametrize("value", [None, 5, b"x", ["x"], object()])
def test_what_is_no_text_is_no_name_password_or_permission(value: Any) -> None:
    no_text = ["Not a valid string."]

    assert refused(read_username, value) == {"username": no_text}
    assert refused(read_group_name, value) == {"group": no_text}
    assert refused(check_password, value) == {"password": no_text}
    assert refused(read_permission, value) == {"permission": no_text}
    assert refused(check_new_user, value, "secret", {"email": value or 0}) == {"username": no_text, "email": no_text}
    assert not is_username(value)


@pytest.mark.parametrize("value", ["view_client", b"x", 5, None])
def test_several_names_are_no_text(value: Any) -> None:
    several = [f'Expected a list of items but got type "{type(value).__name__}".']

    assert refused(read_permissions, value) == {"permissions": several}
    assert refused(read_group_names, value) == {"groups": several}
    assert read_permissions(["view_client"]) == ("app.view_client",)
    assert read_group_names({COMPOSED}) == (COMPOSED,)


def test_flags_are_booleans() -> None:
    check_flags(is_superuser=False, is_active=True)

    assert refused(check_flags, is_superuser=1) == {"is_superuser": ["Must be a valid boolean."]}
