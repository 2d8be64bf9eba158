from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.bulk.operations import BULK_RESOURCES, MAX_OPERATIONS, MEMBERS, BulkTask, ReadOperation, read_operations
from crm_core.bulk.upserts import Stored
from crm_core.errors import IS_REQUIRED, InvalidError
from crm_core.input.json_values import MAX_DEPTH
from crm_core.model.entities import Attribute
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, CLIENTS, COHORTS, FOLLOW_UPS, SERVICES, Resource
from crm_core.rules.needs import UniqueAttribute, UniqueValue
from tests.core.knowledge import JSON_LIKE, context, nested, uid

CODE = Attribute(id=uid(1), name="code", label="Code", type="text", entity="client", is_unique=True)
CITY = Attribute(id=uid(2), name="city", label="City", type="text", entity="client")
KEY = Attribute(id=uid(3), name="key", label="Key", type="text", entity="follow_up", is_unique=True)
STORED = Stored(
    {"client": {"code": CODE, "city": CITY}, "follow_up": {"key": KEY}},
    {
        UniqueValue(UniqueAttribute("client", "code", "text"), "a"): uid(1),
        UniqueValue(UniqueAttribute("client", "code", "text"), "b"): None,
        UniqueValue(UniqueAttribute("follow_up", "key", "text"), "k"): uid(5),
    },
)


def read(*operations: object, resource: Resource = CLIENTS, strict: bool = False) -> Sequence[ReadOperation]:
    """Operations as they are read; the ids of new records and of items in them are 1001, 1002 and so on."""
    return read_operations(resource, {"operations": operations}, context(strict=strict), STORED)


def task_of(operation: ReadOperation) -> BulkTask:
    assert isinstance(operation.task, BulkTask), operation.task
    return operation.task


def one(operation: object, resource: Resource = CLIENTS) -> BulkTask:
    return task_of(read(operation, resource=resource)[0])


def values_of(task: BulkTask) -> Mapping[str, object]:
    assert task.draft is not None
    assert not task.draft.problems
    return task.draft.values


def refusal(operation: ReadOperation) -> Mapping[str, Any]:
    assert isinstance(operation.task, InvalidError), operation.task
    return operation.task.problems


def codes(operation: ReadOperation) -> Mapping[str, list[str]]:
    return {name: [each.code for each in problems] for name, problems in refusal(operation).items()}


def upsert(code: str, /, **fields: object) -> Mapping[str, object]:
    return {"op": "upsert", "by": "code", "data": {"name": "Ann", "attributes": {"code": code}, **fields}}


def test_a_create_has_a_new_key_and_its_fields() -> None:
    task = one({"op": "create", "data": {"name": "Ann"}})
    assert (task.op, task.key, task.parent, task.expected, task.refs) == (
        "create",
        Key("client", uid(1001)),
        None,
        None,
        {},
    )
    assert values_of(task) == {"name": "Ann"}


def test_a_change_names_its_record_and_its_version() -> None:
    task = one({"op": "update", "id": str(uid(1)), "if_match": 4, "data": {"name": "Ann"}})
    assert (task.op, task.key, task.expected) == ("update", Key("client", uid(1)), frozenset({4}))
    assert values_of(task) == {"name": "Ann"}


def test_a_merge_changes_the_members_that_are_sent() -> None:
    data = {"attributes": {"city": "Ulm"}}
    drafts = [one({"op": op, "id": str(uid(1)), "data": data}).draft for op in ("merge", "update")]
    assert [draft.merges for draft in drafts if draft] == [{"attributes"}, frozenset()]


def test_a_delete_has_no_fields() -> None:
    task = one({"op": "delete", "id": str(uid(1))})
    assert (task.op, task.key, task.draft) == ("delete", Key("client", uid(1)), None)


@pytest.mark.parametrize("version", [7, "7", '"7"', ' "7" '])
def test_a_version_can_be_in_quotes_as_an_entity_tag_is(version: object) -> None:
    assert one({"op": "delete", "id": str(uid(1)), "if_match": version}).expected == frozenset({7})


def test_members_that_are_null_are_left_out() -> None:
    task = one({"op": "create", "data": {"name": "Ann"}, "ref": None, "if_match": None, "resource": None})
    assert (task.resource, task.expected) == (CLIENTS, None)


def test_an_operation_can_be_about_another_resource_than_the_path() -> None:
    [cohort, client] = read({"op": "create", "resource": "cohorts", "data": {"name_cohort": "C"}}, upsert("b"))
    assert task_of(cohort).resource is COHORTS
    assert task_of(cohort).key.resource == "cohort"
    assert task_of(client).resource is CLIENTS


@pytest.mark.parametrize(
    ("op", "members", "verbs"),
    [
        ("create", {"data": {"name": "Ann"}}, ["add"]),
        ("update", {"id": str(uid(1)), "data": {}}, ["change"]),
        ("merge", {"id": str(uid(1)), "data": {}}, ["change"]),
        ("delete", {"id": str(uid(1))}, ["delete"]),
        ("update", {"id": str(uid(1))}, []),
    ],
)
def test_an_operation_needs_the_permission_of_its_action(
    op: str, members: Mapping[str, object], verbs: Sequence[str]
) -> None:
    [operation] = read({"op": op, **members})
    assert operation.verbs == tuple(CLIENTS.permission(verb) for verb in verbs)
    assert operation.one_of == ()


