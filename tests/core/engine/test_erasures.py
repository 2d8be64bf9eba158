"""What an erasure writes and which webhooks learn of it, decision 117."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from crm_core.engine.changes import Changes, Copy, Remove
from crm_core.engine.erasures import Erasure, ReappearedError, erase
from crm_core.errors import InUseError, NotFoundError, VersionConflictError
from crm_core.model.entities import Client, Cohort, Enrollment, EnrollmentDetail, FollowUp, Lead, Service
from crm_core.model.plain_values import plain
from crm_core.model.records import Key, Versions
from crm_core.resources import RESOURCES
from crm_core.webhooks.entity import Condition, Webhook
from tests.core.knowledge import NOW, Knowledge, calling, made, uid

ACME = made(Client, 1, name="Acme")
JANE = made(Service, 4, name="Jane", client=uid(1))
VISIT = made(FollowUp, 6, service=uid(4), follow_up_date=NOW)
SUMMER, DATA = made(Cohort, 3, name_cohort="Summer"), made(Enrollment, 5, cohort=uid(3), pathway_name="Data")
DETAIL = made(EnrollmentDetail, 7, enrollment=uid(5), student=uid(4))
LEAD = made(Lead, 10, name="John")
ALL = (ACME, JANE, VISIT, SUMMER, DATA, DETAIL, LEAD)


def erased(
    known: Knowledge,
    key: Key,
    *,
    parent: object = None,
    gone: Mapping[Key, int] | None = None,
    expected: Versions = None,
    copies: tuple[Copy, ...] = (),
) -> Changes:
    erasure = Erasure(RESOURCES[key.resource], key, parent, gone or {}, copies)
    return known.run(partial(erase, calling(), erasure, expected))


def removes(changes: Changes) -> list[tuple[Key, int, bool]]:
    """The keys, versions and whether the record is stored; all events are erasures without values."""
    writes = [write for write in changes.writes if isinstance(write, Remove)]
    assert len(writes) == len(changes.writes)
    assert all(write.event.kind == "erased" and not write.event.changes for write in writes)
    assert all((write.event.resource, write.event.record) == write.key for write in writes)
    assert [write.event for write in writes] == changes.erasures
    return [(write.key, write.event.version, write.is_stored) for write in writes]


def test_a_record_is_erased_after_what_belongs_to_it() -> None:
    found = removes(erased(Knowledge(*ALL), Key("service", uid(4))))

    assert sorted(found[:-1]) == [
        (Key("enrollment_detail", uid(7)), 4, True),
        (Key("follow_up", uid(6)), 4, True),
    ]
    assert found[-1] == (Key("service", uid(4)), 4, True)


def test_the_event_names_who_erased_and_when() -> None:
    [event] = erased(Knowledge(*ALL), Key("lead", uid(10)), expected=frozenset({3})).erasures

    assert (event.actor, event.actor_name, event.request_id, event.at) == (1, "Ann Lee", "r-1", NOW)


def test_what_was_deleted_before_is_erased_too_once() -> None:
    gone = {Key("follow_up", uid(30)): 7, Key("enrollment_detail", uid(31)): 2, Key("follow_up", uid(6)): 1}
    found = removes(erased(Knowledge(JANE, VISIT), Key("service", uid(4)), gone=gone))

    assert found == [
        (Key("follow_up", uid(6)), 4, True),
        (Key("service", uid(4)), 4, True),
        (Key("enrollment_detail", uid(31)), 3, False),
        (Key("follow_up", uid(30)), 8, False),
    ]


def test_a_deleted_record_can_be_erased_with_what_was_deleted_with_it() -> None:
    gone = {Key("service", uid(4)): 5, Key("follow_up", uid(6)): 2}

    assert removes(erased(Knowledge(ACME), Key("service", uid(4)), gone=gone)) == [
        (Key("follow_up", uid(6)), 3, False),
        (Key("service", uid(4)), 6, False),
    ]


def test_a_deleted_record_has_no_version_that_could_be_expected() -> None:
    with pytest.raises(VersionConflictError) as caught:
        erased(Knowledge(), Key("lead", uid(10)), gone={Key("lead", uid(10)): 5}, expected=frozenset({5}))

    assert caught.value.version == 5


def test_a_record_that_came_back_is_looked_at_again() -> None:
    with pytest.raises(ReappearedError):
        erased(Knowledge(LEAD), Key("lead", uid(10)), gone={Key("lead", uid(10)): 5})


def test_the_rules_of_a_delete_hold() -> None:
    known = Knowledge(*ALL)

    with pytest.raises(NotFoundError):
        erased(known, Key("lead", uid(11)))
    with pytest.raises(NotFoundError):
        erased(known, Key("follow_up", uid(6)), parent=uid(99))
    with pytest.raises(VersionConflictError):
        erased(known, Key("lead", uid(10)), expected=frozenset({2}))
    with pytest.raises(InUseError, match=r"^This client is referred to by 1 service\.$"):
        erased(known, Key("client", uid(1)))


def test_records_without_a_catalog_and_their_copies_are_erased() -> None:
    copies = (Copy(Key("transfer_request", uid(8)), "student_name"),)
    changes = erased(Knowledge(*ALL), Key("enrollment_detail", uid(7)), copies=copies)

    assert removes(changes) == [(Key("enrollment_detail", uid(7)), 4, True)]
    assert changes.copies == copies
    assert changes.deliveries == ()


def hook(number: int, model: str, **more: Any) -> Webhook:
    values: dict[str, Any] = {"name": "w", "model": model, "url": "https://a.example/{id}", "events": ("deleted",)}
    webhook: Webhook = made(Webhook, number, **(values | more))
    return webhook


def test_webhooks_of_deletions_learn_the_id_alone_whatever_their_conditions() -> None:
    never = Condition(field="name", operator="=", value="nobody")
    hooks = (hook(21, "Service", conditions=(never,)), hook(22, "FollowUp"), hook(23, "Service", events=("created",)))
    changes = erased(Knowledge(JANE, *hooks), Key("service", uid(4)), gone={Key("follow_up", uid(6)): 2})

    assert [(each.webhook, each.record, each.type, each.version, each.url) for each in changes.deliveries] == [
        (uid(21), uid(4), "service.erased", 4, f"https://a.example/{uid(4)}"),
        (uid(22), uid(6), "follow_up.erased", 3, f"https://a.example/{uid(6)}"),
    ]
    assert plain(changes.deliveries[0].body) == {
        "type": "service.erased",
        "timestamp": "2025-01-15T10:00:00Z",
        "data": {"id": str(uid(4))},
        "changes": {},
    }
