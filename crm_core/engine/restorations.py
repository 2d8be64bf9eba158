"""The decision to bring a deleted record back, with the records that were deleted together with it."""

from collections.abc import Sequence
from typing import Any

import attrs

from crm_core.engine.changes import Changes
from crm_core.engine.validation import divided, validated
from crm_core.engine.writing import RecordChange, changes_of
from crm_core.errors import InvalidError, Problems
from crm_core.input.drafts import Draft
from crm_core.model.accounts import Caller
from crm_core.model.records import Key
from crm_core.resources import Resource
from crm_core.rules.needs import Needs, Proposal, Steps


class ReappearedError(Exception):
    """The record to bring back is there: somebody else was quicker. No use case raises it."""


@attrs.frozen
class Returning:
    """A deleted record that comes back.

    Attributes:
        resource: its resource.
        value: the value that it will have.
        version: the version whose value that is.
        last_version: the version of its deletion.
    """

    resource: Resource
    value: Any
    version: int
    last_version: int

    @property
    def key(self) -> Key:
        """Return the record's key."""
        return Key(self.resource.name, self.value.id)


def bring_back(who: Caller, record: Returning, children: Sequence[Returning]) -> Steps[Changes]:
    """Decide to create a deleted record again, and its children after it; all of their rules hold.

    Args:
        who: the caller.
        record: the record.
        children: records that were deleted together with it, and are to come back.

    Raises ReappearedError, and InvalidError with the problems of the record, and under ``children`` with those of its
    children by their ids.
    """
    together = (record, *children)
    keys = frozenset(each.key for each in together)
    known = yield Needs(records=keys)
    if any(known.records[key] is not None for key in keys):
        raise ReappearedError
    changes: list[RecordChange] = []
    problems: dict[str, Problems] = {}
    of_children: dict[str, Problems] = {}
    for each in together:
        try:
            changes.append((yield from _returned(who, each, keys)))
        except InvalidError as error:
            if each is record:
                problems |= error.problems
            else:
                of_children[str(each.key.id)] = error.problems
    if of_children:
        problems["children"] = of_children
    if problems:
        raise InvalidError(problems)
    return (yield from changes_of(who, changes[0], after=changes[1:], answer=record.key))


def _returned(who: Caller, record: Returning, keys: frozenset[Key]) -> Steps[RecordChange]:
    sent = {name: getattr(record.value, name) for name in record.resource.fields}
    proposal = Proposal(who=who, before=None, sent=sent)
    values = yield from validated(record.resource, proposal, Draft(sent, restored_with=keys))
    shown, hidden = divided(record.resource, values)
    cause = {"restored_from": record.version}
    value = record.resource.entity(**shown)
    return RecordChange(record.key, None, value, hidden, cause, record.last_version)
