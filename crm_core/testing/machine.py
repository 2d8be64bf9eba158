"""A machine that does the same to two databases and holds them to the same answers.

One is usually the memory's, whose lists are ``matches`` and ``sort_key`` in plain Python; the other is the one that is
tried. Clock and ids are the machine's, so that even the documents must be equal, byte by byte.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeAlias
from uuid import UUID

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from crm_core.accounts import Actor, Caller, User
from crm_core.activity import OPERATIONS
from crm_core.attributes import ENTITIES
from crm_core.changes import Document, Key, Needs
from crm_core.entities import ATTRIBUTE_TYPES, Attribute
from crm_core.errors import CrmError, InvalidError
from crm_core.ports import Database
from crm_core.queries import Page, write_cursor
from crm_core.readers import Intake
from crm_core.resources import (
    ATTRIBUTES,
    CLIENTS,
    COHORTS,
    ENROLLMENT_DETAILS,
    ENROLLMENTS,
    FOLLOW_UPS,
    LEADS,
    PIPELINES,
    RESOURCES,
    SERVICES,
    TRANSFER_REQUESTS,
    Resource,
)
from crm_core.testing.strategies import Surroundings, attribute_names, list_parameters, patches, payloads, texts
from crm_core.use_cases import records

#: Opens two empty databases that both have the users of ``USERS``.
OpenPair: TypeAlias = Callable[[], AbstractAsyncContextManager[tuple[Database, Database]]]
#: Something done to a database by somebody.
Operation: TypeAlias = Callable[[Database, Caller], Awaitable[object]]

#: The ids of the users that both databases must have; the first does everything.
USERS: Final = (1, 2)

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
# Names, not rows of the table, are drawn: that is what a report of a failure shows.
_ALL: Final = tuple(RESOURCES)
_ACTIVE: Final = tuple(name for name in _ALL if RESOURCES[name].has_activity)
_NAMES: Final = st.sampled_from((*_ALL, *_ACTIVE))  # those that do the most come up twice as often


def assert_agreement(
    open_pair: OpenPair, *, settings: hypothesis_settings | None = None, runner: asyncio.Runner | None = None
) -> None:
    """Run the machine. A runner is given where the databases live on its event loop already."""
    with nullcontext(runner) if runner else asyncio.Runner() as running:
        run_state_machine_as_test(
            lambda: DatabasesAgree(running, open_pair),  # type: ignore[arg-type]  # any factory does, says its text
            settings=settings,
        )


class DatabasesAgree(RuleBasedStateMachine):
    """Drives two databases through the use cases."""

    def __init__(self, runner: asyncio.Runner, open_pair: OpenPair) -> None:
        super().__init__()
        self._runner = runner
        self._open = AsyncExitStack()
        self._pair = runner.run(self._open.enter_async_context(open_pair()))
        self._operations = 0
        #: Ids that were made, by resource, and those of records that were deleted, to be asked for in vain.
        self._ids: dict[str, list[UUID]] = {name: [] for name in RESOURCES}
        self._gone: dict[str, list[UUID]] = {name: [] for name in RESOURCES}

    def teardown(self) -> None:
        """Compare everything at the end."""
        try:
            for resource in RESOURCES.values():
                self._both(partial(_whole_list, resource=resource, params={}))
        finally:
            self._runner.run(self._open.aclose())

    @initialize()
    def begin(self) -> None:
        """A few records of every kind, so that there is something to refer to, to list and to change."""
        for entity, type_ in itertools.product(("client", "lead"), ATTRIBUTE_TYPES):
            self._create(ATTRIBUTES, {"name": type_, "label": type_, "type": type_}, entity)
        for name in ("a", "B", "%"):
            activity = {"list_of_tasks": [{"task": name}], "list_of_notes": [{"note": name}]}
            client = self._create(CLIENTS, {"name": name, "attributes": {"text": name, "number": 1}, **activity})
            cohort = self._create(COHORTS, {"name_cohort": name})
            self._begin_student({"name": name, "client": client, "actual_cohort": cohort})
            pipeline = self._create(PIPELINES, {"name": name, "stages": [{"name": "A"}, {"name": name + "B"}]})
            self._create(LEADS, {"name": name, "pipeline": pipeline, **activity})

    def _begin_student(self, student: Mapping[str, object]) -> None:
        service = self._create(SERVICES, student)
        enrollment = self._create(ENROLLMENTS, {"cohort": student["actual_cohort"], "pathway_name": student["name"]})
        self._create(ENROLLMENT_DETAILS, {"enrollment": enrollment, "student": service})
        self._create(TRANSFER_REQUESTS, {"student": service, "cohort_request": student["name"]})
        self._create(FOLLOW_UPS, {"comment": student["name"]}, service)

    # Writing

    @rule(data=st.data(), name=_NAMES)
    def create(self, data: st.DataObject, name: str) -> None:
        """A new record of any resource."""
        resource = RESOURCES[name]
        around = self._around(data, resource)
        self._create(resource, data.draw(payloads(resource, around)), self._parent(data, resource))

    @rule(data=st.data(), entity=st.sampled_from(ENTITIES), name=attribute_names())
    def define(self, data: st.DataObject, entity: str, name: str) -> None:
        """An attribute, under a name that may be taken."""
        self._create(ATTRIBUTES, data.draw(payloads(ATTRIBUTES)) | {"name": name}, entity)

    @precondition(lambda self: any(self._ids.values()))
    @rule(data=st.data(), merge=st.booleans(), strict=st.booleans())
    def change(self, data: st.DataObject, merge: bool, strict: bool) -> None:  # noqa: FBT001  # drawn by name
        """Some fields of a record."""
        resource, id_ = self._any_record(data)
        sent = data.draw(patches(resource, self._around(data, resource, id_)))
        self._both(lambda db, who: records.patch(db, who, resource, id_, sent, merge=merge, strict=strict))

    @precondition(lambda self: self._any_of(_ACTIVE))
    @rule(data=st.data(), name=st.sampled_from(list(OPERATIONS)))
    def operate(self, data: st.DataObject, name: str) -> None:
        """An atomic operation on tasks or notes."""
        resource, id_ = self._any_record(data, _ACTIVE)
        sent = data.draw(_operation_payloads(name, self._around(data, resource, id_)))
        self._both(partial(_operate, resource=resource, id_=id_, name=name, sent=sent))

    @precondition(lambda self: self._ids["pipeline"])
    @rule(data=st.data())
    def rename_stages(self, data: st.DataObject) -> None:
        """Stages keep their ids and get other names, maybe each other's."""
        id_ = data.draw(st.sampled_from(self._ids["pipeline"]))
        stages = getattr(self._value(PIPELINES, id_), "stages", ())
        names = data.draw(st.lists(st.sampled_from("ABCD") | texts(8), min_size=len(stages), max_size=len(stages)))
        sent = [{"id": str(stage.id), "name": name} for stage, name in zip(stages, names, strict=True)]
        self._both(lambda db, who: records.patch(db, who, PIPELINES, id_, {"stages": sent}))

    @precondition(lambda self: self._has_plenty())
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """A record, if nothing holds it."""
        self._delete(*self._any_record(data))

    @precondition(lambda self: self._ids["attribute"])
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        """An attribute, whose values stay."""
        id_ = data.draw(st.sampled_from(self._ids["attribute"]))
        self._delete(ATTRIBUTES, id_)

    # Reading

    @precondition(lambda self: any(self._ids.values()))
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        """One record, maybe inside a parent."""
        resource, id_ = self._any_record(data)
        parent = data.draw(st.none() | st.just(self._parent(data, resource)))
        self._both(lambda db, who: records.get(db, who, resource, id_, parent=parent))

    @rule(data=st.data(), name=_NAMES, strict=st.booleans())
    def list_all(self, data: st.DataObject, name: str, strict: bool) -> None:  # noqa: FBT001  # drawn by name
        """A whole list, filtered, searched and ordered."""
        resource = RESOURCES[name]
        params = data.draw(list_parameters(resource, self._around(data, resource)))
        parent = self._parent(data, resource)
        self._both(lambda db, who: _whole_list(db, who, resource, params, parent=parent, strict=strict))

    @rule(data=st.data(), name=_NAMES, limit=st.integers(1, 3))
    def list_by_pages(self, data: st.DataObject, name: str, limit: int) -> None:
        """A list page by page, which is the whole list."""
        resource = RESOURCES[name]
        params = data.draw(list_parameters(resource, self._around(data, resource)))
        parent = self._parent(data, resource)
        pages = self._both(lambda db, who: _all_pages(db, who, resource, {**params, "limit": str(limit)}, parent))
        whole = self._both(lambda db, who: _whole_list(db, who, resource, params, parent=parent))
        if isinstance(pages, list):
            assert b",".join(body for body in pages if body) == whole

    # How

    def _both(self, operation: Operation) -> object:
        """What came of an operation, the same from both."""
        self._operations += 1
        one, other = (self._runner.run(_outcome(operation(db, self._caller()))) for db in self._pair)
        assert one == other
        return one

    def _create(self, resource: Resource, sent: object, parent: object = None) -> UUID | None:
        made = self._both(lambda db, who: records.create(db, who, resource, sent, parent=parent))
        if isinstance(made, tuple) and isinstance(id_ := made[0], UUID):
            self._ids[resource.name].append(id_)
            return id_
        return None

    def _delete(self, resource: Resource, id_: UUID) -> None:
        refused = self._both(lambda db, who: records.delete(db, who, resource, id_))
        if refused is None:
            self._ids[resource.name].remove(id_)
            self._gone[resource.name].append(id_)

    def _caller(self) -> Caller:
        return Caller(
            actor=Actor(user=User(id=USERS[0], username="machine"), is_superuser=True),
            # Every third operation has a later time, so that some records are of the same.
            now=_START + timedelta(seconds=self._operations // 3),
            new_id=_ids(self._operations),
            request_id=f"operation {self._operations}",
        )

    def _around(self, data: st.DataObject, resource: Resource, id_: UUID | None = None) -> Surroundings:
        record = self._value(resource, id_) if id_ else None
        return Surroundings(
            ids={**{name: ids for name, ids in self._ids.items() if ids}, "user": USERS},
            definitions=self._definitions(resource),
            entries=[entry.id for entry in _entries(record)],
            stages=["A", "B"],
            hostile=data.draw(st.sampled_from([False, False, False, True])),
        )

    def _definitions(self, resource: Resource) -> Mapping[str, Attribute]:
        if not resource.has_catalog:
            return {}
        needs = Needs(catalogs={resource.name: None})
        one, other = (self._runner.run(db.known(needs)).catalogs[resource.name] for db in self._pair)
        assert one.definitions == other.definitions
        assert one.webhooks == other.webhooks
        return dict(sorted(one.definitions.items()))

    def _value(self, resource: Resource, id_: UUID) -> Any:
        needs = Needs(records=frozenset({key := Key(resource.name, id_)}))
        one, other = (self._runner.run(db.known(needs)).records[key] for db in self._pair)
        assert one == other
        return one.value if one else None

    def _parent(self, data: st.DataObject, resource: Resource) -> object:
        if resource.parent == "service":
            return data.draw(st.sampled_from(self._ids["service"]) if self._ids["service"] else st.uuids(version=4))
        return data.draw(st.sampled_from(ENTITIES)) if resource.parent else None

    def _has_plenty(self) -> bool:
        return sum(map(len, self._ids.values())) > 4 * sum(map(len, self._gone.values()))

    def _any_of(self, names: Sequence[str]) -> bool:
        return any(self._ids[name] for name in names)

    def _any_record(self, data: st.DataObject, names: Sequence[str] = _ALL) -> tuple[Resource, UUID]:
        name = data.draw(st.sampled_from([name for name in names if self._ids[name]]))
        return RESOURCES[name], data.draw(st.sampled_from([*self._ids[name], *self._gone[name][-1:]]))


async def _outcome(operation: Awaitable[object]) -> object:
    """What an operation gives, or what it raises on purpose; anything else passes through and fails the test."""
    try:
        return await operation
    except InvalidError as error:
        return InvalidError, error.problems
    except CrmError as error:
        return type(error), str(error)


async def _operate(db: Database, who: Caller, *, resource: Resource, id_: UUID, name: str, sent: object) -> Document:
    return await records.apply(db, who, resource, id_, OPERATIONS[name](sent, Intake(who.new_id)))


async def _whole_list(  # as the use case
    db: Database,
    who: Caller,
    resource: Resource,
    params: Mapping[str, str],
    *,
    parent: object = None,
    strict: bool = False,
) -> bytes:
    _, pieces = await records.find(db, who, resource, params, parent=parent, strict=strict)
    assert not isinstance(pieces, Page)
    return b"".join([piece async for piece in pieces])


async def _all_pages(
    db: Database, who: Caller, resource: Resource, params: Mapping[str, str], parent: object
) -> list[bytes]:
    query, page = await records.find(db, who, resource, params, parent=parent)
    assert isinstance(page, Page)
    if page.next is None:
        return [page.body]
    following = {**params, "cursor": write_cursor(query, page.next)}
    return [page.body, *await _all_pages(db, who, resource, following, parent)]


def _operation_payloads(name: str, around: Surroundings) -> st.SearchStrategy[object]:
    ids = st.sampled_from(around.entries).map(str) if around.entries else st.uuids(version=4).map(str)
    if name.startswith("delete-"):
        return st.fixed_dictionaries({"id": ids})
    entry = texts(100, hostile=around.hostile)
    if name == "update-task":
        more = {"completed": st.booleans(), "task": entry, "date": st.none() | st.dates().map(str)}
        return st.fixed_dictionaries({"task_id": ids}, optional=more)
    return st.fixed_dictionaries({name.removeprefix("add-"): entry}, optional={"id": ids})


def _entries(record: object) -> Sequence[Any]:
    """The tasks, notes and stages of a record."""
    lists = (getattr(record, name, ()) for name in ("list_of_tasks", "list_of_notes", "stages"))
    return list(itertools.chain.from_iterable(lists))


def _ids(operation: int) -> Callable[[], UUID]:
    """New ids that look like UUIDv7s of the operation's own millisecond, the same each time."""
    count = itertools.count()
    return lambda: UUID(int=operation << 80 | 0x7 << 76 | 0b10 << 62 | next(count))
