"""The running decision: what it needs, what it is sent, and the changes it comes to."""

import pytest

from crm_core.engine.changes import Changes
from crm_core.engine.decision_runs import Decision
from crm_core.model.records import Key, Record
from crm_core.rules.needs import Catalog, Known, Needs, Search, Steps, without_needs
from tests.core.knowledge import uid

ONE, TWO = Key("client", uid(1)), Key("client", uid(2))
SEARCH = Search("lead", (("stage", "Open"),))
RECORDS = {key: Record(key, 1, None) for key in (ONE, TWO)}


def needing(*keys: Key) -> Needs:
    return Needs(records=frozenset(keys))


def test_a_decision_without_needs_is_made_at_once() -> None:
    decision = Decision(without_needs(lambda: Changes(answer=ONE)))

    assert not decision.needs
    assert decision.changes == Changes(answer=ONE)


def test_a_step_is_sent_what_it_needs_and_all_that_was_known_before() -> None:
    def decide() -> Steps[Changes]:
        first = yield needing(ONE)
        assert first.records == {ONE: RECORDS[ONE]}
        second = yield needing(TWO)
        assert second.records == RECORDS
        return Changes(answer=TWO)

    decision = Decision(decide)
    for key in (ONE, TWO):
        assert decision.needs == needing(key)
        decision.send(Known(records={key: RECORDS[key]}))

    assert decision.changes.answer == TWO
    assert decision.known.records == RECORDS


def test_a_store_reads_only_what_is_not_known_yet() -> None:
    def decide() -> Steps[Changes]:
        yield needing(ONE)
        yield needing(ONE)
        yield Needs()
        yield Needs(records=frozenset({ONE, TWO}), references=frozenset({ONE}), catalogs={"lead": 3})
        yield Needs(references=frozenset({TWO}), catalogs={"lead": 4}, counts=frozenset({SEARCH}))
        return Changes()

    decision = Decision(decide)
    decision.send(Known(records={ONE: RECORDS[ONE]}))
    assert decision.needs == Needs(records=frozenset({TWO}), catalogs={"lead": 3})
    decision.send(Known(records={TWO: None}, catalogs={"lead": Catalog(3, {}, ())}))
    assert decision.needs == Needs(counts=frozenset({SEARCH}))
    decision.send(Known(counts={SEARCH: 0}))

    assert not decision.needs


def test_there_are_no_changes_while_something_is_needed() -> None:
    def decide() -> Steps[Changes]:
        yield needing(ONE)
        return Changes()

    with pytest.raises(AssertionError, match="must know more"):
        _ = Decision(decide).changes


def test_what_a_step_raises_passes_through() -> None:
    class MyError(Exception):
        pass

    def decide() -> Steps[Changes]:
        yield needing(ONE)
        raise MyError

    decision = Decision(decide)
    with pytest.raises(MyError):
        decision.send(Known(records={ONE: None}))


def test_each_run_begins_with_nothing_known() -> None:
    def decide() -> Steps[Changes]:
        yield needing(ONE)
        return Changes()

    Decision(decide).send(Known(records=RECORDS))

    assert Decision(decide).needs == needing(ONE)
