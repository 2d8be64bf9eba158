"""The decision to bring back a record that was merged into another one, with what the other one got (decision 152)."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

import attrs

from crm_core.engine import decisions
from crm_core.engine.changes import Changes
from crm_core.engine.decision_runs import Decide
from crm_core.engine.merging import pointing
from crm_core.engine.restorations import ReappearedError, Returning, bring_back
from crm_core.engine.together import Look, Result, Together
from crm_core.engine.writing import receipt_of
from crm_core.errors import CrmError, InvalidError, Problem, Problems
from crm_core.input.drafts import Draft
from crm_core.model.accounts import Caller
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.model.events import same
from crm_core.model.plain_values import entity_of, plain
from crm_core.model.records import Key
from crm_core.resources import RESOURCES
from crm_core.rules.needs import Known, Needs, Steps

_CHANGED: Final = (Problem("invalid", "It was changed after the merge."),)
_MOVED: Final = (Problem("invalid", "It does not belong to the other record any longer."),)
_GONE: Final = (Problem("invalid", "The record that it was merged into is not there. Restore that first."),)


@attrs.frozen
class Unmerger:
    """A record that was merged into another one, and is to be a record of its own again.

    Attributes:
        record: the record.
        children: records that were deleted together with it, and come back.
        winner: the key of the record that it was merged into.
        moves: what refers to the winner since the merge, with the field that does.
        taken: what the winner took from it: the values before and after, plain, by field or ``attributes.<name>``.
        items: the items that the winner's lists got from it, plain, by field.
        partly: leave what cannot go back, instead of refusing all of it.
    """

    record: Returning
    children: Sequence[Returning]
    winner: Key
    moves: Mapping[Key, str]
    taken: Mapping[str, Mapping[str, object]]
    items: Mapping[str, Sequence[Any]]
    partly: bool


def unmerge(who: Caller, unmerger: Unmerger) -> Steps[Changes]:
    """Decide to undo the part that a record has in a merge. All rules hold.

    The winner gives back what it took, then the record is created again, and what referred to it refers to it again.

    Raises ReappearedError, and InvalidError with the problems of the record itself, of values under ``winner``, and of
    what moved by its id under ``moved``.
    """
    record = unmerger.record
    known = yield Needs(records=frozenset({unmerger.winner, record.key, *unmerger.moves}))
    if known.records[record.key] is not None:
        raise ReappearedError
    reasons = _reasons(unmerger, known)
    if reasons and not unmerger.partly:
        raise InvalidError(reasons)
    alone = attrs.evolve(who, idempotency=None)
    steps: list[Decide] = [partial(bring_back, alone, record, unmerger.children)]
    if known.records[unmerger.winner] is not None:
        steps = [partial(_give_back, alone, unmerger), *steps, *_moves(alone, unmerger, known)]

    def answer(results: Sequence[Result], _: Look) -> Key:
        if failed := next((each for each in results if isinstance(each, CrmError)), None):
            raise failed
        return record.key

    return (yield from Together(steps, answer, receipt_of(who))())


def _followed(record: Returning) -> Mapping[str, object]:
    return {"resource": record.resource.name, "record": record.key.id, "version": record.last_version + 1}


def _moves(who: Caller, unmerger: Unmerger, known: Known) -> Sequence[Decide]:
    record, followed = unmerger.record, _followed(unmerger.record)
    return [
        partial(
            decisions.change,
            RESOURCES[key.resource],
            who,
            key,
            pointing(field, record.key.id),
            None,
            None,
            cause=followed,
        )
        for key, field in unmerger.moves.items()
        if _refers(known, key, field, unmerger.winner)
    ]


def _refers(known: Known, key: Key, field: str, to: Key) -> bool:
    return getattr(known.value(key), field, None) == to.id


def _reasons(unmerger: Unmerger, known: Known) -> Mapping[str, Problems]:
    """Return why not all of it can go back."""
    winner = known.records[unmerger.winner]
    if winner is None:
        return {"winner": _GONE}
    moved: dict[str, Problems] = {
        str(key.id): _MOVED for key, field in unmerger.moves.items() if not _refers(known, key, field, unmerger.winner)
    }
    document: Mapping[str, Any] = _document(winner.value)
    changed = {name for name, change in unmerger.taken.items() if not same(_member(document, name), change["to"])}
    changed |= {name for name, items in unmerger.items.items() if _are_changed(document[name], items)}
    told: dict[str, Problems] = {}
    if changed:
        told["winner"] = dict.fromkeys(sorted(changed), _CHANGED)
    return {**told, "moved": moved} if moved else told


def _are_changed(now: Sequence[Any], items: Sequence[Any]) -> bool:
    """Return whether items of a list are others than they were; those that are gone are not."""
    there = {_id_of(item): item for item in now}
    return any(_id_of(item) in there and not same(there[_id_of(item)], item) for item in items)


def _id_of(item: Any) -> object:
    return item["id"] if isinstance(item, Mapping) else item


def _document(value: object) -> dict[str, Any]:
    document: Any = plain(value)
    return dict(document)


def _member(document: Mapping[str, Any], name: str) -> object:
    if name.startswith(ATTRIBUTE_PREFIX):
        return document["attributes"].get(name.removeprefix(ATTRIBUTE_PREFIX))
    return document[name]


def _give_back(who: Caller, unmerger: Unmerger) -> Steps[Changes]:
    """Decide that the winner gives back what it took and still has; in part if not all of it can go back."""
    resource = unmerger.record.resource
    cause = {"unmerged": unmerger.record.key.id, **_followed(unmerger.record)}

    def change(left_out: Collection[str]) -> Steps[Changes]:
        edit = partial(_without, unmerger, left_out)
        return decisions.change(resource, who, unmerger.winner, edit, None, None, cause=cause, always=True)

    try:
        return (yield from change(()))
    except InvalidError as error:
        if not unmerger.partly:
            raise InvalidError({"winner": error.problems}) from None
        return (yield from change(unmerger.taken))


def _without(unmerger: Unmerger, left_out: Collection[str], winner: Any) -> Draft:
    """Return the winner's values without what it took; names that are left out stay as they are."""
    document = _document(winner)
    attributes = dict(document["attributes"])
    names = {"attributes", *unmerger.items}
    for name, change in unmerger.taken.items():
        if name in left_out or not same(_member(document, name), change["to"]):
            continue
        if name.startswith(ATTRIBUTE_PREFIX):
            attributes[name.removeprefix(ATTRIBUTE_PREFIX)] = change["from"]
        else:
            document[name] = change["from"]
            names.add(name)
    document["attributes"] = {name: value for name, value in attributes.items() if value is not None}
    for name, items in unmerger.items.items():
        document[name] = [item for item in document[name] if not any(same(item, each) for each in items)]
    then = entity_of(type(winner), document)
    changed = {name: getattr(then, name) for name in names if getattr(then, name) != getattr(winner, name)}
    return Draft(changed, restored_with=frozenset())
