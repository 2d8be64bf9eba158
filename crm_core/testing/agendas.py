"""Tests of the agenda: it is at every moment what a scan of all records says."""

# ruff: noqa: D102  # a test's name is the fact that it states

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

import attrs

from crm_core.arguments.values import sendable
from crm_core.engine.agendas import TASK_RESOURCES, AgendaQuery, agenda_page
from crm_core.input.readers import ReadContext
from crm_core.model.agenda import AgendaTask
from crm_core.model.entities import Task
from crm_core.model.plain_values import json_text, parse_json, plain
from crm_core.model.records import Key
from crm_core.resources import CLIENTS, LEADS, RESOURCES, SERVICES, Resource
from crm_core.rules.needs import Needs
from crm_core.rules.tasks_and_notes import OPERATIONS
from crm_core.testing.machine import USERS, whole_agenda
from crm_core.testing.scene import Facts, Scene, fact
from crm_core.use_cases import agendas, erasures, records, restorations
from crm_core.use_cases.bulk import bulk
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.restorations import Target
from crm_core.use_cases.units_of_work import unit_of_work

#: What is asked, alone and together.
_ASKED: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {"completed": True},
    {"completed": False},
    {"user_id": USERS[0]},
    {"user_id": USERS[1]},
    {"responsible": USERS[0]},
    {"responsible": USERS[1], "completed": False},
    {"due_before": date(2026, 1, 31)},
    {"due_after": date(2026, 1, 31)},
    {"due_after": date(2025, 12, 31), "due_before": date(2026, 2, 1), "completed": False, "user_id": USERS[0]},
    {"resources": frozenset({"lead"})},
    {"resources": frozenset({"client", "service"}), "completed": False},
)


class AgendaFacts(Facts):
    """The agenda, after every kind of change."""

    @fact
    async def test_the_agenda_is_a_scan_of_all_records_after_every_change(self, scene: Scene) -> None:
        made = await _filled(scene)
        await _check(scene)
        for change in (_edits, _moves, _removals, _returns, _many_at_once):
            await change(scene, made)
            await _check(scene)

    @fact
    async def test_tasks_come_by_date_and_id_and_those_without_a_date_last(self, scene: Scene) -> None:
        days = (None, "2026-03-01", "2026-01-01", None, "2026-01-01", "0001-01-01", "9999-12-31")
        tasks = [{"id": str(UUID(int=number)), "task": "t", "date": day} for number, day in enumerate(days, 1)]
        client = await scene.create(CLIENTS, name="Acme", list_of_tasks=tasks)
        twin = await scene.create(LEADS, name="Twin", list_of_tasks=[tasks[2]])
        found = await whole_agenda(scene.db, scene.who, {"limit": "2"})

        of = {client: "Acme", twin: "Twin"}
        assert [(each.place.task.int, each.name) for each in found] == [
            (6, "Acme"),
            *((3, of[record]) for record in sorted(of)),
            *((number, "Acme") for number in (5, 2, 7, 1, 4)),
        ]

    @fact
    async def test_tasks_are_told_as_they_are_stored(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="Ä", list_of_tasks=[{"task": "straße “x”", "date": "2026-01-31"}])
        document = await scene.db.get(Key("client", client))
        [found] = (await agendas.find(scene.db, scene.who, {})).tasks

        assert document is not None
        assert found.task in document.body
        assert (found.resource, found.place.record, found.name) == ("client", client, "Ä")
        assert parse_json(found.task)["user_id"] == USERS[0]

    @fact
    async def test_pages_neither_repeat_nor_skip_a_task_while_others_are_written(self, scene: Scene) -> None:
        stay = [await _with_task(scene, CLIENTS, "2026-01-02") for _ in range(5)]
        go = [await _with_task(scene, SERVICES, "2026-01-02") for _ in range(5)]
        seen: list[UUID] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await agendas.find(scene.db, scene.who, {"limit": "3", "cursor": cursor})
            records_ = [each.place.record for each in page.tasks]
            assert not set(seen) & set(records_)
            seen, cursor = [*seen, *records_], page.next
            await _with_task(scene, LEADS, "2026-01-01")
            if going := [id_ for id_ in records_ if id_ in go]:
                await scene.delete(SERVICES, going[-1])

        assert set(stay) <= set(seen)


async def _with_task(scene: Scene, resource: Resource, day: str) -> UUID:
    owner = {"client": await scene.create(CLIENTS, name="c")} if resource is SERVICES else {}
    return await scene.create(resource, name="n", list_of_tasks=[{"task": "t", "date": day}], **owner)


