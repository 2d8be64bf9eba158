from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from crm_core.bulk.lookups import Wanted, upserts_of, values_of
from crm_core.bulk.operations import MAX_OPERATIONS
from crm_core.bulk.upserts import GivenValues, Place, edited, is_taken, place_of, without_value
from crm_core.errors import NOT_UNIQUE, InvalidError, NotFoundError, Problem
from crm_core.input.drafts import Draft
from crm_core.model.entities import Attribute, Client, FollowUp
from crm_core.model.records import Key
from crm_core.resources import CLIENTS, COHORTS, FOLLOW_UPS, LEADS
from crm_core.rules.needs import UniqueAttribute, UniqueValue
from tests.core.knowledge import JSON_LIKE, made, uid

CODE = Attribute(id=uid(1), name="code", label="Code", type="text", entity="client", is_unique=True)
NUMBER = Attribute(id=uid(2), name="number", label="Number", type="number", entity="client", is_unique=True)
CITY = Attribute(id=uid(3), name="city", label="City", type="text", entity="client")
DEFINITIONS = {"code": CODE, "number": NUMBER, "city": CITY}
ANN = Key("client", uid(1))
BOB = Key("client", uid(2))


def problems_of(error: InvalidError, name: str) -> Sequence[Problem]:
    problems = error.problems[name]
    assert not isinstance(problems, Mapping)
    return problems


def code_value(text: str) -> UniqueValue:
    return UniqueValue(UniqueAttribute("client", "code", "text"), text)


def attributes(**values: object) -> Mapping[str, object]:
    return {"attributes": values}


def upsert(**members: object) -> Mapping[str, object]:
    return {"op": "upsert", "by": "code", "data": attributes(code="a"), **members}


def test_an_upsert_finds_its_record_by_the_value_of_a_unique_attribute() -> None:
    place = place_of(DEFINITIONS, "code", attributes(code="A-1", city="Ulm"))
    assert (place.name, place.value, place.asked) == ("code", "A-1", code_value("A-1"))
    assert place.has(made(Client, 1, name="Ann", attributes={"code": "a-1 "}))
    assert not place.has(made(Client, 1, name="Ann", attributes={"code": "A-2"}))
    assert not place.has(made(Client, 1, name="Ann", attributes={}))


def test_the_name_of_an_attribute_is_found_however_its_accents_are_written() -> None:
    definitions = {"numéro": evolve(CODE, name="numéro")}
    for by, sent in (("nume\u0301ro", "numéro"), ("numéro", "nume\u0301ro")):
        assert place_of(definitions, by, attributes(**{sent: "a"})).name == "numéro"
    alone = {"name": "Ann", "attributes": {"nume\u0301ro": "a"}}
    assert without_value(Place(definitions["numéro"], "a"), alone) == {"name": "Ann"}


