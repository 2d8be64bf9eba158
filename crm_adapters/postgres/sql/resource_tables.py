"""The tables of registered resources, made from their rows in the way of the migrations of the CRM's own tables.

A record is stored as its document. A trigger fills the columns that lists and constraints need from it. A statement
that was run before changes nothing, so that a table grows with its row; nothing is dropped.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, LiteralString

import attrs
from psycopg import sql

from crm_adapters.postgres.sql.list_queries import ordering_expressions
from crm_core.input.fields import FieldKind
from crm_core.resources import Resource

#: The types of columns by the kinds of fields that can have one.
_TYPES: Final[Mapping[FieldKind, LiteralString]] = {
    "text": "text",
    "choice": "text",
    "integer": "bigint",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp with time zone",
    "uuid": "uuid",
    "attributes": "jsonb",
}
#: Fields of these kinds have a column in any case: lists can be filtered by whether there is a value.
_DATES: Final = ("date", "datetime")
#: The longest name of an index or constraint.
_MAX_NAME: Final = 63


@attrs.frozen
class Column:
    """A column that a trigger fills.

    Attributes:
        name: its name.
        type: its type.
        value: its value, an expression of the members of the document ``d``; None for what is kept beside documents.
        is_required: whether it is never null.
        refers_to: the table to whose id it refers; empty for none.
    """

    name: str
    type: LiteralString
    value: sql.Composable | None
    is_required: bool = False
    refers_to: str = ""


def columns_of(resource: Resource) -> Sequence[Column]:
    """Return the columns of a resource's table, besides those that all tables have."""
    return (*_own_columns(resource), *_derived_columns(resource))


def _own_columns(resource: Resource) -> Iterator[Column]:
    named = {*resource.references, *resource.filters, *resource.ranges, *resource.ordering, *resource.once}
    if resource.has_tasks_and_notes:  # the agenda and the search for duplicates read it
        named.add("name")
    for name, field in resource.fields.items():
        if name in named or field.kind in (*_DATES, "attributes"):
            refers_to = "app_user" if field.refers_to == "user" else field.refers_to or ""
            is_there = not field.output_only or name in resource.defaults_to_now
            yield Column(name, _TYPES[field.kind], _member(name), is_there and not field.nullable, refers_to)
    for name in resource.hidden:
        yield Column(name, "uuid", None)


def _derived_columns(resource: Resource) -> Iterator[Column]:
    fields = resource.fields
    for name in _folded_fields(resource):
        yield Column(f"{name}_folded", "text", sql.SQL("crm_fold({})").format(_member(name)), not fields[name].nullable)
    if resource.search or resource.has_catalog:
        folded = [sql.SQL("crm_fold(coalesce({}, ''))").format(_member(name)) for name in resource.search]
        own = sql.SQL(r" || E'\n' || ").join(folded) if folded else sql.SQL("''")
        attributes = _member("attributes") if resource.has_catalog else sql.SQL("null")
        yield Column("searched", "text", sql.SQL("crm_searched({}, {})").format(own, attributes), is_required=True)
    if resource.has_tasks_and_notes:
        yield Column("tasks_digest", "bytea", sql.SQL("crm_digest({})").format(_member("list_of_tasks")))


def _folded_fields(resource: Resource) -> Sequence[str]:
    folded = {*resource.ordering, *resource.name_fields, *(["name"] if resource.has_tasks_and_notes else ())}
    return [name for name, field in resource.fields.items() if field.kind == "text" and name in folded]


def _member(name: str) -> sql.Composable:
    return sql.SQL("d.{}").format(sql.Identifier(name))


def digest_of(resource: Resource) -> str:
    """Return a text that changes with what a resource's table must have, and with the fields of its documents."""
    text = b"\n".join([*(each.as_bytes() for each in statements_of(resource, {})), " ".join(resource.fields).encode()])
    return hashlib.sha256(text).hexdigest()[:12]


def clashes(resource: Resource, present: Mapping[str, str]) -> Sequence[str]:
    """Return why a resource cannot have the table that is there, as sentences.

    Args:
        resource: the resource.
        present: the types of the columns that are there.
    """
    counts = Counter([*(each.name for each in columns_of(resource)), *_COMMON])
    return [
        *(
            f"{resource.name} cannot have a field {name}: its table has another column of this name."
            for name in resource.fields
            if counts[name] > 1 and name != "id"
        ),
        *(
            f"The column {resource.name}.{each.name} is {present[each.name]}, and the resource needs {each.type}."
            for each in columns_of(resource)
            if present.get(each.name, each.type) != each.type
        ),
    ]