async def _filled(scene: Scene) -> Mapping[str, UUID]:
    """Create a record of each resource with some tasks; return their ids by resource name."""
    days = (None, "2026-01-31", "2026-02-01", "2025-12-31")
    tasks = [{"task": f"t{number}", "date": days[number % 4], "completed": number % 3 == 0} for number in range(8)]
    client = await scene.create(CLIENTS, name="c", list_of_tasks=tasks)
    service = await scene.create(SERVICES, name="s", client=client, list_of_tasks=tasks[::-1])
    lead = await scene.create(LEADS, name="l", responsible=USERS[0], list_of_tasks=tasks)
    await scene.create(LEADS, name="none", responsible=USERS[1])
    return {"client": client, "service": service, "lead": lead}


async def _edits(scene: Scene, made: Mapping[str, UUID]) -> None:
    """Change, add and remove single tasks, and reorder, replace and keep whole lists."""
    for resource in (CLIENTS, SERVICES, LEADS):
        tasks = (await scene.value(resource, made[resource.name])).list_of_tasks
        ids = [str(task.id) for task in tasks]
        for name, sent in (
            ("update-task", {"task_id": ids[1], "completed": True}),
            ("update-task", {"task_id": ids[2], "date": None, "task": "later"}),
            ("add-task", {"task": "more", "date": "2026-01-30"}),
            ("delete-task", {"id": ids[3]}),
        ):
            edit = OPERATIONS[name](sent, ReadContext(scene.who.new_id))
            await records.apply(scene.db, scene.who, resource, made[resource.name], edit)
    tasks = (await scene.value(CLIENTS, made["client"])).list_of_tasks
    await scene.patch(CLIENTS, made["client"], list_of_tasks=[sendable(task) for task in reversed(tasks[:5])])
    await scene.patch(SERVICES, made["service"], list_of_tasks=[{"task": "only"}])


async def _moves(scene: Scene, made: Mapping[str, UUID]) -> None:
    """Rename records, and give a lead to another user, with and without its tasks."""
    await scene.patch(CLIENTS, made["client"], name="renamed", list_of_notes=[{"note": "n"}])
    await scene.patch(LEADS, made["lead"], responsible=USERS[1])
    await scene.patch(LEADS, made["lead"], responsible=None, list_of_tasks=[{"task": "a"}, {"task": "b"}])
    await scene.patch(LEADS, made["lead"], responsible=USERS[0])
    await scene.db.rename_author(USERS[0], "erased-1")


async def _removals(scene: Scene, made: Mapping[str, UUID]) -> None:
    await scene.delete(SERVICES, made["service"])
    await erasures.erase(scene.db, None, scene.who, ErasureTarget(LEADS, made["lead"]))
    await scene.patch(CLIENTS, made["client"], list_of_tasks=[])


async def _returns(scene: Scene, made: Mapping[str, UUID]) -> None:
    await restorations.restore(scene.db, scene.who, Target(CLIENTS, made["client"], 1), {})
    await restorations.restore(scene.db, scene.who, Target(SERVICES, made["service"], 1), {})


async def _many_at_once(scene: Scene, made: Mapping[str, UUID]) -> None:
    new = {"name": "in bulk", "list_of_tasks": [{"task": "t", "date": "2026-01-31"}, {"task": "u"}]}
    sent = [
        {"op": "create", "data": new},
        {"op": "create", "data": {"name": "none"}},
        {"op": "update", "id": str(made["client"]), "data": {"list_of_tasks": new["list_of_tasks"]}},
    ]
    await bulk(scene.db, scene.who, CLIENTS, {"operations": sent}, lenient=False)
    async with unit_of_work(scene.db) as work:
        await records.create(work, scene.who, LEADS, {**new, "responsible": USERS[1]})


async def _check(scene: Scene) -> None:
    """Compare what is asked with a scan of all records."""
    found = [(name, id_) for name in TASK_RESOURCES for id_ in await scene.found(RESOURCES[name])]
    known = await scene.db.known(Needs(records=frozenset(Key(*each) for each in found)))
    values = [record.value for record in known.records.values() if record]
    for asked in _ASKED:
        query = AgendaQuery(**{"resources": frozenset(TASK_RESOURCES), "limit": 1_000, **asked})
        expected = agenda_page(query, values, _encode).tasks

        assert list((await scene.db.agenda(query)).tasks) == list(expected), asked
        assert await _by_pages(scene, query) == list(expected), asked


async def _by_pages(scene: Scene, query: AgendaQuery) -> list[AgendaTask]:
    tasks: list[AgendaTask] = []
    more = True
    while more:
        after = tasks[-1].place if tasks else None
        page, more = await scene.db.agenda(attrs.evolve(query, after=after, limit=3))
        tasks += page
    return tasks


def _encode(task: Task) -> bytes:
    return json_text(plain(task)).encode()
