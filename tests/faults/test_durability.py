"""F19: an acknowledged write is on the disk, as far as the system's calls can tell."""

import pathlib
import re
import signal
import subprocess

from crm_adapters.embedded.cluster import processes_of
from tests.faults.installation import SECONDS, Installation

WRITES = 50


def test_every_commit_waits_for_the_disk(folder: pathlib.Path) -> None:
    with Installation(folder / "data") as installation:
        api = installation.api()
        api.make("/api/leads/", name="the pool has its connections")
        processes = [word for pid in processes_of(installation.cluster) for word in ("-p", str(pid))]
        calls = folder / "calls"
        strace = subprocess.Popen(
            ["strace", "-f", "-e", "trace=fdatasync", "-o", calls, *processes], stderr=subprocess.PIPE
        )
        assert strace.stderr is not None
        for _ in processes[::2]:
            assert b"attached" in strace.stderr.readline()
        for number in range(WRITES):
            api.make("/api/leads/", name=str(number))
        strace.send_signal(signal.SIGINT)
        strace.communicate(timeout=SECONDS)
        synced = len(re.findall(r"fdatasync\(\d+\) += 0", calls.read_text()))
    print(f"\n{synced} fdatasync for {WRITES} writes, one after the other")
    assert synced >= WRITES
