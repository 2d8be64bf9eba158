"""What an erasure answers with."""

from uuid import UUID

import attrs


@attrs.frozen(kw_only=True, slots=False)
class ErasedRecord:
    """A record that was erased, or would be.

    Attributes:
        resource: the name of its resource.
        record: its id.
        version: the version of the erasure, which followers of changes get.
    """

    resource: str
    record: UUID
    version: int


@attrs.frozen(kw_only=True, slots=False)
class MentioningRecord:
    """A record in which a name of the erased record occurs. It is not changed.

    Attributes:
        resource: the name of its resource.
        record: its id.
    """

    resource: str
    record: UUID


@attrs.frozen(kw_only=True, slots=False)
class ErasureReport:
    """What was erased, or would be.

    Attributes:
        records: the record, and what belonged to it or ever did; empty if it was erased before.
        copies: records that stay, whose history held a copy of its name.
        files: the number of its files.
        mentions: records that mention a name that it has or had, up to 100; only a dry run looks for them.
    """

    records: tuple[ErasedRecord, ...] = ()
    copies: tuple[MentioningRecord, ...] = ()
    files: int = 0
    mentions: tuple[MentioningRecord, ...] = ()
