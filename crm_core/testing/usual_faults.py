"""The faults that databases usually have, tried one after the other, so that finding them takes no luck.

They come before the state machine, which draws what nobody thought of.
"""

import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from crm_core.engine.parameters import filter_parameters
from crm_core.model.accounts import Idempotency
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.records import Key
from crm_core.resources import CLIENTS, LEADS, RESOURCES, Resource
from crm_core.testing.pairs import Operation, Pair
from crm_core.testing.readings import all_pages, answer_of, changed_fields, look_at, whole_list
from crm_core.testing.strategies import NEAR_EQUAL
from crm_core.use_cases import records

_PARAMETERS: Final = ("name", f"{ATTRIBUTE_PREFIX}text", "name__contains")
_LISTS: Final = (CLIENTS, LEADS)
#: A range in which numbers, dates and texts can be or not; records without the value are in none of them.
_RANGES: Final = {"number__lt": "5", "number__gte": "5", "text__lte": "b", "text__gt": "b", "date__lt": "2026-01-01"}


def compare_usual_faults(pair: Pair, clients: Sequence[UUID]) -> None:
    """Run the steps that usual faults show in.

    Args:
        pair: the databases.
        clients: clients with names and texts that differ in case, accents and kind.

    Raises:
        AssertionError: the databases differ.
    """
    _compare_texts(pair)
    _compare_absent_values(pair)
    _compare_orders_and_pages(pair)
    _compare_updates(pair, clients[-1])
    _compare_repetitions(pair, clients[0])


def _compare_texts(pair: Pair) -> None:
    """Collations take texts for one another: by case, accents, blanks or Unicode form."""
    for resource, parameter, text in itertools.product(_LISTS, _PARAMETERS, NEAR_EQUAL):
        pair.both(partial(whole_list, resource=resource, params={parameter: text}))


def _compare_absent_values(pair: Pair) -> None:
    """Absent values are in ranges, or are not found where they are asked for."""
    for resource in RESOURCES.values():
        absent = [name for name in filter_parameters(resource) if name.endswith("__isnull")]
        for parameter, text in itertools.product(absent, ("true", "false")):
            _compare_list(pair, resource, {parameter: text})
    for name, text in _RANGES.items():
        for resource in _LISTS:
            _compare_list(pair, resource, {f"{ATTRIBUTE_PREFIX}{name}": text})


def _compare_orders_and_pages(pair: Pair) -> None:
    """Collations sort otherwise, absent values come at the wrong end, and cursors skip or repeat records."""
    for resource in RESOURCES.values():
        for name, sign in itertools.product(resource.ordering, ("", "-")):
            _compare_list(pair, resource, {"ordering": f"{sign}{name}"})


def _compare_list(pair: Pair, resource: Resource, params: Mapping[str, str]) -> None:
    """Compare a list as a whole, and record by record."""
    pages = pair.both(partial(all_pages, resource=resource, params={**params, "limit": "1"}))
    whole = pair.both(partial(whole_list, resource=resource, params=params))
    if isinstance(pages, list):
        assert b",".join(filter(None, pages)) == whole


def _compare_updates(pair: Pair, client: UUID) -> None:
    """Transactions lose updates that come in between, and histories lose fields."""
    pair.at_once([_rename(client, "e"), _rename(client, "\u00e9")], partial(look_at, keys=[Key("client", client)]))
    for since in range(4):
        pair.both(partial(changed_fields, key=Key("client", client), since=since))


def _compare_repetitions(pair: Pair, client: UUID) -> None:
    """Receipts are lost, so that a repeated request is carried out twice."""
    idempotency = Idempotency(f"key {(number := pair.number())}", b"asked")
    first = answer_of(pair.both(_rename(client, "b"), number, idempotency=idempotency))
    pair.both(_rename(client, "B"))
    assert first
    assert answer_of(pair.both(_rename(client, "b"), number, idempotency=idempotency)) == first._replace(
        is_replayed=True
    )


def _rename(client: UUID, name: str) -> Operation:
    return lambda db, who: records.patch(db, who, CLIENTS, client, {"name": name})
