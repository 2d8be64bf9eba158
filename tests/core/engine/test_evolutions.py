"""The decisions that rename and convert attributes, and what becomes of records, decisions 128 to 134."""

from functools import partial
from typing import Any

import pytest

from crm_core.engine import evolutions
from crm_core.engine.changes import Changes, Rewrite
from crm_core.engine.conversions import Conversion
from crm_core.engine.decision_runs import Decide
from crm_core.engine.rewrites import held_values_among, holders_among, in_batch, may_change, rewritten
from crm_core.errors import AttributeInUseError, VersionConflictError
from crm_core.model.entities import Attribute, Client
from crm_core.model.evolutions import HeldValue, Holding
from crm_core.model.plain_values import plain
from crm_core.model.records import Key
from crm_core.webhooks.entity import Condition, Webhook
from tests.core.knowledge import Knowledge, answered, calling, made, refused, uid, written

KEY = Key("attribute", uid(1))
CITY = made(Attribute, 1, name="city", label="City", type="text", entity="client")
COLOR = made(Attribute, 1, name="color", label="C", type="list", entity="client", list_values=("red", "blue"))
HOOK = made(
    Webhook,
    2,
    name="hook",
    model="Client",
    url="https://example.com/{attributes.city}",
    headers={"X": "{attributes.city}"},
    conditions=(Condition(field="attributes.city", operator="in", value=["5", "6"]),),
)
OTHER = made(Webhook, 3, name="other", model="Lead", url="https://example.com/{attributes.city}")


def client(number: int, **attributes: object) -> Any:
    return made(Client, number, name="c", attributes=attributes, created_at=calling().now)


def renamed(known: Knowledge, name: str = "town") -> Changes:
    return known.run(partial(evolutions.rename, calling(), KEY, name, None))


def rewrite_of(changes: Changes) -> Rewrite:
    assert changes.rewrite is not None
    return changes.rewrite


def becomes(changes: Changes, value: Any) -> Any:
    """The attributes of a record after the changes; None if it does not change."""
    rewrite = rewrite_of(changes)
    record = Knowledge(value).records[Key("client", value.id)]
    put = rewritten(rewrite, record)
    held = value.attributes.get(rewrite.name)
    assert put is None or may_change(rewrite, held)
    return None if put is None else put.value.attributes  # type: ignore[attr-defined]  # it is a client


def test_a_rename_changes_the_definition_the_webhooks_that_name_it_and_records() -> None:
    changes = renamed(Knowledge(CITY, HOOK, OTHER))

    assert (answered(changes).name, answered(changes).former_names) == ("town", ("city",))
    webhook: Any = written(changes)[Key("webhook", uid(2))].value
    assert (webhook.url, webhook.headers) == ("https://example.com/{attributes.town}", {"X": "{attributes.town}"})
    assert webhook.conditions[0].field == "attributes.town"
    assert len(changes.writes) == 2
    assert becomes(changes, client(9, city="Ulm", size=1)) == {"size": 1, "town": "Ulm"}
    assert becomes(changes, client(9, size=1)) is None


def test_records_of_a_rename_name_the_attribute_and_the_event_that_they_follow_from() -> None:
    rewrite = rewrite_of(renamed(Knowledge(CITY)))
    put = rewritten(rewrite, Knowledge(client(9, city="Ulm")).records[Key("client", uid(9))])

    assert put is not None
    assert plain(put.event.changes) == {
        "attributes.city": {"from": "Ulm", "to": None, "attribute": str(uid(1))},
        "attributes.town": {"from": None, "to": "Ulm", "attribute": str(uid(1))},
    }
    assert put.event.cause == {"resource": "attribute", "record": uid(1), "version": 4}


def test_a_rename_to_the_present_name_changes_nothing_and_to_a_name_in_use_is_refused() -> None:
    taken = made(Attribute, 4, name="place", label="P", type="text", entity="client", renaming_to="spot")
    moved = made(Attribute, 5, name="b", label="B", type="text", entity="client", former_names=("a",), renaming_to="b")
    assert renamed(Knowledge(CITY), "city").writes == ()
    for name in ("place", "spot", "a", "b", "a b"):
        assert list(refused(renamed, Knowledge(CITY, taken, moved), name)) == ["name"]
    with pytest.raises(VersionConflictError):
        Knowledge(CITY).run(partial(evolutions.rename, calling(), KEY, "town", frozenset({7})))


def test_a_rename_that_makes_a_url_too_long_names_the_webhook() -> None:
    long = made(Webhook, 2, name="long", model="Client", url=f"https://example.com/{'x' * 2_000}{{attributes.city}}")
    with pytest.raises(AttributeInUseError, match="webhook long"):
        renamed(Knowledge(CITY, long), "x" * 100)


def test_names_are_former_ones_in_their_order_and_once() -> None:
    again = made(Attribute, 1, name="b", label="l", type="text", entity="client", former_names=("a", "c"))

    assert answered(renamed(Knowledge(again), "a")).former_names == ("c", "b")


