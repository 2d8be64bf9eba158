"""Steps that change records."""

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from crm_core.bulk.operations import BULK_RESOURCES
from crm_core.engine.receipts import Document
from crm_core.errors import BulkRefusedError, CrmError, InvalidError
from crm_core.model.accounts import Caller
from crm_core.model.entities import ATTRIBUTE_PREFIX, ATTRIBUTE_TYPES, ENTITIES
from crm_core.model.erasures import ErasureReport
from crm_core.model.registered import DerivedNames
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES, CLIENTS, ENROLLMENT_DETAILS, PIPELINES, RESOURCES, Resource
from crm_core.testing.machine.acts import DrawnActs
from crm_core.testing.machine.state import ACTIVE, NAMES, Act, tried
from crm_core.testing.strategies import (
    attribute_names,
    json_values,
    one_of_names,
    patches,
    payloads,
    texts,
    unique_values,
)
from crm_core.use_cases import duplicates, erasures, evolutions, merges, records, restorations, transfers, upserts
from crm_core.use_cases.bulk import bulk
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.evolution_requests import EvolutionKind, Target
from crm_core.use_cases.upserts import Condition

_MERGING: Final = DerivedNames(lambda: [name for name, resource in RESOURCES.items() if resource.merges])
_IN_BULK: Final = DerivedNames(lambda: [resource.name for resource in BULK_RESOURCES.values()])


class ChangingSteps(DrawnActs):
    """Creates, changes, merges, restores, deletes and erases records."""

    @rule(data=st.data(), name=NAMES)
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
        words = f"{tried(dry)}{kind} of attribute {target.id}: {sent}"
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

    @precondition(lambda self: self._any_of(ACTIVE))
    @rule(data=st.data())
    def operate(self, data: st.DataObject) -> None:
        """Run an atomic operation on tasks, notes or images."""
        self._perform(self._operation(data, *self._any_record(data, ACTIVE)))

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
        words = f"{tried(dry)}restore version {number} of {resource.name} {id_}{' and its children' * together}"
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
        words = f"{tried(dry)}merge into {resource.name} {id_}: {body}"
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
        words = f"{tried(dry)}erase {resource.name} {target.id}"
        outcome = self._pair.both(words, lambda db, who: run(db, None, who, target))
        if isinstance(outcome, ErasureReport) and not dry and target.id in self._ids[resource.name]:
            self._gone_now(resource, target.id)


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
