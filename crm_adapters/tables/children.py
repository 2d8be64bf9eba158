"""Child processes that end with the block, and with their parent."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

#: What a child may know of the environment: nothing of passwords and databases.
_VARIABLES: Final = ("PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR")


@asynccontextmanager
async def running(module: str, *arguments: str, **pipes: Any) -> AsyncIterator[Process]:
    """Run a module in a child process for as long as the block takes; it is killed if it has not ended.

    Args:
        module: the module; its last argument is the reading end of its lifeline.
        arguments: its other arguments.
        pipes: stdin, stdout and stderr, as for ``asyncio.create_subprocess_exec``.
    """
    environment = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    with _lifeline() as lifeline:
        command = (sys.executable, "-I", "-m", module, *arguments, str(lifeline))
        child = await asyncio.create_subprocess_exec(*command, env=environment, pass_fds=(lifeline,), **pipes)
        try:
            yield child
        finally:
            with suppress(ProcessLookupError):
                child.kill()
            if child.stdout is not None:
                await child.stdout.read()  # a pipe that is paused, as much is unread, would hold up wait() for ever
            await child.wait()


@contextmanager
def _lifeline() -> Iterator[int]:
    """Yield the reading end of a pipe: it ends when this process does, or with the block."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)
