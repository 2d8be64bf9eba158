"""The operations of bulk requests, as typed calls take them."""

from collections.abc import Mapping
from typing import Literal, NotRequired, TypeAlias, TypedDict
from uuid import UUID

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
