"""The steps that were run on two databases, in words, so that a failure says how it came about."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

_MAX_STEPS: Final = 15
_STEP: Final = re.compile(r"#(\d+)")
_MAX_LENGTH: Final = 160
_ID: Final = re.compile(r"UUID\('([0-9a-f-]{36})'\)|([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
#: What stands in the ids that steps make, besides the number of the step and of the id.
_MARK: Final = 0x7 << 76 | 0b10 << 62


def made_id(step: int, count: int) -> UUID:
    """Return the id with a number that a step makes: like a UUIDv7 of a millisecond that the step has alone."""
    return UUID(int=step << 80 | _MARK | count)


def is_made(id_: UUID) -> bool:
    """Return whether a step made an id; runs of imports make others, which differ from store to store."""
    return bool(_name(str(id_)))


def in_words(text: str) -> str:
    """Return a text with the steps that made ids in place of these ids: ``#12.1`` is the second id of step 12.

    >>> in_words(f"change lead {made_id(12, 0)}: {{'pipeline': '{made_id(3, 1)}'}}")
    "change lead #12: {'pipeline': '#3.1'}"
    """
    return _ID.sub(lambda found: _name(found[1] or found[2]) or found[0], text)


def _name(id_: str) -> str:
    step, count = divmod(UUID(id_).int ^ _MARK, 1 << 80)
    if count >= 1 << 48 or not step:
        return ""  # no step made it
    return f"#{step}.{count}" if count else f"#{step}"


class Steps:
    """A log of steps. What only reads leaves the log when it is over."""

    def __init__(self) -> None:
        self._done: list[tuple[int, str]] = []

    @contextmanager
    def step(self, number: int, words: str, *, is_read: bool = False) -> Iterator[None]:
        """Log a step; an exception that it raises gets a note of this step and of those before it.

        Args:
            number: the number of the step.
            words: what it does.
            is_read: whether it changes nothing.
        """
        line = in_words(f"{number}. {words}")
        self._done.append((number, line if len(line) <= _MAX_LENGTH else f"{line[:_MAX_LENGTH]}…"))
        try:
            yield
        except Exception as error:
            error.add_note(self._report(str(error)))
            raise
        if is_read:
            self._done.pop()

    def _report(self, message: str) -> str:
        """Return the last steps, and those that made an id of the message, in their order."""
        *before, (_, last) = self._done
        named = {int(number) for number in _STEP.findall(f"{message} {last}")}
        concerned = [line for number, line in before[:-_MAX_STEPS] if number in named][:_MAX_STEPS]
        left_out = len(before[:-_MAX_STEPS]) - len(concerned)
        after = ["after these steps, where #12 is the id that step 12 made:"] if before else []
        others = [f"({left_out} other steps)"] if left_out else []
        recent = [line for _, line in before[-_MAX_STEPS:]]
        return "\n".join([f"in step {last}", *after, *concerned, *others, *recent])
