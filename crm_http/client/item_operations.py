"""The operations of resources with tasks, notes and images, and of merging their records."""

from collections.abc import Mapping, Sequence
from typing import BinaryIO, TypeVar, Unpack
from uuid import UUID

import attrs

from crm_core.arguments.items import NoteInput, TaskChange, TaskInput
from crm_core.embedding.listings import PAGE_SIZE
from crm_core.model.duplicates import DuplicateGroup
from crm_core.model.files import UploadedImage
from crm_core.model.history_entries import RestorationEntry
from crm_http.client.listings import ListQuery, listing
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.records import RecordOperationsWithBulk
from crm_http.client.request_parts import below, headers_of
from crm_http.client.responses import decode

E = TypeVar("E")


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
        headers = headers_of(if_match, idempotency_key)
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
