"""Decisions together have the effect of the single ones in their order, on a store that is a few dictionaries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crm_core.engine import decisions
from crm_core.engine.changes import Changes, Put, Reply
from crm_core.engine.decision_runs import Decide, Decision, size_of
from crm_core.engine.receipts import ReceiptKey
from crm_core.engine.together import Look, Result, Together
from crm_core.errors import CrmError, InUseError, InvalidError, NotFoundError
from crm_core.imports.options import read_options
from crm_core.imports.runs import Advance, ImportRun
from crm_core.input.drafts import read_draft
from crm_core.model.accounts import Caller, Idempotency
from crm_core.model.entities import (
    Attribute,
    Client,
    Cohort,
    Enrollment,
    EnrollmentDetail,
    Lead,
    Pipeline,
    Service,
    Stage,
    TransferRequest,
)
from crm_core.model.records import Document, Key, Record
from crm_core.resources import (
    ATTRIBUTES,
    CLIENTS,
    ENROLLMENT_DETAILS,
    LEADS,
    PIPELINES,
    SERVICES,
    TRANSFER_REQUESTS,
    WEBHOOKS,
    Resource,
)
from crm_core.webhooks.entity import Webhook
from tests.core.knowledge import NOW, Knowledge, calling, context, made, uid

A, B = made(Stage, 91, name="A", order=1), made(Stage, 92, name="B", order=2)
SALES = made(Pipeline, 9, name="Sales", stages=(A, B))
OTHER = made(Pipeline, 11, name="Other", stages=(made(Stage, 93, name="A", order=1),))
CODE = made(Attribute, 20, entity="lead", name="code", label="Code", type="text", is_unique=True)
SIZE = made(Attribute, 21, entity="lead", name="size", label="Size", type="number")
LEADS_OF_OLD = tuple(
    made(Lead, number, name="Old", pipeline=uid(9), stage="A", attributes={"code": code})
    for number, code in ((10, "x"), (13, "y"))
)
HOOK = made(Webhook, 30, name="Hook", model="Lead", url="https://example.com/{id}")
WORLD = (
    made(Client, 1, name="Acme"),
    made(Client, 2, name="Free"),
    made(Cohort, 3, name_cohort="Summer"),
    made(Service, 4, name="Jane", client=uid(1)),
    made(Enrollment, 5, cohort=uid(3), pathway_name="Data"),
    made(EnrollmentDetail, 7, enrollment=uid(5), student=uid(4)),
    made(TransferRequest, 8, student=uid(4), student_name="Jane", cohort_request="Winter"),
    SALES,
    OTHER,
    *LEADS_OF_OLD,
    CODE,
    SIZE,
    HOOK,
    made(Webhook, 31, name="Services", model="Service", url="https://example.com/", is_active=False),
)


class Store(Knowledge):
    """Commits what is decided, and keeps the events and deliveries."""

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        self.events: defaultdict[UUID, list[object]] = defaultdict(list)
        self.deliveries: defaultdict[UUID, list[str]] = defaultdict(list)

    def decide(self, decide: Decide) -> Changes:
        """Return what a decision changes, and commit it."""
        decision = Decision(decide)
        while decision.needs:
            decision.send(self.answer(decision.needs))
        for write in (changes := decision.changes).writes:
            self.events[write.event.record].append(write.event)
            if isinstance(write, Put):
                self.records[write.key] = Record(write.key, write.event.version, write.value)
                if "stage_id" in write.hidden:
                    self.stage_ids[write.event.record] = write.hidden["stage_id"]
            else:
                del self.records[write.key]
        for delivery in changes.deliveries:
            self.deliveries[delivery.record].append(str((delivery.webhook, delivery.version, delivery.body)))
        return changes

    @property
    def state(self) -> object:
        """All that is kept, in a form that does not depend on the order of independent writes."""
        deliveries = {key: sorted(each) for key, each in self.deliveries.items()}
        return self.records, self.stage_ids, self.events, deliveries

    def _webhooks(self, entity: str) -> tuple[Webhook, ...]:
        active = (webhook for webhook in super()._webhooks(entity) if webhook.is_active)
        return tuple(sorted(active, key=lambda webhook: webhook.id))


class Step(NamedTuple):
    """One decision, as it is drawn."""

    op: str
    resource: Resource
    number: int
    sent: Mapping[str, Any] = {}

    def decide(self, who: Caller) -> Decide:
        key, entity = Key(self.resource.name, uid(self.number)), self.resource.entity
        if self.op == "delete":
            return partial(decisions.delete, self.resource, who, key, None, None)
        draft = read_draft(entity, self.sent, context(), require_all=self.op == "create")
        if self.op == "create":
            parent = "lead" if self.resource is ATTRIBUTES else None
            return partial(decisions.create, self.resource, who, key, draft, parent)
        return partial(decisions.change, self.resource, who, key, lambda _: draft, None, None)


def named(error: object) -> object:
    return (type(error), str(error)) if isinstance(error, CrmError) else None


def one_by_one(store: Store, steps: Sequence[Step]) -> list[object]:
    outcomes = list[object]()
    for step in steps:
        try:
            store.decide(step.decide(calling()))
            outcomes.append(None)
        except CrmError as error:
            outcomes.append(named(error))
    return outcomes


def together(store: Store, *steps: Step) -> tuple[list[Result], Changes]:
    """Return the results, and what is committed."""
    found = list[Result]()

    def answer(results: Sequence[Result], _: object) -> None:
        found.extend(results)

    changes = store.decide(Together([step.decide(calling()) for step in steps], answer))
    return found, changes


def ids(*numbers: int) -> st.SearchStrategy[str]:
    """Ids of records of the world, and of those that earlier steps may create."""
    return st.sampled_from([*numbers, 1_000, 1_001, 1_002]).map(uid).map(str)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


NAMES = st.sampled_from(["Ann", "Ben"])
STAGES = st.sampled_from(["A", "B"])
NEW_STAGES = st.permutations(["A", "B"]).map(
    lambda names: [{"id": str(uid(number)), "name": name} for number, name in zip((91, 92), names, strict=True)]
)
ATTRIBUTE_VALUES = some(code=st.sampled_from(["x", "y", "z", None]), size=st.just(1), color=st.just("red"))
#: What is sent about a resource, and the records of the world that are changed and deleted.
SENT: Mapping[Resource, tuple[st.SearchStrategy[dict[str, Any]], tuple[int, ...]]] = {
    CLIENTS: (some(name=NAMES), (1, 2)),
    SERVICES: (some(name=NAMES, client=ids(1, 2)), (4,)),
    PIPELINES: (some(name=NAMES, stages=NEW_STAGES), (9, 11)),
    LEADS: (some(name=NAMES, pipeline=ids(9, 11), stage=STAGES, attributes=ATTRIBUTE_VALUES), (10, 13)),
    ENROLLMENT_DETAILS: (some(enrollment=ids(5), student=ids(4)), (7,)),
    TRANSFER_REQUESTS: (some(student=ids(4), cohort_request=NAMES), (8,)),
    ATTRIBUTES: (some(name=st.sampled_from(["color", "size"]), label=NAMES, is_required=st.booleans()), (20, 21)),
    WEBHOOKS: (some(name=NAMES, model=st.sampled_from(["Lead", "Service"]), is_active=st.booleans()), (30, 31)),
}
#: What a new record needs besides.
NEW: Mapping[Resource, Mapping[str, object]] = {
    CLIENTS: {"name": "New"},
    SERVICES: {"name": "New", "client": str(uid(1))},
    PIPELINES: {"name": "New"},
    LEADS: {"name": "New"},
    TRANSFER_REQUESTS: {"student": str(uid(4)), "cohort_request": "New"},
    ENROLLMENT_DETAILS: {"enrollment": str(uid(5)), "student": str(uid(4))},
    ATTRIBUTES: {"name": "color", "label": "New", "type": "text"},
    WEBHOOKS: {"name": "New", "model": "Lead", "url": "https://example.com/new"},
}


@st.composite
def drawn_steps(draw: st.DrawFn) -> list[Step]:
    steps = list[Step]()
    for number in range(draw(st.integers(2, 6))):
        resource = draw(st.sampled_from(list(SENT)))
        sent, numbers = SENT[resource]
        created = [step.number for step in steps if step.op == "create" and step.resource is resource]
        op = draw(st.sampled_from(["create", "change", "change", "delete"]))
        if op == "create":
            steps.append(Step(op, resource, 1_000 + number, {**NEW[resource], **draw(sent)}))
        else:
            known = draw(st.sampled_from([*numbers, *created]))
            steps.append(Step(op, resource, known, {} if op == "delete" else draw(sent)))
    return steps


SWAPPED = [{"id": str(uid(91)), "name": "B"}, {"id": str(uid(92)), "name": "A"}]
IN_SALES = {"name": "New", "pipeline": str(uid(9))}


@example([Step("change", LEADS, 10, {"name": "Ann"}), Step("change", PIPELINES, 9, {"stages": SWAPPED})])
@example([Step("change", LEADS, 10, {"stage": "B"}), Step("change", PIPELINES, 9, {"stages": SWAPPED})])
@example([Step("create", LEADS, 1_000, IN_SALES), Step("change", PIPELINES, 9, {"stages": SWAPPED})])
@example([Step("delete", WEBHOOKS, 30), Step("create", LEADS, 1_001, IN_SALES)])
@example([Step("delete", ATTRIBUTES, 20), Step("create", LEADS, 1_001, {**IN_SALES, "attributes": {"code": "x"}})])
@settings(max_examples=150)
@given(drawn_steps())
def test_decisions_together_have_the_effect_of_the_single_ones_in_their_order(steps: list[Step]) -> None:
    one, other = Store(*WORLD), Store(*WORLD)

    outcomes = one_by_one(one, steps)
    results, _ = together(other, *steps)

    assert list(map(named, results)) == outcomes
    assert other.state == one.state


def test_a_later_decision_can_refer_to_what_an_earlier_one_creates() -> None:
    store = Store()
    results, changes = together(
        store,
        Step("create", CLIENTS, 1, {"name": "Acme"}),
        Step("create", SERVICES, 4, {"name": "Jane", "client": str(uid(1))}),
        Step("delete", CLIENTS, 1),
    )

    assert isinstance(results[2], InUseError)
    assert store.records[Key("service", uid(4))].value.client == uid(1)
    assert changes.steps == (1,)


def test_writes_that_do_not_depend_on_each_other_share_a_step_in_which_what_is_referred_to_comes_first() -> None:
    store = Store(*WORLD)
    _, changes = together(
        store,
        Step("delete", CLIENTS, 2),
        Step("delete", LEADS, 13),
        Step("change", LEADS, 10, {"name": "Ann"}),
        Step("create", SERVICES, 1_000, NEW[SERVICES]),
        Step("create", CLIENTS, 1_001, {"name": "New"}),
    )

    assert changes.steps == ()
    written = [(write.event.kind, write.key.resource) for write in changes.writes]
    assert written == [
        ("created", "client"),
        ("created", "service"),
        ("updated", "lead"),
        ("deleted", "lead"),
        ("deleted", "client"),
    ]


def test_a_record_that_is_changed_twice_has_an_event_in_each_step() -> None:
    _, changes = together(
        Store(),
        Step("create", CLIENTS, 1, {"name": "a"}),
        Step("change", CLIENTS, 1, {"name": "b"}),
        Step("delete", CLIENTS, 1),
        Step("change", CLIENTS, 1, {"name": "c"}),
    )

    assert [(write.event.version, write.event.kind) for write in changes.writes] == [
        (1, "created"),
        (2, "updated"),
        (3, "deleted"),
    ]
    assert changes.steps == (1, 2)


def test_a_decision_that_is_refused_has_no_effect_on_the_others() -> None:
    store = Store()
    results, changes = together(
        store,
        Step("create", CLIENTS, 1, {"name": ""}),
        Step("delete", CLIENTS, 2),
        Step("create", CLIENTS, 3, {"name": "c"}),
    )

    assert [type(result) for result in results] == [InvalidError, NotFoundError, Changes]
    assert list(store.records) == [Key("client", uid(3))]
    assert len(changes.writes) == 1


def test_a_unique_pair_is_given_again_once_it_is_free() -> None:
    new = Step("create", ENROLLMENT_DETAILS, 1_000, NEW[ENROLLMENT_DETAILS])
    again = [new._replace(number=number) for number in (1_001, 1_002)]
    results, _ = together(Store(*WORLD), new, Step("delete", ENROLLMENT_DETAILS, 7), *again)

    assert [isinstance(result, Changes) for result in results] == [False, True, True, False]


def test_a_unique_value_is_given_once_and_again_once_it_is_free() -> None:
    new = [Step("create", LEADS, 1_000 + number, {**IN_SALES, "attributes": {"code": "X"}}) for number in range(3)]
    results, changes = together(
        Store(*WORLD), new[0], Step("change", LEADS, 10, {"attributes": {"code": "z"}}), new[1], new[2]
    )

    assert [isinstance(result, Changes) for result in results] == [False, True, True, False]
    assert changes.steps == (1,)


def test_an_attribute_can_have_values_from_the_next_decision_on() -> None:
    red = Step("create", LEADS, 1_000, {**IN_SALES, "attributes": {"color": "red"}})
    color = Step("create", ATTRIBUTES, 1_001, NEW[ATTRIBUTES])
    again = [color._replace(number=1_002), red._replace(number=1_003)]
    results, changes = together(Store(*WORLD), red, color, *again)

    assert [type(result) for result in results] == [InvalidError, Changes, InvalidError, Changes]
    assert changes.steps == (1,)


def test_a_rename_reaches_what_earlier_decisions_create() -> None:
    store = Store(*WORLD)
    together(
        store,
        Step("create", TRANSFER_REQUESTS, 1_000, NEW[TRANSFER_REQUESTS]),
        Step("change", SERVICES, 4, {"name": "Joan"}),
        Step("create", LEADS, 1_001, IN_SALES),
        Step("change", PIPELINES, 9, {"stages": [{"id": str(uid(91)), "name": "First"}]}),
    )

    request, lead = store.records[Key("transfer_request", uid(1_000))], store.records[Key("lead", uid(1_001))]
    assert (request.version, request.value.student_name) == (2, "Joan")
    assert (lead.version, lead.value.stage) == (2, "First")


def test_a_lead_whose_stage_is_gone_keeps_its_name_when_a_later_stage_of_that_name_is_renamed() -> None:
    store = Store(*WORLD)
    store.stage_ids[uid(10)] = uid(91)
    replaced, renamed = ([{"id": str(uid(94)), "name": name}] for name in ("A", "Last"))
    results, _ = together(
        store,
        Step("change", LEADS, 10, {"name": "Ann"}),
        Step("create", LEADS, 1_000, IN_SALES),
        Step("change", PIPELINES, 9, {"stages": replaced}),
        Step("create", LEADS, 1_001, IN_SALES),
        Step("change", PIPELINES, 9, {"stages": renamed}),
    )

    assert all(isinstance(result, Changes) for result in results)
    stages = {number: store.records[Key("lead", uid(number))].value.stage for number in (10, 1_000, 1_001)}
    assert stages == {10: "A", 1_000: "A", 1_001: "Last"}


def test_a_webhook_is_called_for_what_later_decisions_do() -> None:
    store = Store()
    together(
        store,
        Step("create", CLIENTS, 1, {"name": "Before"}),
        Step("create", WEBHOOKS, 30, {"name": "Hook", "model": "Client", "url": "https://example.com/"}),
        Step("create", CLIENTS, 2, {"name": "After"}),
        Step("change", WEBHOOKS, 30, {"is_active": False}),
        Step("create", CLIENTS, 3, {"name": "Inactive"}),
    )

    assert list(store.deliveries) == [uid(2)]


def test_the_answer_and_the_step_of_an_import_are_made_of_the_results_and_the_records_after_them() -> None:
    client, request = Key("client", uid(1)), Key("transfer_request", uid(8))
    receipt = ReceiptKey(1, Idempotency("key", b"print"))
    options = read_options({"format": "csv"})
    import_run = ImportRun(
        id=uid(70), resource="client", file="a.csv", options=options, digest=b"", fingerprint=b"", created_at=NOW
    )
    advance = Advance(run=import_run, claim=uid(71), after=0)
    steps = [Step("change", CLIENTS, 1, {"name": "New"}), Step("delete", TRANSFER_REQUESTS, 8)]
    seen = list[Record | None]()

    def answer(results: Sequence[Result], look: Look) -> Reply:
        seen.extend((look(client), look(request)))
        return Reply(uid(60), str(len(results)).encode())

    group = Together([step.decide(calling()) for step in steps], answer, receipt, lambda _, __: advance)
    changes = Store(*WORLD).decide(group)

    first, second = seen
    assert first is not None
    assert (first.version, first.value.name) == (4, "New")
    assert second is None
    assert isinstance(changes.answer, Reply)
    assert changes.answer.document == Document(0, b"2")
    assert (changes.receipt, changes.advance) == (receipt, advance)


def test_an_answer_that_raises_refuses_all() -> None:
    def refuse(_: object, __: object) -> None:
        raise NotFoundError

    store = Store()
    decide = Step("create", CLIENTS, 1, {"name": "a"}).decide(calling())
    with pytest.raises(NotFoundError):
        store.decide(Together([decide], refuse))

    assert store.records == {}


def test_several_decisions_together_count_as_so_many() -> None:
    decide = Step("create", CLIENTS, 1, {"name": "a"}).decide(calling())

    assert size_of(Together([decide] * 3)) == 3
    assert size_of(decide) == 1
