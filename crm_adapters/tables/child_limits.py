"""The limits of a child process that parses a foreign file: memory, time, and the life of its parent."""

import os
import resource
import threading
from typing import Final

#: Bytes of address space.
MAX_MEMORY: Final = 2**30
#: Seconds of processor time: forty times what a workbook of 1,000,000 rows takes.
MAX_CPU_SECONDS: Final = 600


def limit(lifeline: int, *, cpu_seconds: int = MAX_CPU_SECONDS) -> None:
    """Limit this process, and end it when the parent ends.

    Args:
        lifeline: the reading end of a pipe whose other end the parent alone holds.
        cpu_seconds: of processor time, after which it is killed.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    end_with_parent(lifeline)
    # After the thread, whose stack needs room.
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


def end_with_parent(lifeline: int) -> None:
    """End this process when its parent ends; ``lifeline`` is as in ``limit``."""

    def wait() -> None:
        os.read(lifeline, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
