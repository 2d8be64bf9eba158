"""The garbage collector of commands, and of the processes that serve and import.

By default it looks through everything that the process has whenever many objects have come, and nothing else runs in
the meantime: requests beside a bulk request waited for that, more than for anything else.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: How many looks through younger objects there are until the next older ones are looked through, too.
_LOOKS: Final = (10, 20)
#: New objects between two looks of a server. More would take longer at once than users should wait.
SERVING: Final = 10_000
#: The same of a process for which nobody waits.
WORKING: Final = 100_000


def collect_less(young: int) -> None:
    """Leave alone what the process has at this moment, and look through new objects each time that so many came."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, *_LOOKS)


@contextmanager
def importing() -> Iterator[None]:
    """Import modules without looking through them, now or later: they stay, and looking takes a fifth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
