"""Tests of lists: filters, searches, orders, pages and streams."""

# ruff: noqa: D102  # a test's name is the fact that it states

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

import attrs
import pytest

from crm_core.engine.cursors import write_cursor
from crm_core.engine.matching import cursor_of, matches, sort_key
from crm_core.engine.parameters import filter_parameters
from crm_core.engine.queries import Page, Query
from crm_core.errors import NotFoundError
from crm_core.model.plain_values import parse_json
from crm_core.model.records import Key
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
from crm_core.rules.needs import Needs
from crm_core.testing.pairs import USERS
from crm_core.testing.scene import Facts, Scene, fact, ids_of, new_clients, writing
from crm_core.use_cases import records
from crm_core.use_cases.callers import new_id

#: The most bytes in a piece of a stream, so that memory stays bounded.
_MAX_PIECE_SIZE: Final = 1_000_000


class ListFacts(Facts):
    """Pages and streams."""

    @fact
    async def test_lists_equal_filtering_and_sorting_in_python(self, scene: Scene) -> None:
        """Every filter, search and order, against ``matches`` and ``sort_key`` over all records."""
        await _fill(scene)
        for resource, params in _lists():
            expected = await self._expected(scene, resource, params)

            assert await scene.found(resource, **params) == expected, params
            assert await self._by_pages(scene, resource, params, limit=2) == expected, params

    async def _expected(self, scene: Scene, resource: Resource, params: Mapping[str, str]) -> list[UUID]:
        query, _ = await records.find(scene.db, scene.who, resource, params)
        keys = frozenset(Key(resource.name, id_) for id_ in await scene.found(resource))
        known = (await scene.db.known(Needs(records=keys))).records.values()
        values = [record.value for record in known if record and matches(query, record.value)]
        values.sort(key=lambda value: sort_key(query, cursor_of(query, value)), reverse=query.descending)
        return [value.id for value in values]

    async def _by_pages(self, scene: Scene, resource: Resource, params: Mapping[str, str], *, limit: int) -> list[UUID]:
        ids: list[UUID] = []
        more: Mapping[str, str] | None = {}
        while more is not None:
            page, more = await _page(scene, resource, {**params, **more, "limit": str(limit)})
            assert 0 < len(page) <= limit or (not page and more is None and not ids)
            assert not set(page) & set(ids)  # checked for each page, as a repeating list may never end
            ids += page
        return ids

    @fact
    async def test_numbers_are_compared_exactly(self, scene: Scene) -> None:
        await scene.create(ATTRIBUTES, "client", name="size", label="Size", type="number")
        texts = ("123456789123456.12344", "123456789123456.12345", "0.1", "0.10000000000000001", "1.10", "1E+2")
        ids = [await scene.create(CLIENTS, name="a", attributes={"size": parse_json(text)}) for text in texts]

        async def found(operator: str, value: str) -> list[int]:
            return sorted(ids.index(id_) for id_ in await scene.found(CLIENTS, **{f"attributes.size{operator}": value}))

        assert [await found("", text) for text in texts] == [[0], [1], [2], [3], [4], [5]]
        assert await found("__gt", texts[0]) == [1]
        assert await found("__lte", "0.1") == [2]
        assert await found("__lt", "0.10000000000000001") == [2]
        assert await found("__in", "1.1,100,123456789123456.12") == [4, 5]

    @fact
    async def test_the_last_page_says_that_it_is_the_last(self, scene: Scene) -> None:
        made = [await scene.create(CLIENTS, name="a") for _ in range(4)]
        first, more = await _page(scene, CLIENTS, {"limit": "2"})
        last, none = await _page(scene, CLIENTS, {"limit": "2", **(more or {})})

        assert [*first, *last] == made[::-1]
        assert (more is None, none) == (False, None)

    @pytest.mark.parametrize("ordering", ["", "created_at", "name", "-name"])
    @fact
    async def test_pages_neither_repeat_nor_skip_while_others_write(self, scene: Scene, ordering: str) -> None:
        """Records that exist all the time appear once, even if the last record of a page is deleted."""
        stay = [await scene.create(CLIENTS, name="n" * (1 + number % 3)) for number in range(7)]
        go = [await scene.create(CLIENTS, name="nn") for _ in range(7)]
        seen: list[UUID] = []
        more: Mapping[str, str] | None = {}
        while more is not None:
            page, more = await _page(scene, CLIENTS, {"ordering": ordering, "limit": "2", **more})
            assert not set(page) & set(seen)  # checked for each page, as a repeating list may never end
            seen += page
            await scene.create(CLIENTS, name="nn")
            if going := [id_ for id_ in page if id_ in go]:
                await scene.delete(CLIENTS, going[-1])
                go.remove(going[-1])

        assert set(stay) <= set(seen)

    @fact
    async def test_records_are_found_by_their_exact_names_two_of_each(self, scene: Scene) -> None:
        long = "n" * 200
        ids = {
            name: await scene.create(CLIENTS, name=name) for name in ("Ann", "ann", "Ånn", "A%", long, f"{long[:-1]}m")
        }
        more = [await scene.create(CLIENTS, name="Ann") for _ in range(2)]

        found = await scene.db.named(CLIENTS, "name", ["Ann", "A%", long, "An", ""])
        assert found["Ann"] == [ids["Ann"], more[0]]
        assert {text: list(ids) for text, ids in found.items() if text != "Ann" and ids} == {
            "A%": [ids["A%"]],
            long: [ids[long]],
        }

    @fact
    async def test_an_empty_list_is_empty(self, scene: Scene) -> None:
        for resource in RESOURCES.values():
            parent = {"service": new_id(), "entity": "client"}.get(resource.parent or "")
            query = Query(resource=resource, limit=3)

            assert await scene.db.page(query) == Page(b"", None)
            assert b"".join([piece async for piece in scene.db.stream(query)]) == b""
            if resource is FOLLOW_UPS:
                with pytest.raises(NotFoundError):
                    await scene.found(resource, parent)
            else:
                assert await scene.found(resource, parent) == []

    @fact
    async def test_a_long_list_comes_in_bounded_pieces(self, scene: Scene) -> None:
        clients = new_clients(1_201, scene.who)
        for some in (clients[:600], clients[600:]):
            await scene.db.change(writing(*some))
        pieces = [piece async for piece in scene.db.stream(Query(resource=CLIENTS))]

        assert len(pieces) > 2
        assert max(map(len, pieces)) <= _MAX_PIECE_SIZE
        assert ids_of(b"".join(pieces)) == [put.key.id for put in reversed(clients)]

    @fact
    async def test_the_documents_of_a_stream_are_joined_by_any_separator(self, scene: Scene) -> None:
        clients = new_clients(1_201, scene.who)
        await scene.db.change(writing(*clients))
        query = Query(resource=CLIENTS)
        lines = b"".join([piece async for piece in scene.db.stream(query, separator="\n")])
        commas = b"".join([piece async for piece in scene.db.stream(query)])

        assert len(lines.splitlines()) == len(clients)
        assert b",".join(lines.split(b"\n")) == commas

    @fact
    async def test_a_stream_goes_on_while_others_write(self, scene: Scene) -> None:
        clients = new_clients(1_201, scene.who)
        await scene.db.change(writing(*clients))
        pieces = []
        async for piece in scene.db.stream(Query(resource=CLIENTS)):
            pieces.append(piece)
            await scene.create(CLIENTS, name="new")

        assert ids_of(b"".join(pieces)) == [put.key.id for put in reversed(clients)]

    @fact
    async def test_documents_of_lists_are_those_of_single_reads(self, scene: Scene) -> None:
        ids = [await scene.create(CLIENTS, name=name) for name in ("a", "ä", "x\u2028y")]
        documents = [await scene.db.get(Key("client", id_)) for id_ in reversed(ids)]
        body = b",".join(document.body for document in documents if document)
        query = Query(resource=CLIENTS, limit=3)

        assert await scene.db.page(query) == Page(body, None)
        assert b"".join([piece async for piece in scene.db.stream(attrs.evolve(query, limit=None))]) == body


