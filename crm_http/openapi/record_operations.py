"""What is done with records, the same for each row of the table: lists, single records, their tasks, notes, images."""

from collections.abc import Mapping
from typing import Final

import attrs

from crm_core.input.urls import OWN_FILES
from crm_core.model.entities import Note, Task
from crm_core.resources import ATTRIBUTES, FOLLOW_UPS, RESOURCES, WEBHOOKS, Resource
from crm_core.rules.attributes import ENTITIES
from crm_core.rules.images import FIELD
from crm_core.rules.tasks_and_notes import OPERATIONS, EntryId, TaskUpdate
from crm_http.api.requests import JSON, MERGE_PATCH, MULTIPART
from crm_http.openapi.answers import answer
from crm_http.openapi.operation import TEXT, Operation, Operations, array, members
from crm_http.openapi.parameters import IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, list_parameters, path_parameter
from crm_http.openapi.schemas import Schema, input_name, reference, taken


def operations_of_records() -> Operations:
    """The operations of all resources."""
    for resource in RESOURCES.values():
        if resource is ATTRIBUTES:
            yield from _attributes()
        elif resource is FOLLOW_UPS:
            yield from _records(resource, "/services/{parent}/follow-ups", "follow_ups")
            yield from _records(resource, "/api/services/{parent}/follow-ups", "api_follow_ups")
        else:
            yield from _records(resource, f"/api/{resource.path}", resource.path.replace("-", "_"))
        if resource.has_tasks_and_notes:
            yield from _activity(resource)
        if resource.has_images:
            yield from _images(resource)


def _tag_of(resource: Resource) -> str:
    """The heading under which a resource's operations stand."""
    return resource.label[1].capitalize()


def _records(resource: Resource, place: str, name: str) -> Operations:
    one, many = resource.label
    lists, of_one = _of_record(resource, name, one, many), f"{place}/{{id}}"
    yield ("GET", place), lists["list"]
    yield ("POST", place), attrs.evolve(lists["create"], answers={201: _created(resource, place, name)})
    yield ("GET", of_one), lists["retrieve"]
    yield ("PUT", of_one), lists["update"]
    yield ("PATCH", of_one), lists["partial_update"]
    yield ("DELETE", of_one), lists["destroy"]


def _of_record(resource: Resource, name: str, one: str, many: str) -> Mapping[str, Operation]:
    entity, tag = resource.entity.__name__, _tag_of(resource)
    record = answer(f"The {one} as it is now.", reference(entity), headers=("ETag", "Idempotent-Replayed"))
    changed, parent = {JSON: reference(f"{entity}Update")}, frozenset({404} if resource.parent else ())
    known = frozenset({404})
    writes = (IF_MATCH, IDEMPOTENCY_KEY)
    found = {
        "list": Operation(
            id=f"{name}_list",
            tag=tag,
            summary=f"List {many}",
            parameters=tuple(list_parameters(resource)),
            answers={200: answer(f"The {many}.", array(reference(entity)), headers=("Link",))},
            errors=parent,
            lists_attributes=resource if "attributes" in resource.fields else None,
        ),
        "create": Operation(
            id=f"{name}_create",
            tag=tag,
            summary=f"Create a new {one}",
            parameters=(IDEMPOTENCY_KEY,),
            body={JSON: reference(f"{entity}Create")},
            answers={},
            errors=parent,
        ),
        "retrieve": Operation(
            id=f"{name}_retrieve",
            tag=tag,
            summary=f"Retrieve one of the {many}",
            parameters=(IF_NONE_MATCH,),
            answers={
                200: answer(f"The {one}.", reference(entity), headers=("ETag",)),
                304: answer("It still has the version that is known.", headers=("ETag",)),
            },
            errors=known,
        ),
        "update": Operation(
            id=f"{name}_update",
            tag=tag,
            summary=f"Change the fields of one of the {many} that are sent",
            parameters=writes,
            body=changed,
            answers={200: record},
            errors=known,
        ),
        "destroy": Operation(
            id=f"{name}_destroy",
            tag=tag,
            summary=f"Delete one of the {many}",
            parameters=(IF_MATCH,),
            answers={204: answer("It is gone.")},
            errors=frozenset({404, 409}),
        ),
    }
    merges = changed | {MERGE_PATCH: reference(f"{entity}Merge")}
    return found | {"partial_update": attrs.evolve(found["update"], id=f"{name}_partial_update", body=merges)}


def _created(resource: Resource, place: str, name: str) -> Schema:
    entity = resource.entity.__name__
    schema = reference(f"{entity}Created" if resource is WEBHOOKS else entity)
    known = {"id": "$response.body#/id"} | ({"parent": "$request.path.parent"} if "{parent}" in place else {})
    links = {
        each: {"operationId": f"{name}_{each}", "parameters": known}
        for each in ("retrieve", "update", "partial_update", "destroy")
    }
    headers = ("Location", "ETag", "Idempotent-Replayed")
    return answer(f"The new {resource.label[0]}.", schema, headers=headers) | {"links": links}


