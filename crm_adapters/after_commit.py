"""Calls the hook of an embedder directly after a commit of this process."""

import logging
from collections.abc import Sequence
from typing import Final

import attrs

from crm_core.model.events import Event
from crm_core.model.plain_values import plain
from crm_core.ports import AfterCommit

logger: Final = logging.getLogger("crm.hooks")


def no_hook(_: Sequence[Event]) -> None:
    """Do nothing after a commit."""


def call_after_commit(hook: AfterCommit, events: Sequence[Event]) -> None:
    """Call a hook with the events of a commit, whose changes are plain values, as they are read.

    What it raises is logged: the commit is done.
    """
    if not events or hook is no_hook:
        return
    try:
        hook([attrs.evolve(each, changes=plain(each.changes), cause=plain(each.cause)) for each in events])
    except Exception:
        logger.exception("the hook after a commit failed")
