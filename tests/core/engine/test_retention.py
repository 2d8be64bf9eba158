"""Which events are folded into a baseline, and that later versions are built from it as before, decision 119."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.engine.retention import Fold, Past, baseline, folds
from crm_core.model.entities import Lead
from crm_core.model.events import RecordedKind
from crm_core.model.records import Key
from crm_core.model.replay import WHOLE_KINDS, replayed
from crm_core.resources import LEADS, RESOURCES, WEBHOOKS, Resource
from crm_core.webhooks.entity import Webhook
from tests.core.histories import history, sequences, stored
from tests.core.knowledge import NOW, made, uid

KINDS: Sequence[RecordedKind] = ("created", "updated", "deleted", "erased", "baseline")
KEY, OTHER = Key("lead", uid(1)), Key("lead", uid(2))


def past(*kinds: RecordedKind, key: Key = KEY, old: int = 99, followed: int = 99) -> list[Past]:
    """Events of a record: the first ``old`` ones are old, those from ``followed`` on can be seen in the feed."""
    return [
        Past(key, number, kind, NOW - timedelta(days=1 if number <= old else -1), number >= followed)
        for number, kind in enumerate(kinds, start=1)
    ]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], []),
        (past("created"), []),
        (past("created", "updated", "updated"), [Fold(KEY, 3, is_gone=False)]),
        (past("created", "updated", "updated", old=2), [Fold(KEY, 2, is_gone=False)]),
        (past("created", "updated", old=1), []),
        (past("created", "updated", old=0), []),
        (past("created", "updated", "updated", followed=3), [Fold(KEY, 2, is_gone=False)]),
        (past("created", "updated", followed=1), []),
        (past("baseline", "updated"), [Fold(KEY, 2, is_gone=False)]),
        (past("baseline"), []),
        (past("created", "deleted"), [Fold(KEY, 2, is_gone=True)]),
        (past("created", "deleted", "created", "updated", old=2), [Fold(KEY, 2, is_gone=True)]),
        (past("created", "deleted", "created", "updated"), [Fold(KEY, 4, is_gone=False)]),
        (past("erased"), [Fold(KEY, 1, is_gone=True)]),
        (past("created", "updated", "erased", old=2), []),
        (past("created", "erased", followed=2), []),
        (
            [*past("created", "updated"), *past("created", key=OTHER), *past("deleted", key=Key("client", uid(3)))],
            [Fold(KEY, 2, is_gone=False), Fold(Key("client", uid(3)), 1, is_gone=True)],
        ),
    ],
)
def test_old_events_that_the_feed_does_not_show_are_folded(events: list[Past], expected: list[Fold]) -> None:
    assert list(folds(events, NOW)) == expected


def test_an_event_of_that_very_time_is_not_older() -> None:
    events = [event._replace(at=NOW) for event in past("created", "updated")]

    assert list(folds(events, NOW)) == []
    assert list(folds(events, NOW + timedelta(microseconds=1))) == [Fold(KEY, 2, is_gone=False)]


@given(kinds=st.lists(st.sampled_from(KINDS), max_size=6), old=st.integers(0, 6), followed=st.integers(1, 7))
def test_what_was_folded_is_not_folded_again(kinds: list[RecordedKind], old: int, followed: int) -> None:
    events = past(*kinds, old=old, followed=followed)
    for fold in folds(events, NOW):
        assert fold.version <= min(old, followed - 1)
        last, rest = events[fold.version - 1], events[fold.version :]
        events = rest if fold.is_gone else [last._replace(kind="baseline"), *rest]

    assert list(folds(events, NOW)) == []


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda each: each.name)
@given(data=st.data())
@settings(max_examples=15)  # of each resource
def test_every_later_version_is_built_from_a_baseline_as_from_all_events(
    resource: Resource, data: st.DataObject
) -> None:
    events, _ = history(resource, data.draw(sequences(resource.entity)))
    whole = [number for number, event in enumerate(events) if event.kind in WHOLE_KINDS]
    start = data.draw(st.sampled_from(whole)) if whole else 0
    end = data.draw(st.integers(start, len(events)))
    made_of = baseline(events[start:end])

    if made_of is None:
        assert start == end or events[end - 1].kind == "deleted"
        return
    kept = stored(made_of)
    assert (kept.kind, kept.version, kept.at, kept.cause) == ("baseline", end, events[end - 1].at, {})
    assert baseline([kept]) == made_of
    for last in range(end, len(events) + 1):
        assert replayed(resource.entity, [kept, *events[end:last]]) == replayed(resource.entity, events[:last])


def test_a_baseline_holds_the_whole_record_and_the_ids_of_its_definitions() -> None:
    [created, renamed], _ = history(LEADS, [made(Lead, 1, name="Jane"), made(Lead, 1, name="Ann")])
    size = {"attributes.size": {"to": 1, "attribute": str(uid(20))}, "attributes.city": {"to": "Rom"}}
    found = baseline([evolve(created, changes={**created.changes, **size}), evolve(renamed, cause={"version": 1})])

    assert found is not None
    assert (found.kind, found.version, found.cause) == ("baseline", 2, {})
    assert found.changes["name"] == {"to": "Ann"}
    assert found.changes["attributes.size"] == {"to": 1, "attribute": str(uid(20))}
    assert found.changes["attributes.city"] == {"to": "Rom"}
    assert not {"attributes", "updated_at", "updated_by"} & set(found.changes)
    assert set(found.changes) >= {"id", "pipeline", "stage", "list_of_tasks", "created_at"}


def test_events_that_do_not_tell_the_whole_record_have_no_baseline() -> None:
    events, _ = history(LEADS, [made(Lead, 1, name="Jane"), made(Lead, 1, name="Ann"), None])

    assert baseline([]) is None
    assert baseline(events[1:2]) is None
    assert baseline(events) is None


def test_a_baseline_of_a_webhook_has_the_names_of_its_headers_alone() -> None:
    hook = made(Webhook, 1, name="x", model="Lead", url="https://a.example/secret", headers={"B": "s", "A": "secret"})
    events, _ = history(WEBHOOKS, [hook])
    found = baseline(events)

    assert found is not None
    assert found.changes["headers"] == {"to": ["A", "B"]}
    assert "secret" not in str(found.changes)
