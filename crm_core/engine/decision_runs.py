"""Decision: one run of a decision, which a store keeps while it reads what the decision needs."""

from collections.abc import Callable, Sized
from typing import TypeAlias

from crm_core.engine.changes import Changes
from crm_core.rules.needs import NO_NEEDS, NOTHING_KNOWN, Known, Needs, Steps

#: Starts a decision. It is pure: a store may start it several times before it commits the changes of one run.
Decide: TypeAlias = Callable[[], Steps[Changes]]


def size_of(decide: object) -> int:
    """Return how many decisions are made as one (``together.Together``), so that stores can run many in a thread."""
    return len(decide) if isinstance(decide, Sized) else 1


class Decision:
    """One run of a decision. A store keeps it while it reads what the decision needs.

    .. code-block:: python

        decision = Decision(decide)
        while decision.needs:
            decision.send(read(decision.needs))
        commit(decision.changes)

    If something that was known is no longer true at the commit, the store starts another run.

    Attributes:
        needs: what must be read next, without what is known already; false when the decision is complete.
        known: everything that it was sent.
    """

    def __init__(self, decide: Decide) -> None:
        self.needs: Needs = NO_NEEDS
        self.known: Known = NOTHING_KNOWN
        self._changes: Changes | None = None
        self._steps = decide()
        self._advance(next)

    def send(self, known: Known) -> None:
        """Continue with the answers to ``needs``. Raises the errors of the rules."""
        self.known |= known
        self._advance(self._resume)

    @property
    def changes(self) -> Changes:
        """Return what to commit, once nothing more is needed."""
        if self._changes is None:
            raise AssertionError("the decision must know more")
        return self._changes

    def _resume(self, steps: Steps[Changes]) -> Needs:
        return steps.send(self.known)

    def _advance(self, step: Callable[[Steps[Changes]], Needs]) -> None:
        try:
            needs = step(self._steps)
            while self.known.suffices(needs):
                needs = self._steps.send(self.known)
        except StopIteration as end:
            self.needs, self._changes = NO_NEEDS, end.value
        else:
            self.needs = self.known.lacks(needs)
