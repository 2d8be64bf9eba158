"""The dynamic schema, decisions 19 to 22."""

from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.engine import decisions
from crm_core.errors import NotFoundError
from crm_core.input.drafts import Draft, with_defaults
from crm_core.model.entities import ATTRIBUTE_TYPES, Attribute, Client, FollowUp
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, CLIENTS, FOLLOW_UPS, SERVICES
from crm_core.rules.attributes import is_sound_name, validate_values
from tests.core.knowledge import HOSTILE, JSON_LIKE, Knowledge, answered, calling, made, refused, texts, uid

REQUIRED = ["This field is required."]
UNKNOWN = ["This attribute is not defined."]
NOT_A_TEXT = ["Not a valid string."]
NOT_A_NUMBER = ["A valid number is required."]
NOT_A_DAY = ["Date has wrong format. Use one of these formats instead: YYYY-MM-DD."]
NOT_BOOLEAN = ["Must be a valid boolean."]
NOT_A_URL = ["Enter a valid URL."]
COMPOSED, DECOMPOSED = "\u00e9t\u00e9", "e\u0301te\u0301"


def attribute(type_: str, name: str = "it", *, number: int = 1, **more: object) -> Attribute:
    found: Attribute = made(Attribute, number, entity="client", name=name, label=name, type=type_, **more)
    return found


def problems_of(definition: Attribute, value: object) -> Any:
    _, problems = validate_values({definition.name: definition}, {}, {definition.name: value})
    return texts(problems.get(definition.name, ()))


def client(*definitions: Attribute, **attributes: object) -> Knowledge:
    return Knowledge(made(Client, 9, name="Acme", attributes=attributes), *definitions)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("text", ""),
        ("text", " blanks stay "),
        ("text", "x" * 10_000),
        ("number", 0),
        ("number", -1.5),
        ("number", Decimal("1e300")),
        ("number", 10**20),
        ("date", "2025-01-15"),
        ("date", "0001-01-01"),
        ("boolean", True),
        ("boolean", False),
        ("list", "anything"),
        ("list", []),
        ("list", ["a", "b"]),
        ("file", "https://a.example/contract.pdf"),
        ("file", "http://a.example?x=1"),
    ],
)
def test_a_value_of_its_attribute_s_type_is_kept_as_it_is(type_: str, value: object) -> None:
    created = answered(client(attribute(type_)).create(CLIENTS, {"name": "Acme", "attributes": {"it": value}}))

    assert created.attributes == {"it": value}


@pytest.mark.parametrize(
    ("type_", "value", "problems"),
    [
        ("text", 5, NOT_A_TEXT),
        ("text", True, NOT_A_TEXT),
        ("text", ["a"], NOT_A_TEXT),
        ("text", "a\x00b", ["Null characters are not allowed."]),
        ("text", "\ud800", ["Surrogate characters are not allowed: U+D800."]),
        ("number", "1", NOT_A_NUMBER),
        ("number", True, NOT_A_NUMBER),
        ("number", float("nan"), NOT_A_NUMBER),
        ("number", float("-inf"), NOT_A_NUMBER),
        pytest.param("number", 10**309, NOT_A_NUMBER, id="number beyond what a float holds"),
        ("number", [1], NOT_A_NUMBER),
        ("date", "2025-1-5", NOT_A_DAY),
        ("date", "20250105", NOT_A_DAY),
        ("date", "2025-02-30", NOT_A_DAY),
        ("date", "2025-01-15T10:00:00Z", NOT_A_DAY),
        ("date", "२०२५-०१-१५", NOT_A_DAY),
        ("date", 20250115, NOT_A_DAY),
        ("boolean", "true", NOT_BOOLEAN),
        ("boolean", 1, NOT_BOOLEAN),
        ("list", 5, ['Expected a list of items but got type "int".']),
        ("list", {"a": 1}, ['Expected a list of items but got type "dict".']),
        ("list", ["a", 5, "b", None], {"1": NOT_A_TEXT, "3": NOT_A_TEXT}),
        ("list", [["a"]], {"0": NOT_A_TEXT}),
        ("list", ["a", "a"], ["The items of this list must be distinct."]),
        ("list", ["a", "\x00"], {"1": ["Null characters are not allowed."]}),
        ("file", 5, NOT_A_TEXT),
        ("file", "", NOT_A_URL),
        ("file", "ftp://a.example/x", NOT_A_URL),
        ("file", "javascript:alert(1)", NOT_A_URL),
        ("file", "/files/x.png", NOT_A_URL),
        ("file", "https://a.example/" + "x" * 2_048, ["Ensure this field has no more than 2048 characters."]),
    ],
)
def test_a_value_of_another_type_is_refused(type_: str, value: object, problems: object) -> None:
    assert problems_of(attribute(type_), value) == problems


