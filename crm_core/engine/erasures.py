"""The decision to erase a record, and what belonged to it (decision 117)."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from crm_core.engine.changes import Changes, Copy, Remove
from crm_core.engine.decisions import expected_record, owned_children
from crm_core.engine.writing import event_by
from crm_core.errors import VersionConflictError
from crm_core.model.accounts import Caller
from crm_core.model.events import Event
from crm_core.model.records import Key, Versions
from crm_core.resources import RESOURCES, Resource
from crm_core.rules.needs import Catalog, Needs, Steps
from crm_core.webhooks.deliveries import Delivery, plan_erasure

_NO_CATALOG: Final = Catalog(0, {}, ())


class ReappearedError(Exception):
    """A record that was deleted is there again: look again what there is to erase. No use case raises it."""


@attrs.frozen
class Erasure:
    """What is known about a record that is to be erased, and was read before the decision.

    Attributes:
        resource: its resource.
        key: its key.
        parent: the value of the field that comes with the path, if the resource has one.
        gone: the version of the deletion of each record that belonged to it, or of itself, and was deleted.
        copies: copies of its values in the events of records that do not belong to it any longer.
        names: the names that it has and had.
    """

    resource: Resource
    key: Key
    parent: object
    gone: Mapping[Key, int]
    copies: Sequence[Copy] = ()
    names: Sequence[str] = ()


def erase(who: Caller, erasure: Erasure, expected: Versions) -> Steps[Changes]:
    """Decide to erase a record: it is deleted if it is there, with what belongs to it; the rules of a delete hold.

    Raises NotFoundError, VersionConflictError, InUseError, ReappearedError.
    """
    resource, key = erasure.resource, erasure.key
    versions: dict[Key, int] = {}
    if key in erasure.gone:
        yield from _refuse_reappeared(erasure, expected)
    else:
        record = yield from expected_record(resource, who, key, erasure.parent, expected)
        children = yield from owned_children(resource, key)
        versions = {each.key: each.version for each in (*children, record)}
    catalogs = {each.resource for each in (*versions, *erasure.gone) if RESOURCES[each.resource].has_catalog}
    known = yield Needs(catalogs={name: who.catalogs.get(name) for name in catalogs})
    stored = [Remove(each, _event(who, each, version)) for each, version in versions.items()]
    gone = [
        Remove(each, _event(who, each, version), is_stored=False)
        for each, version in sorted(erasure.gone.items())
        if each not in versions
    ]
    deliveries: list[Delivery] = []
    for write in (*stored, *gone):
        deliveries += plan_erasure(known.catalogs.get(write.key.resource, _NO_CATALOG).webhooks, write.event)
    writes = (*stored, *gone)
    texts = (*erasure.names, *(str(write.key.id) for write in writes))
    return Changes(writes=writes, deliveries=tuple(deliveries), copies=tuple(erasure.copies), erased_texts=texts)


def _refuse_reappeared(erasure: Erasure, expected: Versions) -> Steps[None]:
    if expected is not None:
        raise VersionConflictError(erasure.gone[erasure.key])
    known = yield Needs(records=frozenset({erasure.key}))
    if known.records[erasure.key] is not None:
        raise ReappearedError


def _event(who: Caller, key: Key, version: int) -> Event:
    return event_by(who, key, version + 1, "erased", {})
