"""Bulk requests: many operations in one."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import attrs


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
