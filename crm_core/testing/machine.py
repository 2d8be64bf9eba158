"""A state machine (Hypothesis) that runs the same operations on two databases and compares their answers.

Steps are drawn at random: any use case on any resource, by one of two users, alone or both concurrently, repeated with
the same idempotency key, with an expected version, or without a permission. Each answer is compared.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from crm_core.bulk.operations import BULK_RESOURCES
from crm_core.engine.agendas import TASK_RESOURCES
from crm_core.engine.receipts import Document
from crm_core.errors import BulkRefusedError, CrmError, InvalidError, PermissionDeniedError
from crm_core.input.drafts import Edit
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller, Idempotency
from crm_core.model.agenda import AgendaTask
from crm_core.model.entities import ATTRIBUTE_PREFIX, ATTRIBUTE_TYPES, ENTITIES, Attribute
from crm_core.model.erasures import ErasureReport
from crm_core.model.permissions import ACTIONS, PERMISSIONS
from crm_core.model.records import Key
from crm_core.model.registered import DerivedNames, registered, sample_of
from crm_core.ports import Database
from crm_core.registration import completed_sample
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
    WEBHOOKS,
    Resource,
    referring,
)
from crm_core.rules.images import adding
from crm_core.rules.needs import Needs
from crm_core.rules.tasks_and_notes import OPERATIONS
from crm_core.testing.pairs import DISABLED_USER, USERS, DeliveriesOf, FeedOf, OpenPair, Operation, Pair
from crm_core.testing.readings import all_pages, answer_of, changed_fields, look_at, texts_of, whole_list
from crm_core.testing.scans import assert_roster, assert_summary
from crm_core.testing.strategies import (
    PayloadContext,
    attribute_names,
    json_values,
    list_parameters,
    near_equal,
    one_of_names,
    patches,
    payloads,
    texts,
    unique_values,
)
from crm_core.testing.usual_faults import compare_usual_faults
from crm_core.testing.versions import versions_of
from crm_core.use_cases import (
    agendas,
    duplicates,
    erasures,
    evolutions,
    merges,
    records,
    restorations,
    transfers,
    upserts,
)
from crm_core.use_cases.bulk import bulk
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.evolution_plans import EvolutionKind, Target
from crm_core.use_cases.upserts import Condition

__all__ = ["DISABLED_USER", "USERS", "DatabasesAgree", "OpenPair", "assert_agreement"]

# Names are drawn instead of rows of the table, because reports of failures show what was drawn.
_ACTIVE: Final = TASK_RESOURCES
_MERGING: Final = DerivedNames(lambda: [name for name, resource in RESOURCES.items() if resource.merges])
_IN_BULK: Final = DerivedNames(lambda: [resource.name for resource in BULK_RESOURCES.values()])
#: What is slow or large here is so on purpose.
_UNCHECKED: Final = (
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.too_slow,
    HealthCheck.large_base_example,
)
_QUICK: Final = hypothesis_settings(
    max_examples=20, stateful_step_count=30, phases=[Phase.generate], derandomize=True, database=None
)
_ADD_IMAGE: Final = "add-image"
_NAMES: Final = one_of_names(lambda: (*RESOURCES, *_ACTIVE))  # those with the most operations are drawn twice as often
_AGENDA_PARAMETERS: Final = st.fixed_dictionaries(
    {},
    optional={
        "responsible": st.sampled_from([str(user) for user in USERS]),
        "user_id": st.sampled_from([str(user) for user in USERS]),
        "completed": st.sampled_from(["true", "false"]),
        "due_before": st.dates().map(str),
        "due_after": st.dates().map(str),
        "resource": one_of_names(lambda: _ACTIVE),
    },
)


def assert_agreement(
    open_pair: OpenPair,
    *,
    feed_of: FeedOf | None = None,
    deliveries_of: DeliveriesOf | None = None,
    settings: hypothesis_settings | None = None,
    runner: asyncio.Runner | None = None,
) -> None:
    """Try what databases usually get wrong, then run the state machine; raise AssertionError if the databases differ.

    Args:
        open_pair: opens the two databases, the model first.
        feed_of: returns the feed of each of them; without it feeds are not compared.
        deliveries_of: returns the log of the deliveries of each of them; without it these are not compared.
        settings: how many examples of how many steps, and whether a failure is shrunk; by default 20 of 30 steps, the
            same each time, without shrinking, which takes minutes. Deadlines and health checks are always off. A
            failure names its last steps; with ``verbosity=Verbosity.verbose`` also what Hypothesis drew.
        runner: the runner whose event loop the databases already use, if they do.
    """
    settings = settings or _QUICK
    with nullcontext(runner) if runner else asyncio.Runner() as running:

        def machine() -> DatabasesAgree:
            return DatabasesAgree(Pair(running, open_pair, feed_of, deliveries_of))

        machine().compare_usual_faults()
        run_state_machine_as_test(
            machine,  # type: ignore[arg-type]  # its documentation accepts any factory
            settings=hypothesis_settings(
                settings,
                deadline=None,
                suppress_health_check=_UNCHECKED,
                report_multiple_bugs=False,
                verbosity=settings.verbosity if settings.verbosity > Verbosity.normal else Verbosity.quiet,
            ),
        )


class Act(NamedTuple):
    """An operation on a record, in words and as a function; without an id it creates one."""

    words: str
    resource: Resource
    id: UUID | None
    do: Operation


class DatabasesAgree(RuleBasedStateMachine):
    """Runs use cases on two databases and compares the answers."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self._pair = pair
        #: Ids of existing records and of deleted records, by resource.
        self._ids: dict[str, list[UUID]] = {name: [] for name in RESOURCES}
        self._gone: dict[str, list[UUID]] = {name: [] for name in RESOURCES}

    def teardown(self) -> None:
        """Compare all lists, histories and feeds at the end."""
        try:
            self._pair.compare_feeds()
            self._pair.compare_deliveries()
            self._pair.compare("read the agenda", partial(whole_agenda, params={}))
            for resource in RESOURCES.values():
                self._pair.compare(f"list {resource.name}", partial(whole_list, resource=resource, params={}))
                for id_ in (*self._ids[resource.name], *self._gone[resource.name]):
                    self._compare_history(resource, id_)
        finally:
            self._pair.close()

    def _compare_history(self, resource: Resource, id_: UUID) -> None:
        changed = partial(changed_fields, key=Key(resource.name, id_), since=0)
        self._pair.compare(f"read the changed fields of {resource.name} {id_}", changed)
        versions = partial(versions_of, resource=resource, id_=id_)
        self._pair.compare(f"read all versions of {resource.name} {id_}", versions)

    @initialize()
    def begin(self) -> None:
        """Create a few records of every resource, so that there are some to refer to, to list and to change."""
        for entity, type_ in itertools.product(("client", "lead"), ATTRIBUTE_TYPES):
            self._create(ATTRIBUTES, {"name": type_, "label": type_, "type": type_}, entity)
        self._create(ATTRIBUTES, {"name": "key", "label": "k", "type": "text", "is_unique": True}, "client")
        self._create(WEBHOOKS, {"name": "w", "model": "Lead", "url": "https://example.com/{id}", "headers": {"X": "s"}})
        self._create(CLIENTS, {"name": "without anything"})
        for name in ("a", "B", "%", "\u00e9"):
            activity = {"list_of_tasks": [{"task": name}], "list_of_notes": [{"note": name}]}
            client = self._create(CLIENTS, {"name": name, "attributes": {"text": name, "number": 1}, **activity})
            cohort = self._create(COHORTS, {"name_cohort": name})
            self._begin_student({"name": name, "client": client, "actual_cohort": cohort})
            pipeline = self._create(PIPELINES, {"name": name, "stages": [{"name": "A"}, {"name": name + "B"}]})
            self._create(LEADS, {"name": name, "pipeline": pipeline, "attributes": {"text": f"{name} "}, **activity})
        for each in registered():
            resource, ids = RESOURCES[each.name], {to: ids[-1] for to, ids in self._ids.items() if ids}
            self._create(resource, completed_sample(resource, sample_of(each.name), ids))

    def compare_usual_faults(self) -> None:
        """Run the steps that usual faults show in, and close the databases."""
        try:
            self.begin()
            compare_usual_faults(self._pair, self._ids["client"])
        finally:
            self._pair.close()

    def _begin_student(self, student: Mapping[str, object]) -> None:
        service = self._create(SERVICES, student)
        enrollment = self._create(ENROLLMENTS, {"cohort": student["actual_cohort"], "pathway_name": student["name"]})
        self._create(ENROLLMENT_DETAILS, {"enrollment": enrollment, "student": service})
        self._create(TRANSFER_REQUESTS, {"student": service, "cohort_request": student["name"]})
        self._create(FOLLOW_UPS, {"comment": student["name"]}, service)

    # Writing

    @rule(data=st.data(), name=_NAMES)
    def create(self, data: st.DataObject, name: str) -> None:
        """Create a record of any resource."""
        resource = RESOURCES[name]
        context = self._context(data, resource)
        self._create(resource, data.draw(payloads(resource, context)), self._parent(data, resource))

    @rule(data=st.data(), entity=one_of_names(lambda: ENTITIES), name=attribute_names())
    def define(self, data: st.DataObject, entity: str, name: str) -> None:
        """Define an attribute, under a name that may already exist."""
        self._create(ATTRIBUTES, data.draw(payloads(ATTRIBUTES)) | {"name": name}, entity)

    @precondition(lambda self: self._ids["attribute"])
    @rule(data=st.data(), is_unique=st.sampled_from([True, True, "building", False]))
    def distinguish(self, data: st.DataObject, is_unique: object) -> None:
        """Make an attribute unique, if its values differ, or let them be the same again."""
        id_ = data.draw(st.sampled_from(self._ids["attribute"]))
        sent = {"is_unique": is_unique}
        words = f"change attribute {id_}: {sent}"
        self._perform(Act(words, ATTRIBUTES, id_, lambda db, who: records.patch(db, who, ATTRIBUTES, id_, sent)))

    @rule(data=st.data(), condition=st.sampled_from([None, True, False]))
    def upsert(self, data: st.DataObject, condition: bool | None) -> None:  # noqa: FBT001  # drawn by name
        """Create or change a client by a value of a unique attribute."""
        name = data.draw(st.sampled_from(["key", "text", "number"]))
        value = str(data.draw(unique_values("number" if name == "number" else "text")))
        sent = data.draw(patches(CLIENTS, self._context(data, CLIENTS)))
        upsert = partial(upserts.upsert, condition=Condition(exists=condition))
        by = f"client by {name} {value!r}"
        self._perform(
            Act(f"upsert {by}: {sent}", CLIENTS, None, lambda db, who: upsert(db, who, CLIENTS, name, value, sent))
        )
        self._pair.compare(f"read {by}", lambda db, who: upserts.get(db, who, CLIENTS, name, value))

    @precondition(lambda self: self._ids["attribute"])
    @rule(data=st.data(), dry=st.booleans())
    def evolve(self, data: st.DataObject, dry: bool) -> None:  # noqa: FBT001  # drawn by name
        """Rename or convert an attribute, or one of its values, or ask what that would change."""
        target = Target(data.draw(st.sampled_from(self._ids["attribute"])))
        kind, sent = data.draw(_evolutions())
        run = evolutions.dry_run if dry else evolutions.evolve
        words = f"{_tried(dry)}{kind} of attribute {target.id}: {sent}"
        self._pair.both(words, lambda db, who: run(db, who, kind, target, sent))
        self._pair.settle()

    @precondition(lambda self: any(self._ids.values()))
    @rule(data=st.data())
    def change(self, data: st.DataObject) -> None:
        """Change some fields of a record, maybe with an expected version."""
        self._perform(self._change(data, *self._any_record(data)))

    @precondition(lambda self: any(self._ids.values()))
    @rule(data=st.data())
    def forge(self, data: st.DataObject) -> None:
        """Send output-only fields, which must not be set."""
        resource, id_ = self._any_record(data)
        names = [name for name, field in resource.fields.items() if field.output_only]
        sent = data.draw(st.dictionaries(st.sampled_from(names), json_values()))
        before = self._value(resource, id_)
        words = f"change the output-only fields of {resource.name} {id_}: {sent}"
        self._pair.both(words, lambda db, who: records.patch(db, who, resource, id_, sent))
        assert self._value(resource, id_) == before

    @precondition(lambda self: self._any_of(_ACTIVE))
    @rule(data=st.data())
    def operate(self, data: st.DataObject) -> None:
        """Run an atomic operation on tasks, notes or images."""
        self._perform(self._operation(data, *self._any_record(data, _ACTIVE)))

    @precondition(lambda self: self._ids["pipeline"])
    @rule(data=st.data())
    def rename_stages(self, data: st.DataObject) -> None:
        """Rename stages by their ids, maybe swapping names."""
        self._perform(self._renaming(data, PIPELINES, data.draw(st.sampled_from(self._ids["pipeline"]))))

    @precondition(lambda self: self._has_plenty())
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Delete a record, if no other refers to it."""
        self._perform(self._deletion(data, *self._any_record(data)))

    @precondition(lambda self: self._ids["attribute"])
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        """Delete an attribute, whose values stay in records."""
        self._perform(self._deletion(data, ATTRIBUTES, data.draw(st.sampled_from(self._ids["attribute"]))))

    @precondition(lambda self: self._has_plenty())
    @rule(data=st.data(), lenient=st.booleans())
    def bulk(self, data: st.DataObject, lenient: bool) -> None:  # noqa: FBT001  # drawn by name
        """Carry out several operations in one commit; later ones may refer to earlier ones."""
        drawn = [self._bulk_operation(data, number) for number in range(data.draw(st.integers(1, 6)))]
        sent = {"operations": [operation for _, operation in drawn]}
        words = f"bulk{' lenient' * lenient}: {sent['operations']}"
        outcomes = self._pair.both(words, partial(_bulk, sent=sent, lenient=lenient))
        for (resource, _), outcome in zip(drawn, outcomes if isinstance(outcomes, list) else (), strict=False):
            if outcome.kind == "created":
                self._ids[resource.name].append(outcome.id)
            elif outcome.kind == "deleted":
                self._gone_now(resource, outcome.id)

    def _bulk_operation(self, data: st.DataObject, number: int) -> tuple[Resource, Mapping[str, object]]:
        resource, id_ = self._any_record(data, _IN_BULK)
        op = data.draw(st.sampled_from(["create", "update", "merge", "delete", "upsert"]))
        if op == "upsert":
            return CLIENTS, {**self._bulk_upsert(data), "ref": str(number)}
        named: dict[str, object] = {"op": op, "resource": resource.path}
        if op == "delete":
            return resource, {**named, "id": str(id_)}
        if op != "create":
            sent = data.draw(patches(resource, self._context(data, resource, id_)))
            return resource, {**named, "id": str(id_), "data": sent}
        sent = data.draw(payloads(resource, self._context(data, resource)))
        if resource.parent:
            sent = {**sent, resource.parent: str(self._parent(data, resource))}
        if resource.references and number and data.draw(st.booleans()):
            sent = {**sent, data.draw(st.sampled_from(sorted(resource.references))): {"ref": str(number - 1)}}
        return resource, {**named, "data": sent, "ref": str(number)}

    def _bulk_upsert(self, data: st.DataObject) -> Mapping[str, object]:
        name = data.draw(st.sampled_from(["key", "text", "number"]))
        value = data.draw(unique_values("number" if name == "number" else "text"))
        sent = data.draw(payloads(CLIENTS, self._context(data, CLIENTS)))
        others = sent.get("attributes")
        attributes = {**others, name: value} if isinstance(others, Mapping) else {name: value}
        return {"op": "upsert", "resource": CLIENTS.path, "by": name, "data": {**sent, "attributes": attributes}}

    @precondition(lambda self: any(self._ids.values()))
    @rule(data=st.data(), number=st.integers(1, 4), together=st.booleans(), dry=st.booleans())
    def restore(self, data: st.DataObject, number: int, together: bool, dry: bool) -> None:  # noqa: FBT001  # drawn by name
        """Restore a version of a record, deleted or not, or ask what that would change."""
        names = [name for name in RESOURCES if self._ids[name] or self._gone[name]]
        resource = RESOURCES[data.draw(st.sampled_from(names))]
        id_ = data.draw(st.sampled_from([*self._gone[resource.name], *self._ids[resource.name]]))
        target, body = restorations.Target(resource, id_, number), {"with": "children"} if together else {}
        run = restorations.restore_dry_run if dry else restorations.restore
        words = f"{_tried(dry)}restore version {number} of {resource.name} {id_}{' and its children' * together}"
        outcome = self._pair.both(words, lambda db, who: run(db, who, target, body))
        if isinstance(outcome, Document) and id_ in self._gone[resource.name]:
            self._gone[resource.name].remove(id_)
            self._ids[resource.name].append(id_)

    @precondition(lambda self: self._ids["transfer_request"])
    @rule(data=st.data(), accepts=st.booleans(), named=st.booleans())
    def decide(self, data: st.DataObject, accepts: bool, named: bool) -> None:  # noqa: FBT001  # drawn by name
        """Accept or decline a transfer request."""
        id_ = data.draw(st.sampled_from(self._ids["transfer_request"]))
        ids = [str(cohort) for cohort in self._ids["cohort"]]
        sent = {"cohort": data.draw(st.sampled_from(ids))} if named and ids else {}
        decide = partial(transfers.accept, data=sent) if accepts else transfers.decline
        words = f"{'accept' if accepts else 'decline'} transfer_request {id_} {sent or ''}"
        self._pair.both(words, lambda db, who: decide(db, who, id_))

    @precondition(lambda self: self._has_plenty() and self._any_of(_MERGING))
    @rule(data=st.data(), dry=st.booleans())
    def merge(self, data: st.DataObject, dry: bool) -> None:  # noqa: FBT001  # drawn by name
        """Merge records, or ask what that would change."""
        resource, id_ = self._any_record(data, _MERGING)
        ids = [*self._ids[resource.name], *self._gone[resource.name][-1:]]
        losers = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=2))
        names = st.sampled_from(["name", "stage", "client", f"{ATTRIBUTE_PREFIX}text", f"{ATTRIBUTE_PREFIX}key"])
        take = data.draw(st.dictionaries(names, st.sampled_from([id_, *losers]), max_size=2))
        body = {"from": [str(each) for each in losers], "take": {name: str(each) for name, each in take.items()}}
        run = merges.merge_dry_run if dry else merges.merge
        words = f"{_tried(dry)}merge into {resource.name} {id_}: {body}"
        if isinstance(self._pair.both(words, lambda db, who: run(db, who, resource, id_, body)), Document):
            for other in (resource, ENROLLMENT_DETAILS):
                for gone in [each for each in self._ids[other.name] if self._value(other, each) is None]:
                    self._gone_now(other, gone)

    @rule(name=one_of_names(lambda: _MERGING), limit=st.integers(1, 3))
    def find_duplicates(self, name: str, limit: int) -> None:
        """Read a page of groups of duplicates."""
        params = {"limit": str(limit)}
        self._pair.compare(
            f"find duplicates of {name}", lambda db, who: duplicates.find(db, who, RESOURCES[name], params)
        )

    @precondition(lambda self: self._has_plenty())
    @rule(data=st.data(), dry=st.booleans())
    def erase(self, data: st.DataObject, dry: bool) -> None:  # noqa: FBT001  # drawn by name
        """Erase a record, deleted or not, or ask what that would erase."""
        names = [name for name in RESOURCES if self._ids[name] or self._gone[name]]
        resource = RESOURCES[data.draw(st.sampled_from(names))]
        target = ErasureTarget(
            resource, data.draw(st.sampled_from([*self._gone[resource.name], *self._ids[resource.name]]))
        )
        run = erasures.erase_dry_run if dry else erasures.erase
        words = f"{_tried(dry)}erase {resource.name} {target.id}"
        outcome = self._pair.both(words, lambda db, who: run(db, None, who, target))
        if isinstance(outcome, ErasureReport) and not dry and target.id in self._ids[resource.name]:
            self._gone_now(resource, target.id)

    # At once, again, and without permission

    @precondition(lambda self: self._has_plenty())
    @rule(data=st.data())
    def meet(self, data: st.DataObject) -> None:
        """Run two operations concurrently, on one record or on records that refer to it."""
        resource, id_ = self._any_record(data)
        acts = [self._any_act(data, resource, id_) for _ in range(2)]
        keys = [Key(act.resource.name, act.id) for act in acts if act.id]
        words = "; and ".join(act.words for act in acts)
        outcomes = self._pair.at_once(words, [act.do for act in acts], partial(look_at, keys=keys))
        for act, outcome in zip(acts, outcomes, strict=True):
            self._note(act, outcome)

    @precondition(lambda self: any(self._ids.values()))
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Repeat a request with its idempotency key after another change; the answer must be the same."""
        resource, id_ = self._any_record(data)
        act = self._any_act(data, resource, id_, deletes=False)
        idempotency = Idempotency(f"key {(number := self._pair.number())}", b"asked")
        act = act._replace(words=f"{act.words}, with an idempotency key")
        first = self._perform(act, number, idempotency)
        self._perform(self._change(data, resource, id_))
        again = self._perform(act, number, idempotency)
        if (answer := answer_of(first)) is not None:
            assert answer_of(again) == answer._replace(is_replayed=True)

    @precondition(lambda self: any(self._ids.values()))
    @rule(data=st.data(), action=st.sampled_from(ACTIONS))
    def trespass(self, data: st.DataObject, action: str) -> None:
        """Run an operation without its permission, which must be refused."""
        resource, id_ = self._any_record(data)
        doing: Mapping[str, Operation] = {
            "view": lambda db, who: records.get(db, who, resource, id_),
            "add": lambda db, who: records.create(db, who, resource, {}),
            "change": lambda db, who: records.patch(db, who, resource, id_, {}),
            "delete": lambda db, who: records.delete(db, who, resource, id_),
        }
        words = f"{action} {resource.name} without the permission"
        outcome = self._pair.both(words, doing[action], permissions=PERMISSIONS - {resource.permission(action)})
        assert isinstance(outcome, tuple)
        assert outcome[0] is PermissionDeniedError

    # Reading

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

    @rule(data=st.data(), name=_NAMES, strict=st.booleans())
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

    @rule(data=st.data(), name=_NAMES, limit=st.integers(1, 3))
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

    # Operations

    def _any_act(self, data: st.DataObject, resource: Resource, id_: UUID, *, deletes: bool = True) -> Act:
        makers = [self._change, self._addition]
        makers += [self._deletion] * deletes + [self._operation] * resource.has_tasks_and_notes
        makers += [self._renaming] * (resource is PIPELINES)
        make: Callable[[st.DataObject, Resource, UUID], Act] = data.draw(st.sampled_from(makers))
        return make(data, resource, id_)

    def _change(self, data: st.DataObject, resource: Resource, id_: UUID) -> Act:
        sent = data.draw(patches(resource, self._context(data, resource, id_)))
        merge, strict = data.draw(st.booleans()), data.draw(st.booleans())
        expected = data.draw(st.none() | st.frozensets(st.integers(1, 4), max_size=2))
        change = partial(records.patch, merge=merge, strict=strict, expected=expected)
        options = {"merge": merge, "strict": strict, "expected": expected and sorted(expected)}
        how = "".join(f", {name}={value}" for name, value in options.items() if value)
        words = f"change {resource.name} {id_}{how}: {sent}"
        return Act(words, resource, id_, lambda db, who: change(db, who, resource, id_, sent))

    def _operation(self, data: st.DataObject, resource: Resource, id_: UUID) -> Act:
        names: list[str] = [*OPERATIONS, *([_ADD_IMAGE] if resource.has_images else [])]
        name = data.draw(st.sampled_from(names))
        sent = data.draw(_operation_payloads(name, self._context(data, resource, id_)))
        operate = partial(_operate, resource=resource, id_=id_, name=name, sent=sent)
        return Act(f"{name} of {resource.name} {id_}: {sent}", resource, id_, operate)

    def _renaming(self, data: st.DataObject, resource: Resource, id_: UUID) -> Act:
        stages = getattr(self._value(resource, id_), "stages", ())
        names = data.draw(st.lists(st.sampled_from("ABCD") | texts(8), min_size=len(stages), max_size=len(stages)))
        sent = [{"id": str(stage.id), "name": name} for stage, name in zip(stages, names, strict=True)]
        words = f"rename the stages of pipeline {id_}: {sent}"
        return Act(words, resource, id_, lambda db, who: records.patch(db, who, resource, id_, {"stages": sent}))

    def _addition(self, data: st.DataObject, resource: Resource, id_: UUID) -> Act:
        """Create a record that refers to a record, or one of the same resource if no resource refers to it."""
        near = [*referring(resource, owned=True), *referring(resource, owned=False)] or [(resource, "")]
        other, name = data.draw(st.sampled_from(near))
        parent = id_ if other.parent == name else self._parent(data, other)
        sent = data.draw(payloads(other, self._context(data, other))) | ({name: str(id_)} if name else {})
        return _creation(other, sent, parent)

    def _deletion(self, data: st.DataObject, resource: Resource, id_: UUID) -> Act:
        expected = data.draw(st.none() | st.just(frozenset({1})))
        words = f"delete {resource.name} {id_}{' if its version is 1' * (expected is not None)}"
        return Act(words, resource, id_, lambda db, who: records.delete(db, who, resource, id_, expected=expected))

    def _create(self, resource: Resource, sent: object, parent: object = None) -> UUID | None:
        outcome = self._perform(_creation(resource, sent, parent))
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

    # Input

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


