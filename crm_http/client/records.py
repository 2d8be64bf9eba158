"""The operations of resources, with the paths and fields of ``crm_core.resources``."""

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID

import attrs
import httpx

from crm_core.engine.parameters import join_parts
from crm_core.input.fields import fields_of
from crm_core.model.documents import json_text, plain
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.resources import RESOURCES
from crm_http.client.answers import decode, read_as, version_of
from crm_http.client.operations import D_co, ListPage, Operation, OperationGroup, listing, operation

E = TypeVar("E")

_PATHS: Final = {row.entity: f"/api/{row.path}" for row in RESOURCES.values()}
_MERGE_PATCH: Final = {"Content-Type": "application/merge-patch+json"}
_PAGE_SIZE: Final = 100


@attrs.frozen
class UploadedImage:
    """The answer to an upload: the URL of the new image, and the URLs of all images of the record."""

    url: str
    list_of_images: tuple[str, ...]


@attrs.define(slots=False, eq=False)
class RecordOperations(OperationGroup[D_co], Generic[D_co, E]):
    """The operations of one resource.

    Attributes:
        entity: the class of its records, whose fields ``create`` and ``change`` accept.
        collection: the path of the list; by default the resource's path.
        place: the path below which each record is; by default ``collection``.
    """

    entity: type[E]
    collection: str = attrs.field(default=attrs.Factory(lambda self: path_of(self.entity), takes_self=True))
    place: str = attrs.field(default=attrs.Factory(lambda self: self.collection, takes_self=True))

    @listing
    def list(
        self, /, *, page_size: int = _PAGE_SIZE, attributes: Mapping[str, object] | None = None, **filters: object
    ) -> Operation[ListPage[E]]:
        """Yield all records that match the filters; they are requested page by page.

        Args:
            page_size: records in a page, from 1 to 1,000.
            attributes: filters by attribute, such as ``{"city": "Lyon", "employees__gte": 5}``.
            filters: other query parameters of the list, such as ``search``, ``ordering`` and fields.
        """
        prefixed = {f"{ATTRIBUTE_PREFIX}{name}": value for name, value in (attributes or {}).items()}
        return page_at(f"{self.collection}/", self.entity, {**filters, **prefixed, "limit": page_size})

    @operation
    def create(self, /, **values: object) -> Operation[E]:
        """Create a record; return it."""
        return self._send("POST", f"{self.collection}/", values)

    @operation
    def retrieve(self, id_: UUID | str, /) -> Operation[E]:
        """Return one record."""
        return Operation(method="GET", path=below(self.place, id_), read=read_as(self.entity))

    @operation
    def change(self, id_: UUID | str, /, *, if_match: E | None = None, **values: object) -> Operation[E]:
        """Set some fields; return the record.

        With ``if_match``, a record that was retrieved, raises VersionConflictError if it was changed since.
        """
        return self._send("PATCH", below(self.place, id_), values, if_match)

    @operation
    def merge(self, id_: UUID | str, /, *, if_match: E | None = None, **values: object) -> Operation[E]:
        """Set some fields, and only the named members of fields that are objects (RFC 7396); return the record.

        This sets single attributes, or removes them with None.
        """
        return self._send("PATCH", below(self.place, id_), values, if_match, _MERGE_PATCH)

    @operation
    def delete(self, id_: UUID | str, /, *, if_match: E | None = None) -> Operation[None]:
        """Delete a record. ``if_match`` is as in ``change``."""
        return Operation(
            method="DELETE", path=below(self.place, id_), read=lambda _: None, headers=_condition(if_match)
        )

    def _send(
        self,
        method: str,
        path: str,
        values: Mapping[str, object],
        if_match: E | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Operation[E]:
        return Operation(
            method=method,
            path=path,
            read=read_as(self.entity),
            repeat="keyed",
            options=body_of(values),
            headers={**_condition(if_match), **(headers or {})},
        )


@attrs.define(slots=False, eq=False)
class RecordOperationsWithTasks(RecordOperations[D_co, E]):
    """The operations of a resource with tasks and notes, each of which can be changed alone."""

    @operation
    def add_task(self, id_: UUID | str, /, *, if_match: E | None = None, **values: object) -> Operation[E]:
        """Append a task; return the record."""
        return self._send("POST", below(self.place, id_, "add-task"), values, if_match)

    @operation
    def add_note(self, id_: UUID | str, /, *, if_match: E | None = None, **values: object) -> Operation[E]:
        """Append a note; return the record."""
        return self._send("POST", below(self.place, id_, "add-note"), values, if_match)

    @operation
    def update_task(
        self, id_: UUID | str, task_id: UUID | str, /, *, if_match: E | None = None, **values: object
    ) -> Operation[E]:
        """Change ``completed``, ``task`` or ``date`` of a task; return the record."""
        return self._send("POST", below(self.place, id_, "update-task"), {"task_id": task_id, **values}, if_match)

    @operation
    def delete_task(self, id_: UUID | str, task_id: UUID | str, /, *, if_match: E | None = None) -> Operation[E]:
        """Delete a task; return the record."""
        return self._send("POST", below(self.place, id_, "delete-task"), {"id": task_id}, if_match)

    @operation
    def delete_note(self, id_: UUID | str, note_id: UUID | str, /, *, if_match: E | None = None) -> Operation[E]:
        """Delete a note; return the record."""
        return self._send("POST", below(self.place, id_, "delete-note"), {"id": note_id}, if_match)


@attrs.define(slots=False, eq=False)
class RecordOperationsWithImages(RecordOperationsWithTasks[D_co, E]):
    """The operations of a resource with tasks, notes and images."""

    @operation
    def upload(self, id_: UUID | str, content: bytes | BinaryIO, /) -> Operation[UploadedImage]:
        """Add an image. It is not retried after a lost answer (NoAnswerError), and may have been added then."""
        return Operation(
            method="POST",
            path=below(self.place, id_, "files"),
            read=lambda response: decode(response, UploadedImage),
            options={"files": {"file": ("image", content)}},
        )


def path_of(entity: type) -> str:
    """Return the path of the records of an entity class."""
    return _PATHS[entity]


def below(place: str, *names: UUID | str) -> str:
    """Return a path below another, with percent-encoded segments."""
    return "/".join([place, *(quote(str(name), safe="") for name in names), ""])


def body_of(values: Mapping[str, object]) -> Mapping[str, Any]:
    """Return a JSON body for httpx, which keeps the digits of Decimals; output-only fields of entities are left out."""
    return {"content": json_text(_sendable(values))}


def page_at(path: str, entity: type[E], params: Mapping[str, object] | None = None) -> Operation[ListPage[E]]:
    """Return the operation that gets the page of a list at a path."""
    query = {"params": {name: _parameter(value) for name, value in params.items()}} if params else {}
    return Operation(method="GET", path=path, read=_read_page(entity), options=query)


def _read_page(entity: type[E]) -> Callable[[httpx.Response], ListPage[E]]:
    page_type: Any = tuple[entity, ...]  # type: ignore[valid-type]  # a type that is made at run time

    def read(response: httpx.Response) -> ListPage[E]:
        link = response.links.get("next", {}).get("url")
        # The host in the link is ignored: the token is only for the host of the client.
        following = page_at(httpx.URL(link).raw_path.decode(), entity) if link else None
        return ListPage(decode(response, page_type), following)

    return read


def _condition(record: object | None) -> dict[str, str]:
    if record is None:
        return {}
    if (version := version_of(record)) is None:
        raise ValueError("if_match takes a record that was retrieved; records from lists have no version")
    return {"If-Match": f'"{version}"'}


def _sendable(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _sendable(member) for name, member in value.items()}
    if isinstance(value, tuple | list):
        return [_sendable(item) for item in value]
    if attrs.has(type(value)):
        fields = fields_of(type(value))
        return {name: _sendable(getattr(value, name)) for name, field in fields.items() if not field.output_only}
    return plain(value)


def _parameter(value: object) -> str:
    if isinstance(value, tuple | list):
        return join_parts(_parameter(item) for item in value)
    return str(plain(value)).lower() if isinstance(value, bool) else str(plain(value))
