"""What a bulk request's upserts must know before its operations are read: attributes, and the records with values."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from crm_core.bulk.operations import BULK_RESOURCES, MAX_OPERATIONS
from crm_core.bulk.upserts import place_of
from crm_core.errors import InvalidError
from crm_core.model.entities import Attribute
from crm_core.resources import Resource
from crm_core.rules.needs import UniqueValue


class Wanted(NamedTuple):
    """An upsert of a request, not checked yet."""

    resource: Resource
    by: str
    data: Mapping[str, object]


def upserts_of(resource: Resource, sent: object) -> list[Wanted]:
    """Return the upserts of the body of a bulk request, without those that are refused anyway.

    Args:
        resource: the resource of the path.
        sent: the body, plain values that are not checked.
    """
    operations = sent.get("operations") if isinstance(sent, Mapping) else None
    listed = operations if isinstance(operations, list | tuple) else ()
    return [wanted for each in islice(listed, MAX_OPERATIONS) for wanted in _upsert(resource, each)]


def _upsert(resource: Resource, operation: object) -> Iterator[Wanted]:
    if not isinstance(operation, Mapping) or operation.get("op") != "upsert":
        return
    path, by, data = operation.get("resource"), operation.get("by"), operation.get("data")
    found = BULK_RESOURCES.get(path) if isinstance(path, str) else resource
    if found and "attributes" in found.fields and isinstance(by, str) and isinstance(data, Mapping):
        yield Wanted(found, by.strip(), data)


def values_of(upserts: Sequence[Wanted], definitions: Mapping[str, Mapping[str, Attribute]]) -> frozenset[UniqueValue]:
    """Return the values by which upserts find their records, given the attributes of each resource by name."""
    return frozenset(value for each in upserts for value in _value(each, definitions[each.resource.name]))


def _value(upsert: Wanted, definitions: Mapping[str, Attribute]) -> Iterator[UniqueValue]:
    try:
        yield place_of(definitions, upsert.by, upsert.data).asked
    except InvalidError:  # is told when the operation is read
        return
