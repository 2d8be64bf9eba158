"""What is said of records that may be duplicates."""

from uuid import UUID

import attrs


@attrs.frozen(kw_only=True, slots=False)
class DuplicateRecord:
    """A record that may be a duplicate of others.

    Attributes:
        id: its id.
        name: its name.
    """

    id: UUID
    name: str


@attrs.frozen(kw_only=True, slots=False)
class DuplicateReason:
    """Why records may be duplicates.

    Attributes:
        field: ``name``, or ``attributes.`` and the name of the attribute in which they have the same value.
        match: ``equal``, if only case, accents and blanks differ, or ``similar``.
        score: how much it weighs alone, from 0 to 1.
    """

    field: str
    match: str
    score: float


@attrs.frozen(kw_only=True, slots=False)
class DuplicateGroup:
    """Records that may stand for the same one.

    Attributes:
        records: two or more records, the oldest first.
        reasons: what they have in common.
        score: how likely they are duplicates, from 0 to 1, by all reasons together.
    """

    records: tuple[DuplicateRecord, ...]
    reasons: tuple[DuplicateReason, ...]
    score: float
