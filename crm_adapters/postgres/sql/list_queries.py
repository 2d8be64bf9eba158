"""Lists of records as SQL: filters, order, keyset pages."""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

from attrs import evolve
from psycopg import sql

from crm_adapters.postgres.sql.statements import QUERIES
from crm_core.engine.queries import Cursor, Filter, Query
from crm_core.input.texts import MAX_SORTED_LENGTH, fold
from crm_core.resources import Resource

_RANGES: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

#: Range filters on texts are helped by an index of this many characters; longer ones do not fit in a page.
INDEXED_LENGTH: Final = 200

#: The most that the documents of one page come to, so that no statement and no answer grows without bound.
MAX_PAGE_BYTES: Final = 8_000_000

#: As bytes it is the same for all who ask, and is planned once; composed, it is planned for its values.
Statement = tuple[bytes | sql.Composed, dict[str, object]]

#: Shorter parts of texts are not in the indexes, which hold three characters each; to look there is slower than not.
_SHORTEST_INDEXED: Final = 3

_NO_ID: Final = UUID(int=0)


def page_statement(query: Query, limit: int) -> Statement:
    """One page: the documents joined by commas, where it ends, and whether there is more.

    It holds at most ``limit`` records, and as many as come to ``MAX_PAGE_BYTES``, but at least one.
    """
    params: dict[str, object] = {"limit": limit, "one_more": limit + 1, "most_bytes": MAX_PAGE_BYTES}
    if query.after is not None:
        params |= {"after_id": query.after.id, "after_value": query.after.value}
    conditions = list(_conditions(query, params))
    if conditions:
        # A plan that is good for a value that a tenth of all records have reads all of them for one that ten have.
        return _compose(query, conditions), params
    after = query.after and Cursor(query.after.value and "a value", _NO_ID)
    return _unfiltered(evolve(query, after=after, limit=None)), params


@cache
def _unfiltered(shape: Query) -> bytes:
    """The statement for queries of a shape: of a resource, in an order, from a place on."""
    return _compose(shape, ()).as_bytes()


def _compose(query: Query, conditions: Iterable[sql.Composable]) -> sql.Composed:
    values = ordering_expressions(query.resource, query.order_by)
    conditions = [*conditions, *_after(query, values)]
    direction = sql.SQL("desc" if query.descending else "asc")
    order = [sql.SQL("{} {}").format(each, direction) for each in (*values, sql.Identifier("id"))]
    return sql.SQL(QUERIES["page"]).format(
        value=_wire_value(query),
        order=sql.SQL(", ").join(order),
        table=sql.Identifier(query.resource.name),
        conditions=sql.SQL(" and ").join(conditions) if conditions else sql.SQL("true"),
    )


def ordering_expressions(resource: Resource, name: str | None) -> Sequence[sql.Composable]:
    """What a list is ordered by before the id, as it is indexed; nothing for the order of creation, which ids have."""
    if name is None:
        return ()
    field, column = resource.fields[name], sql.Identifier(name)
    if field.kind == "text":
        return [_sorted_part(_folded(name)), sql.SQL('{} collate "C"').format(column)]
    return [sql.SQL("coalesce({}, '-infinity')").format(column) if field.nullable else column]


def _folded(field: str) -> sql.Composable:
    """The column that has a text folded."""
    return sql.Identifier(f"{field}_folded")


def _sorted_part(folded: sql.Composable) -> sql.Composable:
    return sql.SQL('left({}, {}) collate "C"').format(folded, sql.Literal(MAX_SORTED_LENGTH))


def _wire_value(query: Query) -> sql.Composable:
    if query.order_by is None:
        return sql.SQL("null::text")
    return sql.SQL("document ->> {}").format(sql.Literal(query.order_by))


def _after(query: Query, values: Sequence[sql.Composable]) -> Iterable[sql.Composable]:
    if query.after is None:
        return
    sign = sql.SQL("<" if query.descending else ">")
    if not values:
        yield sql.SQL("id {} %(after_id)s").format(sign)
        return
    comma = sql.SQL(", ")
    place, after = comma.join(values), comma.join(_cursor_values(query, query.after))
    yield sql.SQL("({}, id) {} ({}, %(after_id)s)").format(place, sign, after)


