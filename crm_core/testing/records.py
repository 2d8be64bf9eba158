"""Tests of records: what is written can be read in every way."""

# ruff: noqa: D102  # a test's name is the fact that it states

import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import attrs
import pytest

from crm_core.errors import InvalidError, NotFoundError
from crm_core.input.dates import iso
from crm_core.input.decimals import FixedPoint
from crm_core.input.numbers import parse_decimal
from crm_core.input.texts import normal
from crm_core.model.plain_values import parse_json
from crm_core.model.records import Document, Key
from crm_core.resources import ATTRIBUTES, CLIENTS, FOLLOW_UPS, RESOURCES
from crm_core.testing.scene import Facts, Scene, at_once, fact
from crm_core.testing.strategies import near_equal
from crm_core.use_cases import records
from crm_core.use_cases.callers import new_id

#: Texts that stores, drivers and query languages are prone to misread.
_ODD_TEXTS: Final = (
    "%",
    "_",
    "\\",
    "a'b\"c",
    "\u202eabc",
    "x\u2028y",
    "İıſΣςß",
    "e\u0301",
    "\U0001f600",
    "{}",
    "x" * 255,
)


class RecordFacts(Facts):
    """Records, their documents and versions."""

    @fact
    async def test_every_record_is_its_document(self, scene: Scene) -> None:
        """Same values in the same order as the entity's fields, whether read as bytes or as a value."""
        for name, id_ in (await scene.one_of_each()).items():
            document = await scene.db.get(Key(name, id_))
            record = await scene.record(RESOURCES[name], id_)

            assert document is not None
            assert record is not None
            assert record.key == Key(name, id_)
            assert (document.version, record.version) == (1, 1)
            assert json.loads(document.body, object_pairs_hook=list, parse_float=parse_decimal) == _pairs(record.value)

    @fact
    async def test_numbers_keep_their_digits(self, scene: Scene) -> None:
        await scene.create(ATTRIBUTES, "client", name="size", label="Size", type="number")
        for digits in (
            "123456789123456.12345",
            "1.10",
            "-0.0",
            "1E2",
            "1e+2",
            "1E-7",
            "1e-7",
            "0.1",
            "12345678901234567890123",
            "1",
        ):
            sent = {"size": parse_json(digits)}
            id_ = await scene.create(CLIENTS, name="a", attributes=sent)
            document = await scene.db.get(Key("client", id_))

            assert document is not None
            assert b'{"size":%b}' % digits.encode() in document.body
            assert (await scene.value(CLIENTS, id_)).attributes == sent

    @fact
    async def test_a_missing_record_is_none(self, scene: Scene) -> None:
        for name in RESOURCES:
            assert await scene.db.get(Key(name, new_id())) is None
            assert await scene.record(RESOURCES[name], new_id()) is None

    @fact
    async def test_a_record_that_came_with_the_credentials_is_not_read_again(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="Old")
        ahead = Document(version=7, body=b"read ahead")
        who = attrs.evolve(scene.who, ahead={Key("client", id_): ahead})

        assert await records.get(scene.db, who, CLIENTS, id_) == ahead
        with pytest.raises(NotFoundError):
            await records.get(scene.db, attrs.evolve(who, ahead={Key("client", id_): None}), CLIENTS, id_)

    @fact
    async def test_each_change_adds_one_to_the_version(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="a")
        document = await scene.patch(CLIENTS, id_, name="b")

        assert document == await scene.db.get(Key("client", id_))
        assert document.version == 2
        assert (await scene.value(CLIENTS, id_)).name == "b"

    @fact
    async def test_a_change_that_changes_nothing_keeps_the_version(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="a")

        assert (await scene.patch(CLIENTS, id_, name="a")).version == 1

    @fact
    async def test_of_many_records_with_values_that_no_two_have_the_same_one_is_created(self, scene: Scene) -> None:
        ids = await scene.one_of_each()
        for resource in (each for each in RESOURCES.values() if each.once):
            value = await scene.value(resource, ids[resource.name])
            await scene.delete(resource, value.id)
            made = await at_once(*(scene.another(resource, ids) for _ in range(6)))

            is_whole = all(getattr(value, name) is not None for name in resource.once)
            assert [type(outcome) for outcome in made].count(InvalidError) == (5 if is_whole else 0)

    @fact
    async def test_a_deleted_record_is_gone(self, scene: Scene) -> None:
        id_ = await scene.create(CLIENTS, name="a")
        await scene.delete(CLIENTS, id_)

        assert await scene.db.get(Key("client", id_)) is None
        assert await scene.found(CLIENTS) == []
        with pytest.raises(NotFoundError):
            await scene.delete(CLIENTS, id_)
        with pytest.raises(NotFoundError):
            await scene.patch(CLIENTS, id_, name="b")

    @fact
    async def test_texts_come_back_as_they_were_in_nfc(self, scene: Scene) -> None:
        await scene.create(ATTRIBUTES, "client", name="größe", label="l", type="text")
        for text in _ODD_TEXTS:
            id_ = await scene.create(CLIENTS, name=text, attributes={"größe": text})

            value = await scene.value(CLIENTS, id_)
            assert (value.name, value.attributes) == (normal(text), {"größe": normal(text)})
            for near in near_equal(text):
                assert id_ in await scene.found(CLIENTS, name=near)
            for form in (text, normal(text), unicodedata.normalize("NFD", text)):
                assert id_ in await scene.found(CLIENTS, **{"attributes.größe": form})

    @fact
    async def test_a_record_of_some_hundred_kilobytes_comes_back_with_its_events(self, scene: Scene) -> None:
        notes = [{"note": "\U0001f600" * 10_000}] * 8
        id_ = await scene.create(CLIENTS, name="a", list_of_notes=notes)
        await scene.delete(CLIENTS, await scene.create(CLIENTS, name="b", list_of_notes=notes))
        await scene.patch(CLIENTS, id_, name="c", list_of_notes=[*notes, *notes])

        value = await scene.value(CLIENTS, id_)
        assert [len(each.note) for each in value.list_of_notes] == [10_000] * 16
        kinds = [event.kind for event in await scene.db.history(Key("client", id_))]
        assert kinds == ["updated", "created"]
        assert await scene.found(CLIENTS) == [id_]

    @fact
    async def test_numbers_come_back_as_they_were(self, scene: Scene) -> None:
        await scene.create(ATTRIBUTES, "client", name="n", label="l", type="number")
        for number in (0, -1, 2**53 + 1, -(2**63), *map(Decimal, ("0.1", "1e300", "-1e-300", "5e-324"))):
            id_ = await scene.create(CLIENTS, name="a", attributes={"n": number})

            assert repr((await scene.value(CLIENTS, id_)).attributes["n"]) == repr(number)
            assert await scene.found(CLIENTS, **{"attributes.n": str(number)}) == [id_]

    @fact
    async def test_a_value_is_what_its_document_says(self, scene: Scene) -> None:
        """Not the value that was put: embedders may send tuples, which JSON does not have."""
        await scene.create(ATTRIBUTES, "client", name="l", label="l", type="list")
        id_ = await scene.create(CLIENTS, name="a", attributes={"l": ("x", "y")})

        assert (await scene.value(CLIENTS, id_)).attributes == {"l": ["x", "y"]}

    @fact
    async def test_times_come_back_as_they_were(self, scene: Scene) -> None:
        service = (await scene.one_of_each())["service"]
        for time in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-01-01T00:00:00.000001Z"):
            id_ = await scene.create(FOLLOW_UPS, service, follow_up_date=time)

            assert iso((await scene.value(FOLLOW_UPS, id_)).follow_up_date) == time


def _pairs(value: Any) -> Any:
    """Return a value as in its document, with objects as lists of pairs, so that their order counts."""
    if attrs.has(type(value)):
        return [(name, _pairs(getattr(value, name))) for name in attrs.fields_dict(type(value))]
    if isinstance(value, Mapping):
        return [(name, _pairs(member)) for name, member in value.items()]
    if isinstance(value, tuple | list):
        return [_pairs(item) for item in value]
    if isinstance(value, datetime):
        return iso(value.astimezone(UTC))
    return str(value) if isinstance(value, UUID | date | FixedPoint) else value