@pytest.mark.parametrize(
    ("by", "data", "code", "message"),
    [
        ("x", {}, "not_unique", "This attribute is not unique. Those that are unique: code, number."),
        ("city", attributes(city="Ulm"), "not_unique", "This attribute is not unique. Those that are unique: code"),
        ("code", {}, "required", "The value of this attribute is required in `attributes` of `data`."),
        ("code", {"attributes": "x"}, "required", "The value of this attribute is required"),
        ("code", attributes(code=None), "required", "The value of this attribute is required"),
        ("code", attributes(code=" "), "invalid", "it is blank or too long"),
        ("code", attributes(code="x" * 201), "invalid", "it is blank or too long"),
        ("code", {"attributes": {5: "x"}}, "required", "The value of this attribute is required"),
        ("number", attributes(number="many"), "invalid", "number"),
    ],
)
def test_an_upsert_without_a_value_that_can_be_found_is_refused(
    by: str, data: Mapping[str, object], code: str, message: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        place_of(DEFINITIONS, by, data)
    [problem] = problems_of(caught.value, "by")
    assert problem.code == code
    assert message in problem.message


def test_where_no_attribute_is_unique_none_is_listed() -> None:
    with pytest.raises(InvalidError) as caught:
        place_of({"city": CITY}, "city", attributes(city="Ulm"))
    assert caught.value.problems == {"by": (Problem("not_unique", "This attribute is not unique."),)}


def test_an_attribute_that_is_sent_alone_only_names_the_record() -> None:
    place = Place(CODE, "a")
    alone = {"name": "Ann", **attributes(code="a")}
    more = {"name": "Ann", **attributes(code="a", city="Ulm")}
    assert without_value(place, alone) == {"name": "Ann"}
    assert without_value(place, more) == more


def test_an_upsert_sets_its_draft_of_the_record_that_has_the_value() -> None:
    record = made(Client, 1, name="Ann", attributes={"code": "A"})
    draft = Draft({"name": "Anna"})
    assert edited(Place(CODE, "a"), CLIENTS, None, draft, record) is draft
    with pytest.raises(NotFoundError):
        edited(Place(CODE, "b"), CLIENTS, None, draft, record)


def test_the_value_of_a_record_inside_another_parent_is_taken() -> None:
    place, draft = Place(evolve(CODE, entity="follow_up"), "a"), Draft({})
    record = made(FollowUp, 1, service=uid(7), attributes={"code": "a"})
    assert edited(place, FOLLOW_UPS, uid(7), draft, record) is draft
    assert edited(place, FOLLOW_UPS, None, draft, record) is draft
    with pytest.raises(InvalidError) as caught:
        edited(place, FOLLOW_UPS, uid(8), draft, record)
    assert caught.value.problems == attributes(code=(NOT_UNIQUE,))
    assert is_taken(place, caught.value)


@pytest.mark.parametrize(
    "problems",
    [
        {},
        {"name": (NOT_UNIQUE,)},
        {"attributes": (NOT_UNIQUE,)},
        {"attributes": {"city": (NOT_UNIQUE,)}},
        {"attributes": {"code": (Problem("blank", "Blank."),)}},
    ],
)
def test_other_problems_do_not_say_that_another_record_has_the_value(problems: Mapping[str, Any]) -> None:
    assert not is_taken(Place(CODE, "a"), InvalidError(problems))


def test_a_value_belongs_to_the_first_operation_that_gives_it() -> None:
    given_values = GivenValues()
    assert given_values.holder(Place(CODE, "a")) is None
    given_values.add(DEFINITIONS, Draft(attributes(code="A", city="Ulm", number=None, unknown="x")), ANN)
    given_values.add(DEFINITIONS, Draft(attributes(code="a ", number=Decimal("1.0"))), BOB)
    given_values.add(DEFINITIONS, Draft({"name": "x"}), BOB)
    assert given_values.holder(Place(CODE, "a")) == ANN
    assert given_values.holder(Place(NUMBER, 1)) == BOB
    assert given_values.holder(Place(CODE, "Ulm")) is None
    assert given_values.holder(Place(CITY, "Ulm")) is None
    assert given_values.holder(Place(evolve(CODE, entity="lead"), "a")) is None


@given(st.text(max_size=10), st.text(max_size=10))
def test_a_given_value_is_found_as_a_record_that_has_it_is(one: str, other: str) -> None:
    given_values = GivenValues()
    given_values.add(DEFINITIONS, Draft(attributes(code=one)), ANN)
    has = Place(CODE, other).has(made(Client, 1, name="Ann", attributes={"code": one}))
    assert given_values.holder(Place(CODE, other)) == (ANN if has else None)


def test_the_upserts_of_a_request_are_looked_up_before_its_operations_are_read() -> None:
    sent = {"operations": [upsert(), upsert(resource="leads", by=" code "), {"op": "create", "data": {}}]}
    wanted = [Wanted(CLIENTS, "code", attributes(code="a")), Wanted(LEADS, "code", attributes(code="a"))]
    assert upserts_of(CLIENTS, sent) == wanted
    assert upserts_of(CLIENTS, {"operations": tuple(sent["operations"])}) == wanted


@pytest.mark.parametrize(
    "sent",
    [
        upsert(op="merge"),
        upsert(op=["upsert"]),
        upsert(by=5),
        upsert(data=[]),
        upsert(resource="webhooks"),
        upsert(resource="cohorts"),
        "upsert",
        None,
    ],
)
def test_operations_that_are_refused_anyway_are_not_looked_up(sent: object) -> None:
    assert upserts_of(CLIENTS, {"operations": [sent]}) == []


@pytest.mark.parametrize("sent", [None, [], {}, {"operations": None}, {"operations": "upsert"}, {"operations": {}}])
def test_a_body_without_operations_has_no_upserts(sent: object) -> None:
    assert upserts_of(CLIENTS, sent) == []


@given(JSON_LIKE)
def test_any_body_can_be_looked_through(sent: object) -> None:
    assert upserts_of(CLIENTS, sent) == []
    assert len(upserts_of(CLIENTS, {"operations": [sent, upsert()]})) == 1


def test_upserts_of_resources_without_attributes_and_beyond_the_limit_are_passed_over() -> None:
    assert upserts_of(COHORTS, {"operations": [upsert()]}) == []
    assert len(upserts_of(CLIENTS, {"operations": [upsert()] * (MAX_OPERATIONS + 1)})) == MAX_OPERATIONS


def test_the_values_to_look_for_are_those_that_can_be_found() -> None:
    upserts = [
        Wanted(CLIENTS, "code", attributes(code="a")),
        Wanted(CLIENTS, "code", attributes(code="a")),
        Wanted(CLIENTS, "code", {}),
        Wanted(CLIENTS, "city", attributes(city="Ulm")),
        Wanted(LEADS, "day", attributes(day="2026-01-31")),
    ]
    day = Attribute(id=uid(4), name="day", label="Day", type="date", entity="lead", is_unique=True)
    values = values_of(upserts, {"client": DEFINITIONS, "lead": {"day": day}})
    assert values == {code_value("a"), UniqueValue(UniqueAttribute("lead", "day", "date"), str(date(2026, 1, 31)))}
