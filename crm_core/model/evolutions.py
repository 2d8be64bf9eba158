"""What a change of an attribute's name, values or type would do, and the values that records hold."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import attrs


class HeldValue(NamedTuple):
    """A value of an attribute, as records hold it.

    Attributes:
        value: the value.
        records: how many records hold it.
    """

    value: Any
    records: int


@attrs.frozen(kw_only=True)
class Holding:
    """Which of the records that hold a value of an attribute are looked for.

    Attributes:
        values: only those that hold one of these; None for any.
        unlike: only those whose value under this name is another one, or that have none under it.
        after: only those with a higher id.
    """

    values: Sequence[object] | None = None
    unlike: str | None = None
    after: UUID | None = None


@attrs.frozen(kw_only=True, slots=False)
class FailingValue:
    """A value that cannot be converted.

    Attributes:
        value: the value.
        records: how many records hold it.
    """

    value: object
    records: int


@attrs.frozen(kw_only=True, slots=False)
class ConcernedWebhook:
    """A webhook that names an attribute.

    Attributes:
        webhook: its id.
        name: its name.
    """

    webhook: UUID
    name: str


@attrs.frozen(kw_only=True, slots=False)
class EvolutionReport:
    """What a change of an attribute would do.

    Attributes:
        records: the number of records that would change; of a delete, of those that hold a value.
        webhooks: the number of webhooks whose conditions, URL or headers name it.
        named_webhooks: these webhooks; empty for a caller who may not view webhooks.
        indexes: the number of indexes that would be built again.
        seconds: about how long it would take.
        merged: the number of records in whose lists a value would stand twice, and then once.
        failing: the number of records whose value cannot be converted.
        failing_values: these values, the most frequent first, up to 100; empty for a caller who may not view the
            records.
        failing_records: the ids of the first 20 of these records; empty for a caller who may not view them.
        refusals: why it would be refused as it was asked for, in sentences; empty if it would not.
    """

    records: int = 0
    webhooks: int = 0
    named_webhooks: tuple[ConcernedWebhook, ...] = ()
    indexes: int = 0
    seconds: int = 0
    merged: int = 0
    failing: int = 0
    failing_values: tuple[FailingValue, ...] = ()
    failing_records: tuple[UUID, ...] = ()
    refusals: tuple[str, ...] = ()
