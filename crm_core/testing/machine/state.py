"""What the state machine keeps: the databases, and which records there are; and what it draws from them."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from crm_core.engine.agendas import TASK_RESOURCES
from crm_core.model.accounts import Idempotency
from crm_core.model.entities import ENTITIES, Attribute
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, RESOURCES, Resource
from crm_core.rules.needs import Needs
from crm_core.testing.pairs import USERS, Operation, Pair
from crm_core.testing.strategies import PayloadContext, list_parameters, one_of_names
from crm_core.use_cases import records

#: The names of the resources that have tasks and notes.
ACTIVE: Final = TASK_RESOURCES
#: Draws the name of a resource; those with the most operations are drawn twice as often.
NAMES: Final = one_of_names(lambda: (*RESOURCES, *ACTIVE))


class Act(NamedTuple):
    """An operation on a record, in words and as a function; without an id it creates one."""

    words: str
    resource: Resource
    id: UUID | None
    do: Operation


class MachineState(RuleBasedStateMachine):
    """Two databases, and the ids of the records that they have."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self._pair = pair
        #: Ids of existing records and of deleted records, by resource.
        self._ids: dict[str, list[UUID]] = {name: [] for name in RESOURCES}
        self._gone: dict[str, list[UUID]] = {name: [] for name in RESOURCES}

    def _create(self, resource: Resource, sent: object, parent: object = None) -> UUID | None:
        outcome = self._perform(creation(resource, sent, parent))
        return outcome[0] if isinstance(outcome, tuple) and isinstance(outcome[0], UUID) else None

    def _perform(self, act: Act, number: int | None = None, idempotency: Idempotency | None = None) -> object:
        outcome = self._pair.both(act.words, act.do, number, idempotency=idempotency)
        if act.resource is ATTRIBUTES:
            self._pair.settle()
        self._note(act, outcome)
        return outcome

    def _note(self, act: Act, outcome: object) -> None:
        """Keep the ids of existing and deleted records."""
        existing = self._ids[act.resource.name]
        if outcome is None and act.id is not None and act.id in existing:
            existing.remove(act.id)
            self._gone[act.resource.name].append(act.id)
        elif isinstance(outcome, tuple) and isinstance(outcome[0], UUID) and outcome[0] not in existing:
            existing.append(outcome[0])

    def _gone_now(self, resource: Resource, id_: UUID) -> None:
        self._ids[resource.name].remove(id_)
        self._gone[resource.name].append(id_)

    def _context(self, data: st.DataObject, resource: Resource, id_: UUID | None = None) -> PayloadContext:
        record = self._value(resource, id_) if id_ else None
        return PayloadContext(
            ids={**{name: ids for name, ids in self._ids.items() if ids}, "user": USERS},
            definitions=self._definitions(resource),
            entries=[entry.id for entry in _entries(record)],
            stages=["A", "B"],
            hostile=data.draw(st.sampled_from([False, False, False, True])),
        )

    def _parameters(self, data: st.DataObject, resource: Resource) -> Mapping[str, str]:
        """Draw parameters of a list; often without filters, which mostly leave too few records for a second page."""
        params = data.draw(list_parameters(resource, self._context(data, resource)))
        return params if data.draw(st.booleans()) else {name: params[name] for name in params if name == "ordering"}

    def _definitions(self, resource: Resource) -> Mapping[str, Attribute]:
        if not resource.has_catalog:
            return {}
        known = self._pair.known(Needs(catalogs={resource.name: None}))
        return dict(sorted(known.catalogs[resource.name].definitions.items()))

    def _value(self, resource: Resource, id_: UUID) -> Any:
        record = self._pair.known(Needs(records=frozenset({key := Key(resource.name, id_)}))).records[key]
        return record.value if record else None

    def _parent(self, data: st.DataObject, resource: Resource) -> object:
        if resource.parent == "service":
            return data.draw(st.sampled_from(self._ids["service"]) if self._ids["service"] else st.uuids(version=4))
        return data.draw(one_of_names(lambda: ENTITIES)) if resource.parent else None

    def _has_plenty(self) -> bool:
        return sum(map(len, self._ids.values())) > 4 * sum(map(len, self._gone.values()))

    def _any_of(self, names: Iterable[str]) -> bool:
        return any(self._ids[name] for name in names)

    def _any_record(self, data: st.DataObject, names: Iterable[str] = RESOURCES) -> tuple[Resource, UUID]:
        name = data.draw(st.sampled_from([name for name in names if self._ids[name]]))
        return RESOURCES[name], data.draw(st.sampled_from([*self._ids[name], *self._gone[name][-1:]]))


def creation(resource: Resource, sent: object, parent: object) -> Act:
    """Return the operation that creates a record."""
    of = "" if parent is None else f" of {parent}"
    create = partial(records.create, resource=resource, data=sent, parent=parent)
    return Act(f"create {resource.name}{of}: {sent}", resource, None, create)


def tried(dry: bool) -> str:  # noqa: FBT001  # drawn
    """Return how the words of a step begin that may be a dry run."""
    return "try to " if dry else ""


def _entries(record: object) -> Sequence[Any]:
    """Return the tasks, notes and stages of a record."""
    lists = (getattr(record, name, ()) for name in ("list_of_tasks", "list_of_notes", "stages"))
    return list(itertools.chain.from_iterable(lists))