_NAMES: Final = (
    "b",
    "B",
    "a%b",
    "a_b",
    "A\\B",
    "ÄB",
    "äb",
    "İx",
    "ix",
    "ΣΑΣ",
    "σας",
    "straße",
    "STRASSE",
    "Rene\u0301e",
    "ren\u00c9E",
    "a  b",
    "A\u00a0B",
    "\u0141\u00f8",
    "\ufdfa" * 255,
    "\U0001f600",
)
_VALUES_OF_OPERATORS: Final = {"contains": ("renee", "B", "strasse", "lo"), "isnull": ("true", "false")}
_LISTS: Final[Sequence[tuple[Resource, Mapping[str, str]]]] = [
    *((resource, {}) for resource in (CLIENTS, SERVICES, LEADS, PIPELINES, COHORTS, ENROLLMENTS, WEBHOOKS)),
    *(
        (resource, {"ordering": sign + name})
        for resource in (CLIENTS, SERVICES, LEADS, PIPELINES, COHORTS, ENROLLMENTS, TRANSFER_REQUESTS, WEBHOOKS)
        for name in resource.ordering
        for sign in ("", "-")
    ),
    *((CLIENTS, {"name": name}) for name in (*_NAMES, "\\", "%", "_", "s", "i", "\u03c3", "lo", " a b ", "none such")),
    *((CLIENTS, {"search": term}) for term in (*_NAMES, "b a", '"a%b"', "red", "RED blue", "none such", "x\ny")),
    *((LEADS, {"stage": stage}) for stage in ("A", "a", "none such")),
    *((LEADS, {"responsible": str(user)}) for user in USERS),
    *((WEBHOOKS, {"is_active": value, "model": "Client"}) for value in ("true", "false")),
    *(
        (CLIENTS, {f"attributes.{name}": value})
        for name, value in (
            ("text", "Red"),
            ("text", "red"),
            ("text__contains", "E"),
            ("text__contains", "%"),
            ("text__in", "Red,blue"),
            ("text__gt", "R"),
            ("text__lte", "blue"),
            ("number", "1"),
            ("number", "1.0"),
            ("number__in", "1,2.5"),
            ("number__gt", "1"),
            ("number__gte", "1"),
            ("number__lt", "9007199254740993"),
            ("number__lte", "1e300"),
            ("date", "2026-01-31"),
            ("date__lt", "2026-01-31"),
            ("date__in", "2026-01-31,0001-01-01"),
            ("boolean", "true"),
            ("boolean", "false"),
            ("list", "x"),
            ("list__in", "y,none"),
            ("list__contains", "x"),
            ("list__contains", "X"),
            ("file__contains", "EXAMPLE"),
            ("text__in", '"Red", "none, such"'),
            *((f"{name}__isnull", value) for name in ("text", "number", "list") for value in ("true", "false")),
        )
    ),
    (CLIENTS, {"attributes[text]": " Red "}),
    (CLIENTS, {"attributes[number][gte]": "2", "ordering": "name"}),
    (CLIENTS, {"attributes.text": "Red", "attributes.number__gte": "1", "name": "b", "search": "red"}),
    (CLIENTS, {"attributes.number__gte": "-1", "ordering": "name"}),
]


