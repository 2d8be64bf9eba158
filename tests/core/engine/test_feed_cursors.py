"""Cursors of the change feed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.engine.feed_cursors import BITS, hidden_from, read_feed_cursor, write_feed_cursor
from crm_core.errors import CursorGoneError, InvalidError
from crm_core.model.feed import Position
from crm_core.resources import RESOURCES

ALL = frozenset(RESOURCES)
NUMBERS = st.integers(0, 2**63 - 1)
POSITIONS = st.builds(Position, NUMBERS, st.binary(min_size=4, max_size=4), st.none() | st.tuples(NUMBERS, NUMBERS))


def test_every_resource_has_a_bit_in_cursors() -> None:
    assert set(RESOURCES) <= set(BITS)


@given(position=POSITIONS, visible=st.frozensets(st.sampled_from(sorted(ALL))))
def test_a_cursor_is_read_as_it_was_written(position: Position, visible: frozenset[str]) -> None:
    assert read_feed_cursor(write_feed_cursor(position, hidden_from(visible)), visible) == position


@given(position=POSITIONS, visible=st.frozensets(st.sampled_from(sorted(ALL))))
def test_a_cursor_is_gone_if_more_can_be_seen_and_good_if_less(position: Position, visible: frozenset[str]) -> None:
    cursor = write_feed_cursor(position, hidden_from(visible))
    assert read_feed_cursor(cursor, frozenset()) == position
    if visible != ALL:
        with pytest.raises(CursorGoneError):
            read_feed_cursor(cursor, ALL)


@given(position=POSITIONS, data=st.data())
def test_an_altered_cursor_is_gone(position: Position, data: st.DataObject) -> None:
    cursor = write_feed_cursor(position, hidden_from(ALL))
    place = data.draw(st.integers(2, len(cursor) - 2))
    altered = (
        cursor[:place]
        + data.draw(st.sampled_from("AQgw-_09").filter(lambda c: c != cursor[place]))
        + cursor[place + 1 :]
    )
    with pytest.raises(CursorGoneError):
        read_feed_cursor(altered, ALL)


@given(text=st.text() | st.text("AQgw"))
def test_other_texts_are_no_cursors(text: str) -> None:
    with pytest.raises((InvalidError, CursorGoneError)):
        read_feed_cursor(text, ALL)
