"""What the operations of pipelines take.

Made by tests/generate_client.py from the entities; do not edit.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Literal, Required, TypedDict

from crm_core.arguments.items import StageInput
from crm_core.model.entities import Stage


class PipelineCreate(TypedDict, total=False):
    """The fields of a new pipeline.

    Attributes:
        name: the name of the pipeline.
        description: what the pipeline is for.
        stages: the stages, sorted by ``order``; a list that is sent replaces the whole list.
    """

    name: Required[str]
    description: str | None
    stages: Sequence[StageInput | Stage]


class PipelineUpdate(TypedDict, total=False):
    """The fields of a pipeline that can be changed.

    Attributes:
        name: the name of the pipeline.
        description: what the pipeline is for.
        stages: the stages, sorted by ``order``; a list that is sent replaces the whole list.
    """

    name: str
    description: str | None
    stages: Sequence[StageInput | Stage]


class PipelineMerge(TypedDict, total=False):
    """The fields of a pipeline that can be merged; None resets a field.

    Attributes:
        name: the name of the pipeline.
        description: what the pipeline is for.
        stages: the stages, sorted by ``order``; a list that is sent replaces the whole list.
    """

    name: str
    description: str | None
    stages: Sequence[StageInput | Stage] | None


class PipelineFilters(TypedDict, total=False):
    """Which pipelines are listed, and in which order.

    Attributes:
        name: only those whose ``name`` contains this text; case and accents are ignored.
        updated_at__gt: only those whose ``updated_at`` is after this.
        updated_at__gte: only those whose ``updated_at`` is at or after this.
        updated_at__lt: only those whose ``updated_at`` is before this.
        updated_at__lte: only those whose ``updated_at`` is at or before this.
        updated_at__isnull: only those without ``updated_at``, or with ``False`` those that have one.
        search: only those that have each of these words, or phrases in quotes, in: name.
        ordering: the order; without it newest first.
    """

    name: str
    updated_at__gt: dt.datetime | str
    updated_at__gte: dt.datetime | str
    updated_at__lt: dt.datetime | str
    updated_at__lte: dt.datetime | str
    updated_at__isnull: bool
    search: str
    ordering: Literal["name", "-name", "updated_at", "-updated_at"]