def test_a_renamed_value_stands_once_in_lists_and_in_conditions() -> None:
    condition = Condition(field="attributes.color", operator="in", value=["red", "blue", None])
    hook = made(Webhook, 2, name="w", model="Client", url="https://example.com/", conditions=(condition,))
    decide = partial(evolutions.rename_value, calling(), KEY, "red", "blue", None)
    changes = Knowledge(COLOR, hook).run(decide)

    assert answered(changes).list_values == ("blue",)
    assert written(changes)[Key("webhook", uid(2))].value.conditions[0].value == ["blue", None]
    for held, expected in (("red", "blue"), (["green", "red", "blue"], ["green", "blue"]), (["green"], None)):
        after = becomes(changes, client(9, color=held))
        assert after == (None if expected is None else {"color": expected})
    new = Knowledge(COLOR).run(partial(evolutions.rename_value, calling(), KEY, "pink", "rose", None))
    assert answered(new).list_values == ("red", "blue", "rose")


def test_a_value_is_removed_only_if_no_record_holds_it() -> None:
    changes = Knowledge(COLOR).run(partial(evolutions.remove_value, calling(), KEY, "red", None))

    assert answered(changes).list_values == ("blue",)
    assert becomes(changes, client(9, color="blue")) is None
    with pytest.raises(AttributeInUseError):
        becomes(changes, client(9, color=["red"]))


def converting(known: Knowledge, **options: Any) -> Changes:
    return known.run(partial(evolutions.convert, calling(), KEY, Conversion(**options), (), None))


def test_a_conversion_changes_values_and_what_conditions_compare_with() -> None:
    changes = converting(Knowledge(CITY, HOOK), type="number")

    assert answered(changes).type == "number"
    assert written(changes)[Key("webhook", uid(2))].value.conditions[0].value == [5, 6]
    assert becomes(changes, client(9, city="5")) == {"city": 5}
    assert becomes(changes, client(9, city=5)) is None
    with pytest.raises(AttributeInUseError):
        becomes(changes, client(9, city="five"))
    cleared = converting(Knowledge(CITY), type="number", failing="clear")
    assert becomes(cleared, client(9, city="five")) == {}


def test_a_conversion_that_breaks_a_condition_a_requirement_or_uniqueness_is_refused() -> None:
    part = Condition(field="attributes.city", operator="contains", value="5")
    hook = made(Webhook, 2, name="hook", model="Client", url="u", conditions=(part,))
    with pytest.raises(AttributeInUseError, match="webhook hook"):
        converting(Knowledge(CITY, hook), type="number")
    required = made(Attribute, 1, name="city", label="l", type="text", entity="client", is_required=True)
    with pytest.raises(AttributeInUseError):
        becomes(converting(Knowledge(required), type="number", failing="clear"), client(9, city="five"))
    unique = made(Attribute, 1, name="city", label="l", type="text", entity="client", is_unique=True)
    assert list(refused(converting, Knowledge(unique), type="boolean")) == ["type"]
    building = made(Attribute, 1, name="city", label="l", type="text", entity="client", is_unique="building")
    with pytest.raises(AttributeInUseError, match="background"):
        converting(Knowledge(building), type="number")


def test_a_rename_in_the_background_gives_records_both_names_first() -> None:
    def noting(name: str | None) -> Decide:
        return partial(evolutions.note_rename, calling(), KEY, name)

    begun = answered(Knowledge(CITY).run(noting("town")))
    assert begun.renaming_to == "town"
    assert Knowledge(begun).run(noting("town")).writes == ()
    with pytest.raises(AttributeInUseError, match="to `town` already"):
        Knowledge(begun).run(noting("place"))
    changes = renamed(Knowledge(begun))
    assert (answered(changes).name, answered(changes).renaming_to) == ("town", "town")
    assert becomes(changes, client(9, city="Ulm")) == {"city": "Ulm", "town": "Ulm"}
    assert becomes(changes, client(9, city="Ulm", town="Ulm")) is None
    assert answered(Knowledge(begun).run(noting(None))).renaming_to is None


def test_a_batch_changes_the_records_that_are_there() -> None:
    rewrite = rewrite_of(renamed(Knowledge(CITY)))
    known = Knowledge(client(8, city="Ulm"), client(9))
    keys = frozenset(Key("client", uid(number)) for number in (7, 8, 9))

    assert list(written(known.run(partial(in_batch, rewrite, keys)))) == [Key("client", uid(8))]


def test_stores_find_who_holds_which_values() -> None:
    records = [client(3, a="x"), client(1, a="y"), client(2, a="x", b="x"), client(4)]

    assert held_values_among("a", records) == [HeldValue("x", 2), HeldValue("y", 1)]
    for which, found in (
        (Holding(), [1, 2, 3]),
        (Holding(values=["x"]), [2, 3]),
        (Holding(unlike="b"), [1, 3]),
        (Holding(after=uid(1)), [2, 3]),
    ):
        assert holders_among("a", which, records) == [uid(number) for number in found]


def test_earlier_values_are_brought_up_to_date() -> None:
    red = answered(Knowledge(COLOR).run(partial(evolutions.rename_value, calling(), KEY, "red", "blue", None)))
    events = [
        write.event
        for changes in (
            Knowledge(COLOR).run(partial(evolutions.rename_value, calling(), KEY, "red", "blue", None)),
            converting(Knowledge(red), type="text"),
            converting(Knowledge(CITY), type="number", failing="clear"),
        )
        for write in changes.writes
    ]

    assert evolutions.evolved_value(["red", "green"], events[:2]) == "blue; green"
    assert evolutions.evolved_value("5", events[2:]) == 5
    assert evolutions.evolved_value("five", events[2:]) == "five"
