"""The steps in which a file format is read from a stream, and the reader that runs them over pieces of any size.

A program is a generator: it yields a step, and is sent the step's result when enough bytes have arrived. So a format
is written down as if the file lay in memory, and nothing but the bytes of the current step is held.
"""

from collections.abc import Generator
from typing import Final, TypeAlias

import attrs

from crm_core.rules.images import not_an_image

#: The most segments of a file. More are there to cost time, not to make a picture.
MAX_SEGMENTS: Final = 100_000


class CutOffError(Exception):
    """The file ends inside a step; raised in the program at the place where it waits."""


@attrs.define
class Window:
    """The bytes that have arrived and wait for their step, and those that were kept.

    Attributes:
        data: the bytes.
        start: the position in them of the first that waits.
        kept: what goes on to the store.
    """

    data: bytes
    start: int = 0
    kept: list[bytes] = attrs.Factory(list)

    def take(self, end: int) -> bytes:
        """Return the bytes to a position, and move to it."""
        taken = self.data[self.start : end]
        self.start = end
        return taken


class Step:
    """A step of a program. Its result is what it read; empty for most."""

    result: bytes = b""

    def advance(self, window: Window) -> bool:
        """Use what has arrived; return whether the step is over."""
        raise NotImplementedError


@attrs.define
class Take(Step):
    """Read so many bytes, at most 64 KiB, without keeping them: they are the result."""

    size: int
    result: bytes = b""

    def advance(self, window: Window) -> bool:
        """Wait for all of them."""
        end = window.start + self.size
        if end > len(window.data):
            return False
        self.result = window.take(end)
        return True


@attrs.define
class Pass(Step):
    """Let so many bytes pass: keep them, or leave them out."""

    size: int
    keeps: bool = True

    def advance(self, window: Window) -> bool:
        """Let pass what is there."""
        passed = window.take(min(window.start + self.size, len(window.data)))
        self.size -= len(passed)
        if self.keeps and passed:
            window.kept.append(passed)
        return not self.size


@attrs.define
class Give(Step):
    """Keep these bytes, which need not have been in the file."""

    data: bytes

    def advance(self, window: Window) -> bool:
        """Give them."""
        window.kept.append(self.data)
        return True


#: A format: ends where the image ends. What follows there is no part of it.
Program: TypeAlias = Generator[Step, bytes, None]


class ImageReader:
    """Reads one file; raises InvalidError as soon as it cannot be an image.

    Args:
        program: the format.
        keeps_metadata: whether everything is kept, whatever the program leaves out.
    """

    def __init__(self, program: Program, *, keeps_metadata: bool = False) -> None:
        self._program = program
        self._keeps_metadata = keeps_metadata
        self._step: Step | None = next(program)
        self._waiting = b""
        self._segments = 0

    def feed(self, piece: bytes) -> bytes:
        """Read the next piece; return what is kept of it and of those before."""
        kept = self._run(piece)
        return piece if self._keeps_metadata else kept

    def finish(self) -> None:
        """Raise InvalidError if the file was cut off."""
        if self._step is None:
            return
        if self._waiting:
            raise not_an_image()
        try:
            self._program.throw(CutOffError())
        except StopIteration:
            return
        except CutOffError:
            raise not_an_image() from None

    def _run(self, piece: bytes) -> bytes:
        window = Window(self._waiting + piece if self._waiting else piece)
        while self._step is not None and self._step.advance(window):
            self._step = self._next(self._step.result)
        self._waiting = window.data[window.start :] if self._step is not None else b""
        return b"".join(window.kept)

    def _next(self, result: bytes) -> Step | None:
        if result:
            self._segments += 1
            if self._segments > MAX_SEGMENTS:
                raise not_an_image()
        try:
            return self._program.send(result)
        except StopIteration:
            return None
