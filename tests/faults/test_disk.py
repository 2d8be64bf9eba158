"""F7: on a full disk reads go on, writes are 503, and room is all it takes to go on; nothing is lost."""

import pathlib
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.adapters.receivers import Receiver
from tests.faults.aftermath import tell_of_leads, verify
from tests.faults.history import History
from tests.faults.installation import Installation
from tests.faults.load import Load

MEGABYTES = 160
FULL_SECONDS = 15.0


@pytest.fixture
def small_disk(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=755", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_loses_nothing_and_room_is_all_it_takes(history: History, small_disk: pathlib.Path) -> None:
    with Receiver() as receiver, Installation(small_disk / "data") as installation:
        api = installation.api()
        tell_of_leads(api, receiver)
        with Load([installation.url], api.token, history, records=60):
            history.wait_for_write(begun_after=time.monotonic() + 2)
            began = time.monotonic()
            history.break_("disk full")
            filler = small_disk / "filler"
            keep_full(filler, FULL_SECONDS)
            filler.unlink()
            ended = time.monotonic()
            history.break_("room again")
            history.wait_for_write(begun_after=ended + 1)
        meanwhile = [each for each in history.operations if began < each.start and each.end < ended]
        reads = Counter(status for each in meanwhile if each.op == "read" for status in each.statuses)
        writes = Counter(status for each in meanwhile if each.op != "read" for status in each.statuses)
        print(f"\nwhile full: reads {dict(reads)}, writes {dict(writes)}", end="")
        assert reads.keys() == {200}
        assert 503 in writes
        verify(installation, history, receiver)


def keep_full(filler: pathlib.Path, seconds: float) -> None:
    """Take all room that there is, and all that is given back, for so long."""
    deadline = time.monotonic() + seconds
    with filler.open("wb", buffering=0) as file:
        while time.monotonic() < deadline:
            try:
                file.write(b"x" * 4096)
            except OSError:
                time.sleep(0.01)  # the disk is full; what the server gives back is taken, too