def test_an_upsert_needs_the_permission_of_what_it_does_and_any_of_both_before_that_is_known() -> None:
    found, new, refused = read(upsert("a"), upsert("b"), upsert(" "))
    add, change = CLIENTS.permission("add"), CLIENTS.permission("change")
    assert [each.verbs for each in (found, new, refused)] == [(change,), (add,), (add, change)]
    assert {each.one_of for each in (found, new, refused)} == {(add, change)}


def test_an_upsert_changes_the_record_that_has_the_value_or_creates_one() -> None:
    found, new = (task_of(each) for each in read(upsert("a", list_of_tasks=[]), upsert("b")))
    assert (found.op, found.key) == ("update", Key("client", uid(1)))
    assert values_of(found) == {"name": "Ann", "list_of_tasks": ()}
    assert (new.op, new.key) == ("create", Key("client", uid(1001)))
    assert values_of(new) == {"name": "Ann", "attributes": {"code": "b"}}


def test_an_upsert_with_more_attributes_sets_them_all() -> None:
    task = one(upsert("a", attributes={"code": "a", "city": "Ulm"}))
    assert values_of(task)["attributes"] == {"code": "a", "city": "Ulm"}


def test_an_upsert_finds_the_record_of_an_earlier_operation() -> None:
    created, found = read({"op": "create", "data": {"name": "Bob", "attributes": {"code": "B"}}}, upsert("b"))
    for each in (created, found):
        assert "repeated" in {code for listed in codes(each).values() for code in listed}
    assert list(refusal(created)) == ["non_field_errors"]
    assert list(refusal(found)) == ["by"]


def test_an_upsert_of_data_that_is_no_object_is_refused_by_its_reader() -> None:
    task = one({"op": "upsert", "by": "code", "data": "Ann"})
    assert (task.op, task.place) == ("create", None)
    assert task.draft is not None
    assert task.draft.problems


def test_without_the_answers_of_the_store_no_attribute_is_unique() -> None:
    [operation] = read_operations(CLIENTS, {"operations": [upsert("a")]}, context())
    assert codes(operation) == {"by": ["not_unique"]}


def test_the_parent_of_a_new_record_is_one_of_its_fields() -> None:
    task = one({"op": "create", "data": {"service": str(uid(7)), "comment": "x"}}, FOLLOW_UPS)
    assert task.parent == uid(7)
    assert values_of(task) == {"comment": "x"}
    entity = one({"op": "create", "data": {"entity": "lead", "name": "x", "label": "X", "type": "text"}}, ATTRIBUTES)
    assert entity.parent == "lead"
    [operation] = read({"op": "create", "data": {"comment": "x"}}, resource=FOLLOW_UPS)
    assert refusal(operation) == {"service": (IS_REQUIRED,)}


def test_an_upsert_can_name_the_parent_of_the_record_that_it_finds() -> None:
    data = {"attributes": {"key": "k"}, "comment": "x"}
    tasks = [
        one({"op": "upsert", "by": "key", "data": each}, FOLLOW_UPS)
        for each in (data, {**data, "service": str(uid(7))})
    ]
    assert [(task.op, task.parent) for task in tasks] == [("update", None), ("update", uid(7))]
    assert all(values_of(task) == {"comment": "x"} for task in tasks)


def test_a_ref_is_the_record_of_an_earlier_operation() -> None:
    client, service = read(
        {"op": "create", "data": {"name": "Ann"}, "ref": "ann"},
        {"op": "create", "resource": "services", "data": {"name": "S", "client": {"ref": "ann"}}},
    )
    assert task_of(service).refs == {"client": 0}
    assert values_of(task_of(service))["client"] == task_of(client).key.id


def test_a_ref_to_an_operation_that_is_refused_is_known_all_the_same() -> None:
    refused, service = read(
        {"op": "update", "id": str(uid(1)), "data": {"x": {"ref": 1}}, "ref": "ann", "resource": "services"},
        {"op": "create", "data": {"name": "S", "client": {"ref": "bob"}}, "ref": "cat"},
        resource=SERVICES,
    )
    assert task_of(refused).key == Key("service", uid(1))
    assert codes(service) == {"client": ["unknown"]}
    unread, later = read(
        {**upsert(" "), "ref": "ann"},
        {"op": "update", "resource": "services", "id": str(uid(1)), "data": {"client": {"ref": "ann"}}},
    )
    assert codes(unread) == {"by": ["invalid"]}
    assert task_of(later).refs == {"client": 0}


def test_a_ref_is_given_once() -> None:
    create = {"op": "create", "data": {"name": "Ann"}, "ref": "ann"}
    assert [type(each.task) for each in read(create, create)] == [BulkTask, InvalidError]
    assert codes(read(create, create)[1]) == {"ref": ["unique"]}