def _creation(resource: Resource, sent: object, parent: object) -> Act:
    of = "" if parent is None else f" of {parent}"
    create = partial(records.create, resource=resource, data=sent, parent=parent)
    return Act(f"create {resource.name}{of}: {sent}", resource, None, create)


def _tried(dry: bool) -> str:  # noqa: FBT001  # drawn
    return "try to " if dry else ""


def _list_words(name: str, params: Mapping[str, str], parent: object) -> str:
    return f"list {name}{'' if parent is None else f' of {parent}'}, {dict(params)}"


async def _operate(db: Database, who: Caller, *, resource: Resource, id_: UUID, name: str, sent: object) -> Document:
    edit: Edit = adding(str(sent)) if name == _ADD_IMAGE else OPERATIONS[name](sent, ReadContext(who.new_id))
    return await records.apply(db, who, resource, id_, edit)


async def _bulk(db: Database, who: Caller, *, sent: object, lenient: bool) -> object:
    try:
        answer = await bulk(db, who, CLIENTS, sent, lenient=lenient)
    except BulkRefusedError as error:
        return {index: _told(each) for index, each in error.errors.items()}
    return [_Told(each.kind, each.id, each.version, _told(each.error)) for each in answer.outcomes]


class _Told(NamedTuple):
    """An outcome that can be compared."""

    kind: str
    id: UUID | None
    version: int | None
    error: object