def statements_of(resource: Resource, present: Mapping[str, str]) -> Iterator[sql.Composed]:
    """Yield the statements that make the table of a resource, or what it lacks.

    Args:
        resource: the resource.
        present: the types of the columns that are there; empty if there is no table.
    """
    table, columns = sql.Identifier(resource.name), columns_of(resource)
    if not present:
        yield _TABLE.format(table=table)
    yield _PLAIN.format(table=table)
    for column in columns:
        yield _COLUMN.format(table=table, column=sql.Identifier(column.name), type=sql.SQL(column.type))
    unused = sorted(present.keys() - {column.name for column in columns} - _COMMON)
    yield _function(resource, columns, unused)
    yield _TRIGGER.format(table=table, name=_named(resource, "columns"))
    for name in unused:
        yield _OPTIONAL.format(table=table, column=sql.Identifier(name))
    if present:  # the trigger fills the columns of the records that are there
        yield sql.SQL("update {table} set version = version").format(table=table)
    yield from _constraints(resource, columns)
    yield from _indexes(resource)
    if resource.has_catalog:
        names = {"entity": sql.Literal(resource.name), "model": sql.Literal(resource.entity.__name__)}
        yield _CATALOG.format(**names)
    if resource.has_tasks_and_notes:
        yield from _task_triggers(resource)
    if resource.merges:
        yield from _likeness_triggers(resource)
    yield sql.SQL("analyze {table}").format(table=table)


_COMMON: Final = frozenset({"id", "version", "document", "size"})
_TABLE: Final = sql.SQL("""
create table {table} (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored
)""")
#: Documents are not compressed (0028).
_PLAIN: Final = sql.SQL("alter table {table} alter column document set storage external")
_COLUMN: Final = sql.SQL("alter table {table} add column if not exists {column} {type}")
_OPTIONAL: Final = sql.SQL("alter table {table} alter column {column} drop not null")
_REFERENCE: Final = sql.SQL("""
alter table {table} drop constraint if exists {name},
    add constraint {name} foreign key ({column}) references {to} (id)""")
_TRIGGER: Final = sql.SQL("""
create or replace trigger {name} before insert or update on {table} for each row execute function {name}()""")
_CATALOG: Final = sql.SQL("""
insert into catalog (entity, model) values ({entity}, {model})
on conflict (entity) do update set model = excluded.model""")


def _function(resource: Resource, columns: Sequence[Column], unused: Sequence[str]) -> sql.Composed:
    """Return the statement of the function that fills the columns; those that are unused by now stay empty."""
    filled = [(column.name, column.value) for column in columns if column.value is not None]
    comma = sql.SQL(", ")
    members: dict[str, LiteralString] = {
        column.name: column.type for column in columns if column.value == _member(column.name)
    }
    members |= dict.fromkeys(resource.search, "text")
    if resource.has_tasks_and_notes:
        members["list_of_tasks"] = "text"
    return sql.SQL("""
create or replace function {name}() returns trigger language plpgsql as $$
begin
    select {values} into {targets}
    from json_to_record(new.document) as d (id text, {members})
    where d.id = new.id::text;
    {unused}
    return new;
end $$""").format(
        name=_named(resource, "columns"),
        values=comma.join(value for _, value in filled),
        targets=comma.join(sql.SQL("new.{}").format(sql.Identifier(name)) for name, _ in filled),
        members=comma.join(sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in members.items()),
        unused=sql.SQL("").join(sql.SQL("new.{} := null;").format(sql.Identifier(name)) for name in unused),
    )


def _constraints(resource: Resource, columns: Sequence[Column]) -> Iterator[sql.Composed]:
    table = sql.Identifier(resource.name)
    for column in columns:
        name = sql.Identifier(column.name)
        if column.is_required:
            yield sql.SQL("alter table {} alter column {} set not null").format(table, name)
        if column.refers_to:
            key = _named(resource, column.name, "fkey")
            yield _REFERENCE.format(table=table, name=key, column=name, to=sql.Identifier(column.refers_to))