def _lists() -> Iterator[tuple[Resource, Mapping[str, str]]]:
    """Yield lists with their parameters; registered resources have theirs, too."""
    yield from _LISTS
    for resource in RESOURCES.values():
        if resource.parent is None:
            yield resource, {"search": "b"}
            for parameter, (_, operator) in filter_parameters(resource).items():
                yield from ((resource, {parameter: value}) for value in _VALUES_OF_OPERATORS.get(operator, ()))


_ATTRIBUTE_SAMPLES: Final[Sequence[Mapping[str, object]]] = [
    {},
    {"text": "Red", "number": 1, "date": "2026-01-31", "boolean": True, "list": "x", "file": "https://example.com/"},
    {"text": "blue", "number": 1.0, "date": "0001-01-01", "boolean": False, "list": ["x", "y"]},
    {"text": "%", "number": 2.5, "list": []},
    {"text": "x\ny", "number": 2**53 + 1, "list": ["y"]},
    {"text": "", "number": -1e300, "list": "xy"},
]


async def _fill(scene: Scene) -> None:
    """Create records with equal and missing values, and letters that databases order and lower-case differently."""
    for type_ in ("text", "number", "date", "boolean", "list", "file"):
        await scene.create(ATTRIBUTES, "client", name=type_, label=type_, type=type_)
    made = await scene.one_of_each()
    for name, attributes in zip((*_NAMES, "b", "B"), itertools.cycle(_ATTRIBUTE_SAMPLES), strict=False):
        await scene.create(CLIENTS, name=name, attributes=attributes)
        await scene.create(PIPELINES, name=name)
    for name, user, date in zip(_NAMES, itertools.cycle((*USERS, None)), itertools.cycle(_DATES), strict=False):
        await scene.create(LEADS, name=name, responsible=user, stage=name[:1].upper())
        await scene.create(COHORTS, name_cohort=name, start_date=date)
        await scene.create(TRANSFER_REQUESTS, student=made["service"], cohort_request=name, possible_transfer_date=date)
        await scene.create(ENROLLMENTS, cohort=made["cohort"], pathway_name=name)
        await scene.create(WEBHOOKS, name=name, model="Client", url="https://example.com", is_active=date is not None)


_DATES: Final = (None, "2026-01-31", "0001-01-01", "9999-12-31", "2026-01-31")


async def _page(
    scene: Scene, resource: Resource, params: Mapping[str, str]
) -> tuple[list[UUID], Mapping[str, str] | None]:
    """Return the ids of a page, and the parameter of the next page if there is one."""
    query, page = await records.find(scene.db, scene.who, resource, params)
    assert isinstance(page, Page)
    return ids_of(page.body), {"cursor": write_cursor(query, page.next)} if page.next else None
