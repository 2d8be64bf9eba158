"""The parameters of lists: their names, their blanks, and several values in one (decision 9)."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.engine.matching import matches
from crm_core.engine.parameters import dotted, filter_parameters, gather, join_parts, known_parameters, split_parts
from crm_core.engine.queries import Filter
from crm_core.engine.query_strings import parse_query
from crm_core.model.entities import ATTRIBUTE_TYPES, Attribute, Client, Cohort, Lead, Pipeline
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
    TRANSFER_REQUESTS,
    WEBHOOKS,
    Resource,
)
from tests.core.knowledge import made, refused

DEFINITIONS: dict[str, Attribute] = {
    name: made(Attribute, number, entity="lead", name=name, label=name, type=type_)
    for number, (name, type_) in enumerate([*zip(ATTRIBUTE_TYPES, ATTRIBUTE_TYPES, strict=True), ("été", "text")])
}
NO_NUMBERS = ["Pages are not numbered. Follow the Link header of each page to the next, or send its cursor."]


def filters(resource: Resource, params: Mapping[str, str]) -> tuple[Filter, ...]:
    return parse_query(resource, params, DEFINITIONS).filters


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        *((each, "name") for each in (CLIENTS, SERVICES, LEADS, PIPELINES, WEBHOOKS, ATTRIBUTES)),
        (COHORTS, "name_cohort"),
        (ENROLLMENTS, "pathway_name"),
        (TRANSFER_REQUESTS, "student_name"),
    ],
)
def test_wherever_there_is_a_name_lists_are_filtered_by_a_part_of_it(resource: Resource, name: str) -> None:
    assert filters(resource, {name: " Ac "}) == (Filter(name, "contains", "Ac", "text"),)


def test_every_field_called_a_name_is_a_filter() -> None:
    for resource in RESOURCES.values():
        texts = [name for name, field in resource.fields.items() if field.kind == "text"]
        names = [name for name in texts if name == "name" or "_name" in name or "name_" in name]
        assert set(names) <= set(resource.filters)


@pytest.mark.parametrize("spelling", ["Rene\u0301e", "Ren\u00e9e", " RENEE\u00a0", "ren\u00c9e"])
def test_a_name_is_found_in_every_form(spelling: str) -> None:
    renee = made(Client, 1, name="Ren\u00e9e M\u00fcller")

    for params in ({"name": spelling}, {"search": spelling}):
        assert matches(parse_query(CLIENTS, params, {}), renee)


@pytest.mark.parametrize(
    ("stage", "asked"), [("Négo", "Ne\u0301go"), ("Prospecting", "Prospecting "), ("A", "\u00a0A\n")]
)
def test_an_exact_text_is_asked_for_in_nfc_and_trimmed_as_it_is_stored(stage: str, asked: str) -> None:
    lead = made(Lead, 1, name="x", stage=stage)

    assert matches(parse_query(LEADS, {"stage": asked}, {}), lead)
    assert not matches(parse_query(LEADS, {"stage": asked.swapcase()}, {}), lead)


@pytest.mark.parametrize("blank", ["", " ", "\u00a0\t", "\u200b", "\ufeff"])
def test_blanks_alone_are_no_filter(blank: str) -> None:
    names = [*known_parameters(LEADS), "attributes.text", "attributes[text]", "attributes.number__gt", "attributes.x"]

    assert parse_query(LEADS, dict.fromkeys(names, blank), DEFINITIONS) == parse_query(LEADS, {}, {})


@pytest.mark.parametrize(
    "name", ["limit", "ordering", "cursor", "responsible", "attributes.boolean", "attributes.date"]
)
def test_blanks_around_a_value_do_not_count(name: str) -> None:
    values = {
        "limit": "5",
        "ordering": "-name",
        "cursor": "WyItIixudWxsLCIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiXQ",
        "responsible": "1",
        "attributes.boolean": "true",
        "attributes.date": "2025-01-15",
    }

    assert parse_query(LEADS, {name: f" {values[name]}\u00a0"}, DEFINITIONS) == parse_query(
        LEADS, {name: values[name]}, DEFINITIONS
    )


# Presence


@pytest.mark.parametrize(("value", "is_null"), [("true", True), ("false", False), ("1", True), ("No", False)])
def test_isnull_asks_whether_there_is_a_value(value: str, *, is_null: bool) -> None:
    params = {"responsible__isnull": value, "attributes.text__isnull": value}

    assert filters(LEADS, params) == (
        Filter("responsible", "isnull", is_null, "integer"),
        Filter("text", "isnull", is_null, "text", is_attribute=True),
    )
    bare = made(Lead, 1, name="x")
    assert matches(parse_query(LEADS, params, DEFINITIONS), bare) is is_null
    full = made(Lead, 1, name="x", responsible=1, attributes={"text": ""})
    assert matches(parse_query(LEADS, params, DEFINITIONS), full) is not is_null


def test_every_reference_and_every_date_and_every_attribute_has_isnull() -> None:
    for resource in RESOURCES.values():
        dates = {name for name, field in resource.fields.items() if "date" in field.kind}
        asked = ({*resource.references} | dates) - {resource.parent}
        assert {f"{name}__isnull" for name in asked} <= {*filter_parameters(resource)}
    for type_ in ATTRIBUTE_TYPES:
        assert filters(LEADS, {f"attributes.{type_}__isnull": "true"})


def test_isnull_of_a_reference_names_no_record() -> None:
    assert parse_query(LEADS, {"pipeline__isnull": "true"}, {}).references() == {}


def test_isnull_takes_a_boolean() -> None:
    wrong = ["Must be a valid boolean."]
    sent = {"pipeline__isnull": "maybe", "attributes.text__isnull": "maybe"}

    assert refused(parse_query, LEADS, sent, DEFINITIONS) == dict.fromkeys(sent, wrong)


def test_a_date_is_missing_or_there() -> None:
    cohort = made(Cohort, 1, name_cohort="x")

    assert matches(parse_query(COHORTS, {"start_date__isnull": "true"}, {}), cohort)
    assert not matches(parse_query(COHORTS, {"end_date__isnull": "false"}, {}), cohort)


# Names of parameters


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("attributes[text]", "attributes.text"),
        ("attributes[text__contains]", "attributes.text__contains"),
        ("attributes[text][contains]", "attributes.text__contains"),
        ("attributes[text][]", "attributes.text__in"),
        ("attributes[text][in]", "attributes.text__in"),
        ("attributes[number][gte]", "attributes.number__gte"),
        ("attributes[e\u0301te\u0301]", "attributes.\u00e9t\u00e9"),
        ("attributes.e\u0301te\u0301", "attributes.\u00e9t\u00e9"),
    ],
)
def test_an_attribute_may_stand_in_brackets(sent: str, meant: str) -> None:
    assert filters(LEADS, {sent: "5"}) == filters(LEADS, {meant: "5"})


@pytest.mark.parametrize(
    ("resource", "name", "problem"),
    [
        (CLIENTS, "name__foo", "This filter is not known. The filters of this field are: name."),
        (CLIENTS, "name[contains]", "This filter is not known. The filters of this field are: name."),
        (LEADS, "stage__contains", "This filter is not known. The filters of this field are: stage, stage__isnull."),
        (LEADS, "responsible__in",
         "This filter is not known. The filters of this field are: responsible, responsible__isnull."),
        (LEADS, "responsible[]",
         "This filter is not known. The filters of this field are: responsible, responsible__isnull."),
        (COHORTS, "start_date", "This filter is not known. The filters of this field are: start_date__isnull."),
        (COHORTS, "start_date__gte", "This filter is not known. The filters of this field are: start_date__isnull."),
        (CLIENTS, "list_of_tasks", "Lists cannot be filtered by this field."),
        (FOLLOW_UPS, "comment", "Lists cannot be filtered by this field."),
        (FOLLOW_UPS, "service__isnull", "Lists cannot be filtered by this field."),
        (LEADS, "attributes__industry", "Attributes are filtered by attributes.<name>, such as attributes.industry."),
        (LEADS, "attributes", "Attributes are filtered by attributes.<name>, such as attributes.city."),
        (LEADS, "attributes[", "Attributes are filtered by attributes.<name>, such as attributes.city."),
        (LEADS, "attributes[a][b][c]", "Attributes are filtered by attributes.<name>, such as attributes.a."),
    ],
)  # fmt: skip
def test_a_filter_that_would_do_nothing_is_refused(resource: Resource, name: str, problem: str) -> None:
    assert refused(parse_query, resource, {name: "x"}, DEFINITIONS) == {name: [problem]}


@pytest.mark.parametrize(
    "name", ["colour", "page", "offset", "_", "format", "search__x", "names", "x.name", "utm_source"]
)
def test_what_is_nothing_of_ours_is_ignored(name: str) -> None:
    assert parse_query(LEADS, {name: "x"}, {}) == parse_query(LEADS, {}, {})


def test_a_problem_is_told_under_the_name_that_was_sent() -> None:
    sent = {"attributes[number]": "x", "attributes[ghost]": "1", "attributes[boolean][gt]": "1"}

    assert refused(parse_query, LEADS, sent, DEFINITIONS) == {
        "attributes[number]": ["Enter a number."],
        "attributes[ghost]": ["This attribute is not defined."],
        "attributes[boolean][gt]": ["Attributes of this type can be compared by: exact, isnull."],
    }


@pytest.mark.parametrize("name", ["offset", "page"])
def test_numbers_of_pages_are_refused_beside_limit_and_ignored_without(name: str) -> None:
    assert refused(parse_query, LEADS, {"limit": "5", name: "5"}, {}) == {name: NO_NUMBERS}
    assert parse_query(LEADS, {name: "5", "limit": ""}, {}) == parse_query(LEADS, {}, {})


# Several values


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("Lyon, Paris", ("Lyon", "Paris")),
        (" Lyon ,\u00a0Paris ", ("Lyon", "Paris")),
        ('"Paris, Texas",Lyon', ("Paris, Texas", "Lyon")),
        ("'Paris, Texas', Lyon", ("Paris, Texas", "Lyon")),
        ('" kept "', (" kept ",)),
        ('"say ""hi"""', ('say "hi"',)),
        ("O'Brien,D'Arcy", ("O'Brien", "D'Arcy")),
        ('"open,x', ('"open', "x")),
        ('5" pipe', ('5" pipe',)),
        ("a,", ("a", "")),
        ("e\u0301", ("\u00e9",)),
    ],
)
def test_in_takes_trimmed_parts_and_quotes_keep_one_together(value: str, parts: object) -> None:
    assert filters(LEADS, {"attributes.text__in": value}) == (
        Filter("text", "in", parts, "text", is_attribute=True),
    )  # fmt: skip