def _indexes(resource: Resource) -> Iterator[sql.Composed]:
    for name, field in resource.fields.items():
        if name in _folded_fields(resource) or name in resource.ordering or name in resource.ranges:
            yield _index(resource, name, [*ordering_expressions(resource, name), sql.Identifier("id")])
        elif name in resource.filters or (field.refers_to is not None and name in resource.references):
            yield _index(resource, name, [sql.Identifier(name), sql.Identifier("id")])
        if resource.filters.get(name) == "contains":
            yield _text_index(resource, f"{name}_part", f"{name}_folded", "gin_trgm_ops")
        if field.owner:
            yield _owner_index(resource, name)
    if resource.has_catalog:
        yield _text_index(resource, "attributes", "attributes", "jsonb_path_ops")
    if resource.search or resource.has_catalog:
        yield _text_index(resource, "searched", "searched", "gin_trgm_ops")
    if resource.once:
        columns = sql.SQL(", ").join(map(sql.Identifier, resource.once))
        yield sql.SQL("create unique index if not exists {} on {} ({})").format(
            _named(resource, "once"), sql.Identifier(resource.name), columns
        )


def _index(resource: Resource, name: str, parts: Sequence[sql.Composable]) -> sql.Composed:
    values = sql.SQL(", ").join(parts)
    names = _named(resource, name), sql.Identifier(resource.name)
    return sql.SQL("create index if not exists {} on {} ({})").format(*names, values)


def _text_index(resource: Resource, name: str, column: str, operators: LiteralString) -> sql.Composed:
    # As in 0003: a longer pending list would slow down every search.
    return sql.SQL("create index if not exists {} on {} using gin ({} {}) with (gin_pending_list_limit = 512)").format(
        _named(resource, name), sql.Identifier(resource.name), sql.Identifier(column), sql.SQL(operators)
    )


def _owner_index(resource: Resource, name: str) -> sql.Composed:
    """Return the statement of the index by which an erasure finds the records that ever belonged to another (0014)."""
    return sql.SQL("create index if not exists {} on event ((changes -> {} ->> 'to')) where resource = {}").format(
        _named(resource, name, "owned"), sql.Literal(name), sql.Literal(resource.name)
    )


def _task_triggers(resource: Resource) -> Iterator[sql.Composed]:
    """Yield the triggers that keep the tasks of records for the agenda (0021)."""
    is_assigned = resource.references.get("responsible") == "user"
    names = {
        "table": sql.Identifier(resource.name),
        "writer": sql.Identifier("crm_lead_tasks" if is_assigned else "crm_tasks"),
        "moved": sql.SQL(" or old.responsible is distinct from new.responsible" if is_assigned else ""),
    }
    for part, statement in _TASK_TRIGGERS.items():
        yield statement.format(name=_named(resource, part), **names)


_TASK_TRIGGERS: Final[Mapping[str, sql.SQL]] = {
    "tasks": sql.SQL("""
create or replace trigger {name} after insert on {table} for each row
when (new.tasks_digest <> '') execute function {writer}()"""),
    "tasks_changed": sql.SQL("""
create or replace trigger {name} after update on {table} for each row
when (old.tasks_digest is distinct from new.tasks_digest{moved}) execute function {writer}()"""),
    "tasks_gone": sql.SQL("""
create or replace trigger {name} after delete on {table} for each row
when (old.tasks_digest is distinct from '') execute function crm_tasks_gone()"""),
    "tasks_emptied": sql.SQL("""
create or replace trigger {name} after truncate on {table} execute function crm_tasks_gone()"""),
}


def _likeness_triggers(resource: Resource) -> Iterator[sql.Composed]:
    """Yield the triggers that keep what records that may be duplicates have in common (0024)."""
    for part, statement in _LIKENESS_TRIGGERS.items():
        yield statement.format(name=_named(resource, part), table=sql.Identifier(resource.name))


_LIKENESS_TRIGGERS: Final[Mapping[str, sql.SQL]] = {
    "likeness_added": sql.SQL("""
create or replace trigger {name} after insert on {table}
referencing new table as added for each statement execute function add_likeness()"""),
    "likeness_moved": sql.SQL("""
create or replace trigger {name} after update on {table} for each row
when (old.name_folded is distinct from new.name_folded or old.attributes is distinct from new.attributes)
execute function move_likeness()"""),
    "likeness_removed": sql.SQL("""
create or replace trigger {name} after delete on {table} for each row execute function move_likeness()"""),
}


def _named(resource: Resource, *parts: str) -> sql.Identifier:
    """Return the name of something that belongs to a table; of a name that is too long, the end is a hash of it."""
    name = "_".join((resource.name, *parts))
    if len(name) > _MAX_NAME:
        name = f"{name[: _MAX_NAME - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return sql.Identifier(name)