def _attributes() -> Operations:
    """An entity's name lists and creates, an id does the rest, all at one path (ruling 1)."""
    of_one = _of_record(ATTRIBUTES, "attributes", *ATTRIBUTES.label)
    entity: Schema = {"type": "string", "enum": list(ENTITIES)}
    named = path_parameter("id", entity)
    either = path_parameter("id", {"anyOf": [entity, {"type": "string", "format": "uuid"}]})
    path, record = "/api/attributes/{id}", reference("Attribute")
    found = answer("The attributes, or the one.", {"anyOf": [array(record), record]}, headers=("Link", "ETag"))
    listed = attrs.evolve(
        of_one["list"],
        summary="List the attributes of an entity by its name, or retrieve one by its id",
        parameters=(either, *of_one["list"].parameters, IF_NONE_MATCH),
        answers={200: found, 304: of_one["retrieve"].answers[304]},
        errors=frozenset({404}),
    )
    created = attrs.evolve(
        of_one["create"],
        summary="Create a new attribute of an entity by its name",
        parameters=(named, IDEMPOTENCY_KEY),
        answers={201: _created(ATTRIBUTES, path, "attributes")},
    )
    created.answers[201]["links"].pop("retrieve")
    yield ("GET", path), listed
    yield ("POST", path), created
    for method, name in (("PUT", "update"), ("PATCH", "partial_update"), ("DELETE", "destroy")):
        yield (method, path), of_one[name]


def _activity(resource: Resource) -> Operations:
    for name in OPERATIONS:
        record = answer("The record as it is now.", reference(resource.entity.__name__), headers=("ETag",))
        yield (
            ("POST", f"/api/{resource.path}/{{id}}/{name}"),
            Operation(
                id=f"{resource.path}_{name.replace('-', '_')}",
                tag=_tag_of(resource),
                summary=f"{name.replace('-', ' ').capitalize()}: one entry, whatever others do to the list",
                parameters=(IF_MATCH, IDEMPOTENCY_KEY),
                body={JSON: _ENTRIES[name]},
                answers={201 if name.startswith("add-") else 200: record},
                errors=frozenset({404}),
            ),
        )


def _one_of(*names: str) -> list[Schema]:
    return [{"required": [name]} for name in names]


_ENTRY_ID: Final = taken(EntryId, require_all=True)
#: What the operations on tasks and notes take. A task to be deleted may be named as one to be updated is.
_ENTRIES: Final[Mapping[str, Schema]] = {
    "update-task": taken(TaskUpdate) | {"required": ["task_id"], "anyOf": _one_of("completed", "task", "date")},
    "delete-task": {
        "type": "object",
        "properties": dict.fromkeys(("id", "task_id"), _ENTRY_ID["properties"]["id"]),
        "anyOf": _one_of("id", "task_id"),
    },
    "delete-note": _ENTRY_ID,
    "add-task": reference(input_name(Task)),
    "add-note": reference(input_name(Note)),
}


def _images(resource: Resource) -> Operations:
    one = resource.label[0]
    url = {"type": "string"}
    uploaded = members(url=url, list_of_images=array(url))
    yield (
        ("POST", f"/api/{resource.path}/{{id}}/files"),
        Operation(
            id=f"{resource.path}_upload",
            tag=_tag_of(resource),
            summary=f"Add an image to the {one}: JPEG, PNG, GIF or WebP",
            body={MULTIPART: members(**{FIELD: {"type": "string", "format": "binary"}})},
            answers={201: answer("Where the image is.", uploaded)},
            errors=frozenset({404}),
        ),
    )
    images, binary = ("image/jpeg", "image/png", "image/gif", "image/webp"), {"type": "string", "format": "binary"}
    yield (
        ("GET", f"{OWN_FILES}{resource.path}/{{id}}/{{name}}"),
        Operation(
            id=f"{resource.path}_image",
            tag=_tag_of(resource),
            summary=f"An image of a {one}, or a part of it",
            parameters=(path_parameter("name", TEXT), IF_NONE_MATCH),
            answers={
                200: answer("The image.", binary, headers=("ETag", "Accept-Ranges"), media_types=images),
                206: answer("A part of it.", binary, headers=("ETag", "Content-Range"), media_types=images),
                304: answer("It never changes.", headers=("ETag",)),
                307: answer("It is elsewhere.", headers=("Location",)),
                416: answer("It has no such part.", headers=("Content-Range",)),
            },
            errors=frozenset({404}),
        ),
    )