def test_a_list_attribute_takes_only_its_list_values_if_it_has_any() -> None:
    size = attribute("list", list_values=("S", "M"))

    assert not problems_of(size, "S")
    assert not problems_of(size, ["M", "S"])
    assert problems_of(size, "L") == ['"L" is not a valid choice.']
    assert problems_of(size, ["S", "L"]) == {"1": ['"L" is not a valid choice.']}


def test_list_values_of_other_types_are_suggestions() -> None:
    industry = attribute("text", list_values=("Tech", "Health"))

    assert not problems_of(industry, "Finance")


def test_null_is_absent_and_is_not_stored() -> None:
    known = client(attribute("text", "a", number=1), attribute("text", "b", number=2))

    assert answered(
        known.create(CLIENTS, {"name": "Acme", "attributes": {"a": None, "b": "x"}})
    ).attributes == {"b": "x"}  # fmt: skip


def test_unknown_names_are_refused_under_attributes() -> None:
    sent = {"name": "Acme", "attributes": {"ghost": 1, "it": "x", "\x00": 2}}

    assert refused(client(attribute("text")).create, CLIENTS, sent) == {
        "attributes": {"ghost": UNKNOWN, "\x00": UNKNOWN}
    }


def test_definitions_of_other_entities_do_not_count() -> None:
    sent = {"name": "Jane", "client": str(uid(9)), "attributes": {"it": "x"}}

    assert refused(client(attribute("text")).create, SERVICES, sent) == {"attributes": {"it": UNKNOWN}}


@pytest.mark.parametrize("sent", [{}, {"attributes": {}}, {"attributes": {"it": None}}])
def test_a_required_attribute_must_be_there_in_a_new_record_even_when_no_attributes_are_sent(
    sent: dict[str, object],
) -> None:
    known = client(attribute("text", is_required=True))

    assert refused(known.create, CLIENTS, {"name": "Acme"} | sent) == {"attributes": {"it": REQUIRED}}


def test_attributes_that_are_replaced_must_have_the_required_ones_among_them() -> None:
    assert texts(validate_values({"it": attribute("text", is_required=True)}, {"it": "x"}, {})[1]) == {"it": REQUIRED}


def test_a_required_attribute_may_be_false_or_zero() -> None:
    for type_, value in (("boolean", False), ("number", 0)):
        assert not problems_of(attribute(type_, is_required=True), value)


@pytest.mark.parametrize("value", ["", "   ", "\u00a0\n", "\u200b", "\u3164"])
def test_a_required_text_may_not_be_blank(value: str) -> None:
    assert problems_of(attribute("text", is_required=True), value) == ["This field may not be blank."]
    assert not problems_of(attribute("text"), value)


@pytest.mark.parametrize("value", [[], [""], ["", " "], "", "\u200b"])
def test_a_required_list_may_not_be_empty(value: object) -> None:
    assert problems_of(attribute("list", is_required=True), value) == ["This list may not be empty."]
    assert problems_of(attribute("list", is_required=True, list_values=("a",)), value) == [
        "This list may not be empty."
    ]
    assert not problems_of(attribute("list"), value)


def test_a_required_list_may_have_a_blank_item_beside_others() -> None:
    assert not problems_of(attribute("list", is_required=True), ["", "a"])


@pytest.mark.parametrize("merge", [False, True])
def test_a_required_text_cannot_be_blanked_later(*, merge: bool) -> None:
    known = client(attribute("text", is_required=True), it="x")

    assert refused(known.patch, CLIENTS, 9, {"attributes": {"it": " "}}, merge=merge) == {
        "attributes": {"it": ["This field may not be blank."]}
    }


