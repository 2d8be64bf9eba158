"""Steps that only read: records, lists, pages, rosters, summaries and the agenda."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from crm_core.model.accounts import Caller
from crm_core.model.agenda import AgendaTask
from crm_core.model.entities import ENTITIES
from crm_core.model.records import Key
from crm_core.ports import Database
from crm_core.resources import RESOURCES
from crm_core.testing.machine.state import ACTIVE, NAMES, MachineState
from crm_core.testing.pairs import USERS
from crm_core.testing.readings import all_pages, changed_fields, texts_of, whole_list
from crm_core.testing.scans import assert_roster, assert_summary
from crm_core.testing.strategies import near_equal, one_of_names
from crm_core.use_cases import agendas, records

_AGENDA_PARAMETERS: Final = st.fixed_dictionaries(
    {},
    optional={
        "responsible": st.sampled_from([str(user) for user in USERS]),
        "user_id": st.sampled_from([str(user) for user in USERS]),
        "completed": st.sampled_from(["true", "false"]),
        "due_before": st.dates().map(str),
        "due_after": st.dates().map(str),
        "resource": one_of_names(lambda: ACTIVE),
    },
)


class ReadingSteps(MachineState):
    """Reads in all ways."""

    @precondition(lambda self: any(self._ids.values()))
    @rule(data=st.data(), since=st.integers(0, 3))
    def look(self, data: st.DataObject, since: int) -> None:
        """Read one record, maybe below a parent, with only the view permission; and the history of its fields."""
        resource, id_ = self._any_record(data)
        parent = data.draw(st.none() | st.just(self._parent(data, resource)))
        viewing = frozenset({resource.permission("view")})
        words = f"read {resource.name} {id_}"
        get = partial(records.get, resource=resource, id_=id_, parent=parent)
        self._pair.compare(words if parent is None else f"{words} of {parent}", get, permissions=viewing)
        changed = partial(changed_fields, key=Key(resource.name, id_), since=since)
        self._pair.compare(f"{words}: the fields that changed since version {since}", changed)

    @precondition(lambda self: self._ids["cohort"])
    @rule(data=st.data())
    def read_roster(self, data: st.DataObject) -> None:
        """Read a cohort with all that belongs to it, which must be what its documents say."""
        id_ = data.draw(st.sampled_from(self._ids["cohort"]))
        self._pair.compare(f"read the roster of cohort {id_}", lambda db, who: assert_roster(db, who, id_))

    @precondition(lambda self: self._ids["pipeline"])
    @rule(data=st.data(), since=st.none() | st.just("2020-01-01"), responsible=st.none() | st.sampled_from(USERS))
    def read_summary(self, data: st.DataObject, since: str | None, responsible: int | None) -> None:
        """Sum up a pipeline, which must be what its documents say."""
        id_ = data.draw(st.sampled_from(self._ids["pipeline"]))
        asked = {"since": since, "responsible": responsible}
        params = {name: str(value) for name, value in asked.items() if value is not None}
        words = f"sum up pipeline {id_}, {params}"
        self._pair.compare(words, lambda db, who: assert_summary(db, who, id_, params))

    @rule(data=st.data(), name=NAMES, strict=st.booleans())
    def list_all(self, data: st.DataObject, name: str, strict: bool) -> None:  # noqa: FBT001  # drawn by name
        """Read a whole list, filtered, searched and ordered."""
        resource = RESOURCES[name]
        params = self._parameters(data, resource)
        parent = self._parent(data, resource)
        whole = partial(whole_list, resource=resource, params=params, parent=parent, strict=strict)
        self._pair.compare(_list_words(name, params, parent), whole)

    @precondition(lambda self: self._any_of(ENTITIES))
    @rule(data=st.data())
    def list_by_near_equal(self, data: st.DataObject) -> None:
        """List by a text of a record, and by those that a store may take for it."""
        resource, id_ = self._any_record(data, ENTITIES)
        record = self._value(resource, id_)
        if asked := record and texts_of(resource, record):
            parameter, text = data.draw(st.sampled_from(asked))
            parent = getattr(record, resource.parent) if resource.parent else None
            for near in near_equal(text):
                params = {parameter: near}
                whole = partial(whole_list, resource=resource, params=params, parent=parent)
                self._pair.compare(_list_words(resource.name, params, parent), whole)

    @rule(data=st.data(), name=NAMES, limit=st.integers(1, 3))
    def list_by_pages(self, data: st.DataObject, name: str, limit: int) -> None:
        """Read a list page by page, which together must be the whole list."""
        resource = RESOURCES[name]
        params = self._parameters(data, resource)
        parent = self._parent(data, resource)
        pages = partial(all_pages, resource=resource, params=params, limit=limit, parent=parent)
        self._pair.compare(f"{_list_words(name, params, parent)}, in pages of {limit}", pages)

    @rule(params=_AGENDA_PARAMETERS, limit=st.integers(1, 3))
    def list_tasks(self, params: Mapping[str, str], limit: int) -> None:
        """Read the agenda page by page, which together must be the whole agenda."""
        words = f"read the agenda, {params}, in pages of"
        pages = self._pair.compare(f"{words} {limit}", partial(whole_agenda, params={**params, "limit": str(limit)}))
        assert pages == self._pair.compare(f"{words} 1000", partial(whole_agenda, params={**params, "limit": "1000"}))


def _list_words(name: str, params: Mapping[str, str], parent: object) -> str:
    return f"list {name}{'' if parent is None else f' of {parent}'}, {dict(params)}"


async def whole_agenda(db: Database, who: Caller, params: Mapping[str, str]) -> list[AgendaTask]:
    """Return all tasks of the agenda for parameters, page by page."""
    agenda = await agendas.find(db, who, params)
    if agenda.next is None:
        return list(agenda.tasks)
    return [*agenda.tasks, *await whole_agenda(db, who, {**params, "cursor": agenda.next})]
