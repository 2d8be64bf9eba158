"""Decisions together: the effect of the single decisions in their order, or of none."""

import asyncio
import copy
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_adapters.memory import MemoryDatabase
from crm_core.engine import decisions
from crm_core.engine.changes import Changes, Reply
from crm_core.engine.decision_runs import Decide, size_of
from crm_core.engine.together import Result, Together
from crm_core.errors import CrmError
from crm_core.input.drafts import read_draft
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Actor, Caller, User
from crm_core.model.records import Key
from crm_core.resources import (
    ATTRIBUTES,
    CLIENTS,
    ENROLLMENT_DETAILS,
    LEADS,
    PIPELINES,
    RESOURCES,
    SERVICES,
    TRANSFER_REQUESTS,
    WEBHOOKS,
    Resource,
)
from crm_core.testing.machine import USERS
from crm_core.testing.scene import Scene
from crm_core.testing.strategies import PayloadContext, patches, payloads
from crm_core.use_cases.callers import new_id
from tests.adapters.memory.test_database import memory

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Step(NamedTuple):
    """One decision, as it is drawn."""

    op: str
    resource: Resource
    id: UUID
    sent: Mapping[str, Any]
    parent: object = None
    expected: frozenset[int] | None = None

    def decide(self, who: Caller) -> Decide:
        key = Key(self.resource.name, self.id)
        if self.op == "delete":
            return partial(decisions.delete, self.resource, who, key, None, self.expected)
        creates = self.op == "create"
        draft = read_draft(self.resource.entity, self.sent, ReadContext(who.new_id), require_all=creates)
        if creates:
            return partial(decisions.create, self.resource, who, key, draft, self.parent)
        return partial(decisions.change, self.resource, who, key, lambda _: draft, None, self.expected)


def who() -> Caller:
    ids = (UUID(int=(0xF << 80) + number) for number in itertools.count())
    user = User(id=USERS[0], username="u")
    return Caller(actor=Actor(user=user, is_superuser=True), now=NOW, new_id=lambda: next(ids))


async def world() -> tuple[MemoryDatabase, dict[str, list[UUID]]]:
    """Two records of every resource and a webhook for each kind of them."""
    scene = Scene(database := await memory())
    for model in ("Lead", "Client", "Service", "FollowUp"):
        await scene.create(WEBHOOKS, name=model, model=model, url="https://example.com/{id}")
    made = [await scene.one_of_each() for _ in range(1)]
    ids = {name: [each[name] for each in made] for name in RESOURCES}
    for resource, field, other in ((LEADS, "pipeline", "pipeline"), (SERVICES, "client", "client")):
        ids[resource.name].append(await scene.create(resource, name="B", **{field: ids[other][0]}))
    return database, ids


def state(database: MemoryDatabase) -> object:
    """All that a database keeps, in a form that does not depend on the order of independent writes."""
    events = defaultdict(list)
    for event in database.events:
        events[event.record].append(event)
    deliveries = defaultdict(list)
    for delivery in database.outbox._rows.values():
        deliveries[delivery.delivery.record].append((delivery.delivery.version, delivery.delivery.body))
    rows = {(name, id_): row for name in RESOURCES for id_, row in database._rows.of(name).items()}
    return rows, dict(events), {key: sorted(each, key=str) for key, each in deliveries.items()}


async def one_by_one(database: MemoryDatabase, decided: Sequence[Decide]) -> list[object]:
    outcomes = list[object]()
    for decide in decided:
        try:
            await database.change(decide)
            outcomes.append(None)
        except CrmError as error:
            outcomes.append((type(error), str(error)))
    return outcomes


async def together(database: MemoryDatabase, decided: Sequence[Decide]) -> list[object]:
    outcomes = list[object]()

    def answer(results: Sequence[Result], _: object) -> None:
        outcomes[:] = [None if isinstance(each, Changes) else (type(each), str(each)) for each in results]

    await database.change(Together(decided, answer))
    return outcomes


WORLD = asyncio.run(world())


@st.composite
def drawn_steps(draw: st.DrawFn) -> list[Step]:
    """Draw steps on the records of the world, and on those that earlier steps create."""
    ids = {name: list(each) for name, each in WORLD[1].items()}
    definitions = asyncio.run(Scene(WORLD[0]).catalog("client")).definitions
    steps = list[Step]()
    for number in range(draw(st.integers(2, 8))):
        resource = RESOURCES[draw(st.sampled_from([*RESOURCES, "lead", "pipeline", "service", "enrollment_detail"]))]
        context = PayloadContext(
            ids={**ids, "user": USERS}, definitions=definitions, entries=[], stages=["A", "B"], hostile=False
        )
        op = draw(st.sampled_from(["create", "update", "update", "delete"]))
        id_ = draw(st.sampled_from(ids[resource.name]))
        parents: Mapping[str, Sequence[object]] = {"service": ids["service"], "entity": ["client", "lead"]}
        parent = draw(st.sampled_from(parents[resource.parent])) if resource.parent else None
        sent: Any = {} if op == "delete" else draw((payloads if op == "create" else patches)(resource, context))
        if op == "create":
            id_ = UUID(int=(0xE << 80) + number)
            ids[resource.name].append(id_)
        elif resource is PIPELINES and op == "update" and draw(st.booleans()):
            stages = WORLD[0]._rows.of("pipeline")[ids["pipeline"][0]].value.stages
            names = draw(st.permutations(["A", "B"]))
            sent = {"stages": [{"id": str(s.id), "name": n} for s, n in zip(stages, names, strict=True)]}
        expected = draw(st.sampled_from([None, None, None, frozenset({1}), frozenset({2})]))
        steps.append(Step(op, resource, id_, sent if isinstance(sent, dict) else {}, parent, expected))
    return steps


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn_steps())
def test_decisions_together_have_the_effect_of_the_single_ones_in_their_order(steps: list[Step]) -> None:
    one, other = copy.deepcopy(WORLD[0]), copy.deepcopy(WORLD[0])
    caller = who()
    decided = [step.decide(caller) for step in steps]

    async def both() -> None:
        assert await one_by_one(one, decided) == await together(other, decided)
        assert state(one) == state(other)

    asyncio.run(both())