@pytest.mark.parametrize(
    ("type_", "sent", "kept"),
    [
        ("text", DECOMPOSED, COMPOSED),
        ("list", DECOMPOSED, COMPOSED),
        ("list", [DECOMPOSED, "a"], [COMPOSED, "a"]),
        ("file", f"https://a.example/{DECOMPOSED}", f"https://a.example/{COMPOSED}"),
    ],
)
def test_texts_among_the_values_are_kept_in_nfc(type_: str, sent: object, kept: object) -> None:
    for merge in (False, True):
        changes = client(attribute(type_)).patch(CLIENTS, 9, {"attributes": {"it": sent}}, merge=merge)
        assert answered(changes).attributes == {"it": kept}


def test_an_option_is_chosen_in_any_form() -> None:
    assert not problems_of(attribute("list", list_values=(COMPOSED,)), DECOMPOSED)
    assert problems_of(attribute("list"), [COMPOSED, DECOMPOSED]) == ["The items of this list must be distinct."]


LIST_VALUES = {"name": "tags", "label": "Tags", "type": "list"}


def test_list_values_are_trimmed_and_neither_blank_nor_repeated() -> None:
    sent = LIST_VALUES | {"list_values": ["A", "A ", "", " b", "\u200b", DECOMPOSED, COMPOSED]}

    assert refused(Knowledge().create, ATTRIBUTES, sent, parent="lead") == {
        "list_values": {
            "1": ["This field must be unique."],
            "2": ["This field may not be blank."],
            "4": ["This field may not be blank."],
            "6": ["This field must be unique."],
        }
    }
    sent = LIST_VALUES | {"list_values": [" A ", "a", DECOMPOSED]}
    created = answered(Knowledge().create(ATTRIBUTES, sent, parent="lead"))
    assert created.list_values == ("A", "a", COMPOSED)


def test_list_values_of_every_type_and_of_a_patch_are_trimmed() -> None:
    known = Knowledge(attribute("text", number=9))

    assert answered(known.patch(ATTRIBUTES, 9, {"list_values": [" A"]})).list_values == ("A",)
    assert refused(known.patch, ATTRIBUTES, 9, {"list_values": ["A", "A"]}).keys() == {"list_values"}


def test_list_values_of_an_earlier_release_may_be_sent_back_as_they_are() -> None:
    known = Knowledge(attribute("list", number=9, list_values=("A", "A ", "")))

    assert not known.patch(ATTRIBUTES, 9, {"list_values": ["A", "A ", ""]}).writes


def test_the_whole_set_is_checked_whenever_attributes_are_written_and_only_then() -> None:
    known = client(attribute("text", is_required=True), attribute("text", "b", number=2))

    assert answered(known.patch(CLIENTS, 9, {"name": "New"})).attributes == {}
    assert refused(known.patch, CLIENTS, 9, {"attributes": {"b": "x"}}) == {"attributes": {"it": REQUIRED}}


def test_attributes_are_replaced_whole() -> None:
    known = client(attribute("text", "a", number=1), attribute("text", "b", number=2), a="1", b="2")

    assert answered(known.patch(CLIENTS, 9, {"attributes": {"a": "3"}})).attributes == {"a": "3"}


@pytest.mark.parametrize(
    ("patch", "after"),
    [
        ({"a": "3"}, {"a": "3", "b": "2"}),
        ({"a": None}, {"b": "2"}),
        ({"c": "3"}, {"a": "1", "b": "2", "c": "3"}),
        ({"ghost": None, "a": "3"}, {"a": "3", "b": "2"}),
        (None, {}),
    ],
)
def test_a_merge_patch_touches_only_the_attributes_that_it_names(patch: object, after: object) -> None:
    definitions = [attribute("text", name, number=number) for number, name in enumerate("abc", 1)]
    known = client(*definitions, a="1", b="2")

    assert answered(known.patch(CLIENTS, 9, {"attributes": patch}, merge=True)).attributes == after


def test_a_merge_patch_cannot_remove_a_required_attribute() -> None:
    known = client(attribute("text", is_required=True), it="x")

    for gone in ({"it": None}, None):
        assert refused(known.patch, CLIENTS, 9, {"attributes": gone}, merge=True) == {"attributes": {"it": REQUIRED}}


