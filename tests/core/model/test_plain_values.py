"""Entities as plain values are the documents that clients see; secrets are redacted, decision 27."""

import datetime as dt
import json

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.model.entities import Attribute, Client, Task
from crm_core.model.plain_values import REDACTED, entity_of, has_secrets, json_text, parse_json, plain, redacted
from crm_core.resources import ATTRIBUTES, CLIENTS, RESOURCES, WEBHOOKS, Resource
from crm_core.webhooks.entity import Webhook
from crm_core.webhooks.urls import redacted_url
from tests.core.drawn import values_of
from tests.core.knowledge import NOW, made, uid


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


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda each: each.name)
@given(data=st.data())
@settings(max_examples=15)  # of each resource
def test_a_record_is_read_from_its_document(resource: Resource, data: st.DataObject) -> None:
    value = data.draw(values_of(resource.entity))

    assert entity_of(resource.entity, plain(value)) == value


def test_a_record_is_read_from_its_json_without_the_fields_that_are_missing() -> None:
    task = made(Task, 2, task="Call", date=dt.date(2025, 1, 5))
    client = made(Client, 1, name="Acme", list_of_tasks=(task,), list_of_images=("/files/x",), created_at=NOW)
    document = parse_json(json_text(plain(client)))
    del document["created_by"]

    assert entity_of(Client, document) == client


HOOKS = (
    made(Webhook, 1, name="é", model="Lead", url="https://a.example/", headers={"Authorization": "secret", "X": ""}),
    made(Webhook, 2, name="secret", model="Lead", url="https://a.example/"),
)


def encoded(value: object) -> bytes:
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":")).encode()


def joined(*values: object) -> bytes:
    return b",".join(map(encoded, values))


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
    assert json.loads(redacted(resource.entity, encoded(value))) == plain(value)
