"""The operations of resources, in the paths and fields of ``crm_core.resources``."""

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID

import attrs
import httpx

from crm_core.input.fields import fields_of
from crm_core.model.documents import plain
from crm_core.model.entities import ATTRIBUTE_PREFIX
from crm_core.resources import RESOURCES
from crm_http.client.answers import decode, read_as, version_of
from crm_http.client.operations import D_co, Group, Operation, Page, listing, operation

E = TypeVar("E")

_PATHS: Final = {row.entity: f"/api/{row.path}" for row in RESOURCES.values()}
_MERGE_PATCH: Final = {"Content-Type": "application/merge-patch+json"}
_PAGE_SIZE: Final = 100


@attrs.frozen
class Upload:
    """What an upload is answered with: the new image's URL, and those of all images of the record."""

    url: str
    list_of_images: tuple[str, ...]


@attrs.define(slots=False, eq=False)
class Records(Group[D_co], Generic[D_co, E]):
    """The records of one resource.

    Attributes:
        entity: what they are; its fields are what ``create`` and ``change`` take.
        collection: the path of their list, where it is not the resource's own.
        place: the path below which each of them is, likewise.
    """

    entity: type[E]
    collection: str = attrs.field(default=attrs.Factory(lambda self: path_of(self.entity), takes_self=True))
    place: str = attrs.field(default=attrs.Factory(lambda self: self.collection, takes_self=True))

    @listing
    def list(
        self, /, *, page_size: int = _PAGE_SIZE, attributes: Mapping[str, object] | None = None, **filters: object
    ) -> Operation[Page[E]]:
        """All records that the filters let through, asked for page by page.

        Args:
            page_size: how many records are asked for at once; the API takes 1 to 1,000.
            attributes: what attributes must be, by name: ``{"city": "Lyon", "employees__gte": 5}``.
            filters: any other query parameter of the list, such as ``search``, ``ordering`` and fields.
        """
        prefixed = {f"{ATTRIBUTE_PREFIX}{name}": value for name, value in (attributes or {}).items()}
        return page_at(f"{self.collection}/", self.entity, {**filters, **prefixed, "limit": page_size})

    @operation
    def create(self, /, **values: object) -> Operation[E]:
        """A new record."""
        return self._send("POST", f"{self.collection}/", values)

    @operation
    def retrieve(self, id_: UUID | str, /) -> Operation[E]:
        """One record."""
        return Operation(method="GET", path=below(self.place, id_), read=read_as(self.entity))

    @operation
    def change(self, id_: UUID | str, /, *, if_match: E | None = None, **values: object) -> Operation[E]:
        """Set some fields.

        With ``if_match``, the record as it was read, it raises VersionConflictError if others have changed it since.
        """
        return self._send("PATCH", below(self.place, id_), values, if_match)

    @operation
    def merge(self, id_: UUID | str, /, *, if_match: E | None = None, **values: object) -> Operation[E]:
        """Set some fields, and of those that are objects only what is named (RFC 7396).

        So single attributes can be set, or removed with None.
        """
        return self._send("PATCH", below(self.place, id_), values, if_match, _MERGE_PATCH)

    @operation
    def delete(self, id_: UUID | str, /, *, if_match: E | None = None) -> Operation[None]:
        """Remove a record. ``if_match`` is as in ``change``."""
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
class RecordsWithTasks(Records[D_co, E]):
    """Records that have tasks and notes, each of which can be changed without the others."""

    @operation
    def add_task(self, id_: UUID | str, /, *, if_match: E | None = None, **values: object) -> Operation[E]:
        """Append a task; gives the record."""
        return self._send("POST", below(self.place, id_, "add-task"), values, if_match)

    @operation
    def add_note(self, id_: UUID | str, /, *, if_match: E | None = None, **values: object) -> Operation[E]:
        """Append a note; gives the record."""
        return self._send("POST", below(self.place, id_, "add-note"), values, if_match)

    @operation
    def update_task(
        self, id_: UUID | str, task_id: UUID | str, /, *, if_match: E | None = None, **values: object
    ) -> Operation[E]:
        """Change one task: ``completed``, ``task`` or ``date``; gives the record."""
        return self._send("POST", below(self.place, id_, "update-task"), {"task_id": task_id, **values}, if_match)

    @operation
    def delete_task(self, id_: UUID | str, task_id: UUID | str, /, *, if_match: E | None = None) -> Operation[E]:
        """Take one task away; gives the record."""
        return self._send("POST", below(self.place, id_, "delete-task"), {"id": task_id}, if_match)

    @operation
    def delete_note(self, id_: UUID | str, note_id: UUID | str, /, *, if_match: E | None = None) -> Operation[E]:
        """Take one note away; gives the record."""
        return self._send("POST", below(self.place, id_, "delete-note"), {"id": note_id}, if_match)


@attrs.define(slots=False, eq=False)
class RecordsWithImages(RecordsWithTasks[D_co, E]):
    """Records that have images, too."""

    @operation
    def upload(self, id_: UUID | str, content: bytes | BinaryIO, /) -> Operation[Upload]:
        """Add an image. The API knows it by no key: when its answer is lost, it may have been added."""
        return Operation(
            method="POST",
            path=below(self.place, id_, "files"),
            read=lambda response: decode(response, Upload),
            options={"files": {"file": ("image", content)}},
        )


def path_of(entity: type) -> str:
    """Where the records of a resource are."""
    return _PATHS[entity]


def below(place: str, *names: UUID | str) -> str:
    """The path of something below another."""
    return "/".join([place, *(quote(str(name), safe="") for name in names), ""])


def body_of(values: Mapping[str, object]) -> Mapping[str, Any]:
    """The request's body; of entities among the values it has what the API takes, and not what it alone decides."""
    return {"json": _sendable(values)}


def page_at(path: str, entity: type[E], params: Mapping[str, object] | None = None) -> Operation[Page[E]]:
    """The operation for one page of a list."""
    query = {"params": {name: _parameter(value) for name, value in params.items()}} if params else {}
    return Operation(method="GET", path=path, read=_read_page(entity), options=query)


def _read_page(entity: type[E]) -> Callable[[httpx.Response], Page[E]]:
    kind: Any = tuple[entity, ...]  # type: ignore[valid-type]  # a type that is made at run time

    def read(response: httpx.Response) -> Page[E]:
        link = response.links.get("next", {}).get("url")
        # Whatever host it names: tokens are for the one that was asked.
        following = page_at(httpx.URL(link).raw_path.decode(), entity) if link else None
        return Page(decode(response, kind), following)

    return read


def _condition(record: object | None) -> dict[str, str]:
    if record is None:
        return {}
    if (version := version_of(record)) is None:
        raise ValueError("if_match takes a record as it was retrieved; lists do not tell versions")
    return {"If-Match": f'"{version}"'}


def _sendable(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _sendable(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_sendable(each) for each in value]
    if attrs.has(type(value)):
        fields = fields_of(type(value))
        return {name: _sendable(getattr(value, name)) for name, field in fields.items() if not field.output_only}
    return plain(value)


def _parameter(value: object) -> str:
    if isinstance(value, tuple | list):
        return ",".join(_parameter(each) for each in value)
    return str(plain(value)).lower() if isinstance(value, bool) else str(plain(value))
