import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.tables.formula_guard import guard, guard_apostrophes, unguard

_TRICKY = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20'a1 "


@given(st.text() | st.text(_TRICKY))
def test_what_was_guarded_is_read_back_exactly(text: str) -> None:
    assert unguard(guard(text)) == text
    assert unguard(guard_apostrophes(text)) == text


@given(st.text(min_size=1) | st.text(_TRICKY, min_size=1))
def test_a_cell_that_no_spreadsheet_takes_for_a_formula_is_the_form_of_one_text(cell: str) -> None:
    if not re.match("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", cell):
        assert guard(unguard(cell)) == cell


def test_no_two_short_texts_have_the_same_guarded_form() -> None:
    texts = ["".join(letters) for length in range(6) for letters in product("=-'a\n", repeat=length)]

    assert len({guard(text) for text in texts}) == len(texts)


@given(st.text() | st.text(_TRICKY))
def test_no_guarded_text_begins_like_a_formula_or_is_empty(text: str) -> None:
    assert guard(text)
    assert not re.match("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", guard(text))


@pytest.mark.parametrize("cell", ["'+49 30 1234", "'=1+1", "'-5", "'@home"])
def test_the_quote_that_other_programs_put_before_a_formula_is_dropped(cell: str) -> None:
    assert unguard(cell) == cell[1:]
