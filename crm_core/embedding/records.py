"""The calls of resources: the use cases with typed arguments and results, as the typed client of HTTP has them."""

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Final, Generic, Literal, TypeVar, Unpack
from uuid import UUID

import attrs

from crm_core.arguments.bulk import BulkOperation
from crm_core.arguments.items import ImportInput
from crm_core.arguments.values import UniqueParameter, by_parameter, sendable
from crm_core.bulk.outcomes import Outcome
from crm_core.embedding.calls import CallGroup, R_co, call, needed
from crm_core.embedding.files import ImportedFile, opened, pieces_of, sent_file, written
from crm_core.embedding.listings import PAGE_SIZE, ListQuery, listing
from crm_core.engine.cursors import write_cursor
from crm_core.engine.decisions import id_of
from crm_core.engine.parameters import parameter_texts
from crm_core.engine.queries import Page
from crm_core.engine.receipts import Document
from crm_core.errors import InvalidError, invalid, not_a_choice
from crm_core.imports.status import ImportStatus
from crm_core.input.dates import read_datetime
from crm_core.input.readers import abbreviated
from crm_core.model.accounts import Caller
from crm_core.model.erasures import ErasureReport
from crm_core.model.history_entries import HistoryEntry, RestorationEntry
from crm_core.model.list_pages import ListPage
from crm_core.model.plain_values import entity_of, parse_json
from crm_core.model.read_versions import expected_version, keep_version
from crm_core.model.records import Versions
from crm_core.resources import Resource
from crm_core.use_cases import (
    bulk,
    erasures,
    exports,
    history,
    import_requests,
    records,
    restorations,
    uploads,
    upserts,
)

E = TypeVar("E")

#: What an upsert may do, by the argument `only`.
_EXISTS: Final[Mapping[str | None, bool | None]] = {None: None, "create": False, "change": True}


