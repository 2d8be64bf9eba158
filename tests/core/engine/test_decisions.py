"""How records are created, altered and removed; ``Knowledge`` asks each decision twice, since decisions are pure."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from crm_core.engine import decisions
from crm_core.engine.changes import Changes, Put, Remove
from crm_core.engine.validation import validated
from crm_core.errors import InUseError, NotFoundError, VersionConflictError
from crm_core.input.drafts import Draft
from crm_core.model.entities import (
    BUILDING,
    Attribute,
    Client,
    Cohort,
    Enrollment,
    EnrollmentDetail,
    FollowUp,
    Lead,
    Note,
    Pipeline,
    Service,
    Stage,
    TransferRequest,
)
from crm_core.model.records import Key
from crm_core.resources import (
    ATTRIBUTES,
    CLIENTS,
    COHORTS,
    ENROLLMENTS,
    FOLLOW_UPS,
    LEADS,
    PIPELINES,
    RESOURCES,
    SERVICES,
    Resource,
)
from crm_core.rules.needs import Proposal, Steps
from crm_core.webhooks.entity import Condition, Webhook
from tests.core.knowledge import BOB, NOW, Knowledge, answered, calling, made, refused, uid, written

REQUIRED = ["This field is required."]
ACME, OTHER = made(Client, 1, name="Acme"), made(Client, 2, name="Other")
SUMMER = made(Cohort, 3, name_cohort="Summer")
JANE = made(Service, 4, name="Jane", client=uid(1))
DATA = made(Enrollment, 5, cohort=uid(3), pathway_name="Data")
VISIT = made(FollowUp, 6, service=uid(4), follow_up_date=NOW)
DETAIL = made(EnrollmentDetail, 7, enrollment=uid(5), student=uid(4))
REQUEST = made(TransferRequest, 8, student=uid(4), student_name="Jane", cohort_request="Winter")
SALES = made(Pipeline, 9, name="Sales")
LEAD = made(Lead, 10, name="John", pipeline=uid(9), possible_client=uid(1))
ALL = (ACME, OTHER, SUMMER, JANE, DATA, VISIT, DETAIL, REQUEST, SALES, LEAD)
KNOWN = Knowledge(*ALL)


def no_such(id_: object) -> list[str]:
    return [f'Invalid pk "{id_}" - object does not exist.']


def test_a_new_record_has_its_id_its_time_and_its_author() -> None:
    (put,) = written(Knowledge().create(CLIENTS, {"name": " Acme ", "id": str(uid(5)), "created_by": 7})).values()

    assert put.key == Key("client", uid(1000))
    assert put.value == made(Client, 1000, name="Acme", created_at=NOW, created_by=1, updated_at=NOW, updated_by=1)
    assert (put.event.kind, put.event.version) == ("created", 1)


def test_a_follow_up_belongs_to_its_path_and_is_of_now_unless_a_date_is_sent() -> None:
    created = answered(KNOWN.create(FOLLOW_UPS, {"service": str(uid(1))}, parent=uid(4)))
    dated = answered(KNOWN.create(FOLLOW_UPS, {"follow_up_date": "2025-01-01"}, parent=uid(4)))

    assert (created.service, created.follow_up_date, created.created_at) == (uid(4), NOW, NOW)
    assert (dated.follow_up_date, dated.created_at) == (NOW.replace(day=1, hour=0), NOW)


def test_problems_of_fields_references_attributes_and_entries_come_at_once() -> None:
    size = made(Attribute, 20, entity="service", name="size", label="Size", type="number", is_required=True)
    entry = {"id": str(uid(1)), "note": "x"}
    sent = {
        "name": "",
        "client": str(uid(99)),
        "actual_cohort": "x",
        "origin_cohort": str(uid(98)),
        "attributes": {"ghost": 1},
        "list_of_tasks": [{}],
        "list_of_notes": [entry, entry],
    }

    assert refused(Knowledge(size).create, SERVICES, sent) == {
        "name": ["This field may not be blank."],
        "client": no_such(uid(99)),
        "actual_cohort": ["“x” is not a valid UUID."],
        "origin_cohort": no_such(uid(98)),
        "attributes": {"ghost": ["This attribute is not defined."], "size": REQUIRED},
        "list_of_tasks": {"0": {"task": REQUIRED}},
        "list_of_notes": {"1": {"id": ["This field must be unique."]}},
    }


@pytest.mark.parametrize(
    ("data", "text"),
    [(None, "No data provided"), ([], "Invalid data. Expected a dictionary, but got list.")],
)
def test_a_body_that_is_no_object_is_the_only_problem(data: object, text: str) -> None:
    size = made(Attribute, 20, entity="client", name="size", label="Size", type="number", is_required=True)

    assert refused(Knowledge(size).create, CLIENTS, data) == {"non_field_errors": [text]}
    assert refused(KNOWN.patch, CLIENTS, 1, data) == {"non_field_errors": [text]}


def test_problems_of_a_resource_s_own_rules_come_with_the_others() -> None:
    sent = {"name": "", "responsible": 99, "pipeline": str(uid(9)), "stage": "Lost"}

    assert refused(KNOWN.create, LEADS, sent) == {
        "name": ["This field may not be blank."],
        "responsible": no_such(99),
        "stage": ['"Lost" is not a valid choice.'],
    }
    assert refused(KNOWN.patch, LEADS, 10, sent) == refused(KNOWN.create, LEADS, sent)


@pytest.mark.parametrize("id_", [0, -1, 2**63, 10**400, pytest.param(10**5_000, id="5001 digits")])
def test_a_user_that_cannot_be_is_one_that_does_not_exist(id_: int) -> None:
    found = refused(KNOWN.create, LEADS, {"name": "x", "responsible": id_})["responsible"]

    assert found[0].endswith("object does not exist.")


def test_references_can_be_set_and_cleared() -> None:
    assert answered(KNOWN.patch(LEADS, 10, {"possible_client": str(uid(2))})).possible_client == uid(2)
    assert answered(KNOWN.patch(LEADS, 10, {"possible_client": None, "responsible": ""})).possible_client is None


def test_a_change_sets_what_is_sent_and_keeps_the_rest() -> None:
    (put,) = written(KNOWN.patch(SERVICES, 4, {"origin_cohort": str(uid(3))})).values()

    assert put.value == evolve(JANE, origin_cohort=uid(3), updated_at=NOW, updated_by=2)
    assert (put.event.kind, put.event.version) == ("updated", 4)


def test_a_record_that_is_not_there_is_not_found_whatever_was_sent() -> None:
    def edit(_: object) -> Draft:
        raise AssertionError("nobody asks")

    for resource in RESOURCES.values():
        with pytest.raises(NotFoundError, match=r"^Not found\.$"):
            KNOWN.apply(resource, 99, edit)
        with pytest.raises(NotFoundError):
            KNOWN.remove(resource, 99)
    with pytest.raises(NotFoundError):
        KNOWN.patch(CLIENTS, 99, {"name": ""})


def test_a_parent_that_is_not_there_is_not_found_whatever_was_sent() -> None:
    with pytest.raises(NotFoundError):
        KNOWN.create(FOLLOW_UPS, {"follow_up_date": "soon"}, parent=uid(99))


def test_a_record_is_found_inside_its_own_parent_only() -> None:
    assert answered(KNOWN.apply(FOLLOW_UPS, 6, lambda _: Draft({"comment": "x"}), parent=uid(4))).comment == "x"
    with pytest.raises(NotFoundError):
        KNOWN.apply(FOLLOW_UPS, 6, lambda _: Draft({"comment": "x"}), parent=uid(99))
    with pytest.raises(NotFoundError):
        KNOWN.remove(FOLLOW_UPS, 6, parent=uid(99))


def removed(known: Knowledge, resource: Resource, number: int) -> list[tuple[str, Any, str, int]]:
    changes = known.remove(resource, number)
    assert changes.answer is None
    assert all(isinstance(write, Remove) for write in changes.writes)
    return [(each.key.resource, each.key.id, each.event.kind, each.event.version) for each in changes.writes]


def test_what_belongs_to_a_record_goes_with_it_first_and_each_has_its_event() -> None:
    gone = removed(KNOWN, SERVICES, 4)

    assert gone[-1] == ("service", uid(4), "deleted", 4)
    assert sorted(gone[:-1]) == [
        ("enrollment_detail", uid(7), "deleted", 4),
        ("follow_up", uid(6), "deleted", 4),
        ("transfer_request", uid(8), "deleted", 4),
    ]
    assert removed(KNOWN, ENROLLMENTS, 5) == [
        ("enrollment_detail", uid(7), "deleted", 4),
        ("enrollment", uid(5), "deleted", 4),
    ]


def hook(number: int, model: str, **more: Any) -> Webhook:
    url = "https://a.example/{id}"
    webhook: Webhook = made(Webhook, number, name="w", model=model, url=url, events=("deleted",), **more)
    return webhook


def told(changes: Changes) -> list[tuple[UUID, UUID, str, int]]:
    return sorted((each.webhook, each.record, each.type, each.version) for each in changes.deliveries)


def test_a_removal_tells_the_webhooks_of_everything_that_goes() -> None:
    known = Knowledge(*ALL, hook(21, "Service"), hook(22, "FollowUp"), hook(23, "Lead"))

    assert told(known.remove(SERVICES, 4)) == [
        (uid(21), uid(4), "service.deleted", 4),
        (uid(22), uid(6), "follow_up.deleted", 4),
    ]


def test_each_webhook_whose_conditions_hold_is_told_of_a_change() -> None:
    events = ("created", "updated")
    acme = Condition(field="name", operator="=", value="Acme")
    hooks = [evolve(hook(20 + n, "Lead"), events=events, conditions=(acme,) * (n == 3)) for n in (1, 2, 3)]
    known = Knowledge(*ALL, *hooks)

    assert told(known.patch(LEADS, 10, {"name": "Acme"})) == [
        (uid(n), uid(10), "lead.updated", 4) for n in (21, 22, 23)
    ]
    assert told(known.create(LEADS, {"name": "New"})) == [(uid(n), uid(1000), "lead.created", 1) for n in (21, 22)]
    assert told(known.patch(LEADS, 10, {"name": "John"})) == []  # which changes nothing
    assert told(known.remove(LEADS, 10)) == []


def test_leads_whose_stage_is_renamed_are_told_of_one_by_one() -> None:
    stages = (made(Stage, 1, name="Open"), made(Stage, 2, name="Won"))
    leads = [evolve(LEAD, id=uid(n), stage="Open" if n < 42 else "Won") for n in (40, 41, 42)]
    known = Knowledge(ACME, evolve(SALES, stages=stages), *leads, evolve(hook(21, "Lead"), events=("updated",)))
    renamed = known.patch(
        PIPELINES, 9, {"stages": [{"id": str(uid(1)), "name": "New"}, {"id": str(uid(2)), "name": "Won"}]}
    )

    assert told(renamed) == [(uid(21), uid(n), "lead.updated", 4) for n in (40, 41)]


def test_what_nothing_refers_to_goes_alone() -> None:
    lead_hook, size = (
        made(Webhook, 20, name="x", model="Lead", url="https://a.example/"),
        made(Attribute, 21, entity="lead", name="size", label="Size", type="text", is_required=True),
    )
    known = Knowledge(*ALL, lead_hook, size)

    for resource, number in (("client", 2), ("lead", 10), ("follow_up", 6), ("webhook", 20), ("attribute", 21)):
        assert removed(known, RESOURCES[resource], number) == [(resource, uid(number), "deleted", 4)]


@pytest.mark.parametrize(
    ("resource", "number", "more", "text"),
    [
        (CLIENTS, 1, (), "This client is referred to by 1 service and 1 lead."),
        (CLIENTS, 1, (evolve(JANE, id=uid(30)),), "This client is referred to by 2 services and 1 lead."),
        (PIPELINES, 9, (), "This pipeline is referred to by 1 lead."),
        (COHORTS, 3, (), "This cohort is referred to by 1 enrollment."),
        (COHORTS, 3, (evolve(JANE, id=uid(30), actual_cohort=uid(3)), evolve(JANE, id=uid(31), origin_cohort=uid(3))),
         "This cohort is referred to by 2 services and 1 enrollment."),
        (COHORTS, 3, (evolve(JANE, id=uid(30), actual_cohort=uid(3), origin_cohort=uid(3)),),
         "This cohort is referred to by 1 service and 1 enrollment."),
    ],
)  # fmt: skip
def test_what_others_refer_to_cannot_be_deleted_and_they_are_counted(
    resource: Resource, number: int, more: tuple[object, ...], text: str
) -> None:
    with pytest.raises(InUseError) as caught:
        Knowledge(*ALL, *more).remove(resource, number)

    assert str(caught.value) == text


def test_each_record_is_written_once_in_a_commit() -> None:
    for resource, number in (("service", 4), ("enrollment", 5), ("follow_up", 6)):
        keys = [write.key for write in KNOWN.remove(RESOURCES[resource], number).writes]
        assert len(keys) == len(set(keys))


BEING_BUILT = made(
    Attribute, 20, entity="lead", name="code", label="Code", type="text", is_unique=BUILDING, updated_at=NOW
)


@pytest.mark.parametrize("is_built", [True, False])
def test_an_attribute_is_unique_once_its_index_is_built_at_the_time_of_its_last_change(*, is_built: bool) -> None:
    key, later = Key("attribute", uid(20)), evolve(calling(BOB), now=NOW + timedelta(hours=1))
    changes = Knowledge(BEING_BUILT).run(partial(decisions.finish_unique, later, key, is_built=is_built))

    (put,) = changes.writes
    assert isinstance(put, Put)
    assert put.value == evolve(BEING_BUILT, is_unique=is_built, updated_by=BOB.id)
    assert (put.event.version, put.event.at) == (4, NOW)


def test_an_attribute_that_is_gone_or_not_being_built_is_left_as_it_is() -> None:
    key = decisions.key_of(ATTRIBUTES, uid(20))
    for known in (Knowledge(), Knowledge(evolve(BEING_BUILT, is_unique=False))):
        assert known.run(partial(decisions.finish_unique, calling(), key, is_built=True)) == Changes()


def test_a_record_has_the_version_that_is_expected_or_is_not_touched() -> None:
    key = Key("client", uid(2))
    assert KNOWN.run(partial(decisions.delete, CLIENTS, calling(), key, None, frozenset({2, 3}))).writes

    with pytest.raises(VersionConflictError) as caught:
        KNOWN.run(partial(decisions.delete, CLIENTS, calling(), key, None, frozenset({2, 4})))
    assert caught.value.version == 3


@pytest.mark.parametrize("parent", [None, "4", 4])
def test_a_record_inside_another_needs_the_id_of_its_owner(parent: object) -> None:
    with pytest.raises(NotFoundError):
        KNOWN.create(FOLLOW_UPS, {}, parent=parent)


def test_a_record_that_comes_back_keeps_its_entries_and_may_refer_to_what_comes_back_with_it() -> None:
    note = made(Note, 50, note="x", user_id=99)
    sent = {"id": uid(1000), "name": "Jane", "client": uid(99), "list_of_notes": (note,)}
    proposal = Proposal(who=calling(), before=None, sent={**sent, "attributes": {}})
    found = dict[str, object]()

    def decide(restored_with: frozenset[object]) -> Steps[Changes]:
        found.update((yield from validated(SERVICES, proposal, Draft(proposal.sent, restored_with=restored_with))))
        return Changes()

    Knowledge().run(partial(decide, frozenset({Key("client", uid(99))})))
    assert found == proposal.sent
    assert refused(Knowledge().run, partial(decide, frozenset[object]())) == {"client": no_such(uid(99))}
