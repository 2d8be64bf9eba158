"""The forms of texts: stored in NFC, searched and sorted folded (decision 9)."""

# ruff: noqa: RUF001  # letters that are easily taken for others are what it is about

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.input.texts import BLANKS, DOUBLE_LETTERS, SINGLE_LETTERS, fold, is_blank, normal, sorting_key

ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text("aAeEéÉ\u0301\u0323ßẞæÆøØłŁİıIςσΣ\u00a0\t \u200bﬁ´")
EVERY_CHARACTER = "".join(map(chr, range(0x110000)))


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ΟΔΟΣ", "οδοσ"),
        ("οδος", "οδοσ"),
        ("Álvaro", "alvaro"),
        ("A\u0301lvaro", "alvaro"),
        ("Ärger", "arger"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("STRAẞE", "strasse"),
        ("Łódź", "lodz"),
        ("Søren Ærø", "soren aero"),
        ("Đorđe", "dorde"),
        ("Œuvre", "oeuvre"),
        ("Þór Guðmundsson", "thor gudmundsson"),
        ("Ħamrun", "hamrun"),
        ("İSTANBUL ılık", "istanbul ilik"),
        ("Nguyễn", "nguyen"),
        ("Ёлка", "елка"),
        ("ﬁnance №5 Ⅷ", "finance no5 viii"),
        ("ＡＣＭＥ", "acme"),
        ("ｶﾞ", "ガ"),
        ("한국어", "한국어"),
        ("a\u00a0 \t\r\n\u2003\u3000b", "a b"),
        (" a ", " a "),
        ("100% _x\\", "100% _x\\"),
    ],
)  # fmt: skip
def test_a_text_is_looked_up_without_case_accents_and_runs_of_blanks(text: str, folded: str) -> None:
    assert fold(text) == unicodedata.normalize("NFC", folded)


@given(ANY_TEXT)
def test_folding_a_text_again_or_in_another_form_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    for form in ("NFC", "NFD"):
        assert fold(unicodedata.normalize(form, text)) == fold(text)


def test_every_character_folds_to_what_folds_to_itself() -> None:
    changed = {folded for letter in EVERY_CHARACTER if (folded := fold(letter)) != letter}

    assert not [folded for folded in changed if fold(folded) != folded]


def test_letters_are_folded_to_letters_that_stay() -> None:
    originals, folded = SINGLE_LETTERS

    assert len(originals) == len(set(originals)) == len(folded)
    assert not {*originals, *DOUBLE_LETTERS} & {*folded, *"".join(DOUBLE_LETTERS.values())}
    # What Unicode takes apart by itself needs no entry.
    assert all(unicodedata.normalize("NFKD", letter) == letter for letter in (*originals, *DOUBLE_LETTERS))


def test_blanks_are_those_of_unicode_and_of_python() -> None:
    assert re.findall(f"[{BLANKS}]", EVERY_CHARACTER) == list(filter(str.isspace, EVERY_CHARACTER))


@given(ANY_TEXT)
def test_the_stored_form_is_nfc(text: str) -> None:
    assert normal(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "text", ["", " ", "\u00a0\t\n", "\u200b", "\u2060", "\ufeff", "\u00ad", "\u3164\u115f\uffa0", "\u2800 \u034f\ufe0f"]
)
def test_what_shows_nothing_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["x", "\u200bx", "\u0301", "0", "_", "\x00", "\u0600", "\U0001f600"])
def test_what_shows_something_is_not_blank(text: str) -> None:
    assert not is_blank(text)


def test_every_blank_and_every_format_character_is_blank_unless_it_shows() -> None:
    shown = {*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
    hidden = {code for code in range(1, 0x110000) if unicodedata.category(chr(code)) in {"Cc", "Cf", "Zs", "Zl", "Zp"}}

    # Signs that stand under or beside Arabic, Kaithi and Egyptian letters are formats by their category alone.
    assert not [hex(code) for code in hidden - shown if not is_blank(chr(code))]


def test_texts_are_sorted_by_their_folded_form_then_as_they_are() -> None:
    names = ["Zebra", "anna", "Ärger", "Anna", "zebra", "\u00c9a", "eb"]

    assert sorted(names, key=sorting_key) == ["Anna", "anna", "Ärger", "\u00c9a", "eb", "Zebra", "zebra"]


def test_a_sorting_key_fits_into_an_index() -> None:
    folded, text = sorting_key("\ufdfa" * 255)  # the character that NFKD makes longest

    assert (len(folded), len(text)) == (255, 255)
