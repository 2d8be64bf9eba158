"""The operations of a bulk request, read from plain values (decisions 112 to 114)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

import attrs

from crm_core.bulk.refs import Refs, parted, refuse
from crm_core.bulk.upserts import GivenValues, Place, Stored, place_of, without_value
from crm_core.errors import ACROSS_FIELDS, IS_REQUIRED, InvalidError, Problem
from crm_core.input.declarations import as_sent, choice, choice_of, integer, items, text, uuid
from crm_core.input.drafts import Draft, read_draft
from crm_core.input.readers import ReadContext, RefusedError, no_id, read_list
from crm_core.model.entities import Attribute
from crm_core.model.records import Key, Versions
from crm_core.model.registered import DerivedTable
from crm_core.resources import RESOURCES, WEBHOOKS, Resource

#: What an operation can do.
Op: TypeAlias = Literal["create", "update", "merge", "delete", "upsert"]

MAX_OPERATIONS: Final = 1_000
#: The resources with bulk requests, by their segments in URLs. The secret of a new webhook is shown once, in the answer
#: of a single call.
BULK_RESOURCES: Final[Mapping[str, Resource]] = DerivedTable(
    lambda: {resource.path: resource for resource in RESOURCES.values() if resource is not WEBHOOKS}
)

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
        by: the unique attribute by whose value in `data` an upsert finds the record, to change it; it is created if no
            record has the value.
        data: the fields of the record. Where an id of a record goes, `{"ref": "x"}` is the record of an earlier
            operation with that `ref`.
        if_match: the version that the record must have.
        ref: a name for the record, for later operations of the same request.
    """

    op: Op = choice(*MEMBERS)
    resource: str = choice_of(BULK_RESOURCES)
    id: UUID = uuid()
    by: str = text(max_length=100)
    data: Any = as_sent()
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
class BulkTask:
    """One operation that could be read.

    Attributes:
        op: what to do; of an upsert, `create` or `update`, depending on whether a record has the value.
        resource: the resource of the record.
        key: the key of the record; of a new one, too.
        draft: the fields to write; None to delete.
        parent: the value of the field that comes with the path in single calls; None if it is not needed.
        place: the value by which an upsert found its record, or no record; None for other operations.
        expected: the versions that the record may have.
        refs: the earlier operations that its fields refer to, by field.
    """

    op: str
    resource: Resource
    key: Key
    draft: Draft | None
    parent: object
    place: Place | None
    expected: Versions
    refs: Mapping[str, int]


@attrs.frozen
class ReadOperation:
    """An operation as far as it could be read.

    Attributes:
        verbs: the permissions that it needs.
        task: the operation, or why it is refused.
        one_of: permissions of which it needs one, whatever records are stored; none if it always needs its ``verbs``.
    """

    verbs: tuple[str, ...]
    task: BulkTask | InvalidError
    one_of: tuple[str, ...] = ()


def read_operations(
    resource: Resource, sent: object, context: ReadContext, stored: Stored | None = None
) -> Sequence[ReadOperation]:
    """Return the operations of the body of a bulk request; each is read or refused on its own.

    Args:
        resource: the resource of the path.
        sent: the body, plain values.
        context: where new ids come from; with ``strict`` unknown fields of records are refused. Unknown keys of
            operations always are.
        stored: what the store says about the records of upserts (``crm_core.bulk.lookups``).

    Raises InvalidError if the body is not a list of operations.
    """
    reading = _Reading(resource, context, stored or Stored())
    operations = [reading.read(index, each) for index, each in enumerate(_listed(sent))]
    return _without_repeated(operations)


def read_row_operations(
    resource: Resource, rows: Iterable[tuple[Mapping[str, Any], bool]], context: ReadContext
) -> Sequence[ReadOperation]:
    """Return the operations that a program makes of rows; each is read or refused on its own.

    Args:
        resource: the resource of their records.
        rows: the operations, each with whether only its data can be wrong: then its ``op`` and ``id`` are typed, and
            its data are plain values.
        context: as for ``read_operations``.
    """
    reading = _Reading(resource, context, Stored())
    operations = [reading.read(index, each, is_sound=is_sound) for index, (each, is_sound) in enumerate(rows)]
    return _without_repeated(operations)


def _listed(sent: object) -> Sequence[object]:
    draft = read_draft(_Envelope, sent, ReadContext(no_id, strict=True), require_all=True)
    if draft.problems:
        raise InvalidError(draft.problems)
    if draft.values.get("operations") is None:
        refuse("operations", IS_REQUIRED)
    try:
        return read_list(draft.values["operations"], MAX_OPERATIONS)
    except RefusedError as error:
        raise InvalidError({"operations": error.problems}) from None


