"""Unique attributes: the end of their building, and the records that their values name (decisions 85 to 87)."""

from collections.abc import Iterator
from functools import partial
from uuid import UUID

from crm_core.engine import decisions
from crm_core.engine.changes import Changes, Put
from crm_core.engine.decision_runs import Decide
from crm_core.model.accounts import SYSTEM
from crm_core.model.entities import BUILDING, Attribute
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES
from crm_core.use_cases.callers import caller


def finishing(changes: Changes) -> Iterator[Decide]:
    """Yield the decisions that attributes are unique from now on, for stores that need no time to build anything.

    A store without indexes runs them after it has committed the changes.
    """
    for write in changes.writes:
        if isinstance(write, Put) and isinstance(write.value, Attribute) and write.value.is_unique == BUILDING:
            yield partial(decisions.finish_unique, caller(SYSTEM), write.key, is_built=True)


async def finish(db: Database, id_: UUID, *, is_built: bool) -> None:
    """Record that the index of a unique attribute is built, or that it cannot be; nothing if it is not expected."""
    await db.change(
        partial(decisions.finish_unique, caller(SYSTEM), decisions.key_of(ATTRIBUTES, id_), is_built=is_built)
    )
