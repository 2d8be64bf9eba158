"""Bulk requests: many operations in one."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict
from uuid import UUID

import attrs

#: What an operation does; ``merge`` is a merge patch (RFC 7396), which sets single attributes.
BulkOp: TypeAlias = Literal["create", "update", "merge", "delete", "upsert"]


class BulkOperation(TypedDict):
    """One operation of a bulk request.

    ``id`` is the record to change or delete, and ``data`` its fields; where an id of a record goes, ``{"ref": "x"}`` is
    the record of an earlier operation that has this ``ref``. ``by`` is the unique attribute by whose value in ``data``
    an upsert finds the record. ``resource`` is the segment of another resource in URLs.
    """

    op: BulkOp
    resource: NotRequired[str]
    id: NotRequired[UUID | str]
    by: NotRequired[str]
    data: NotRequired[Mapping[str, object]]
    if_match: NotRequired[int]
    ref: NotRequired[str]


@attrs.frozen
class BulkResult:
    """The result of one operation.

    Attributes:
        status: the HTTP status that a single call would have.
        id: the id of the record; None if the operation was refused before it had one.
        version: the version that the record has since; None if the operation was refused.
        errors: why it is refused, as the body of a single call's answer says; empty if it is not.
    """

    status: int
    id: UUID | None
    version: int | None
    errors: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class BulkResults:
    """The results of a bulk request, in the order of its operations, and how many succeeded and failed."""

    results: tuple[BulkResult, ...]
    succeeded: int
    failed: int


#: Operations that are refused have no effect, and the others count.
LENIENT: Final = {"Prefer": "handling=lenient"}
