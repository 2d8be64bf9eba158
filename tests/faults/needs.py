"""What the faults need of the machine, said in one line when it is missing."""

import os
import pathlib
import shutil
from collections.abc import Iterable

FAKETIME = next(
    iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), pathlib.Path("/no/libfaketimeMT.so.1")
)
_PROGRAMS = {"ip": "iproute2", "strace": "strace", "mount": "mount", "pgbouncer": "pgbouncer"}


def missing() -> str | None:
    """What is missing, and what brings it."""
    if os.geteuid() != 0:
        return "make faults needs root: it freezes servers, fills disks and cuts networks, all of its own"
    if packages := sorted(_packages()):
        return f"make faults needs more of Debian: apt-get install {' '.join(packages)}"
    return None


def _packages() -> Iterable[str]:
    path = f"{os.environ['PATH']}:/usr/sbin"
    yield from (package for program, package in _PROGRAMS.items() if not shutil.which(program, path=path))
    if not FAKETIME.exists():
        yield "libfaketime"
