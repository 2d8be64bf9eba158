"""The operations of resources, with the paths and fields of ``crm_core.resources``."""

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Final, Generic, Literal, TypeVar, Unpack
from urllib.parse import quote
from uuid import UUID

import attrs

from crm_core.arguments.bulk import BulkOperation
from crm_core.arguments.items import ImportInput, NoteInput, TaskChange, TaskInput
from crm_core.arguments.values import UniqueParameter, by_parameter, number_problems, sendable
from crm_core.embedding.files import ImportedFile
from crm_core.errors import InvalidError
from crm_core.imports.status import ImportStatus
from crm_core.model.duplicates import DuplicateGroup
from crm_core.model.erasures import ErasureReport
from crm_core.model.files import UploadedImage
from crm_core.model.history_entries import HistoryEntry, RestorationEntry
from crm_core.model.plain_values import json_text, plain
from crm_core.model.read_versions import expected_version
from crm_core.model.registered import DerivedTable
from crm_core.resources import RESOURCES, Resource
from crm_http.client.bulk import LENIENT, BulkResults
from crm_http.client.import_files import form_of, read_status
from crm_http.client.listings import ListQuery, listing, parameters_of
from crm_http.client.operations import D_co, Operation, OperationGroup, operation
from crm_http.client.responses import decode, read_as

E = TypeVar("E")

_RESOURCES: Final = DerivedTable(lambda: {row.entity: row for row in RESOURCES.values()})
_MERGE_PATCH: Final = {"Content-Type": "application/merge-patch+json"}
_ONLY: Final = {"create": {"If-None-Match": "*"}, "change": {"If-Match": "*"}}
#: Items in a page of a list, unless another number is given.
PAGE_SIZE: Final = 100


