"""The rules of records by themselves, for programs that use nothing else of the core.

Records are entities, or plain values as documents have them. Nothing is stored, and nobody's permission is asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import attrs

from crm_core.errors import InvalidError, Problems
from crm_core.input.drafts import read_draft, with_defaults
from crm_core.input.fields import fields_of
from crm_core.input.readers import ReadContext, no_id
from crm_core.model.entities import Attribute, Client, Lead, Service
from crm_core.model.plain_values import plain
from crm_core.rules.attributes import validate_values
from crm_core.rules.tasks_and_notes import update_task
from crm_core.webhooks import templates
from crm_core.webhooks.conditions import Logic, Rule, comparable, field_of, holds, values_of
from crm_core.webhooks.templates import UnfillableError

E = TypeVar("E")
R = TypeVar("R", Client, Service, Lead)

#: A record: an entity, or its plain values.
Subject = attrs.AttrsInstance | Mapping[str, Any]


def read_record(entity: type[E], data: object, id_: UUID) -> E:
    """Return a new record of the values that were sent, with the defaults of the others.

    >>> lead = read_record(Lead, {"name": " Ann ", "stage": "New"}, UUID(int=1))
    >>> lead.name, lead.stage, lead.list_of_tasks
    ('Ann', 'New', ())

    Args:
        entity: the class of the record.
        data: plain values; what cannot be sent is refused.
        id_: the id of the record, and of its tasks and notes that have none.

    Raises InvalidError with every problem. Rules that need other records are not asked.
    """
    draft = read_draft(entity, data, ReadContext(lambda: id_, strict=True), require_all=True)
    if draft.problems:
        raise InvalidError(draft.problems)
    absent = dict.fromkeys(fields_of(entity))
    return entity(**{**absent, **with_defaults(entity, {"id": id_, **draft.values})})


def attribute_problems(
    definitions: Iterable[Attribute], values: Mapping[str, object], *, before: Mapping[str, object] | None = None
) -> Mapping[str, Problems]:
    """Return the problems of a record's attributes by name; empty if there are none.

    >>> size = Attribute(id=UUID(int=1), entity="lead", name="size", label="Size", type="number")
    >>> list(attribute_problems([size], {"size": "big", "colour": "red"}))
    ['size', 'colour']

    Args:
        definitions: the attributes that are defined for the entity.
        values: the values of the record, or a record's ``attributes``.
        before: the values that it had; what it keeps is no problem.
    """
    by_name = {each.name: each for each in definitions}
    _, problems = validate_values(by_name, before or {}, plain(values))
    order = [*values, *by_name]
    return {name: problems[name] for name in sorted(problems, key=order.index)}


def conditions_hold(
    conditions: Iterable[Rule], now: Subject, *, before: Subject | None = None, logic: Logic = "AND"
) -> bool:
    """Return whether a record meets conditions, as those of webhooks; without conditions every record does.

    >>> from crm_core.webhooks.entity import Condition
    >>> won = Condition(field="stage", operator="changed_to", value="Won")
    >>> conditions_hold([won], {"stage": "Won"}, before={"stage": "New"})
    True

    Args:
        conditions: the conditions.
        now: the record. Of plain values, texts compare as texts: a decimal must be a ``FixedPoint``.
        before: the record before its change; None for a new one.
        logic: ``AND`` if all must be met, ``OR`` if one is enough.

    Raises ValueError for an operator or logic that is not known.
    """
    rules = tuple(conditions)
    names = [rule.field for rule in rules]
    return holds(rules, logic, None if before is None else _compared(before, names), _compared(now, names))


def _compared(record: Subject, names: Sequence[str]) -> Mapping[str, Any]:
    if isinstance(record, Mapping):
        return {name: comparable(value) for name, value in record.items()}
    return values_of(record, names)


def fill_url(template: str, record: Subject) -> str:
    """Return a URL with the fields of a record in place of ``{field}``; they cannot add segments or parameters.

    >>> fill_url("https://example.com/{name}", {"name": "a/b"})
    'https://example.com/a%2Fb'

    Raises UnfillableError where it would be another URL, and for a field that the record does not have.
    """
    return templates.fill_url(template, _values(template, record).__getitem__)


def fill_header(template: str, record: Subject) -> str:
    """Return a header's value with the fields of a record in place of ``{field}``, without control characters.

    >>> fill_header("Lead {name}", {"name": "Ada"})
    'Lead Ada'

    Raises UnfillableError for a field that the record does not have.
    """
    return templates.fill_header(template, _values(template, record).__getitem__)


def change_task(record: R, task_id: UUID, **values: object) -> R:
    """Return a record with one task changed.

    >>> ann = read_record(Lead, {"name": "Ann", "list_of_tasks": [{"task": "Call"}]}, UUID(int=1))
    >>> change_task(ann, UUID(int=1), completed=True).list_of_tasks[0].completed
    True

    Args:
        record: the record.
        task_id: the id of the task.
        values: ``completed``, ``task`` or ``date``.

    Raises NotFoundError for a task that the record does not have, InvalidError with every problem.
    """
    edit = update_task({"task_id": str(task_id), **plain(values)}, ReadContext(no_id, strict=True))
    changed: Mapping[str, Any] = edit(record).values
    return attrs.evolve(record, **changed)


def _values(template: str, record: Subject) -> Mapping[str, object]:
    document = plain(record)
    names = list(templates.placeholders(template))
    known = {*document, *(f"attributes.{name}" for name in document.get("attributes", {}))}
    if unknown := [name for name in names if name not in known]:
        raise UnfillableError(f"The record has no {unknown[0]}.")
    return {name: field_of(document, name) for name in names}
