"""The SQL of lists: filters, order, keyset pages."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, LiteralString
from uuid import UUID

from attrs import evolve
from psycopg import sql

from crm_adapters.postgres.sql.statements import QUERIES
from crm_core.engine.queries import Cursor, Filter, Query
from crm_core.input.fields import FieldKind
from crm_core.input.texts import MAX_SORTED_LENGTH, fold
from crm_core.model.plain_values import json_text
from crm_core.resources import Resource

_RANGES: Final[Mapping[str, LiteralString]] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

#: The place of a cursor in the order of a field, by its kind; texts have two.
_CURSOR_VALUES: Final[Mapping[FieldKind, LiteralString]] = {
    "datetime": "crm_moment(%(after_value)s)",
    "date": "crm_day(%(after_value)s)",
    "decimal": "%(after_value)s::numeric",
    "integer": "%(after_value)s::bigint",
}

#: Indexes for range filters on texts hold this many characters; longer entries do not fit in a page of an index.
INDEXED_LENGTH: Final = 200

#: Bytes of the documents of one page, so that statements and answers are bounded.
MAX_PAGE_BYTES: Final = 8_000_000

#: bytes: prepared once per connection; Composed: planned for its values at each call. With its parameters.
Statement = tuple[bytes | sql.Composed, dict[str, object]]

#: Trigram indexes hold three characters each, so for shorter texts they are slower than reading all.
_MIN_INDEXED_LENGTH: Final = 3

_NO_ID: Final = UUID(int=0)


def page_statement(query: Query, limit: int) -> Statement:
    """Return the statement, with its parameters, that reads one page.

    Its rows have the documents. If more records follow, one more row has null, and the id and the ordering value of the
    last record. A page has at most ``limit`` records and ``MAX_PAGE_BYTES`` bytes, but at least one record.
    """
    params: dict[str, object] = {"limit": limit, "one_more": limit + 1, "most_bytes": MAX_PAGE_BYTES}
    if query.after is not None:
        params |= {"after_id": query.after.id, "after_value": query.after.value}
    conditions = list(_conditions(query, params))
    if conditions:
        # A generic plan suits common values and would scan the whole table for rare ones.
        return _compose(query, conditions, limit + 1), params
    after = query.after and Cursor(query.after.value and "a value", _NO_ID)
    estimate = 10 ** len(str(limit))
    return _unfiltered(evolve(query, after=after, limit=None), estimate), params


@cache
def _unfiltered(shape: Query, estimate: int) -> bytes:
    """Return the statement for all queries without filters that differ in the place of the cursor only.

    Args:
        shape: the query without its limit, with any place of a cursor.
        estimate: the power of ten above the limit, so that there are few statements.
    """
    return _compose(shape, (), estimate).as_bytes()


def _compose(query: Query, conditions: Iterable[sql.Composable], estimate: int) -> sql.Composed:
    values = ordering_expressions(query.resource, query.order_by)
    conditions = [*conditions, *_after(query, values)]
    direction = sql.SQL("desc" if query.descending else "asc")
    order = [sql.SQL("{} {}").format(each, direction) for each in (*values, sql.Identifier("id"))]
    return sql.SQL(QUERIES["page"]).format(
        value=_wire_value(query),
        order=sql.SQL(", ").join(order),
        table=sql.Identifier(query.resource.name),
        conditions=sql.SQL(" and ").join(conditions) if conditions else sql.SQL("true"),
        estimate=sql.Literal(estimate),
    )


def ordering_expressions(resource: Resource, name: str | None) -> Sequence[sql.Composable]:
    """Return the indexed expressions that a list is ordered by before the id; none for the order of creation."""
    if name is None:
        return ()
    field, column = resource.fields[name], sql.Identifier(name)
    if field.kind == "text":
        return [_sorted_part(_folded(name)), sql.SQL('{} collate "C"').format(column)]
    if not field.nullable:
        return [column]
    # What stands for null is less than all values; no integer is.
    place: LiteralString = "{}::numeric" if field.kind == "integer" else "{}"
    return [sql.SQL(f"coalesce({place}, '-infinity')").format(column)]


def named_statement(resource: Resource, field: str) -> sql.Composed:
    """Return the statement that finds two records at most for each of some exact texts of a field, by its index."""
    place, column = ordering_expressions(resource, field)
    return sql.SQL(QUERIES["named"]).format(
        table=sql.Identifier(resource.name),
        place=place,
        wanted_place=_sorted_part(sql.SQL("crm_fold(wanted.text)")),
        column=column,
    )


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
    field = query.resource.fields[query.order_by or ""]
    if field.kind in _CURSOR_VALUES:
        return [sql.SQL("'-infinity'" if after.value is None else _CURSOR_VALUES[field.kind])]
    return [_sorted_part(sql.SQL("crm_fold(%(after_value)s::text)")), sql.SQL("%(after_value)s::text")]


def _conditions(query: Query, params: dict[str, object]) -> Iterable[sql.Composable]:
    for index, each in enumerate(query.filters):
        bind = _Binder(params, f"filter_{index}")
        yield _attribute_condition(each, bind) if each.is_attribute else _condition(query.resource, each, bind)
    if query.terms and not query.resource.search:
        yield sql.SQL("false")  # there is nothing to search
        return
    for index, term in enumerate(query.terms):
        yield _contains(sql.Identifier("searched"), term, _Binder(params, f"term_{index}"))


class _Binder:
    """Adds the values of one condition to the parameters, and returns their placeholders."""

    def __init__(self, params: dict[str, object], name: str) -> None:
        self._params, self._name = params, name

    def __call__(self, value: object) -> sql.Placeholder:
        name = f"{self._name}_{len(self._params)}"
        self._params[name] = value
        return sql.Placeholder(name)


def _condition(resource: Resource, each: Filter, bind: _Binder) -> sql.Composable:
    column = sql.Identifier(each.field)
    if each.operator == "isnull":
        return sql.SQL("{} is null" if each.value else "{} is not null").format(column)
    if each.operator == "contains":
        return _contains(_folded(each.field), each.value, bind)
    if each.operator in _RANGES:
        [place] = ordering_expressions(resource, each.field)  # which has the index
        sign = sql.SQL(_RANGES[each.operator])
        return sql.SQL("({} {} {} and {} is not null)").format(place, sign, bind(each.value), column)
    if each.operator == "in":
        return sql.SQL("{} = any({})").format(column, bind(list(each.value)))
    return sql.SQL("{} = {}").format(column, bind(each.value))


def _attribute_condition(each: Filter, bind: _Binder) -> sql.Composable:
    if each.operator in _RANGES:
        return _range(each, bind)
    if each.operator == "isnull":
        name = sql.Literal(each.field)
        return sql.SQL("not attributes ? {}" if each.value else "attributes ? {}").format(name)
    if each.operator == "contains" and each.kind != "list":
        # The column searched holds every text of the record, and has a trigram index.
        own = sql.SQL("crm_fold(crm_text(attributes, {}))").format(sql.Literal(each.field))
        everywhere = _contains(sql.Identifier("searched"), each.value, bind)
        return sql.SQL("{} and {}").format(everywhere, _contains(own, each.value, bind))
    values = each.value if each.operator == "in" else (each.value,)
    holding = [sql.SQL("attributes @> {}::jsonb").format(bind(each_)) for v in values for each_ in _holding(each, v)]
    return sql.SQL("({})").format(sql.SQL(" or ").join(holding))


def _holding(each: Filter, value: Any) -> Iterable[str]:
    yield json_text({each.field: value})
    if each.kind == "list":
        yield json_text({each.field: [value]})


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
    """Return the condition that a folded text contains another one, once that is folded too."""
    part = fold(part)
    if len(part) < _MIN_INDEXED_LENGTH:
        return sql.SQL("strpos({}, {}) > 0").format(text, bind(part))
    return sql.SQL("{} like {}").format(text, bind(_pattern(part)))


def _pattern(part: str) -> str:
    """Return the LIKE pattern that finds a text, with its wildcards escaped."""
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
