"""Records as stores keep them, and as clients see them: their keys, values, versions and documents."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import attrs

#: The highest version that a record can have: stores may keep versions as integers of 32 bits.
MAX_VERSION: Final = 2**31 - 1


class Key(NamedTuple):
    """The key of one record of one resource, or of one user (``user`` or ACTIVE_USER, and an integer)."""

    resource: str
    id: UUID | int


@attrs.frozen
class Record:
    """A stored entity with its version, which is 1 at first and grows by 1 with each change."""

    key: Key
    version: int
    value: Any


class Document(NamedTuple):
    """A record as clients see it: JSON bytes, and the version that they show.

    ``is_replayed`` says that it is the answer to an earlier request with the same idempotency key.
    """

    version: int
    body: bytes
    is_replayed: bool = False


#: Records that were read ahead of the need for them, by their keys; None for those that do not exist.
ReadAhead: TypeAlias = Mapping[Key, Document | None]
NOTHING_AHEAD: Final[ReadAhead] = {}

#: The versions that a record may have when it is changed; None for any.
Versions: TypeAlias = frozenset[int] | None
