"""Business rules: pure generators that yield the data they need, and the rules of records by themselves.

Those that can be imported from here are for programs that use nothing else of the core.
"""

from crm_core.rules.on_records import (
    attribute_problems,
    change_task,
    conditions_hold,
    fill_header,
    fill_url,
    read_record,
)
from crm_core.webhooks.conditions import Logic, OperatorName
from crm_core.webhooks.templates import UnfillableError

__all__ = [
    "Logic",
    "OperatorName",
    "UnfillableError",
    "attribute_problems",
    "change_task",
    "conditions_hold",
    "fill_header",
    "fill_url",
    "read_record",
]
