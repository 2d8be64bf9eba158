"""What summaries of pipelines take."""

import datetime as dt
from typing import TypedDict


class SummaryFilters(TypedDict, total=False):
    """What is summed up.

    Attributes:
        since: only stays that ended at or after this time count for times and moves.
        until: only stays that ended before this time count for times and moves.
        responsible: only leads of the user with this id.
    """

    since: dt.datetime | str
    until: dt.datetime | str
    responsible: int