def test_parts_of_numbers_and_dates_are_trimmed_too() -> None:
    sent = {"attributes.number__in": " 1 , 2.5", "attributes.date__in": "2025-01-15, 2025-01-16"}

    assert [each.value for each in filters(LEADS, sent)] == [(1, 2.5), ("2025-01-15", "2025-01-16")]


@pytest.mark.parametrize(
    "name", ["attributes.text__in", "attributes[text__in]", "attributes[text][in]", "attributes[text][]"]
)
def test_repeated_values_of_in_add_up(name: str) -> None:
    params = gather([(name, "Lyon, Rome"), ("limit", "5"), (name, '"Paris, Texas"'), ("limit", "7"), (name, "O'Brien")])

    assert params["limit"] == "7"
    assert filters(LEADS, params)[0].value == ("Lyon", "Rome", "Paris, Texas", "O'Brien")


def test_of_other_repeated_parameters_the_last_counts() -> None:
    sent = [
        ("name", "a"),
        ("name", "b"),
        ("attributes.text", "x"),
        ("attributes.text", "y"),
        ("x__in2", "1"),
        ("x__in2", "2"),
    ]

    assert gather(sent) == {"name": "b", "attributes.text": "y", "x__in2": "2"}


@given(st.lists(st.text(st.sampled_from("a \"',\\\u00a0é") | st.characters(exclude_categories=["Cs"])), min_size=1))
def test_parts_that_are_joined_come_apart_again(parts: list[str]) -> None:
    if parts != [""]:
        assert split_parts(join_parts(parts)) == parts


def test_the_value_of_an_attribute_may_have_blanks_at_its_ends_and_is_found_with_and_without() -> None:
    padded, bare = (made(Lead, 1, name="x", attributes={"text": text}) for text in ("Acme ", "Acme"))

    for asked in ("Acme ", " Acme"):
        assert matches(parse_query(LEADS, {"attributes.text": asked}, DEFINITIONS), bare)
    assert matches(parse_query(LEADS, {"attributes.text": "Acme "}, DEFINITIONS), padded)
    assert matches(parse_query(LEADS, {"attributes.text__in": '"Acme "'}, DEFINITIONS), padded)


@given(st.text(max_size=30) | st.sampled_from(["attributes[a]", "attributes[a][b]", "attributes[][]"]))
def test_a_dotted_name_stays(name: str) -> None:
    assert dotted(dotted(name)) == dotted(name)


def test_pipelines_are_found_by_name() -> None:
    assert matches(parse_query(PIPELINES, {"name": "verkäufe"}, {}), made(Pipeline, 1, name="Verkaufe 2026"))
