"""Operations that are drawn as values, so that they can be run at once, again, or alone."""

from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

from hypothesis import strategies as st

from crm_core.engine.receipts import Document
from crm_core.input.drafts import Edit
from crm_core.input.readers import ReadContext
from crm_core.model.accounts import Caller
from crm_core.ports import Database
from crm_core.resources import PIPELINES, Resource, referring
from crm_core.rules.images import adding
from crm_core.rules.tasks_and_notes import OPERATIONS
from crm_core.testing.machine.state import Act, MachineState, creation
from crm_core.testing.strategies import PayloadContext, patches, payloads, texts
from crm_core.use_cases import records

_ADD_IMAGE: Final = "add-image"


class DrawnActs(MachineState):
    """Draws changes of records."""

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
        return creation(other, sent, parent)

    def _deletion(self, data: st.DataObject, resource: Resource, id_: UUID) -> Act:
        expected = data.draw(st.none() | st.just(frozenset({1})))
        words = f"delete {resource.name} {id_}{' if its version is 1' * (expected is not None)}"
        return Act(words, resource, id_, lambda db, who: records.delete(db, who, resource, id_, expected=expected))


async def _operate(db: Database, who: Caller, *, resource: Resource, id_: UUID, name: str, sent: object) -> Document:
    edit: Edit = adding(str(sent)) if name == _ADD_IMAGE else OPERATIONS[name](sent, ReadContext(who.new_id))
    return await records.apply(db, who, resource, id_, edit)


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
