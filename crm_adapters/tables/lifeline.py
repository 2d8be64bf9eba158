"""The pipe by which a child process notices that its parent has ended."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lifeline() -> Iterator[int]:
    """Yield the reading end of a pipe for a child: it ends when this process does, or with the block."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)