@pytest.mark.parametrize(
    ("operation", "problems"),
    [
        ({}, {"op": ["required"]}),
        ({"op": "create"}, {"data": ["required"]}),
        ({"op": "delete", "id": str(uid(1)), "data": {}}, {"data": ["unknown"]}),
        ({"op": "upsert", "data": {}, "if_match": 1}, {"by": ["required"], "if_match": ["unknown"]}),
        ({"op": "update", "x": 1}, {"id": ["required"], "data": ["required"], "x": ["unknown"]}),
        ({"op": "replace"}, {"op": ["invalid_choice"]}),
        ({"op": "delete", "id": "x"}, {"id": ["invalid"]}),
        ({"op": "create", "data": {}, "resource": "webhooks"}, {"resource": ["invalid_choice"]}),
        ({"op": "delete", "id": str(uid(1)), "if_match": "x"}, {"if_match": ["invalid"]}),
        ("create", {"non_field_errors": ["invalid"]}),
        (None, {"non_field_errors": ["null"]}),
    ],
)
def test_the_members_of_an_operation_are_those_that_it_needs(operation: object, problems: Mapping[str, object]) -> None:
    [found] = read(operation)
    assert codes(found) == problems
    assert (found.verbs, found.one_of) == ((), ())


def test_an_unknown_member_is_answered_with_those_that_are_known() -> None:
    [found] = read({"op": "delete", "id": str(uid(1)), "ref": "x"})
    [problem] = refusal(found)["ref"]
    assert problem.message == "This field is not known. Fields that can be sent: op, resource, id, if_match."


def test_unknown_fields_of_records_are_refused_where_that_is_asked_for() -> None:
    operation = {"op": "create", "data": {"name": "Ann", "x": 1}}
    drafts = [task_of(read(operation, strict=strict)[0]).draft for strict in (False, True)]
    assert [list(draft.problems) for draft in drafts if draft] == [[], ["x"]]


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ({"op": "update", "data": {}}, {"op": "delete"}, "id"),
        ({"op": "merge", "data": {}}, {"op": "merge", "data": {}}, "id"),
    ],
)
def test_operations_about_the_same_record_are_all_refused(
    first: Mapping[str, object], second: Mapping[str, object], name: str
) -> None:
    same = [{**each, "id": str(uid(1))} for each in (first, second)]
    found = read(*same, {"op": "delete", "id": str(uid(2))})
    assert [codes(each) for each in found[:2]] == [{name: ["repeated"]}] * 2
    assert [bool(each.verbs) for each in found] == [True, True, True]
    assert task_of(found[2]).key == Key("client", uid(2))


def test_an_upsert_and_a_change_of_its_record_are_both_refused() -> None:
    found = read(upsert("a"), {"op": "delete", "id": str(uid(1))})
    assert [codes(each) for each in found] == [{"by": ["repeated"]}, {"id": ["repeated"]}]
    assert [bool(each.one_of) for each in found] == [True, False]


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, ["operations"]),
        ({"operations": None}, ["operations"]),
        ({"operations": "create"}, ["operations"]),
        ({"operations": {}}, ["operations"]),
        ({"operations": [{}] * (MAX_OPERATIONS + 1)}, ["operations"]),
        ({"operations": nested(MAX_DEPTH + 1)}, ["operations"]),
        ({"operations": [], "x": 1}, ["x"]),
        ([], ["non_field_errors"]),
        (None, ["non_field_errors"]),
    ],
)
def test_a_body_that_is_no_list_of_operations_is_refused(body: object, problems: list[str]) -> None:
    with pytest.raises(InvalidError) as caught:
        read_operations(CLIENTS, body, context())
    assert list(caught.value.problems) == problems


def test_no_operations_are_as_good_as_the_most() -> None:
    assert read() == []
    assert len(read(*[{"op": "create", "data": {"name": "Ann"}}] * MAX_OPERATIONS)) == MAX_OPERATIONS


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
#: What the body as a whole can hold.
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
MEMBERS_LIKE = st.fixed_dictionaries(
    {"op": st.sampled_from(sorted(MEMBERS)) | PLAIN},
    optional={
        "resource": st.sampled_from(sorted(BULK_RESOURCES)) | PLAIN,
        "id": st.uuids().map(str) | PLAIN,
        "by": st.just("code") | PLAIN,
        "data": st.fixed_dictionaries({"attributes": st.fixed_dictionaries({"code": PLAIN})}) | PLAIN,
        "if_match": PLAIN,
        "ref": st.sampled_from("ab") | PLAIN,
    },
)


@given(st.lists(MEMBERS_LIKE | PLAIN, max_size=4))
def test_every_operation_is_read_or_refused_on_its_own(operations: list[object]) -> None:
    found = read(*operations)
    assert len(found) == len(operations)
    keys = [each.task.key for each in found if isinstance(each.task, BulkTask)]
    assert len(set(keys)) == len(keys)
    assert all(each.task.problems for each in found if isinstance(each.task, InvalidError))


@given(JSON_LIKE)
def test_a_body_that_is_anything_is_read_or_refused(body: object) -> None:
    with pytest.raises(InvalidError) as caught:
        read_operations(CLIENTS, body, context())
    assert caught.value.problems
