from collections.abc import Mapping
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.bulk.outcomes import Outcome, OutcomeKind, read_outcomes, write_outcomes
from crm_core.errors import (
    CrmError,
    InUseError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
    Problem,
    Problems,
    VersionConflictError,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PROBLEM_LISTS = st.lists(st.builds(Problem, TEXTS, TEXTS), max_size=3).map(tuple)
PROBLEMS: st.SearchStrategy[Problems] = st.recursive(
    PROBLEM_LISTS, lambda inner: st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5
)
ERRORS: st.SearchStrategy[CrmError] = st.one_of(
    st.builds(InvalidError, st.dictionaries(TEXTS, PROBLEMS, max_size=3)),
    st.builds(VersionConflictError, st.integers(0, 2**63 - 1)),
    st.builds(NotFoundError, TEXTS),
    st.builds(InUseError, TEXTS),
    st.builds(PermissionDeniedError, TEXTS),
)
KINDS: tuple[OutcomeKind, ...] = ("created", "updated", "deleted", "unchanged", "refused")
OUTCOMES = st.builds(
    Outcome,
    st.sampled_from(KINDS),
    st.none() | st.uuids(),
    st.none() | st.integers(1, 2**63 - 1),
    st.none() | ERRORS,
)


def said(error: CrmError | None) -> object:
    """What clients learn of an error."""
    values = getattr(error, "problems", None), getattr(error, "version", None)
    return type(error), str(error), values


@given(st.lists(OUTCOMES, max_size=4).map(tuple))
def test_outcomes_are_read_as_they_were_written(outcomes: tuple[Outcome, ...]) -> None:
    read = read_outcomes(write_outcomes(outcomes))
    assert [(each.kind, each.id, each.version) for each in read] == [
        (each.kind, each.id, each.version) for each in outcomes
    ]
    assert [said(each.error) for each in read] == [said(each.error) for each in outcomes]


def test_outcomes_are_kept_as_short_json() -> None:
    problems: Mapping[str, Problems] = {
        "name": (Problem("blank", "Blank."),),
        "tasks": {"0": (Problem("null", "Null."),)},
    }
    outcomes = (
        Outcome("created", UUID(int=1), 1),
        Outcome("refused", None, error=InvalidError(problems)),
        Outcome("refused", UUID(int=2), error=VersionConflictError(7)),
        Outcome("refused", UUID(int=3), error=NotFoundError()),
    )
    assert write_outcomes(outcomes).decode() == (
        '[["created","00000000-0000-0000-0000-000000000001",1,null],'
        '["refused",null,null,["InvalidError",{"name":[["blank","Blank."]],"tasks":{"0":[["null","Null."]]}}]],'
        '["refused","00000000-0000-0000-0000-000000000002",null,["VersionConflictError",7]],'
        '["refused","00000000-0000-0000-0000-000000000003",null,["NotFoundError","Not found."]]]'
    )


@pytest.mark.parametrize("body", [b"[]", write_outcomes(())])
def test_no_operations_have_no_outcomes(body: bytes) -> None:
    assert read_outcomes(body) == ()
