"""The parts of requests: paths, bodies of JSON, and the headers of changes."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from crm_core.arguments.values import number_problems, sendable
from crm_core.errors import InvalidError, NotFoundError
from crm_core.model.plain_values import json_text
from crm_core.model.read_versions import expected_version
from crm_core.model.registered import DerivedTable
from crm_core.resources import RESOURCES, Resource

_RESOURCES: Final = DerivedTable(lambda: {row.entity: row for row in RESOURCES.values()})


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
    """Return a path below another, with percent-encoded segments.

    Raises NotFoundError for what is no text and no UUID: the values of a record in place of its id would be in logs.
    """
    if not all(isinstance(name, str | UUID) for name in names):
        raise NotFoundError
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


def headers_of(if_match: object | None, idempotency_key: str | None) -> dict[str, str]:
    """Return the headers of a change with a condition and a key."""
    return condition_header(if_match) | key_header(idempotency_key)


def condition_header(if_match: object | None) -> dict[str, str]:
    """Return the header of the version that a record must have; none without a condition."""
    version = expected_version(if_match)
    return {} if version is None else {"If-Match": f'"{version:d}"'}


def key_header(idempotency_key: str | None) -> dict[str, str]:
    """Return the header. The server would ignore an empty key, and a repetition would then do things twice."""
    if idempotency_key is None:
        return {}
    if not idempotency_key or not idempotency_key.isascii():
        raise ValueError("idempotency_key takes 1 to 255 visible ASCII characters")
    return {"Idempotency-Key": idempotency_key}
