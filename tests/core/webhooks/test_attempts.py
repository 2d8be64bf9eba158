"""Outcomes of attempts, whose texts come from strangers."""

from hypothesis import given
from hypothesis import strategies as st

from crm_core.webhooks.attempts import Outcome


@given(st.text())
def test_texts_of_an_outcome_are_short_and_can_be_stored_anywhere(text: str) -> None:
    outcome = Outcome(error=text + "\0\ud800\x1b", answer=text * 1000)

    for kept in (outcome.error, outcome.answer):
        assert len(kept) <= 1_024
        kept.encode()
        assert not set(kept) & set("\0\x1b\x7f")


def test_texts_of_an_outcome_are_else_left_as_they_are() -> None:
    assert Outcome(answer='{"é": "日本"}\n\tok').answer == '{"é": "日本"}\n\tok'