def test_values_that_narrowed_list_values_no_longer_allow_stay_until_they_are_changed() -> None:
    size = attribute("list", "size", number=1, list_values=("S", "M"))
    known = client(size, attribute("text", "b", number=2), size="L")

    assert answered(known.patch(CLIENTS, 9, {"name": "New"})).attributes == {"size": "L"}
    assert answered(known.patch(CLIENTS, 9, {"attributes": {"b": "x"}}, merge=True)).attributes == {
        "size": "L",
        "b": "x",
    }
    assert answered(known.patch(CLIENTS, 9, {"attributes": {"size": "L", "b": "x"}})).attributes["size"] == "L"
    assert refused(known.patch, CLIENTS, 9, {"attributes": {"size": "XL"}}) == {
        "attributes": {"size": ['"XL" is not a valid choice.']}
    }
    assert answered(known.patch(CLIENTS, 9, {"attributes": {"size": ["L", "S"]}})).attributes["size"] == ["L", "S"]


def test_a_long_value_is_named_by_its_first_100_characters() -> None:
    assert problems_of(attribute("list", list_values=("S",)), "x" * 200) == [
        '"' + "x" * 100 + '" is not a valid choice.'
    ]


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize(
    ("value", "allowed"), [(1, True), (1.0, True), (None, True), (True, False), (2, False), ("1", False)]
)
def test_a_value_whose_definition_was_deleted_may_be_sent_back_or_dropped_but_not_altered(
    *, value: object, allowed: bool, merge: bool
) -> None:
    known = client(attribute("text"), old=1)
    sent = {"name": "New", "attributes": {"old": value}}

    if allowed:
        kept = {} if value is None else {"old": value}
        assert answered(known.patch(CLIENTS, 9, sent, merge=merge)).attributes == kept
    else:
        assert refused(known.patch, CLIENTS, 9, sent, merge=merge) == {"attributes": {"old": UNKNOWN}}


def test_a_value_whose_definition_was_deleted_stays_when_others_are_merged() -> None:
    known = client(attribute("text"), old=1)

    assert answered(known.patch(CLIENTS, 9, {"attributes": {"it": "x"}}, merge=True)).attributes == {
        "old": 1,
        "it": "x",
    }


def test_follow_ups_have_attributes_too() -> None:
    channel = made(Attribute, 1, entity="follow_up", name="channel", label="Channel", type="text")
    known = Knowledge(made(FollowUp, 2, service=uid(3)), channel)

    assert answered(known.patch(FOLLOW_UPS, 2, {"attributes": {"channel": "email"}})).attributes == {"channel": "email"}


@pytest.mark.parametrize("name", ["a", "A-1", "_", "größe", "ציון", "दर", "年齢", "x" * 100, COMPOSED, DECOMPOSED])
def test_names_are_letters_of_any_script_digits_underscores_and_hyphens(name: str) -> None:
    assert is_sound_name(name)


@pytest.mark.parametrize("name", ["a b", "a.b", "a__b", "___", "a/b", "{a}", "a\n", "a\u200b", "a,b", "😀", "a\x00"])
def test_other_names_are_not_sound(name: str) -> None:
    assert not is_sound_name(name)


def define(name: str, *existing: Attribute, **more: object) -> Attribute:
    sent = {"name": name, "label": "A label", "type": "text"} | more
    found: Attribute = answered(Knowledge(*existing).create(ATTRIBUTES, sent, parent="client"))
    return found


def test_a_definition_belongs_to_the_entity_in_its_path() -> None:
    assert define("it").entity == "client"
    assert define("it", entity="lead").entity == "client"


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("a__b", ["This value does not match the required pattern."]),
        ("a b", ["This value does not match the required pattern."]),
        ("x" * 101, ["Ensure this field has no more than 100 characters."]),
        ("", ["This field may not be blank."]),
        ("it", ["This field must be unique."]),
        (DECOMPOSED, ["This field must be unique."]),
    ],
)
def test_an_unsound_or_taken_name_is_refused(name: str, problems: object) -> None:
    existing = attribute("text", "it", number=1), attribute("text", COMPOSED, number=2)

    assert refused(define, name, *existing) == {"name": problems}


def test_the_name_that_records_still_have_is_taken_while_an_attribute_is_renamed() -> None:
    renamed = attribute("text", "town", former_names=("place", "city"), renaming_to="town")

    assert refused(define, "city", renamed) == {"name": ["This field must be unique."]}
    assert define("place", renamed).name == "place"


