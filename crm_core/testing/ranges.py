"""Tests of the lists of registered resources by the values of their own fields (decision 177)."""

# ruff: noqa: D102  # a test's name is the fact that it states

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.engine.parameters import OPERATOR_MARK, parameter_text
from crm_core.input.fields import Field, FieldKind
from crm_core.input.numbers import MAX_BIGINT, MIN_BIGINT
from crm_core.input.readers import ReadContext, RefusedError, no_id
from crm_core.model.plain_values import parse_json
from crm_core.model.records import Key
from crm_core.model.registered import registered
from crm_core.resources import RESOURCES, Resource
from crm_core.testing.readings import all_pages
from crm_core.testing.scene import Facts, Scene, fact, ids_of, put, writing
from crm_core.use_cases.callers import new_id

_SIGNS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
#: Values that texts would order otherwise, and the first and last ones, by the kind of their field.
_VALUES: Final[Mapping[FieldKind, Sequence[object]]] = {
    "integer": (10, 9, -10, 0, MIN_BIGINT, MAX_BIGINT),
    "decimal": ("10", "9", "-10", "-9", "0", "0.1", "0.09", "1e12", "-1e12"),
    "date": (date(2026, 1, 31), date.min, date.max),
    "datetime": tuple(datetime(year, 1, 31, 0, 0, 0, micro, UTC) for year in (1, 2026, 9999) for micro in (0, 1)),
}


class RangeFacts(Facts):
    """Ranges and orders by fields of registered resources, and decimals in their documents."""

    @fact
    async def test_own_fields_are_ordered_by_their_values(self, scene: Scene) -> None:
        for resource, values in await _filled(scene):
            for name in set(resource.ordering) & _compared(resource).keys():
                ascending = [value.id for value in sorted(values, key=lambda each: _place(each, name))]  # used at once

                for sign, expected in (("", ascending), ("-", ascending[::-1])):
                    params = {"ordering": sign + name}
                    pages = await all_pages(scene.db, scene.who, resource, params, limit=4)
                    assert await scene.found(resource, **params) == expected, params
                    assert [id_ for page in pages for id_ in ids_of(page)] == expected, params

    @fact
    async def test_own_fields_are_compared_by_their_values(self, scene: Scene) -> None:
        for resource, values in await _filled(scene):
            for name in set(resource.ranges) & _compared(resource).keys():
                held = [(each.id, value) for each in values if (value := getattr(each, name)) is not None]
                for wanted in {value for _, value in held}:
                    for sign, holds in _SIGNS.items():
                        params = {f"{name}{OPERATOR_MARK}{sign}": parameter_text(wanted)}

                        expected = {id_ for id_, value in held if holds(value, wanted)}
                        assert set(await scene.found(resource, **params)) == expected, params

    @fact
    async def test_decimals_are_texts_in_documents_and_histories(self, scene: Scene) -> None:
        for resource, values in await _filled(scene):
            for name in (name for name, field in resource.fields.items() if field.kind == "decimal"):
                for value in values:
                    key, number = Key(resource.name, value.id), getattr(value, name)
                    document, [event] = await scene.db.get(key), await scene.db.history(key)
                    text = None if number is None else str(number)

                    assert document is not None
                    assert parse_json(document.body)[name] == text
                    assert (await scene.value(resource, value.id)) == value
                    assert event.changes[name] == {"to": text}


def _compared(resource: Resource) -> Mapping[str, Field]:
    """Return the fields that lists compare, without those that the server or other records set."""
    return {
        name: field
        for name, field in resource.fields.items()
        if field.kind in _VALUES and field.refers_to is None and not field.is_stamp and not field.output_only
    }


async def _filled(scene: Scene) -> Sequence[tuple[Resource, Sequence[Any]]]:
    """Create records of every registered resource, two with each value; return them with their resource."""
    made = await scene.one_of_each() if registered() else {}
    return [(resource, await _fill(scene, resource, made[resource.name])) for resource in _registered()]


def _registered() -> Iterator[Resource]:
    return (RESOURCES[row.name] for row in registered())


async def _fill(scene: Scene, resource: Resource, made: UUID) -> Sequence[Any]:
    sample = await scene.value(resource, made)
    await scene.delete(resource, made)
    values = {name: _values_of(field) for name, field in _compared(resource).items()}
    count = 2 * max(map(len, values.values()), default=0)
    texts = [name for name in resource.once if resource.fields[name].kind == "text"]  # no two may have the same
    records = [
        attrs.evolve(
            sample,
            id=new_id(),
            **dict.fromkeys(texts, f"{number}"),
            **{name: each[number % len(each)] for name, each in values.items()},
        )
        for number in range(count)
    ]
    await scene.db.change(writing(*(put(scene.who, None, record) for record in records)))
    return records


def _values_of(field: Field) -> Sequence[object]:
    """Return some values of a field, among them its bounds; of those that are tried, some are outside of them."""
    values: list[object] = [None] if field.nullable else []
    bounds = (field.limits.get("minimum"), field.limits.get("maximum"))
    if field.precision is not None:
        bounds = (field.precision.minimum, field.precision.maximum)
    for tried in (*_VALUES[field.kind], *(bound for bound in bounds if bound is not None)):
        try:
            values.append(field.read(tried, ReadContext(no_id)))
        except RefusedError:
            continue
    assert values, f"no value of {field} is known to try"
    return values


def _place(record: Any, name: str) -> tuple[bool, Any, UUID]:
    value = getattr(record, name)
    return (value is not None, 0 if value is None else value, record.id)