@attrs.define(slots=False, eq=False)
class RecordOperations(OperationGroup[D_co], Generic[D_co, E]):
    """The operations that all resources have alike.

    Attributes:
        entity: the class of its records.
        collection: the path of the list; by default the resource's path.
        place: the path below which each record is; by default ``collection``.
        exports: the path below which the export is; by default ``collection``.
        within: the parameters by which exports have the records of ``collection`` alone.
    """

    entity: type[E]
    collection: str = attrs.field(default=attrs.Factory(lambda self: path_of(self.entity), takes_self=True))
    place: str = attrs.field(default=attrs.Factory(lambda self: self.collection, takes_self=True))
    exports: str = attrs.field(default=attrs.Factory(lambda self: self.collection, takes_self=True))
    within: Mapping[str, object] = attrs.field(factory=dict)

    @operation
    def retrieve(self, id_: UUID | str, /) -> Operation[E]:
        """Return one record."""
        return Operation(method="GET", path=below(self.place, id_), read=read_as(self.entity))

    @operation
    def delete(self, id_: UUID | str, /, *, if_match: E | int | None = None) -> Operation[None]:
        """Delete a record. ``if_match`` is as in ``change``."""
        return Operation(
            method="DELETE", path=below(self.place, id_), read=lambda _: None, headers=_condition(if_match)
        )

    @listing
    def history(
        self, id_: UUID | str, /, *, limit: int | None = None, page_size: int = PAGE_SIZE
    ) -> ListQuery[HistoryEntry]:
        """Return the versions of a record, newest first, as what changed in each; also of a deleted record."""
        return ListQuery(
            path=below(self.place, id_, "history"), item=HistoryEntry, limit=limit, page_size=page_size, filters={}
        )

    @operation
    def version(self, id_: UUID | str, number: int, /) -> Operation[E]:
        """Return a record as it was in a version, without secrets.

        Args:
            id_: the id of the record.
            number: the version.
        """
        return Operation(method="GET", path=_version_path(self.place, id_, number), read=read_as(self.entity))

    @operation
    def restore(
        self,
        id_: UUID | str,
        number: int,
        /,
        *,
        fields: Sequence[str] = (),
        with_children: bool = False,
        partly: bool = False,
        if_match: E | int | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[E]:
        """Give a record the values of a version, or create a deleted record again; return the record.

        Args:
            id_: the id of the record.
            number: the version.
            fields: the fields to restore, or ``attributes.`` and the name of one; all unless some are named.
            with_children: bring back also what was deleted together with the record.
            partly: for a record that was merged into another one: leave what cannot go back to it.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
        """
        values = _restoration(fields, with_children=with_children, partly=partly)
        headers = _condition(if_match) | _key(idempotency_key)
        return self._send("POST", f"{_version_path(self.place, id_, number)}restore/", values, headers)

    @operation
    def restore_dry_run(
        self,
        id_: UUID | str,
        number: int,
        /,
        *,
        fields: Sequence[str] = (),
        with_children: bool = False,
        partly: bool = False,
    ) -> Operation[tuple[RestorationEntry, ...]]:
        """Return the versions that ``restore`` would make, that of the record first; nothing is changed.

        Args:
            id_: the id of the record.
            number: the version.
            fields: as in ``restore``.
            with_children: as in ``restore``.
            partly: as in ``restore``.
        """
        values = _restoration(fields, with_children=with_children, partly=partly)
        return self._dry_run(f"{_version_path(self.place, id_, number)}restore/", values)

    @operation
    def erase(self, id_: UUID | str, /, *, if_match: E | int | None = None) -> Operation[ErasureReport]:
        """Erase a record for good, deleted or not; return what was erased. ``if_match`` is as in ``change``."""
        return self._erasure(id_, {}, _condition(if_match))

    @operation
    def erase_dry_run(self, id_: UUID | str, /) -> Operation[ErasureReport]:
        """Return what ``erase`` would erase, and which records mention the name; nothing is changed."""
        return self._erasure(id_, {"dry_run": "1"}, {})

    def _erasure(
        self, id_: UUID | str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> Operation[ErasureReport]:
        return Operation(
            method="POST",
            path=below(self.place, id_, "erase"),
            read=lambda response: decode(response, ErasureReport),
            repeat="idempotent",
            options={"params": params},
            headers=headers,
        )

    def _list(self, limit: int | None, page_size: int, filters: Mapping[str, Any]) -> ListQuery[E]:
        return ListQuery(
            path=f"{self.collection}/",
            item=self.entity,
            limit=limit,
            page_size=page_size,
            filters=by_parameter(filters),
        )

    def _export(self, to: BinaryIO, format_: str, filters: Mapping[str, Any], *, bom: bool) -> Operation[None]:
        asked = {"format": format_, "bom": bom, **self.within, **by_parameter(filters)}
        return Operation(
            method="GET",
            path=f"{self.exports}/export/",
            read=lambda _: None,
            repeat="none",  # a part may have been written
            options={"params": parameters_of(asked)},
            save=to.write,
        )

    def _create(self, values: Mapping[str, object], key: str | None) -> Operation[E]:
        return self._send("POST", f"{self.collection}/", values, _key(key))

    def _change(
        self, id_: UUID | str, values: Mapping[str, object], if_match: E | int | None, key: str | None
    ) -> Operation[E]:
        return self._send("PATCH", below(self.place, id_), values, _condition(if_match) | _key(key))

    def _merge(
        self, id_: UUID | str, values: Mapping[str, object], if_match: E | int | None, key: str | None
    ) -> Operation[E]:
        return self._send("PATCH", below(self.place, id_), values, _MERGE_PATCH | _condition(if_match) | _key(key))

    def _upsert(
        self,
        by: str,
        value: UniqueParameter,
        values: Mapping[str, object],
        only: Literal["create", "change"] | None,
        if_match: E | int | None,
        key: str | None,
    ) -> Operation[E]:
        headers = _condition(if_match) or (_ONLY[only] if only else {})
        sent = self._send("PUT", below(self.place, "by", by), values, {**headers, **_key(key)})
        return attrs.evolve(sent, options={**sent.options, "params": {"value": str(plain(value))}})

    def _retrieve_by(self, by: str, value: UniqueParameter) -> Operation[E]:
        return Operation(
            method="GET",
            path=below(self.place, "by", by),
            read=read_as(self.entity),
            options={"params": {"value": str(plain(value))}},
        )

    def _apply(
        self,
        name: str,
        id_: UUID | str,
        values: Mapping[str, object],
        if_match: E | int | None,
        key: str | None,
    ) -> Operation[E]:
        return self._send("POST", below(self.place, id_, name), values, _condition(if_match) | _key(key))

    def _dry_run(self, path: str, values: Mapping[str, object]) -> Operation[tuple[RestorationEntry, ...]]:
        return Operation(
            method="POST",
            path=path,
            read=lambda response: decode(response, tuple[RestorationEntry, ...]),
            repeat="safe",
            options={**body_of(values), "params": {"dry_run": "1"}},
        )

    def _send(self, method: str, path: str, values: Mapping[str, object], headers: Mapping[str, str]) -> Operation[E]:
        return Operation(
            method=method,
            path=path,
            read=read_as(self.entity),
            repeat="keyed",
            options=body_of(values),
            headers=headers,
        )


@attrs.define(slots=False, eq=False)
class RecordOperationsWithBulk(RecordOperations[D_co, E]):
    """The operations of a resource with bulk requests."""

    @operation
    def bulk(
        self,
        operations: Sequence[BulkOperation],
        /,
        *,
        lenient: bool = False,
        idempotency_key: str | None = None,
    ) -> Operation[BulkResults]:
        """Carry out up to 1,000 operations in one commit; return their results.

        .. code-block:: python

            crm.clients.bulk([
                {"op": "create", "ref": "acme", "data": {"name": "Acme"}},
                {"op": "create", "resource": "services", "data": {"name": "Ann", "client": {"ref": "acme"}}},
            ])

        Args:
            operations: what to do, in this order.
            lenient: operations that are refused have no effect, and the others count; the results say which. Otherwise
                one that is refused makes all fail, with an InvalidError whose problems are keyed by index.
            idempotency_key: a key of your own, as in ``create``.
        """
        return Operation(
            method="POST",
            path=f"{path_of(self.entity)}/bulk/",
            read=lambda response: decode(response, BulkResults),
            repeat="keyed",
            options=body_of({"operations": operations}),
            headers=(LENIENT if lenient else {}) | _key(idempotency_key),
        )

    @operation
    def import_file(self, file: ImportedFile, /, **options: Unpack[ImportInput]) -> Operation[ImportStatus]:
        """Send a file whose rows become records, and return its import, which a server carries out.

        .. code-block:: python

            begun = crm.clients.import_file("clients.csv", map={"Company": "name"}, upsert_by="email")
            ended = crm.imports.wait(begun.id)

        Args:
            file: the path of the file, or a file that is open for reading bytes.
            options: what is asked for; the format is by default that of the file's name.

        Raises SameFileError, which names the import of the same file.
        """
        return Operation(
            method="POST", path=f"{path_of(self.entity)}/import/", read=read_status, options=form_of(file, options)
        )


@attrs.define(slots=False, eq=False)
class RecordOperationsWithTasks(RecordOperationsWithBulk[D_co, E]):
    """The operations of a resource with tasks and notes, each of which can be changed alone."""

    @operation
    def add_task(
        self,
        id_: UUID | str,
        /,
        *,
        if_match: E | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[TaskInput],
    ) -> Operation[E]:
        """Append a task; return the record."""
        return self._apply("add-task", id_, values, if_match, idempotency_key)

    @operation
    def add_note(
        self,
        id_: UUID | str,
        /,
        *,
        if_match: E | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[NoteInput],
    ) -> Operation[E]:
        """Append a note; return the record."""
        return self._apply("add-note", id_, values, if_match, idempotency_key)

    @operation
    def update_task(
        self,
        id_: UUID | str,
        task_id: UUID | str,
        /,
        *,
        if_match: E | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[TaskChange],
    ) -> Operation[E]:
        """Change ``completed``, ``task`` or ``date`` of a task; return the record."""
        return self._apply("update-task", id_, {"task_id": task_id, **values}, if_match, idempotency_key)

    @operation
    def delete_task(self, id_: UUID | str, task_id: UUID | str, /, *, if_match: E | int | None = None) -> Operation[E]:
        """Delete a task; return the record."""
        return self._apply("delete-task", id_, {"id": task_id}, if_match, None)

    @listing
    def duplicates(self, *, limit: int | None = None, page_size: int = PAGE_SIZE) -> ListQuery[DuplicateGroup]:
        """Return groups of records that may be duplicates, with reasons and scores."""
        return ListQuery(
            path=f"{self.collection}/duplicates/", item=DuplicateGroup, limit=limit, page_size=page_size, filters={}
        )

    @operation
    def merge_records(
        self,
        id_: UUID | str,
        others: Sequence[UUID | str],
        /,
        *,
        take: Mapping[str, UUID | str] | None = None,
        if_match: E | int | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[E]:
        """Merge other records into one, and return it: what belongs to them moves, and they are deleted.

        Args:
            id_: the id of the record that stays.
            others: the ids of the others, at most 20.
            take: whose value is kept, by field or ``attributes.`` and the name of one. Otherwise the record keeps its
                own values, and gets those that it lacks.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
        """
        headers = _condition(if_match) | _key(idempotency_key)
        return self._send("POST", below(self.place, id_, "merge"), {"from": others, "take": take or {}}, headers)

    @operation
    def merge_records_dry_run(
        self, id_: UUID | str, others: Sequence[UUID | str], /, *, take: Mapping[str, UUID | str] | None = None
    ) -> Operation[tuple[RestorationEntry, ...]]:
        """Return the versions that ``merge_records`` would make, that of the record first; nothing is changed.

        Args:
            id_: the id of the record that stays.
            others: as in ``merge_records``.
            take: as in ``merge_records``.
        """
        return self._dry_run(below(self.place, id_, "merge"), {"from": others, "take": take or {}})

    @operation
    def delete_note(self, id_: UUID | str, note_id: UUID | str, /, *, if_match: E | int | None = None) -> Operation[E]:
        """Delete a note; return the record."""
        return self._apply("delete-note", id_, {"id": note_id}, if_match, None)


@attrs.define(slots=False, eq=False)
class RecordOperationsWithImages(RecordOperationsWithTasks[D_co, E]):
    """The operations of a resource with tasks, notes and images."""

    @operation
    def upload(self, id_: UUID | str, content: bytes | BinaryIO, /) -> Operation[UploadedImage]:
        """Add an image. It is not retried after a lost answer (NoResponseError), and may have been added then.

        Args:
            id_: the id of the record.
            content: the image: JPEG, PNG, GIF or WebP, as bytes or as a file that is open for reading bytes.
        """
        return Operation(
            method="POST",
            path=below(self.place, id_, "files"),
            read=lambda response: decode(response, UploadedImage),
            options={"files": {"file": ("image", content)}},
        )


def path_of(entity: type) -> str:
    """Return the path of the records of an entity class."""
    return f"/api/{_resource_of(entity).path}"


def name_of(entity: type) -> str:
    """Return the name of the resource of an entity class."""
    return _resource_of(entity).name


def _resource_of(entity: type) -> Resource:
    if entity not in _RESOURCES:
        raise TypeError(f"{entity.__name__} is the entity of no resource: register its resource first")
    return _RESOURCES[entity]


def below(place: str, *names: UUID | str) -> str:
    """Return a path below another, with percent-encoded segments."""
    return "/".join([place, *(quote(str(name), safe="") for name in names), ""])


def body_of(values: Mapping[str, object]) -> Mapping[str, Any]:
    """Return a JSON body for httpx, which keeps the digits of Decimals; output-only fields of entities are left out.

    Raises InvalidError for numbers that are none in JSON.
    """
    sent = sendable(values)
    problems = number_problems(sent)
    if isinstance(problems, Mapping) and problems:
        raise InvalidError(problems)
    return {"content": json_text(sent)}


def _version_path(place: str, id_: UUID | str, number: int) -> str:
    return below(place, id_, "history", str(number))


def _restoration(fields: Sequence[str], *, with_children: bool, partly: bool) -> Mapping[str, object]:
    named = {"fields": list(fields)} if fields else {}
    return named | ({"with": "children"} if with_children else {}) | ({"partly": True} if partly else {})


def headers_of(if_match: object | None, idempotency_key: str | None) -> dict[str, str]:
    """Return the headers of a change with a condition and a key."""
    return _condition(if_match) | _key(idempotency_key)


def _condition(if_match: object | None) -> dict[str, str]:
    version = expected_version(if_match)
    return {} if version is None else {"If-Match": f'"{version:d}"'}


def _key(idempotency_key: str | None) -> dict[str, str]:
    """Return the header. The server would ignore an empty key, and a repetition would then do things twice."""
    if idempotency_key is None:
        return {}
    if not idempotency_key or not idempotency_key.isascii():
        raise ValueError("idempotency_key takes 1 to 255 visible ASCII characters")
    return {"Idempotency-Key": idempotency_key}
