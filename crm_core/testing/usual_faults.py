"""The faults that databases usually have, tried one after the other, so that finding them takes no luck.

They come before the state machine, which draws what nobody thought of. Here are those in what is kept and found;
``usual_commit_faults`` has those in how it is committed.
"""

import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Final
from uuid import UUID

from crm_core.engine.cursors import write_cursor
from crm_core.engine.parameters import filter_parameters
from crm_core.engine.queries import Page
from crm_core.input.texts import normal
from crm_core.model.accounts import Caller
from crm_core.model.entities import ATTRIBUTE_PREFIX, MAX_ENTRY_LENGTH
from crm_core.model.plain_values import parse_json
from crm_core.ports import Database
from crm_core.resources import CLIENTS, COHORTS, LEADS, RESOURCES, Resource
from crm_core.rules.needs import Needs, Search
from crm_core.testing.pairs import Pair
from crm_core.testing.readings import all_pages, assert_done, whole_list
from crm_core.testing.strategies import NEAR_EQUAL
from crm_core.testing.usual_commit_faults import compare_commits
from crm_core.use_cases import records

_LISTS: Final = (CLIENTS, LEADS)
_PARAMETERS: Final = ("name", f"{ATTRIBUTE_PREFIX}text", "name__contains")
#: A range in which numbers, dates and texts can be or not; records without the value are in none of them.
_RANGES: Final = {"number__lt": "5", "number__gte": "5", "text__lte": "b", "text__gt": "b", "date__lt": "2026-01-01"}
#: What stores keep as something else: cut, rounded, in another order, or as null.
_TELLING: Final[Sequence[tuple[Resource, Mapping[str, object]]]] = [
    *((CLIENTS, {"name": each, "attributes": {"text": each}}) for each in ("\U0001f600", "e\u0301", " a  b", "\u0130")),
    *((CLIENTS, {"name": each, "attributes": {"number": Decimal(each)}}) for each in ("1.10", "123456789123456.12345")),
    (CLIENTS, {"name": "long", "attributes": {"text": "x" * 5_000}}),
    (CLIENTS, {"name": "long note", "list_of_notes": [{"note": "é" * MAX_ENTRY_LENGTH}]}),
    (LEADS, {"name": "empty stage", "stage": ""}),
    (LEADS, {"name": "no stage"}),
    *((LEADS, {"name": f"in {each}", "stage": each}) for each in ("a", "A", "é", "e", "ß")),
    *((COHORTS, {"name_cohort": each, "start_date": each}) for each in ("2026-01-31", "0001-01-01", "9999-12-31")),
]
_SEARCHES: Final = (
    *(Search("client", (("name", normal(text)),)) for text in NEAR_EQUAL),
    *(Search("lead", (("stage", normal(text)),)) for text in (*NEAR_EQUAL, "")),
    *(Search("lead", ((name, None),)) for name in ("pipeline", "stage", "stage_id")),
    Search("lead", (("stage", ("A", None)),)),
    Search("lead", (("pipeline", None), ("stage", "A")), any_field=True),
)


def compare_usual_faults(pair: Pair, clients: Sequence[UUID]) -> None:
    """Run the steps that usual faults show in.

    Args:
        pair: the databases.
        clients: clients with names and texts that differ in case, accents and kind.

    Raises:
        AssertionError: the databases differ.
    """
    _compare_texts(pair)
    _compare_what_is_kept(pair)
    _compare_searches(pair)
    _compare_absent_values(pair)
    _compare_orders_and_pages(pair)
    compare_commits(pair, clients)


def _compare_texts(pair: Pair) -> None:
    """Collations take texts for one another: by case, accents, blanks or Unicode form."""
    for resource, parameter, text in itertools.product(_LISTS, _PARAMETERS, NEAR_EQUAL):
        _compare_whole(pair, resource, {parameter: text})


def _compare_what_is_kept(pair: Pair) -> None:
    """Texts are cut, numbers rounded, empty texts made null, and items sorted."""
    for resource, sent in _TELLING:
        assert_done(pair.both(f"create {resource.name}: {sent}", partial(_create, resource=resource, sent=sent)))
    assert_done(pair.both("create client with three tasks, and turn their order round", _turn_round))


async def _create(db: Database, who: Caller, *, resource: Resource, sent: object) -> object:
    return await records.create(db, who, resource, sent)


async def _turn_round(db: Database, who: Caller) -> object:
    tasks = [{"task": str(number)} for number in range(3)]
    id_, document = await records.create(db, who, CLIENTS, {"name": "busy", "list_of_tasks": tasks})
    turned = [{"id": each["id"], "task": each["task"]} for each in parse_json(document.body)["list_of_tasks"][::-1]]
    return document, await records.patch(db, who, CLIENTS, id_, {"list_of_tasks": turned})


def _compare_searches(pair: Pair) -> None:
    """What a decision needs is compared by a collation, or null is equal to nothing."""
    for search in _SEARCHES:
        either = " or " if search.any_field else " and "
        words = either.join(f"{name} is {value!r}" for name, value in search.where)
        pair.compare(
            f"find what a decision needs: each {search.resource} whose {words}", partial(_found, search=search)
        )


async def _found(db: Database, _: Caller, *, search: Search) -> object:
    known = await db.known(Needs(children=frozenset({search}), counts=frozenset({search})))
    return {"records": [child.key.id for child in known.children[search]], "count": known.counts[search]}


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
    assert_done(
        pair.both("read a page of leads, delete its last record, and read the next page", _delete_between_pages)
    )


def _compare_list(pair: Pair, resource: Resource, params: Mapping[str, str]) -> None:
    """Compare a list as a whole, and record by record."""
    _compare_whole(pair, resource, params)
    words = f"list {resource.name} record by record, {dict(params)}"
    pair.compare(words, partial(all_pages, resource=resource, params=params))


def _compare_whole(pair: Pair, resource: Resource, params: Mapping[str, str]) -> None:
    pair.compare(f"list {resource.name}, {dict(params)}", partial(whole_list, resource=resource, params=params))


async def _delete_between_pages(db: Database, who: Caller) -> object:
    query, page = await records.find(db, who, LEADS, {"limit": "2"})
    assert isinstance(page, Page)
    assert page.next is not None
    await records.delete(db, who, LEADS, page.next.id)
    _, following = await records.find(db, who, LEADS, {"limit": "2", "cursor": write_cursor(query, page.next)})
    assert isinstance(following, Page)
    return [page.body, following.body]