@attrs.define(slots=False, eq=False)
class RecordCalls(CallGroup[R_co], Generic[R_co, E]):
    """The calls that all resources have alike. Unknown fields and parameters are refused.

    Attributes:
        resource: the resource.
        parent: the value of the parent field, if the resource has one.
    """

    resource: Resource[E]
    parent: object = None

    @call
    async def retrieve(self, id_: UUID | str, /) -> E:
        """Return one record."""
        return self._entity(await self._document(id_))

    @call
    async def document(self, id_: UUID | str, /) -> Document:
        """Return one record as JSON bytes, for those who pass it on, with its version."""
        return await self._document(id_)

    @call
    async def delete(self, id_: UUID | str, /, *, if_match: E | int | None = None) -> None:
        """Delete a record. ``if_match`` is as in ``change``."""
        context, key = self.context, id_of(id_)
        await records.delete(
            context.db, context.caller(), self.resource, key, parent=self.parent, expected=expected_versions(if_match)
        )
        if context.images is not None and self.resource.has_images and not context.images.keeps_deleted:
            await uploads.delete_images(context.images.files, self.resource, key)

    @listing
    def history(
        self, id_: UUID | str, /, *, limit: int | None = None, page_size: int = PAGE_SIZE
    ) -> ListQuery[HistoryEntry]:
        """Return the versions of a record, newest first, as what changed in each; also of a deleted record."""

        async def read(cursor: str, size: int) -> ListPage[HistoryEntry]:
            page = await history.find(
                self.context.db,
                self.context.caller(),
                self.resource,
                id_of(id_),
                page_parameters(cursor, size),
                parent=self.parent,
                strict=True,
            )
            return ListPage(tuple(HistoryEntry(**_timed(entry)) for entry in page.entries), page.next or "")

        return ListQuery(read=read, page_size=page_size, limit=limit)

    @call
    async def version(self, id_: UUID | str, number: int, /) -> E:
        """Return a record as it was in a version, without secrets.

        Args:
            id_: the id of the record.
            number: the version.
        """
        context = self.context
        return self._entity(
            await history.version(context.db, context.caller(), self.resource, id_of(id_), number, parent=self.parent)
        )

    @call
    async def restore(
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
    ) -> E:
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
        target, data = self._target(id_, number), _restoration(fields, with_children=with_children, partly=partly)
        who = self._caller("restore", idempotency_key, [target.id, number, data])
        expected = expected_versions(if_match)
        document = await restorations.restore(self.context.db, who, target, data, expected=expected, strict=True)
        return self._entity(document)

    @call
    async def restore_dry_run(
        self,
        id_: UUID | str,
        number: int,
        /,
        *,
        fields: Sequence[str] = (),
        with_children: bool = False,
        partly: bool = False,
    ) -> tuple[RestorationEntry, ...]:
        """Return the versions that ``restore`` would make, that of the record first; nothing is changed.

        Args:
            id_: the id of the record.
            number: the version.
            fields: as in ``restore``.
            with_children: as in ``restore``.
            partly: as in ``restore``.
        """
        data = _restoration(fields, with_children=with_children, partly=partly)
        entries = await restorations.restore_dry_run(
            self.context.db, self.context.caller(), self._target(id_, number), data, strict=True
        )
        return tuple(map(restoration_entry, entries))

    @call
    async def erase(self, id_: UUID | str, /, *, if_match: E | int | None = None) -> ErasureReport:
        """Erase a record for good, deleted or not; return what was erased. ``if_match`` is as in ``change``."""
        target = erasures.ErasureTarget(self.resource, id_of(id_), self.parent, expected_versions(if_match))
        return await erasures.erase(self.context.db, self._files, self.context.caller(), target)

    @call
    async def erase_dry_run(self, id_: UUID | str, /) -> ErasureReport:
        """Return what ``erase`` would erase, and which records mention the name; nothing is changed."""
        target = erasures.ErasureTarget(self.resource, id_of(id_), self.parent)
        return await erasures.erase_dry_run(self.context.db, self._files, self.context.caller(), target)

    @property
    def _files(self) -> Any:
        return self.context.images.files if self.context.images else None

    def _caller(self, verb: str, key: str | None, request: object) -> Caller:
        return self.context.caller(key, [verb, self.resource.name, self.parent, request])

    def _target(self, id_: UUID | str, number: int) -> restorations.Target:
        return restorations.Target(self.resource, id_of(id_), number, self.parent)

    async def _document(self, id_: UUID | str) -> Document:
        context = self.context
        return await records.get(context.db, context.caller(), self.resource, id_of(id_), parent=self.parent)

    def _entity(self, document: Document) -> E:
        record: E = entity_of(self.resource.entity, parse_json(document.body))
        keep_version(record, document.version)
        return record

    def _list(self, limit: int | None, page_size: int, filters: Mapping[str, Any]) -> ListQuery[E]:
        async def read(cursor: str, size: int) -> ListPage[E]:
            params = {**parameter_texts(by_parameter(filters)), **page_parameters(cursor, size)}
            query, page = await records.find(
                self.context.db, self.context.caller(), self.resource, params, parent=self.parent, strict=True
            )
            assert isinstance(page, Page)  # noqa: S101  # there is a limit
            entity = self.resource.entity
            items = tuple(entity_of(entity, document) for document in parse_json(b"[%b]" % page.body))
            return ListPage(items, write_cursor(query, page.next) if page.next else "")

        return ListQuery(read=read, page_size=page_size, limit=limit)

    async def _export(self, to: BinaryIO, format_: str, filters: Mapping[str, Any], *, bom: bool) -> None:
        context, file = self.context, written(to)
        params = dict(parameter_texts(by_parameter(filters)))
        if self.resource.parent and self.parent is not None:
            params[self.resource.parent] = str(self.parent)
        options, _ = exports.read_options(parameter_texts({"format": format_, "bom": bom}))
        exported = await exports.export(context.db, context.caller(), self.resource, params, strict=True)
        if options.format == "csv":
            pieces = exports.csv_file(exported, bom=options.bom)
        elif options.format == "jsonl":
            pieces = exports.jsonl_file(exported)
        else:
            pieces = needed(context.workbooks, "workbooks").write(exported.columns, exported.pieces)
        async for piece in pieces:
            file.write(piece)

    async def _create(self, values: Mapping[str, object], key: str | None) -> E:
        who = self._caller("create", key, values)
        _, document = await records.create(
            self.context.db, who, self.resource, sendable(values), parent=self.parent, strict=True
        )
        return self._entity(document)

    async def _change(
        self, id_: UUID | str, values: Mapping[str, object], if_match: E | int | None, key: str | None
    ) -> E:
        return await self._patch(id_, values, if_match, key, merge=False)

    async def _merge(
        self, id_: UUID | str, values: Mapping[str, object], if_match: E | int | None, key: str | None
    ) -> E:
        return await self._patch(id_, values, if_match, key, merge=True)

    async def _patch(
        self, id_: UUID | str, values: Mapping[str, object], if_match: E | int | None, key: str | None, *, merge: bool
    ) -> E:
        record = id_of(id_)
        document = await records.patch(
            self.context.db,
            self._caller("merge" if merge else "change", key, [record, values]),
            self.resource,
            record,
            sendable(values),
            parent=self.parent,
            merge=merge,
            strict=True,
            expected=expected_versions(if_match),
        )
        return self._entity(document)

    async def _upsert(
        self,
        by: str,
        value: UniqueParameter,
        values: Mapping[str, object],
        only: Literal["create", "change"] | None,
        if_match: E | int | None,
        key: str | None,
    ) -> E:
        condition = upserts.Condition(exists=_existence(only), versions=expected_versions(if_match))
        if condition.versions is not None:
            condition = attrs.evolve(condition, exists=True)
        upserted = await upserts.upsert(
            self.context.db,
            self._caller("upsert", key, [by, value, values, only]),
            self.resource,
            by,
            _unique_text(value),
            sendable(values),
            parent=self.parent,
            strict=True,
            condition=condition,
        )
        return self._entity(upserted.document)

    async def _retrieve_by(self, by: str, value: UniqueParameter) -> E:
        context, sent = self.context, _unique_text(value)
        _, document = await upserts.get(context.db, context.caller(), self.resource, by, sent, parent=self.parent)
        return self._entity(document)


