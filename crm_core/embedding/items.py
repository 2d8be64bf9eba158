"""The calls of resources with tasks, notes and images, each of which can be changed alone."""

from collections.abc import Mapping
from typing import BinaryIO, TypeVar, Unpack
from uuid import UUID

import attrs

from crm_core.arguments.items import NoteInput, TaskChange, TaskInput
from crm_core.arguments.values import sendable
from crm_core.embedding.calls import R_co, call, needed
from crm_core.embedding.files import pieces_of
from crm_core.embedding.merges import RecordCallsWithMerges
from crm_core.embedding.records import expected_versions
from crm_core.engine.decisions import id_of
from crm_core.input.readers import ReadContext
from crm_core.model.files import UploadedImage
from crm_core.model.plain_values import parse_json
from crm_core.rules.tasks_and_notes import OPERATIONS
from crm_core.use_cases import records, uploads

E = TypeVar("E")


@attrs.define(slots=False, eq=False)
class RecordCallsWithTasks(RecordCallsWithMerges[R_co, E]):
    """The calls of a resource with tasks and notes, each of which can be changed alone."""

    @call
    async def add_task(
        self,
        id_: UUID | str,
        /,
        *,
        if_match: E | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[TaskInput],
    ) -> E:
        """Append a task; return the record."""
        return await self._apply("add-task", id_, values, if_match, idempotency_key)

    @call
    async def add_note(
        self,
        id_: UUID | str,
        /,
        *,
        if_match: E | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[NoteInput],
    ) -> E:
        """Append a note; return the record."""
        return await self._apply("add-note", id_, values, if_match, idempotency_key)

    @call
    async def update_task(
        self,
        id_: UUID | str,
        task_id: UUID | str,
        /,
        *,
        if_match: E | int | None = None,
        idempotency_key: str | None = None,
        **values: Unpack[TaskChange],
    ) -> E:
        """Change ``completed``, ``task`` or ``date`` of a task; return the record."""
        return await self._apply("update-task", id_, {"task_id": task_id, **values}, if_match, idempotency_key)

    @call
    async def delete_task(self, id_: UUID | str, task_id: UUID | str, /, *, if_match: E | int | None = None) -> E:
        """Delete a task; return the record."""
        return await self._apply("delete-task", id_, {"id": task_id}, if_match, None)

    @call
    async def delete_note(self, id_: UUID | str, note_id: UUID | str, /, *, if_match: E | int | None = None) -> E:
        """Delete a note; return the record."""
        return await self._apply("delete-note", id_, {"id": note_id}, if_match, None)

    async def _apply(
        self,
        name: str,
        id_: UUID | str,
        values: Mapping[str, object],
        if_match: E | int | None,
        key: str | None,
    ) -> E:
        record = id_of(id_)
        who = self._caller(name, key, [record, values])
        edit = OPERATIONS[name](sendable(values), ReadContext(who.new_id, strict=True))
        expected = expected_versions(if_match)
        return self._entity(
            await records.apply(
                self.context.db, who, self.resource, record, edit, parent=self.parent, expected=expected
            )
        )


@attrs.define(slots=False, eq=False)
class RecordCallsWithImages(RecordCallsWithTasks[R_co, E]):
    """The calls of a resource with tasks, notes and images."""

    @call
    async def upload(self, id_: UUID | str, content: bytes | BinaryIO, /) -> UploadedImage:
        """Add an image.

        Args:
            id_: the id of the record.
            content: the image: JPEG, PNG, GIF or WebP, as bytes or as a file that is open for reading bytes.
        """
        context = self.context

        async def receive() -> uploads.Upload:
            return uploads.Upload("image", pieces_of(content, "content"))

        images = needed(context.images, "images")
        url, document = await uploads.add_image(
            context.db, images, context.caller(), self.resource, id_of(id_), receive
        )
        return UploadedImage(url, tuple(parse_json(document.body)["list_of_images"]))
