"""What payloads can refer to."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias
from uuid import UUID

import attrs

from crm_core.model.entities import Attribute

Payload: TypeAlias = dict[str, Any]

#: Ids that exist, by resource; ids of users under ``user``.
Ids: TypeAlias = Mapping[str, Sequence[UUID | int]]


@attrs.frozen(kw_only=True)
class PayloadContext:
    """What payloads can refer to.

    Attributes:
        ids: existing records and users; without any, a reference names a record that does not exist.
        definitions: the attributes defined for the payload's entity.
        entries: ids of existing tasks, notes and stages.
        stages: names of stages for leads, in whatever pipeline.
        hostile: mix in invalid values.
    """

    ids: Ids = attrs.field(factory=dict)
    definitions: Mapping[str, Attribute] = attrs.field(factory=dict)
    entries: Sequence[UUID] = ()
    stages: Sequence[str] = ()
    hostile: bool = False


NO_CONTEXT: Final = PayloadContext()
