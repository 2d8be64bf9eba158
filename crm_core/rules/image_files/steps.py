"""The steps in which a file format is read from a stream, and the reader that runs them over pieces of any size.

A program is a generator: it yields a step, and is sent the result of the step when enough bytes have arrived. So a
format is described as if the whole file were in memory, although only the bytes of the current step are held.
"""

from collections.abc import Generator
from typing import Final, TypeAlias

import attrs

from crm_core.rules.images import not_an_image

#: The most segments of a file. No real picture has more; a hostile file could have many to cost time.
MAX_SEGMENTS: Final = 100_000


class CutOffError(Exception):
    """The file ends inside a step; raised in the program where it waits for the step."""


@attrs.define
class Window:
    """The bytes that have arrived and wait for their step, and those that were kept.

    Attributes:
        data: the bytes.
        start: the position of the first byte that waits.
        kept: the bytes for the store.
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
    """A step of a program. Its result is the bytes that it read; most steps return none."""

    result: bytes = b""

    def advance(self, window: Window) -> bool:
        """Use the bytes that have arrived; return whether the step is complete."""
        raise NotImplementedError


@attrs.define
class Take(Step):
    """Read a number of bytes, at most 64 KiB, and return them; they are not kept."""

    size: int
    result: bytes = b""

    def advance(self, window: Window) -> bool:
        """Wait for all bytes."""
        end = window.start + self.size
        if end > len(window.data):
            return False
        self.result = window.take(end)
        return True


@attrs.define
class Pass(Step):
    """Keep or remove a number of bytes."""

    size: int
    keeps: bool = True

    def advance(self, window: Window) -> bool:
        """Keep or remove the bytes that have arrived."""
        passed = window.take(min(window.start + self.size, len(window.data)))
        self.size -= len(passed)
        if self.keeps and passed:
            window.kept.append(passed)
        return not self.size


@attrs.define
class Give(Step):
    """Write bytes to the result that need not have been in the file."""

    data: bytes

    def advance(self, window: Window) -> bool:
        """Write the bytes."""
        window.kept.append(self.data)
        return True


#: Reads one format; it returns where the image ends, and the rest of the file is ignored.
Program: TypeAlias = Generator[Step, bytes, None]


class ImageReader:
    """Reads one file; raises InvalidError as soon as it cannot be an image.

    Args:
        program: the format.
        keeps_metadata: whether everything is kept, also what the program removes.
    """

    def __init__(self, program: Program, *, keeps_metadata: bool = False) -> None:
        self._program = program
        self._keeps_metadata = keeps_metadata
        self._step: Step | None = next(program)
        self._waiting = b""
        self._segments = 0

    def feed(self, piece: bytes) -> bytes:
        """Read the next piece; return the bytes that are kept of this piece and of earlier ones."""
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
