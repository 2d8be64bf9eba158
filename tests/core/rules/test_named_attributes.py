"""Former names of attributes are refused with the new ones, and webhooks that name an attribute are found."""

from datetime import timedelta

from attrs import evolve

from crm_core.engine.query_strings import parse_query
from crm_core.errors import InvalidError
from crm_core.model.entities import Attribute
from crm_core.resources import CLIENTS
from crm_core.rules.attributes import former_names, name_by_now, not_defined, refused_field, validate_values
from crm_core.rules.named_attributes import names_attribute
from crm_core.webhooks.entity import Condition, Webhook
from crm_core.webhooks.requests import WebhookRequest, filled_from_body
from crm_core.webhooks.templates import placeholder_problems
from crm_core.webhooks.urls import url_problems
from tests.core.knowledge import NOW, made, refused, texts

TOWN = made(Attribute, 1, name="town", label="l", type="text", entity="client", former_names=("place", "city"))
PLACE = made(Attribute, 2, name="place", label="l", type="text", entity="client")
DEFINITIONS = {"town": TOWN, "place": PLACE}
RENAMED = "This attribute was renamed to `town`."


def test_a_former_name_is_that_of_the_attribute_until_another_has_it() -> None:
    assert [name_by_now(name, DEFINITIONS) for name in ("city", "place", "town", "x")] == ["town", None, None, None]
    assert not_defined("city", DEFINITIONS).message == RENAMED
    assert former_names({"town": ("place", "city"), "place": ()}) == {"town": ["city"]}


def test_fields_are_refused_by_former_names_of_attributes_alone() -> None:
    fields = ("attributes.city", "city", "attributes.x")
    problems = [refused_field(field, DEFINITIONS) for field in fields]

    assert [problem and problem.message for problem in problems] == [RENAMED, None, None]


def test_of_attributes_that_had_a_name_the_last_that_gave_it_up_is_meant() -> None:
    times = {"a": NOW, "b": NOW + timedelta(days=1), "c": NOW, "d": None, "e": None}
    had = {name: evolve(TOWN, name=name, former_names=("city",), updated_at=at) for name, at in times.items()}

    assert name_by_now("city", had) == "b"
    assert name_by_now("city", {name: had[name] for name in "dac"}) == "c"
    assert name_by_now("city", {name: had[name] for name in "ed"}) == "e"


def test_values_under_a_former_name_are_refused_with_the_new_one() -> None:
    _, problems = validate_values(DEFINITIONS, {}, {"city": "Ulm"})

    assert texts(problems) == {"city": [RENAMED]}


def test_filters_by_a_former_name_are_refused_with_the_new_one() -> None:
    assert refused(parse_query, CLIENTS, {"attributes.city": "Ulm"}, DEFINITIONS) == {"attributes.city": [RENAMED]}


def test_placeholders_of_a_former_name_are_refused_with_the_new_one() -> None:
    fields, renamed = frozenset({"attributes.town"}), {"attributes.city": "attributes.town"}
    expected = ['Unknown placeholder "{attributes.city}". It was renamed to {attributes.town}.']

    assert [each.message for each in placeholder_problems("{attributes.city}", fields, renamed)] == expected
    assert [each.message for each in url_problems("https://a.example/{attributes.city}", fields, renamed)] == expected


def test_placeholders_find_attributes_in_earlier_bodies_by_their_former_names() -> None:
    template = WebhookRequest("POST", "https://a.example/{attributes.town}", {"X": "{name}{attributes.size}"})
    body = b'{"data": {"name": "c", "attributes": {"city": "Ulm"}}}'
    request, error = filled_from_body(template, body, template, {"town": ["city"]})

    assert (request.url, request.headers, error) == ("https://a.example/Ulm", {"X": "c"}, "")


def test_a_webhook_names_an_attribute_in_a_condition_the_url_or_a_header() -> None:
    condition = Condition(field="attributes.city", operator="changed", value=None)
    for values in (
        {"conditions": (condition,)},
        {"url": "https://a.example/{attributes.city}"},
        {"headers": {"X": "{attributes.city}"}},
    ):
        webhook = made(Webhook, 1, **{"name": "w", "model": "Client", "url": "https://a.example/", **values})
        assert names_attribute(webhook, "city")
        assert not names_attribute(webhook, "town")


def test_an_invalid_error_says_which_attribute_it_is_about() -> None:
    assert RENAMED in str(InvalidError({"attributes": {"city": (not_defined("city", DEFINITIONS),)}}))
