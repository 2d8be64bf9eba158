"""Entities as plain values are the documents that clients see; secrets are redacted, ruling 27."""

import datetime as dt
import json
import types
import typing
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_adapters import documents
from crm_core.model.documents import REDACTED, has_secrets, plain, redacted
from crm_core.model.entities import Attribute, Client, Lead, Task
from crm_core.model.events import differences
from crm_core.resources import ATTRIBUTES, CLIENTS, RESOURCES, WEBHOOKS, Resource
from crm_core.webhooks.entity import Webhook
from crm_core.webhooks.templates import redacted_url
from tests.core.knowledge import NOW, made, uid

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
SIMPLE: Mapping[Any, st.SearchStrategy[Any]] = {
    object: JSON,
    str: st.text(),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    UUID: st.uuids(),
    dt.date: st.dates(),
    dt.datetime: st.datetimes(timezones=st.just(dt.UTC)),
    type(None): st.none(),
}


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """What may stand where an entity declares this type."""
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    arguments = typing.get_args(annotation)
    if attrs.has(annotation):
        hints = typing.get_type_hints(annotation)
        return st.builds(annotation, **{name: values_of(hint) for name, hint in hints.items()})
    if isinstance(annotation, types.UnionType):
        return st.one_of([values_of(each) for each in arguments])
    if typing.get_origin(annotation) is tuple:
        return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
    return st.dictionaries(st.text(), values_of(arguments[1]), max_size=3)


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
@given(data=st.data())
def test_plain_values_are_the_document_that_clients_see(resource: Resource, data: st.DataObject) -> None:
    value = data.draw(values_of(resource.entity))
    document = json.loads(documents.encode(value))

    assert plain(value) == document
    # Once more as text: the order of the members counts, and true is not 1.
    assert json.dumps(plain(value)) == json.dumps(document)


@given(st.none() | values_of(Lead), values_of(Lead))
def test_plain_changes_are_what_an_event_stores(before: Lead | None, after: Lead) -> None:
    for changes in (differences(before, after), differences(after, before), differences(after, None)):
        assert plain(changes) == json.loads(documents.encode(changes))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (1.0, 1.0),
        ("é", "é"),
        (uid(1), "00000000-0000-0000-0000-000000000001"),
        (dt.date(2025, 1, 5), "2025-01-05"),
        (NOW, "2025-01-15T10:00:00Z"),
        (NOW.replace(microsecond=500_000), "2025-01-15T10:00:00.500000Z"),
        ((uid(2), [NOW]), ["00000000-0000-0000-0000-000000000002", ["2025-01-15T10:00:00Z"]]),
        ({"a": {"b": (dt.date(2025, 1, 5),)}}, {"a": {"b": ["2025-01-05"]}}),
    ],
)
def test_times_ids_and_tuples_become_plain(value: object, expected: object) -> None:
    assert plain(value) == expected


def test_plain_makes_new_values_and_leaves_the_old_ones() -> None:
    attributes = {"hats": ["a"]}
    client = made(Client, 1, name="Acme", attributes=attributes, list_of_tasks=(made(Task, 2, task="Call"),))
    shown = plain(client)
    shown["attributes"]["hats"].append("b")
    shown["list_of_tasks"].clear()

    assert attributes == {"hats": ["a"]}
    assert len(client.list_of_tasks) == 1


HOOKS = (
    made(Webhook, 1, name="é", model="Lead", url="https://a.example/", headers={"Authorization": "secret", "X": ""}),
    made(Webhook, 2, name="secret", model="Lead", url="https://a.example/"),
)


def joined(*values: object) -> bytes:
    return b",".join(map(documents.encode, values))


def test_header_values_and_paths_of_urls_are_veiled_and_all_else_left() -> None:
    shown = json.loads(b"[%b]" % redacted(WEBHOOKS.entity, joined(*HOOKS)))

    url = f"https://a.example/{REDACTED}"
    headers = {"Authorization": REDACTED, "X": REDACTED}
    assert shown == [plain(HOOKS[0]) | {"url": url, "headers": headers}, plain(HOOKS[1]) | {"url": url}]


def test_every_veil_is_the_same_whatever_it_hides() -> None:
    one, other = (attrs.evolve(HOOKS[0], headers={"A": value}) for value in ("", "x" * 4_096))

    assert redacted(WEBHOOKS.entity, joined(one)) == redacted(WEBHOOKS.entity, joined(other))


def test_what_is_veiled_is_compact_and_can_be_veiled_again() -> None:
    once = redacted(WEBHOOKS.entity, joined(*HOOKS))

    assert b"\\u" not in once
    assert b'": ' not in once
    assert redacted(WEBHOOKS.entity, once) == once
    assert redacted(WEBHOOKS.entity, b"") == b""


@given(st.lists(values_of(Webhook), max_size=3))
def test_veiling_hides_headers_and_urls_only(hooks: list[Webhook]) -> None:
    veils = [{"url": redacted_url(hook.url), "headers": dict.fromkeys(hook.headers, REDACTED)} for hook in hooks]
    expected = [plain(hook) | veil for hook, veil in zip(hooks, veils, strict=True)]

    assert json.loads(b"[%b]" % redacted(WEBHOOKS.entity, joined(*hooks))) == expected


def test_only_webhooks_have_secrets() -> None:
    assert [resource.name for resource in RESOURCES.values() if has_secrets(resource.entity)] == ["webhook"]


@pytest.mark.parametrize(
    ("resource", "value"),
    [
        (CLIENTS, made(Client, 1, name="Acme", attributes={"headers": {"A": "secret"}}, created_at=NOW)),
        (ATTRIBUTES, made(Attribute, 1, entity="lead", name="headers", label="secret", type="text")),
    ],
)
def test_nothing_else_is_veiled(resource: Resource, value: object) -> None:
    assert json.loads(redacted(resource.entity, documents.encode(value))) == plain(value)
