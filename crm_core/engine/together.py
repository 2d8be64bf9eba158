"""Several decisions as one: each knows what the earlier ones did, and all are committed at once."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

import attrs

from crm_core.engine.changes import Changes, Put, Remove, Reply
from crm_core.engine.decision_runs import Decide
from crm_core.engine.overlay import Overlay
from crm_core.engine.receipts import ReceiptKey
from crm_core.errors import CrmError
from crm_core.imports.runs import Advance
from crm_core.model.records import Key, Record
from crm_core.model.registered import DerivedTable
from crm_core.resources import RESOURCES
from crm_core.rules.needs import Known, Needs, Steps

#: The result of one of the decisions: its changes, or why it was refused.
Result: TypeAlias = Changes | CrmError
#: Returns a record as it is after all decisions; None if there is none. It must have been needed.
Look: TypeAlias = Callable[[Key], Record | None]
#: Returns the answer to all, given the result of each decision; raises an error to refuse all of them.
Answer: TypeAlias = Callable[[Sequence[Result], Look], Key | Reply | None]
#: Returns the step of an import that is made with all, in the same way.
Step: TypeAlias = Callable[[Sequence[Result], Look], Advance | None]


@attrs.frozen
class Together:
    """The decision to make several decisions one after another, as one (``decision_runs.Decide``).

    The effect is that of the single decisions in their order: the same documents, events and deliveries. Only the order
    of the writes differs, where they do not depend on each other, so that stores can write many by one statement. A
    decision that is refused has no effect on the others; ``answer`` says whether the others then count.

    They first run side by side, so that what all of them need is read at once; those that depend on the writes of an
    earlier one run again.

    Attributes:
        decisions: the decisions. Each is pure, and leaves no receipt.
        answer: is called with the results.
        receipt: the receipt of the whole.
        advance: is called with the results, for the step of an import that is made in the same commit.
    """

    decisions: Sequence[Decide]
    answer: Answer = lambda _, __: None
    receipt: ReceiptKey | None = None
    advance: Step = lambda _, __: None

    def __len__(self) -> int:
        return len(self.decisions)

    def __call__(self) -> Steps[Changes]:
        """Start a run."""
        runs = [_Run(decide) for decide in self.decisions]
        while waiting := [run for run in runs if run.result is None]:
            known = yield Needs.union(run.needs for run in waiting)
            for run in waiting:
                run.advance(known)
        results, steps, overlay = yield from _in_order(runs)
        known = yield Needs()

        def look(key: Key) -> Record | None:
            return overlay.record(key, known)

        reply, advance = self.answer(results, look), self.advance(results, look)
        return attrs.evolve(_merged(results, steps, reply, self.receipt), advance=advance)


class _Run:
    """One of the decisions, as if it were alone."""

    def __init__(self, decide: Decide) -> None:
        self.decide = decide
        self.result: Result | None = None
        self.consulted: list[Needs] = []
        self._steps = decide()
        self._step(lambda: next(self._steps))

    @property
    def needs(self) -> Needs:
        """Return what it must know next."""
        return self.consulted[-1]

    def advance(self, known: Known) -> None:
        """Continue as far as what is known suffices."""
        while self.result is None and known.suffices(self.needs):
            self._step(lambda: self._steps.send(known))

    def _step(self, step: Callable[[], Needs]) -> None:
        try:
            self.consulted.append(step())
        except StopIteration as end:
            self.result = end.value
        except CrmError as error:
            self.result = error


def _in_order(runs: Sequence[_Run]) -> Steps[tuple[list[Result], list[int], Overlay]]:
    """Return the results of the decisions one after another, the step in which each is written, and all writes."""
    overlay, results, steps = Overlay(), list[Result](), list[int]()
    known = yield Needs()
    for run in runs:
        step, result = overlay.step_after(run.consulted), run.result
        if step is not None:
            result, step, known = yield from _on(overlay, run.decide)
        assert result is not None  # noqa: S101  # all runs have ended
        if isinstance(result, Changes):
            overlay.add(result, known, step or 0)
        results.append(result)
        steps.append(step or 0)
    return results, steps, overlay


def _on(overlay: Overlay, decide: Decide) -> Steps[tuple[Result, int, Known]]:
    """Run a decision on what the earlier ones wrote; return its result, its step, and what the store said."""
    consulted: list[Needs] = []
    base = seen = Known()
    steps = decide()
    result: Result
    try:
        needs = next(steps)
        while True:
            consulted.append(needs)
            base = yield overlay.base_of(needs)
            seen |= overlay.answer(needs, base)
            needs = steps.send(seen)
    except StopIteration as end:
        result = end.value
    except CrmError as error:
        result = error
    return result, overlay.step_after(consulted) or 0, base


#: The place of a resource among those that refer to each other: what is referred to comes first.
_PLACES: Final = DerivedTable(lambda: {name: place for place, name in enumerate(RESOURCES)})


def _merged(
    results: Sequence[Result], steps: Sequence[int], answer: Key | Reply | None, receipt: ReceiptKey | None
) -> Changes:
    """Return all changes as one, ordered by step; each step is in an order that references allow."""
    done = [(step, result) for step, result in zip(steps, results, strict=True) if isinstance(result, Changes)]
    placed = [((step, own), write) for step, changes in done for own, write in _with_steps(changes)]
    placed.sort(key=lambda each: (each[0], *_place(each[1])))
    return Changes(
        writes=tuple(write for _, write in placed),
        steps=tuple(at for at in range(1, len(placed)) if placed[at][0] != placed[at - 1][0]),
        deliveries=tuple(delivery for _, changes in done for delivery in changes.deliveries),
        answer=answer,
        receipt=receipt,
        copies=tuple(copy for _, changes in done for copy in changes.copies),
        erased_texts=tuple(text for _, changes in done for text in changes.erased_texts),
    )


def _with_steps(changes: Changes) -> Iterator[tuple[int, Put | Remove]]:
    """Yield the writes of a decision, each with its step within the decision, which may be several together itself."""
    ends = [*changes.steps, len(changes.writes)]
    for step, (start, end) in enumerate(zip([0, *changes.steps], ends, strict=True)):
        yield from ((step, write) for write in changes.writes[start:end])


def _place(write: Put | Remove) -> tuple[int, int]:
    """Return the place of a write in its step: new records, changed ones, then removed ones, children first."""
    place = _PLACES[write.key.resource]
    if isinstance(write, Remove):
        return 2, -place
    return (0 if write.event.kind == "created" else 1), place