class _Reading:
    """Reads operations one after another, and remembers their refs, and the values that they give to records."""

    def __init__(self, resource: Resource, context: ReadContext, stored: Stored) -> None:
        self._resource = resource
        self._context = context
        self._stored = stored
        self._given = GivenValues()
        self._refs = Refs()

    def read(self, index: int, sent: Any, *, is_sound: bool = False) -> ReadOperation:
        """Read one operation; of one that is sound, only the data."""
        verbs, one_of = tuple[str, ...](), tuple[str, ...]()
        key, ref = None, None
        try:
            values = sent if is_sound else _members(sent)
            resource = BULK_RESOURCES[values["resource"]] if "resource" in values else self._resource
            verbs = _permissions(resource, values["op"])
            one_of = verbs if values["op"] == "upsert" else ()
            ref = values.get("ref")
            task = self._task(resource, values)
            key = task.key
        except InvalidError as error:
            return ReadOperation(verbs, error, one_of)
        else:
            return ReadOperation(_permissions(resource, task.op) if task.place else verbs, task, one_of)
        finally:
            if ref is not None:
                self._refs.add(ref, index, key)

    def _task(self, resource: Resource, values: Mapping[str, Any]) -> BulkTask:
        self._refs.check_new(values.get("ref"))
        op, data = values["op"], values.get("data")
        place, key = None, Key(resource.name, values["id"]) if "id" in values else None
        if op == "upsert":
            place, key = self._found(resource, values["by"], data)
            op = "create" if key is None else "update"
        key = key or Key(resource.name, self._context.new_id())
        expected = frozenset({values["if_match"]}) if "if_match" in values else None
        draft, parent, refs = None, None, dict[str, int]()
        if op != "delete":
            draft, parent, refs = self._draft(resource, op, data, place)
            self._given.add(self._definitions(resource), draft, key)
        return BulkTask(
            op=op, resource=resource, key=key, draft=draft, parent=parent, place=place, expected=expected, refs=refs
        )

    def _draft(
        self, resource: Resource, op: str, data: object, place: Place | None
    ) -> tuple[Draft, object, dict[str, int]]:
        """Return the fields to write, the value that comes with the path in single calls, and the refs."""
        data, refs = self._refs.resolved(resource, data)
        parent = None
        if op == "create" or (place and isinstance(data, Mapping) and resource.parent in data):
            data, parent = parted(resource, data)
        if op == "update" and place and isinstance(data, Mapping):
            data = without_value(place, data)
        draft = read_draft(resource.entity, data, self._context, require_all=op == "create", merge=op == "merge")
        return draft, parent, refs

    def _found(self, resource: Resource, by: str, data: object) -> tuple[Place | None, Key | None]:
        """Return the value by which an upsert finds its record, and the record's key; None if no record has it.

        A value that no stored record has can be one that an earlier operation gives to a record.
        """
        if not isinstance(data, Mapping):
            return None, None
        place = place_of(self._definitions(resource), by, data)
        holder = self._stored.holders.get(place.asked)
        return place, Key(resource.name, holder) if holder else self._given.holder(place)

    def _definitions(self, resource: Resource) -> Mapping[str, Attribute]:
        return self._stored.definitions.get(resource.name, {})


def _permissions(resource: Resource, op: str) -> tuple[str, ...]:
    return tuple(resource.permission(action) for action in ACTIONS[op])


_REPEATED: Final = Problem("repeated", "Another operation is about the same record.")
_NOT_TAKEN: Final = "This field is not known. Fields that can be sent: {}."


@attrs.frozen
class _Envelope:
    """The body, whose operations are read one by one."""

    operations: object = as_sent()


def _members(sent: object) -> Mapping[str, Any]:
    """Return the members of an operation that are there. Raises InvalidError with every problem."""
    if isinstance(sent, Mapping):
        sent = {
            name: _bare(value) if name == "if_match" else value for name, value in sent.items() if value is not None
        }
    draft = read_draft(BulkOperation, sent, ReadContext(no_id), require_all=False)
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


def _without_repeated(operations: Sequence[ReadOperation]) -> Sequence[ReadOperation]:
    """Return the operations, those refused that are about the same record as another."""
    times = Counter(_keys(operations))
    return [
        ReadOperation(each.verbs, InvalidError({_naming(each.task): (_REPEATED,)}), each.one_of)
        if isinstance(each.task, BulkTask) and times[each.task.key] > 1
        else each
        for each in operations
    ]


def _naming(task: BulkTask) -> str:
    """Return the member of an operation that says which record it is about."""
    if task.place:
        return "by"
    return ACROSS_FIELDS if task.op == "create" else "id"


def _keys(operations: Iterable[ReadOperation]) -> Iterable[Key]:
    return (each.task.key for each in operations if isinstance(each.task, BulkTask))