@attrs.define(slots=False, eq=False)
class RecordCallsWithBulk(RecordCalls[R_co, E]):
    """The calls of a resource with bulk requests."""

    @call
    async def bulk(
        self,
        operations: Sequence[BulkOperation],
        /,
        *,
        lenient: bool = False,
        idempotency_key: str | None = None,
    ) -> tuple[Outcome, ...]:
        """Carry out up to 1,000 operations in one commit; return their outcomes.

        .. code-block:: python

            await crm.clients.bulk([
                {"op": "create", "ref": "acme", "data": {"name": "Acme"}},
                {"op": "create", "resource": "services", "data": {"name": "Ann", "client": {"ref": "acme"}}},
            ])

        Args:
            operations: what to do, in this order.
            lenient: operations that are refused have no effect, and the others count; the outcomes say which. Otherwise
                one that is refused makes all fail, with a BulkRefusedError that has the errors by index.
            idempotency_key: a key of your own, as in ``create``.
        """
        who = self._caller("bulk", idempotency_key, [operations, lenient])
        sent = {"operations": sendable(operations)}
        answer = await bulk.bulk(self.context.db, who, self.resource, sent, lenient=lenient, strict=True)
        return tuple(answer.outcomes)

    @call
    async def import_file(self, file: ImportedFile, /, **options: Unpack[ImportInput]) -> ImportStatus:
        """Store a file whose rows become records, and return its import, which an ``ImportRunner`` carries out.

        Args:
            file: the path of the file, or a file that is open for reading bytes.
            options: what is asked for; the format is by default that of the file's name.

        Raises SameFileError, which names the import of the same file.
        """

        async def rest() -> import_requests.SentFile:
            return sent_file(file, options)

        imports, who = needed(self.context.imports, "imports"), self.context.caller()
        with opened(file) as content:
            return await import_requests.receive(imports, who, self.resource, pieces_of(content, "file"), rest)


def page_parameters(cursor: str, size: int) -> dict[str, str]:
    """Return the parameters of a page."""
    return {"limit": str(size)} | ({"cursor": cursor} if cursor else {})


def restoration_entry(entry: Mapping[str, Any]) -> RestorationEntry:
    """Return an entry of a dry run with typed members."""
    members: dict[str, Any] = {**_timed(entry), "record": UUID(entry["record"])}
    return RestorationEntry(**members)


def _timed(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "at": read_datetime(entry["at"])}


def _existence(only: object) -> bool | None:
    if only is None or (isinstance(only, str) and only in _EXISTS):
        return _EXISTS[only]
    raise InvalidError({"only": (not_a_choice(abbreviated(only)),)})


def _unique_text(value: UniqueParameter) -> str:
    return parameter_texts({"value": value}, ignores_blanks=True)["value"]


def _restoration(fields: object, *, with_children: bool, partly: bool) -> Mapping[str, object]:
    is_all = isinstance(fields, Sequence) and not fields
    named = {} if is_all else {"fields": sendable(fields)}
    return named | ({"with": "children"} if with_children else {}) | ({"partly": True} if partly else {})


def expected_versions(if_match: object | None) -> Versions:
    """Return the versions that an argument ``if_match`` allows; None for any."""
    try:
        version = expected_version(if_match)
    except ValueError as error:
        raise invalid("if_match", "invalid", str(error)) from None
    return None if version is None else frozenset({version})