def _told(error: CrmError | None) -> object:
    return error.problems if isinstance(error, InvalidError) else str(error)


async def whole_agenda(db: Database, who: Caller, params: Mapping[str, str]) -> list[AgendaTask]:
    """Return all tasks of the agenda for parameters, page by page."""
    agenda = await agendas.find(db, who, params)
    if agenda.next is None:
        return list(agenda.tasks)
    return [*agenda.tasks, *await whole_agenda(db, who, {**params, "cursor": agenda.next})]


def _operation_payloads(name: str, context: PayloadContext) -> st.SearchStrategy[object]:
    if name == _ADD_IMAGE:
        return st.sampled_from(["/files/a/b.png", "https://example.com/c.gif"])
    ids = st.sampled_from(context.entries).map(str) if context.entries else st.uuids(version=4).map(str)
    if name.startswith("delete-"):
        return st.fixed_dictionaries({"id": ids})
    entry = texts(100, hostile=context.hostile)
    if name == "update-task":
        more = {"completed": st.booleans(), "task": entry, "date": st.none() | st.dates().map(str)}
        return st.fixed_dictionaries({"task_id": ids}, optional=more)
    return st.fixed_dictionaries({name.removeprefix("add-"): entry}, optional={"id": ids})


def _evolutions() -> st.SearchStrategy[tuple[EvolutionKind, Mapping[str, object]]]:
    names = attribute_names() | st.sampled_from(ATTRIBUTE_TYPES)
    value = st.sampled_from(["a", "b"]) | texts(10)
    failing = st.sampled_from(["clear", "refuse"])
    kinds: Mapping[EvolutionKind, st.SearchStrategy[Mapping[str, object]]] = {
        "rename": st.fixed_dictionaries({"name": names}),
        "values/rename": st.fixed_dictionaries({"from": value, "to": value}),
        "values/remove": st.fixed_dictionaries({"value": value}, optional={"replace_with": value}),
        "convert": st.fixed_dictionaries({"type": st.sampled_from(ATTRIBUTE_TYPES)}, optional={"failing": failing}),
    }
    return st.one_of(*(st.tuples(st.just(kind), bodies) for kind, bodies in kinds.items()))


def _entries(record: object) -> Sequence[Any]:
    """Return the tasks, notes and stages of a record."""
    lists = (getattr(record, name, ()) for name in ("list_of_tasks", "list_of_notes", "stages"))
    return list(itertools.chain.from_iterable(lists))
