"""What becomes of records when the values of an attribute change in all of them (``changes.Rewrite``).

The store finds the records, as there may be a hundred thousand. No webhook is told; every record that changes has an
event, and a new version.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import attrs

from crm_core.engine.changes import Changes, Put, Rewrite
from crm_core.engine.writing import RecordChange, event_of
from crm_core.model.events import same
from crm_core.model.evolutions import HeldValue, Holding
from crm_core.model.plain_values import json_text, parse_json, plain
from crm_core.model.recorded_changes import with_stamps, with_unchanged
from crm_core.model.records import Key, Record
from crm_core.rules.needs import Needs, Steps


def rewritten(rewrite: Rewrite, record: Record) -> Put | None:
    """Return the write of a record; None if it does not change. Raises what ``Rewrite.new_values`` does."""
    held: Mapping[str, object] = record.value.attributes
    value = held.get(rewrite.name)
    new = rewrite.new_values(value) if _concerns(rewrite, value) else {}
    if all(same(held.get(name), each) for name, each in new.items()):
        return None
    values = {name: each for name, each in {**held, **new}.items() if each is not None}
    after = with_unchanged(record.value, attrs.evolve(record.value, attributes=values))
    change = RecordChange(record.key, record, after, cause=rewrite.cause)
    event = event_of(rewrite.who, change, {each.name: each for each in (rewrite.before, rewrite.after)})
    return Put(record.key, with_stamps(after, event), event)


def may_change(rewrite: Rewrite, value: object) -> bool:
    """Return whether a record may change that holds this value under ``Rewrite.name``. Raises as ``rewritten``."""
    if not _concerns(rewrite, value):
        return False
    return any(name != rewrite.name or not same(value, each) for name, each in rewrite.new_values(value).items())


def held_values_among(name: str, records: Iterable[Any]) -> Sequence[HeldValue]:
    """Return the different values under a name, for stores that look through all records."""
    counts = Counter(json_text(plain(each.attributes[name])) for each in records if name in each.attributes)
    return [HeldValue(parse_json(text), count) for text, count in counts.items()]


def holders_among(name: str, which: Holding, records: Iterable[Any]) -> Sequence[UUID]:
    """Return the ids of records that hold a value, by id, for stores that look through all records."""
    held = (each for each in records if name in each.attributes)
    return sorted(each.id for each in held if _is_looked_for(name, which, each))


def _is_looked_for(name: str, which: Holding, record: Any) -> bool:
    value = plain(record.attributes[name])
    return (
        (which.values is None or any(same(value, each) for each in which.values))
        and (which.unlike is None or not same(value, plain(record.attributes.get(which.unlike))))
        and (which.after is None or record.id > which.after)
    )


def in_batch(rewrite: Rewrite, keys: frozenset[Key]) -> Steps[Changes]:
    """Decide to change the values of an attribute in some records alone. Raises what ``rewritten`` does."""
    known = yield Needs(records=keys)
    records = (known.records[key] for key in sorted(keys))
    puts = [rewritten(rewrite, record) for record in records if record]
    return Changes(writes=tuple(put for put in puts if put))


def _concerns(rewrite: Rewrite, value: object) -> bool:
    """Return whether the rewrite is about this value."""
    item = rewrite.item
    is_of_item = item is None or value == item or (isinstance(value, list | tuple) and item in value)
    return value is not None and is_of_item
