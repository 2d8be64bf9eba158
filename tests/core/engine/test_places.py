"""Places in lists that are in the order of times and ids, as deliveries and tokens are; and the size of their pages."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import attrs
import pytest

from crm_core.engine.cursors import pack, read_place, write_place
from crm_core.engine.query_strings import MAX_PAGE_SIZE, page_limit
from crm_core.errors import InvalidError, Problem, flatten
from crm_core.input.drafts import read_parameters
from crm_core.input.readers import ReadContext, no_id

AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)
ID = UUID("01890000-0000-7000-8000-000000000001")


def test_a_place_is_read_as_it_was_written() -> None:
    assert read_place(write_place(AT, ID)) == (AT, ID)
    elsewhere = AT.astimezone(timezone(timedelta(hours=2)))
    assert read_place(write_place(elsewhere, ID)) == (AT, ID)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "",
        "é",
        pack(AT.isoformat()),
        pack(AT.isoformat(), str(ID), "more"),
        pack(AT.isoformat(), str(ID)) + "!!!!",
        pack("yesterday", str(ID)),
        pack(AT.isoformat(), "5"),
        pack(None, str(ID)),
        "W" * 2_000,
    ],
)
def test_what_is_no_place_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidError) as refused:
        read_place(cursor)
    assert refused.value.problems == {"cursor": (Problem("invalid", "Invalid cursor"),)}


def _read_limit(params: Mapping[str, str]) -> int:
    @attrs.frozen
    class Listing:
        limit: int = page_limit(50)

    limit: int = read_parameters(Listing, params, ReadContext(no_id))["limit"]
    return limit


def test_a_page_has_between_one_and_a_thousand_items() -> None:
    assert [_read_limit({"limit": str(number)}) for number in (1, 2, MAX_PAGE_SIZE)] == [1, 2, 1_000]
    for number, problem in (
        (0, "limit: Ensure this value is greater than or equal to 1."),
        (-1, "limit: Ensure this value is greater than or equal to 1."),
        (1_001, "limit: Ensure this value is less than or equal to 1000."),
    ):
        with pytest.raises(InvalidError) as refused:
            _read_limit({"limit": str(number)})
        assert list(flatten(refused.value.problems)) == [problem]


@pytest.mark.parametrize("blank", ["", " ", "\x17", "\u3000\u200b"])
def test_a_blank_parameter_is_none(blank: str) -> None:
    assert _read_limit({"limit": blank}) == 50