def run(*steps: Step) -> tuple[list[object], MemoryDatabase]:
    database = copy.deepcopy(WORLD[0])
    caller = who()
    return asyncio.run(together(database, [step.decide(caller) for step in steps])), database


def test_a_later_decision_can_refer_to_what_an_earlier_one_creates() -> None:
    client, service = new_id(), new_id()
    outcomes, database = run(
        Step("create", CLIENTS, client, {"name": "a"}),
        Step("create", SERVICES, service, {"name": "s", "client": str(client)}),
        Step("delete", CLIENTS, client, {}),
    )

    assert outcomes[:2] == [None, None]
    assert outcomes[2] is not None
    assert database._rows.of("service")[service].value.client == client


def test_a_record_that_is_changed_twice_has_two_events() -> None:
    lead = new_id()
    outcomes, database = run(
        Step("create", LEADS, lead, {"name": "a"}),
        Step("update", LEADS, lead, {"name": "b"}),
        Step("delete", LEADS, lead, {}),
    )

    assert outcomes == [None] * 3
    assert [(event.version, event.kind) for event in database.events if event.record == lead] == [
        (1, "created"),
        (2, "updated"),
        (3, "deleted"),
    ]


def test_a_unique_pair_is_given_once() -> None:
    pair = {name: str(WORLD[1][other][0]) for name, other in (("enrollment", "enrollment"), ("student", "service"))}
    new = Step("create", ENROLLMENT_DETAILS, new_id(), pair)
    old = Step("delete", ENROLLMENT_DETAILS, WORLD[1]["enrollment_detail"][0], {})

    outcomes, _ = run(new, old, new._replace(id=new_id()), new._replace(id=new_id()))
    assert [each is None for each in outcomes] == [False, True, True, False]


def test_an_attribute_of_the_same_group_is_defined() -> None:
    sent = {"name": "a", "attributes": {"city": "Ulm"}}
    attribute = Step("create", ATTRIBUTES, new_id(), {"name": "city", "label": "c", "type": "text"}, "client")
    outcomes, _ = run(
        Step("create", CLIENTS, new_id(), sent), attribute, attribute, Step("create", CLIENTS, new_id(), sent)
    )

    assert [each is None for each in outcomes] == [False, True, False, True]


def test_writes_that_depend_on_each_other_are_in_later_steps() -> None:
    seen = list[Changes]()

    class Watched(MemoryDatabase):
        def _commit(self, changes: Changes) -> None:
            seen.append(changes)
            super()._commit(changes)

    clients = [new_id() for _ in range(3)]
    steps = [Step("create", CLIENTS, id_, {"name": "a"}) for id_ in clients]
    steps += [Step("create", SERVICES, new_id(), {"name": "s", "client": str(id_)}) for id_ in clients]
    steps += [Step("update", CLIENTS, clients[0], {"name": "b"})]
    caller = who()
    asyncio.run(Watched().change(Together([step.decide(caller) for step in steps])))

    [changes] = seen
    assert changes.steps == (3,)
    assert [write.event.version for write in changes.writes] == [1] * 6 + [2]


def test_an_answer_that_raises_leaves_nothing() -> None:
    class MyError(Exception):
        pass

    def refuse(_: Sequence[Result], __: object) -> Reply | None:
        raise MyError

    database = copy.deepcopy(WORLD[0])
    decide = Step("create", CLIENTS, new_id(), {"name": "a"}).decide(who())
    group = Together([decide, decide], refuse)

    with pytest.raises(MyError):
        asyncio.run(database.change(group))
    assert state(database) == state(WORLD[0])
    assert size_of(group) == 2
    assert size_of(decide) == 1


def test_a_rename_takes_along_what_the_same_group_creates() -> None:
    service, request = WORLD[1]["service"][0], new_id()
    _, database = run(
        Step("create", TRANSFER_REQUESTS, request, {"student": str(service), "cohort_request": "c"}),
        Step("update", SERVICES, service, {"name": "renamed"}),
    )

    assert database._rows.of("transfer_request")[request].value.student_name == "renamed"
    assert database._rows.of("transfer_request")[request].version == 2
