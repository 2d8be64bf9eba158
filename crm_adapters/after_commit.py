"""Calls the hook of an embedder directly after a commit of this process."""

import logging
from collections.abc import Sequence

from crm_core.model.events import Event
from crm_core.ports import AfterCommit

logger = logging.getLogger("crm.hooks")


def no_hook(_: Sequence[Event]) -> None:
    """Do nothing after a commit."""


def call_after_commit(hook: AfterCommit, events: Sequence[Event]) -> None:
    """Call a hook with the events of a commit. What it raises is logged: the commit is done."""
    if not events:
        return
    try:
        hook(events)
    except Exception:
        logger.exception("the hook after a commit failed")
