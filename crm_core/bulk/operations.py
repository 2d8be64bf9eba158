"""The operations of a bulk request, read from plain values (decisions 99 to 101)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NoReturn, TypeAlias
from uuid import UUID

import attrs

from crm_core.errors import IS_REQUIRED, InvalidError, Problem, Problems, not_a_choice
from crm_core.input.drafts import Draft, read_draft
from crm_core.input.fields import choice, integer, items, json_value, text, uuid
from crm_core.input.readers import ReadContext, RefusedError, abbreviated, read_list, read_uuid
from crm_core.model.records import Key, Versions
from crm_core.resources import ATTRIBUTES, RESOURCES, WEBHOOKS, Resource
from crm_core.rules.attributes import ENTITIES

#: What an operation can do.
Op: TypeAlias = Literal["create", "update", "merge", "delete", "upsert"]

MAX_OPERATIONS: Final = 1_000
#: The resources with bulk requests, by their segments in URLs. The secret of a new webhook is shown once, in the answer
#: of a single call.
BULK_RESOURCES: Final[Mapping[str, Resource]] = {
    resource.path: resource for resource in RESOURCES.values() if resource is not WEBHOOKS
}

#: The members that an operation must have, and those that it can have, besides those of every operation.
MEMBERS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "create": (frozenset({"data"}), frozenset({"ref"})),
    "update": (frozenset({"id", "data"}), frozenset({"ref", "if_match"})),
    "merge": (frozenset({"id", "data"}), frozenset({"ref", "if_match"})),
    "delete": (frozenset({"id"}), frozenset({"if_match"})),
    "upsert": (frozenset({"by", "data"}), frozenset({"ref"})),
}
#: The members that every operation has or can have.
COMMON_MEMBERS: Final = frozenset({"op", "resource"})
#: The actions of which an operation needs the permission (decision 24).
ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "create": ("add",),
    "update": ("change",),
    "merge": ("change",),
    "delete": ("delete",),
    "upsert": ("add", "change"),
}


@attrs.frozen(kw_only=True)
class BulkOperation:
    """One operation of a bulk request.

    Attributes:
        op: what to do. `update` sets the fields that are sent, as PATCH does; `merge` is a merge patch (RFC 7396).
        resource: the resource of the record, by its segment in URLs; the resource of the path if it is left out.
        id: the id of the record to change or delete.
        by: the unique attribute by which an upsert finds the record.
        data: the fields of the record. Where an id of a record goes, `{"ref": "x"}` is the record of an earlier
            operation with that `ref`.
        if_match: the version that the record must have.
        ref: a name for the record, for later operations of the same request.
    """

    op: Op = choice(*MEMBERS)
    resource: str = choice(*BULK_RESOURCES)
    id: UUID = uuid()
    by: str = text(max_length=100)
    data: Any = json_value()
    if_match: int = integer()
    ref: str = text(max_length=100)


@attrs.frozen
class BulkRequest:
    """The body of a bulk request.

    Attributes:
        operations: what to do, in this order.
    """

    operations: tuple[BulkOperation, ...] = items(BulkOperation, max_items=MAX_OPERATIONS)


@attrs.frozen(kw_only=True)
class Task:
    """One operation that could be read.

    Attributes:
        op: what to do.
        resource: the resource of the record.
        key: the key of the record; of a new one, too.
        draft: the fields to write; None to delete.
        parent: the value of the field that comes with the path in single calls; None if it is not needed.
        expected: the versions that the record may have.
        refs: the earlier operations that its fields refer to, by field.
    """

    op: str
    resource: Resource
    key: Key
    draft: Draft | None
    parent: object
    expected: Versions
    refs: Mapping[str, int]


@attrs.frozen
class Read:
    """An operation as far as it could be read.

    Attributes:
        verbs: the permissions that it needs.
        task: the operation, or why it is refused.
    """

    verbs: tuple[str, ...]
    task: Task | InvalidError


def read_operations(resource: Resource, sent: object, context: ReadContext) -> Sequence[Read]:
    """Return the operations of the body of a bulk request; each is read or refused on its own.

    Args:
        resource: the resource of the path.
        sent: the body, plain values.
        context: where new ids come from; with ``strict`` unknown fields of records are refused. Unknown keys of
            operations always are.

    Raises InvalidError if the body is not a list of operations.
    """
    reading = _Reading(resource, context)
    operations = [reading.read(index, each) for index, each in enumerate(_listed(sent))]
    return _without_repeated(operations)


def _listed(sent: object) -> Sequence[object]:
    draft = read_draft(_Envelope, sent, ReadContext(_no_id, strict=True), require_all=True)
    if draft.problems:
        raise InvalidError(draft.problems)
    if draft.values.get("operations") is None:
        _refuse("operations", IS_REQUIRED)
    try:
        return read_list(draft.values["operations"], MAX_OPERATIONS)
    except RefusedError as error:
        raise InvalidError({"operations": error.problems}) from None


def _no_id() -> UUID:
    raise AssertionError("an operation is not given an id")


class _Reading:
    """Reads operations one after another, and remembers their refs."""

    def __init__(self, resource: Resource, context: ReadContext) -> None:
        self._resource = resource
        self._context = context
        self._refs: dict[str, tuple[int, Key | None]] = {}

    def read(self, index: int, sent: object) -> Read:
        """Read one operation."""
        verbs: tuple[str, ...] = ()
        key, ref = None, None
        try:
            values = _members(sent)
            resource = BULK_RESOURCES[values["resource"]] if "resource" in values else self._resource
            verbs = tuple(resource.permission(action) for action in ACTIONS[values["op"]])
            ref = values.get("ref")
            task = self._task(resource, values)
            key = task.key
        except InvalidError as error:
            return Read(verbs, error)
        else:
            return Read(verbs, task)
        finally:
            if ref is not None:
                self._refs.setdefault(ref, (index, key))

    def _task(self, resource: Resource, values: Mapping[str, Any]) -> Task:
        if values.get("ref") in self._refs:
            _refuse("ref", _REF_REPEATED)
        op = values["op"]
        if op == "upsert":  # takes the attributes that are unique; there are none yet
            _refuse("by", Problem("not_unique", "This attribute is not unique."))
        id_ = values["id"] if "id" in values else self._context.new_id()
        expected = frozenset({values["if_match"]}) if "if_match" in values else None
        draft, parent, refs = None, None, dict[str, int]()
        if op != "delete":
            data, refs = self._resolved(resource, values["data"])
            if op == "create":
                data, parent = _parted(resource, data)
            require_all, merge = op == "create", op == "merge"
            draft = read_draft(resource.entity, data, self._context, require_all=require_all, merge=merge)
        key = Key(resource.name, id_)
        return Task(op=op, resource=resource, key=key, draft=draft, parent=parent, expected=expected, refs=refs)

    def _resolved(self, resource: Resource, data: object) -> tuple[object, dict[str, int]]:
        """Return the data with ids in place of refs, and the operations that these name, by field."""
        if not isinstance(data, Mapping):
            return data, {}
        values, refs = dict(data), dict[str, int]()
        problems: dict[str, Problems] = {}
        for name, to in resource.references.items():
            if not isinstance(value := values.get(name), Mapping):
                continue
            try:
                refs[name], key = self._named(value, to)
                values[name] = str(key.id) if key else None
            except InvalidError as error:
                problems[name] = error.problems["ref"]
        if problems:
            raise InvalidError(problems)
        return values, refs

    def _named(self, value: Mapping[str, object], to: str) -> tuple[int, Key | None]:
        ref = value.get("ref")
        if value.keys() != {"ref"} or not isinstance(ref, str):
            _refuse("ref", _NOT_A_REF)
        if ref not in self._refs:
            _refuse("ref", Problem("unknown", f'No earlier operation has the ref "{abbreviated(ref)}".'))
        index, key = self._refs[ref]
        if key is not None and key.resource != to:
            have, want = (RESOURCES[name].label[0] if name in RESOURCES else name for name in (key.resource, to))
            _refuse("ref", Problem("incorrect_type", f"Expected the ref of a {want}, but this is of a {have}."))
        return index, key


def _refuse(name: str, problem: Problem) -> NoReturn:
    raise InvalidError({name: (problem,)})


_NOT_A_REF: Final = Problem("invalid", 'Expected an id, or {"ref": "…"} with the ref of an earlier operation.')
_REF_REPEATED: Final = Problem("unique", "An earlier operation has this ref.")
_REPEATED: Final = Problem("repeated", "Another operation is about the same record.")
_NOT_TAKEN: Final = "This field is not known. Fields that can be sent: {}."


@attrs.frozen
class _Envelope:
    """The body, whose operations are read one by one."""

    operations: object = attrs.field(metadata=attrs.fields(BulkOperation).data.metadata)


def _members(sent: object) -> Mapping[str, Any]:
    """Return the members of an operation that are there. Raises InvalidError with every problem."""
    if isinstance(sent, Mapping):
        sent = {
            name: _bare(value) if name == "if_match" else value for name, value in sent.items() if value is not None
        }
    draft = read_draft(BulkOperation, sent, ReadContext(_no_id), require_all=False)
    problems = dict(draft.problems)
    if isinstance(sent, Mapping) and "op" not in sent:
        problems["op"] = (IS_REQUIRED,)
    if isinstance(sent, Mapping) and "op" in draft.values:
        required, optional = MEMBERS[str(draft.values["op"])]
        allowed = required | optional | COMMON_MEMBERS
        problems |= dict.fromkeys(required - sent.keys(), (IS_REQUIRED,))
        listed = ", ".join(name for name in attrs.fields_dict(BulkOperation) if name in allowed)
        problems |= {name: (Problem("unknown", _NOT_TAKEN.format(listed)),) for name in sent.keys() - allowed}
    if problems:
        raise InvalidError(problems)
    return draft.values


def _bare(version: object) -> object:
    """Return a version without the quotes of an entity tag."""
    return version.strip().removeprefix('"').removesuffix('"') if isinstance(version, str) else version


def _parted(resource: Resource, data: object) -> tuple[object, object]:
    """Return the data of a new record, and the value that comes with the path in single calls.

    Raises InvalidError if the resource has such a value and it is missing or malformed.
    """
    name = resource.parent
    if name is None or not isinstance(data, Mapping):
        return data, None
    value = data.get(name)
    if value is None:
        _refuse(name, IS_REQUIRED)
    if resource is ATTRIBUTES:
        if value not in ENTITIES:
            _refuse(name, not_a_choice(abbreviated(value)))
    else:
        try:
            value = read_uuid(value)
        except RefusedError as error:
            raise InvalidError({name: error.problems}) from None
    return {key: each for key, each in data.items() if key != name}, value


def _without_repeated(operations: Sequence[Read]) -> Sequence[Read]:
    """Return the operations, those refused that are about the same record as another."""
    times = Counter(_keys(operations))
    repeated = InvalidError({"id": (_REPEATED,)})
    return [
        Read(each.verbs, repeated) if isinstance(each.task, Task) and times[each.task.key] > 1 else each
        for each in operations
    ]


def _keys(operations: Iterable[Read]) -> Iterable[Key]:
    return (each.task.key for each in operations if isinstance(each.task, Task))