def test_the_same_name_may_be_used_for_another_entity() -> None:
    assert define("it", made(Attribute, 1, entity="lead", name="it", label="It", type="text")).name == "it"


def test_names_are_kept_and_compared_in_one_unicode_form() -> None:
    assert define(DECOMPOSED).name == COMPOSED
    known = client(attribute("text", COMPOSED))
    created = answered(known.create(CLIENTS, {"name": "Acme", "attributes": {DECOMPOSED: "x"}}))
    assert created.attributes == {COMPOSED: "x"}


def test_name_and_type_cannot_change_but_may_be_sent_as_they_are() -> None:
    known = Knowledge(attribute("text", COMPOSED))
    fixed = ["This field cannot be changed."]

    assert refused(known.patch, ATTRIBUTES, 1, {"name": "new", "type": "number"}) == {"name": fixed, "type": fixed}
    for same in (COMPOSED, DECOMPOSED):
        assert answered(known.patch(ATTRIBUTES, 1, {"name": same, "type": "text", "label": "New"})).name == COMPOSED


def test_label_requirement_list_values_and_index_can_change() -> None:
    sent = {"label": "New", "is_required": True, "list_values": ["a"], "is_indexed": True}
    after = answered(Knowledge(attribute("text")).patch(ATTRIBUTES, 1, sent))

    assert (after.label, after.is_required, after.list_values, after.is_indexed) == ("New", True, ("a",), True)


@given(st.data())
def test_checking_anything_raises_nothing(data: st.DataObject) -> None:
    definitions = {type_: attribute(type_, type_, list_values=("a",)) for type_ in ATTRIBUTE_TYPES}
    values = st.dictionaries(st.sampled_from([*ATTRIBUTE_TYPES, "ghost"]), JSON_LIKE)
    before, sent = data.draw(values), data.draw(values)
    kept, problems = validate_values(definitions, before, sent, merge=data.draw(st.booleans()))

    assert problems.keys() <= kept.keys()
    assert texts(problems) is not None


@pytest.mark.parametrize("type_", ATTRIBUTE_TYPES)
@pytest.mark.parametrize("value", HOSTILE)
def test_what_python_cannot_walk_or_print_is_of_no_type(type_: str, value: object) -> None:
    assert problems_of(attribute(type_), value)


def test_only_some_resources_have_attributes() -> None:
    sent = {"name": "it", "label": "It", "type": "text"}

    with pytest.raises(NotFoundError):
        Knowledge().create(ATTRIBUTES, sent, parent="cohort")
    assert answered(Knowledge().create(ATTRIBUTES, sent, parent="lead")).entity == "lead"


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        (["a", " "], {"1": ["This field may not be blank."]}),
        (["a", "b", " a "], {"2": ["This field must be unique."]}),
        (["", "a", "a"], {"0": ["This field may not be blank."], "2": ["This field must be unique."]}),
    ],
)
def test_list_values_are_not_blank_and_differ(values: list[str], problems: object) -> None:
    sent = {"name": "it", "label": "It", "type": "list", "list_values": values}

    assert refused(Knowledge().create, ATTRIBUTES, sent, parent="client") == {"list_values": problems}


def test_list_values_of_an_earlier_release_may_be_sent_back() -> None:
    known = Knowledge(attribute("list", list_values=("a", " a", "a")))

    assert answered(known.patch(ATTRIBUTES, 1, {"label": "New", "list_values": ["a", " a", "a"]})).list_values == (
        "a",
        " a",
        "a",
    )
    assert answered(known.patch(ATTRIBUTES, 1, {"list_values": [" b ", "c"]})).list_values == ("b", "c")


def test_an_attribute_that_is_restored_with_the_name_of_an_earlier_release_must_have_a_name_of_today() -> None:
    values = with_defaults(Attribute, {"name": "x" * 101, "label": "It", "type": "text"})
    draft = Draft({name: value for name, value in values.items() if name not in ("id", "entity")})
    decide = partial(decisions.create, ATTRIBUTES, calling(), Key("attribute", uid(1)), draft, "client")

    assert refused(Knowledge().run, decide) == {"name": ["Ensure this field has no more than 100 characters."]}