def _cursor_values(query: Query, after: Cursor) -> Sequence[sql.Composable]:
    kind = query.resource.fields[query.order_by or ""].kind
    if kind == "moment":
        return [sql.SQL("crm_moment(%(after_value)s)")]
    if kind == "date":
        return [sql.SQL("crm_day(%(after_value)s)" if after.value else "'-infinity'::date")]
    return [_sorted_part(sql.SQL("crm_fold(%(after_value)s::text)")), sql.SQL("%(after_value)s::text")]


def _conditions(query: Query, params: dict[str, object]) -> Iterable[sql.Composable]:
    for index, each in enumerate(query.filters):
        bind = _Binder(params, f"filter_{index}")
        yield _attribute_condition(each, bind) if each.is_attribute else _condition(each, bind)
    if query.terms and not query.resource.search:
        yield sql.SQL("false")  # there is nothing to look through
        return
    for index, term in enumerate(query.terms):
        yield _contains(sql.Identifier("searched"), term, _Binder(params, f"term_{index}"))


class _Binder:
    """Gives the values of one condition their placeholders."""

    def __init__(self, params: dict[str, object], name: str) -> None:
        self._params, self._name = params, name

    def __call__(self, value: object) -> sql.Placeholder:
        name = f"{self._name}_{len(self._params)}"
        self._params[name] = value
        return sql.Placeholder(name)


def _condition(each: Filter, bind: _Binder) -> sql.Composable:
    column = sql.Identifier(each.field)
    if each.operator == "isnull":
        return sql.SQL("{} is null" if each.value else "{} is not null").format(column)
    if each.operator == "contains":
        return _contains(_folded(each.field), each.value, bind)
    return sql.SQL("{} = {}").format(column, bind(each.value))


def _attribute_condition(each: Filter, bind: _Binder) -> sql.Composable:
    if each.operator in _RANGES:
        return _range(each, bind)
    if each.operator == "isnull":
        name = sql.Literal(each.field)
        return sql.SQL("not attributes ? {}" if each.value else "attributes ? {}").format(name)
    if each.operator == "contains" and each.kind != "list":
        # The search column holds every text of the record, and has an index for parts of texts.
        own = sql.SQL("crm_fold(crm_text(attributes, {}))").format(sql.Literal(each.field))
        everywhere = _contains(sql.Identifier("searched"), each.value, bind)
        return sql.SQL("{} and {}").format(everywhere, _contains(own, each.value, bind))
    values = each.value if each.operator == "in" else (each.value,)
    holding = [sql.SQL("attributes @> {}::jsonb").format(bind(each_)) for v in values for each_ in _holding(each, v)]
    return sql.SQL("({})").format(sql.SQL(" or ").join(holding))


def _holding(each: Filter, value: Any) -> Iterable[str]:
    yield json.dumps({each.field: value})
    if each.kind == "list":
        yield json.dumps({each.field: [value]})


def _range(each: Filter, bind: _Binder) -> sql.Composable:
    sign = sql.SQL(_RANGES[each.operator])
    name = sql.Literal(each.field)
    if each.kind == "number":
        return sql.SQL("crm_number(attributes, {}) {} {}::numeric").format(name, sign, bind(str(each.value)))
    value = bind(each.value)
    return sql.SQL(
        'left(crm_text(attributes, {name}), {length}) collate "C" {loose} left({value}::text, {length})'
        ' and crm_text(attributes, {name}) collate "C" {sign} {value}::text'
    ).format(
        name=name,
        sign=sign,
        value=value,
        length=sql.Literal(INDEXED_LENGTH),
        loose=sql.SQL(_RANGES[each.operator[:2] + "e"]),
    )


def _contains(text: sql.Composable, part: str, bind: _Binder) -> sql.Composable:
    """That a folded text has another, once that is folded too, anywhere within it."""
    part = fold(part)
    if len(part) < _SHORTEST_INDEXED:
        return sql.SQL("strpos({}, {}) > 0").format(text, bind(part))
    return sql.SQL("{} like {}").format(text, bind(_pattern(part)))


def _pattern(part: str) -> str:
    """A pattern that finds a text; wildcards in it are plain characters."""
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
