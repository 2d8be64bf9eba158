"""The operations of resources, with the paths and fields of ``crm_core.resources``."""

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Final, Generic, Literal, TypeVar, Unpack
from uuid import UUID

import attrs

from crm_core.arguments.bulk import BulkOperation
from crm_core.arguments.items import ImportInput
from crm_core.arguments.values import UniqueParameter, by_parameter
from crm_core.embedding.files import ImportedFile
from crm_core.embedding.listings import PAGE_SIZE
from crm_core.imports.status import ImportStatus
from crm_core.model.erasures import ErasureReport
from crm_core.model.history_entries import HistoryEntry, RestorationEntry
from crm_core.model.plain_values import plain
from crm_http.client.bulk import LENIENT, BulkResults
from crm_http.client.import_files import form_of, read_status
from crm_http.client.listings import ListQuery, listing, parameters_of
from crm_http.client.operations import D_co, Operation, OperationGroup, operation
from crm_http.client.request_parts import below, body_of, condition_header, headers_of, key_header, path_of
from crm_http.client.responses import decode, read_as

E = TypeVar("E")

_MERGE_PATCH: Final = {"Content-Type": "application/merge-patch+json"}
_ONLY: Final = {"create": {"If-None-Match": "*"}, "change": {"If-Match": "*"}}


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
            method="DELETE", path=below(self.place, id_), read=lambda _: None, headers=condition_header(if_match)
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
        headers = headers_of(if_match, idempotency_key)
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
        return self._erasure(id_, {}, condition_header(if_match))

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
        return self._send("POST", f"{self.collection}/", values, key_header(key))

    def _change(
        self, id_: UUID | str, values: Mapping[str, object], if_match: E | int | None, key: str | None
    ) -> Operation[E]:
        return self._send("PATCH", below(self.place, id_), values, headers_of(if_match, key))

    def _merge(
        self, id_: UUID | str, values: Mapping[str, object], if_match: E | int | None, key: str | None
    ) -> Operation[E]:
        return self._send("PATCH", below(self.place, id_), values, _MERGE_PATCH | headers_of(if_match, key))

    def _upsert(
        self,
        by: str,
        value: UniqueParameter,
        values: Mapping[str, object],
        only: Literal["create", "change"] | None,
        if_match: E | int | None,
        key: str | None,
    ) -> Operation[E]:
        headers = condition_header(if_match) or (_ONLY[only] if only else {})
        sent = self._send("PUT", below(self.place, "by", by), values, {**headers, **key_header(key)})
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
        return self._send("POST", below(self.place, id_, name), values, headers_of(if_match, key))

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
            headers=(LENIENT if lenient else {}) | key_header(idempotency_key),
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


def _version_path(place: str, id_: UUID | str, number: int) -> str:
    return below(place, id_, "history", str(number))


def _restoration(fields: Sequence[str], *, with_children: bool, partly: bool) -> Mapping[str, object]:
    named = {"fields": list(fields)} if fields else {}
    return named | ({"with": "children"} if with_children else {}) | ({"partly": True} if partly else {})
