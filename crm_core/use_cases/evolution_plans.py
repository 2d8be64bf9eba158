"""What a change of an attribute would do, and the decision that makes it (decisions 128 to 134)."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple

import attrs

from crm_core.engine import evolutions
from crm_core.engine.conversions import Conversion, FailingValueError, check_conversion, converted
from crm_core.engine.decision_runs import Decide
from crm_core.errors import InvalidError, Problem, not_a_choice
from crm_core.input.drafts import read_payload
from crm_core.input.numbers import exact_number
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller
from crm_core.model.entities import MAX_ENTRIES, Attribute
from crm_core.model.events import same
from crm_core.model.evolutions import EvolutionReport, FailingValue, HeldValue, Holding
from crm_core.model.plain_values import json_text
from crm_core.ports import Database
from crm_core.resources import RESOURCES
from crm_core.rules.uniqueness import unique_key
from crm_core.use_cases.evolution_requests import BODIES, EvolutionKind, Target, definition_of

#: The most records that change in one commit, for which all writers of the entity's records wait.
MAX_HOLDERS: Final = 100_000
#: The most failing values and records that a dry run lists.
MAX_FAILING_VALUES: Final = 100
MAX_FAILING_RECORDS: Final = 20
#: Records that change in a second, as a dry run estimates it.
_RECORDS_PER_SECOND: Final = 4_000


class _Request(NamedTuple):
    """A requested change of an attribute."""

    db: Database
    who: Caller
    target: Target
    definition: Attribute
    values: Mapping[str, Any]
    limit: float


class Plan(NamedTuple):
    """A requested change of an attribute, and what it would do.

    Attributes:
        decide: the decision.
        report: what it would do.
    """

    decide: Decide
    report: EvolutionReport


async def plan_of(
    db: Database,
    who: Caller,
    kind: EvolutionKind,
    target: Target,
    data: object,
    *,
    strict: bool = True,
    limit: float | None = None,
) -> Plan:
    """Return a requested change, and what it would do; the arguments are those of ``evolve``.

    ``limit`` is the most records that may change, MAX_HOLDERS unless another one is given.

    Raises NotFoundError, InvalidError.
    """
    definition = await definition_of(db, target)
    values = read_payload(BODIES[kind], data, ReadContext(who.new_id, strict))
    return await _PLANS[kind](_Request(db, who, target, definition, values, MAX_HOLDERS if limit is None else limit))


async def _rename(request: _Request) -> Plan:
    definition, name = request.definition, request.values["name"]
    records = await request.db.count_holders(definition.entity, definition.name)
    refusals = [*_too_many(request, records, f"rename {definition.id} {name}")]
    taken = await request.db.count_holders(definition.entity, name) if name != definition.name else 0
    if definition.renaming_to is not None:
        command = f"crm attributes rename {definition.id} {definition.renaming_to} --online"
        refusals = [f"The attribute is being renamed in the background. Run: {command}"]
    elif taken:
        refusals.append(f"{_records(taken)} a value under `{name}` already, of an attribute that was deleted.")
    return Plan(
        partial(evolutions.rename, request.who, request.target.key, name, request.target.expected),
        report_of(definition, records if name != definition.name else 0, refusals=tuple(refusals)),
    )


async def _rename_value(request: _Request) -> Plan:
    old, new = (request.values[end].strip() for end in ("from", "to"))
    held = await _of_list(request, old, "from")
    records = sum(each.records for each in held) if old != new else 0
    merged = sum(each.records for each in held if isinstance(each.value, list) and new in each.value and old != new)
    refusals = _too_many(request, records)
    return Plan(
        partial(evolutions.rename_value, request.who, request.target.key, old, new, request.target.expected),
        report_of(request.definition, records, merged=merged, indexes=0, refusals=tuple(refusals)),
    )


async def _remove_value(request: _Request) -> Plan:
    value, other = request.values["value"].strip(), request.values["replace_with"]
    if other is not None:
        if other == value or other not in request.definition.list_values:
            raise InvalidError({"replace_with": (not_a_choice(other),)})
        return await _rename_value(request._replace(values={"from": value, "to": other}))
    records = sum(each.records for each in await _of_list(request, value, "value"))
    refusals = [f"{_records(records)} this value: say by `replace_with` which they get instead."] if records else []
    return Plan(
        partial(evolutions.remove_value, request.who, request.target.key, value, request.target.expected),
        report_of(request.definition, 0, indexes=0, refusals=tuple(refusals)),
    )


async def _of_list(request: _Request, item: str, field: str) -> Sequence[HeldValue]:
    """Return the values of records that are a text, or a list that has it. Raises InvalidError if it is no value."""
    definition = request.definition
    if definition.type != "list":
        raise InvalidError({field: (Problem("invalid", "Only attributes of type list have values to change."),)})
    held = await _held(request)
    found = [each for each in held if item == each.value or (isinstance(each.value, list) and item in each.value)]
    if item not in definition.list_values and not found:
        raise InvalidError({field: (not_a_choice(item),)})
    return found


async def _convert(request: _Request) -> Plan:
    definition, conversion = request.definition, Conversion(**request.values)
    check_conversion(definition, conversion)
    held = await _held(request)
    results = [(each, _result(definition, conversion, each.value)) for each in held]
    failing = [each for each, (is_sound, _) in results if not is_sound]
    list_values = _list_values(definition, [new for _, (is_sound, new) in results if is_sound], conversion)
    holders = sum(each.records for each in held)
    # A date stays the same when it becomes a text, and so does a list that is one text.
    records = sum(each.records for each, (is_sound, new) in results if not (is_sound and same(new, each.value)))
    refusals = [
        *_too_many(request, holders, f"convert {definition.id} {conversion.type}"),
        *_failing_refusals(definition, conversion, sum(each.records for each in failing)),
        *_collisions(definition, conversion, results),
    ]
    report = report_of(definition, records, refusals=tuple(refusals))
    return Plan(
        partial(evolutions.convert, request.who, request.target.key, conversion, list_values, request.target.expected),
        attrs.evolve(report, **await _failing(request, failing)),
    )


def _result(definition: Attribute, conversion: Conversion, value: object) -> tuple[bool, object]:
    """Return whether a value can be converted, and the new value; a list may have any values."""
    after = attrs.evolve(definition, type=conversion.type, list_values=())
    try:
        return True, converted(definition.type, after, conversion, value)
    except FailingValueError:
        return False, None


def _list_values(definition: Attribute, values: Sequence[object], conversion: Conversion) -> Sequence[str]:
    """Return the values that a list is to have: those that were suggested, and those that records hold."""
    if conversion.type != "list":
        return ()
    items = [item for value in values for item in (value if isinstance(value, list | tuple) else (value,))]
    found = tuple(dict.fromkeys((*definition.list_values, *sorted(map(str, items)))))
    if len(found) > MAX_ENTRIES:
        message = f"A list has at most {MAX_ENTRIES} values, and records hold {len(found)}."
        raise InvalidError({"type": (Problem("max_length", message),)})
    return found


def _failing_refusals(definition: Attribute, conversion: Conversion, failing: int) -> Sequence[str]:
    if failing and definition.is_required:
        return [f"{_records(failing)} a value that cannot be converted, and the attribute is required."]
    if failing and conversion.failing == "refuse":
        return [f"{_records(failing)} a value that cannot be converted: change them, or send `failing` as `clear`."]
    return []


def _collisions(
    definition: Attribute, conversion: Conversion, results: Sequence[tuple[HeldValue, tuple[bool, object]]]
) -> Sequence[str]:
    """Return why a unique attribute would have values that are equal."""
    keys = Counter[object]()
    for each, (is_sound, new) in results if definition.is_unique else ():
        key = unique_key(conversion.type, new) if is_sound else None
        if key is not None:
            keys[key] += each.records
    equal = sum(1 for count in keys.values() if count > 1)
    return (
        [f"The attribute is unique, and {equal} converted values would be those of several records."] if equal else []
    )


async def _failing(request: _Request, failing: Sequence[HeldValue]) -> Mapping[str, Any]:
    """Return the part of a report about values that cannot be converted; without them if the caller may not see."""
    counted = {"failing": sum(each.records for each in failing)}
    if not failing or not request.who.actor.may(RESOURCES[request.definition.entity].permission("view")):
        return counted
    first = sorted(failing, key=lambda each: (-each.records, json_text(each.value)))[:MAX_FAILING_VALUES]
    which = Holding(values=[each.value for each in first])
    ids = await request.db.holders(request.definition.entity, request.definition.name, which, MAX_FAILING_RECORDS)
    return {
        **counted,
        "failing_values": tuple(FailingValue(value=each.value, records=each.records) for each in first),
        "failing_records": tuple(ids),
    }


async def _held(request: _Request) -> Sequence[HeldValue]:
    """Return the different values that records hold; equal numbers are one."""
    found: dict[object, HeldValue] = {}
    async for values in request.db.held_values(request.definition.entity, request.definition.name):
        for value, records in values:
            shown = value.normalize() if isinstance(value, Decimal) else value
            key = shown if exact_number(shown) is not None else json_text(shown)
            found[key] = HeldValue(shown, records + (found[key].records if key in found else 0))
    return list(found.values())


def report_of(definition: Attribute, records: int, **more: Any) -> EvolutionReport:
    """Return the report of a change of so many records; its other attributes are further arguments."""
    built = {"indexes": definition.is_indexed + bool(definition.is_unique)}
    seconds = -(-records // _RECORDS_PER_SECOND)
    return EvolutionReport(records=records, seconds=seconds, **{**built, **more})


def _too_many(request: _Request, records: int, command: str = "") -> Sequence[str]:
    if records <= request.limit:
        return []
    refusal = f"{_records(records)} a value, and at most {request.limit:,} are changed in one commit."
    return [f"{refusal} Run: crm attributes {command} --online" if command else refusal]


def _records(count: int) -> str:
    return "1 record holds" if count == 1 else f"{count:,} records hold"


_PLANS: Final[Mapping[EvolutionKind, Callable[[_Request], Awaitable[Plan]]]] = {
    "rename": _rename,
    "values/rename": _rename_value,
    "values/remove": _remove_value,
    "convert": _convert,
}
