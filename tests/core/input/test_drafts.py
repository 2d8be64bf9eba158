"""From what was sent to a draft: what must be there, what is ignored, lists of objects, merge patches."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import InvalidError, Problem
from crm_core.input.drafts import merged, read_draft, read_parameters, read_payload
from crm_core.input.fields import fields_of
from crm_core.model.accounts import SYSTEM
from crm_core.model.entities import (
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
    Task,
    TeachingAssistant,
    TransferRequest,
)
from crm_core.resources import RESOURCES
from crm_core.use_cases.callers import caller
from crm_core.use_cases.dry_runs import is_dry_run
from crm_core.use_cases.import_requests import Listing
from crm_core.webhooks.entity import Condition, Webhook
from tests.core.knowledge import HOSTILE, JSON_LIKE, context, refused, texts, uid

REQUIRED = ["This field is required."]
NULL = ["This field may not be null."]
ENTITIES = [resource.entity for resource in RESOURCES.values()]


def problems_of(
    entity: type, data: object, *, require_all: bool = False, strict: bool = False, merge: bool = False
) -> Any:
    return texts(read_draft(entity, data, context(strict=strict), require_all=require_all, merge=merge).problems)


@pytest.mark.parametrize(
    ("entity", "names"),
    [
        (Client, {"name"}),
        (Service, {"name", "client"}),
        (Pipeline, {"name"}),
        (Lead, {"name"}),
        (FollowUp, set()),
        (Cohort, {"name_cohort"}),
        (Enrollment, {"cohort", "pathway_name"}),
        (EnrollmentDetail, {"enrollment", "student"}),
        (TransferRequest, {"student", "cohort_request"}),
        (Attribute, {"name", "label", "type"}),
        (Webhook, {"name", "model", "url"}),
        (Task, {"task"}),
        (Note, {"note"}),
        (Stage, {"name"}),
        (TeachingAssistant, {"id"}),
        (Condition, {"field", "operator"}),
    ],
)
def test_a_new_record_requires_what_decision_11_says(entity: type, names: set[str]) -> None:
    assert problems_of(entity, {}, require_all=True) == dict.fromkeys(names, REQUIRED)


@pytest.mark.parametrize("entity", ENTITIES)
def test_a_change_requires_nothing(entity: type) -> None:
    assert not problems_of(entity, {})


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (None, "No data provided"),
        ([], "Invalid data. Expected a dictionary, but got list."),
        ("{}", "Invalid data. Expected a dictionary, but got str."),
        (1, "Invalid data. Expected a dictionary, but got int."),
    ],
)
def test_a_body_must_be_an_object(data: object, text: str) -> None:
    assert problems_of(Client, data, require_all=True) == {"non_field_errors": [text]}


def test_problems_of_all_fields_come_at_once_and_good_fields_are_kept() -> None:
    sent = {"name": "", "client": "x", "actual_cohort": None, "list_of_tasks": 1}
    draft = read_draft(Service, sent, context(), require_all=True)

    assert texts(draft.problems) == {
        "name": ["This field may not be blank."],
        "client": ["“x” is not a valid UUID."],
        "list_of_tasks": ['Expected a list of items but got type "int".'],
    }
    assert draft.values == {"actual_cohort": None}


@pytest.mark.parametrize("entity", ENTITIES)
def test_unknown_and_output_only_keys_are_ignored(entity: type) -> None:
    hidden = [name for name, field in fields_of(entity).items() if field.output_only]
    draft = read_draft(entity, dict.fromkeys([*hidden, "colour"], "x"), context(), require_all=False)

    assert draft.values == draft.problems == {}


def test_strict_handling_names_what_would_be_ignored_and_what_exists() -> None:
    exists = "Fields that can be sent: name, attributes, list_of_tasks, list_of_notes, list_of_images."

    assert problems_of(Client, {"name": "Acme", "colour": 1, "created_by": 2}, strict=True) == {
        "colour": [f"This field is not known. {exists}"],
        "created_by": [f"This field is output only. {exists}"],
    }


def test_strict_handling_reaches_into_items() -> None:
    found = problems_of(Client, {"list_of_notes": [{"note": "x"}, {"note": "x", "user_id": 1}]}, strict=True)

    assert found == {
        "list_of_notes": {"1": {"user_id": ["This field is output only. Fields that can be sent: id, date, note."]}}
    }


@pytest.mark.parametrize(
    ("tasks", "problems"),
    [
        ([{"task": "a"}, {}], {"1": {"task": REQUIRED}}),
        ([{"task": " "}, {"task": "b"}, {"task": "c", "date": "x", "completed": None}], {
            "0": {"task": ["This field may not be blank."]},
            "2": {
                "date": ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."],
                "completed": NULL,
            },
        }),
        (["x"], {"0": {"non_field_errors": ["Invalid data. Expected a dictionary, but got str."]}}),
        ([None], {"0": NULL}),
    ],
)  # fmt: skip
def test_problems_of_items_are_keyed_by_index_bad_ones_only(tasks: object, problems: object) -> None:
    assert problems_of(Client, {"list_of_tasks": tasks}) == {"list_of_tasks": problems}


def test_an_error_tells_each_problem_with_its_path() -> None:
    sent = {"list_of_tasks": [{"task": "a"}, {}], "name": None}

    with pytest.raises(InvalidError) as caught:
        read_payload(Client, sent, context())
    assert str(caught.value) == (
        "name: This field may not be null., list_of_tasks.1.task: This field is required."
    )  # fmt: skip


def test_items_keep_the_id_that_is_sent_and_get_one_otherwise() -> None:
    sent = [{"task": "a", "id": str(uid(7))}, {"task": "b"}, {"task": "c", "id": None}, {"task": "d", "id": ""}]
    tasks: Any = read_draft(Client, {"list_of_tasks": sent}, context(), require_all=False).values["list_of_tasks"]

    assert [task.id for task in tasks] == [uid(7), uid(1001), uid(1002), uid(1003)]


def test_the_id_of_a_teaching_assistant_is_a_user_s_and_is_never_made_up() -> None:
    assert problems_of(Enrollment, {"teaching_assistants": [{"name": "TA Bob"}]}) == {
        "teaching_assistants": {"0": {"id": REQUIRED}}
    }


def test_a_payload_that_stands_for_itself_gets_initial_values() -> None:
    assert read_payload(Task, {"task": "a"}, context()) == {
        "id": None, "task": "a", "date": None, "completed": False,
        "date_created": None, "user_id": None, "user_name": None,
    }  # fmt: skip
    assert refused(read_payload, Task, {}, context()) == {"task": REQUIRED}


@pytest.mark.parametrize(
    ("entity", "name", "initial"),
    [
        (Client, "list_of_tasks", ()),
        (Pipeline, "stages", ()),
        (Pipeline, "description", None),
        (Lead, "stage", None),
        (Cohort, "end_date", None),
        (Attribute, "is_required", False),
        (Webhook, "method", "POST"),
        (Webhook, "is_active", True),
        (Webhook, "events", ("created", "updated", "deleted")),
    ],
)
def test_null_in_a_merge_patch_takes_a_field_back_to_its_initial_value(
    entity: type, name: str, initial: object
) -> None:
    assert read_draft(entity, {name: None}, context(), require_all=False, merge=True).values == {name: initial}


def test_null_in_a_merge_patch_cannot_remove_what_every_record_has() -> None:
    assert problems_of(Service, {"name": None, "client": None}, merge=True) == {"name": NULL, "client": NULL}
    assert problems_of(FollowUp, {"follow_up_date": None}, merge=True) == {"follow_up_date": NULL}


def test_null_members_of_headers_are_kept_in_a_merge_patch_and_refused_elsewhere() -> None:
    headers = {"X-New": "1", "X-Old": None}

    patch = read_draft(Webhook, {"headers": headers}, context(), require_all=False, merge=True)
    assert patch.values == {"headers": headers}
    assert problems_of(Webhook, {"headers": headers}) == {"headers": {"X-Old": ["Not a valid string."]}}


def test_a_merge_patch_sets_replaces_and_removes_members() -> None:
    assert merged({"a": 1, "b": 2, "c": 3}, {"b": 4, "c": None, "d": 5, "e": None}) == {"a": 1, "b": 4, "d": 5}


@given(st.data())
def test_reading_anything_raises_nothing(data: st.DataObject) -> None:
    entity = data.draw(st.sampled_from(ENTITIES))
    flags = {name: data.draw(st.booleans()) for name in ("require_all", "merge")}
    items = {n: st.lists(body(f.item), max_size=2) if f.item else st.nothing() for n, f in fields_of(entity).items()}
    sent = data.draw(JSON_LIKE | st.fixed_dictionaries({}, optional={n: JSON_LIKE | items[n] for n in items}))
    draft = read_draft(entity, sent, context(strict=data.draw(st.booleans())), **flags)

    assert draft.values.keys().isdisjoint(draft.problems)
    assert texts(draft.problems) is not None


def body(entity: type) -> st.SearchStrategy[object]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(fields_of(entity), JSON_LIKE))


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    ("entity", "name"),
    [
        (Client, "name"),
        (Client, "attributes"),
        (Client, "list_of_tasks"),
        (Client, "list_of_images"),
        (Service, "client"),
        (Cohort, "start_date"),
        (FollowUp, "follow_up_date"),
        (Webhook, "method"),
        (Webhook, "headers"),
        (Webhook, "events"),
        (Task, "id"),
        (Task, "completed"),
        (Note, "date"),
        (Stage, "order"),
        (Condition, "value"),
    ],
)
def test_what_python_cannot_walk_or_print_is_refused_like_any_other_value(
    entity: type, name: str, value: object
) -> None:
    assert name in problems_of(entity, {name: value})


def test_a_query_parameter_without_a_value_is_as_if_it_was_not_sent() -> None:
    assert read_parameters(Listing, {"limit": "", "cursor": " "}, context()) == read_parameters(Listing, {}, context())
    assert read_parameters(Listing, {"cursor": "x"}, context())["cursor"] == "x"


@pytest.mark.parametrize("blank", ["", " ", "\u200b"])
@pytest.mark.parametrize("strict", [True, False])
def test_a_blank_dry_run_is_refused_as_the_request_would_be_carried_out(blank: str, strict: bool) -> None:  # noqa: FBT001  # a parameter
    who = caller(SYSTEM)
    with pytest.raises(InvalidError) as caught:
        is_dry_run({"dry_run": blank}, who, strict=strict)
    assert caught.value.problems == {"dry_run": (Problem("invalid", "Must be a valid boolean."),)}
    assert is_dry_run({"dry_run": "1", "x": blank}, who, strict=strict)
    assert not is_dry_run({}, who, strict=strict)
