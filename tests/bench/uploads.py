"""How much memory the server takes for ten uploads of 10 MB at once: run with ``python -m tests.bench.uploads``.

It serves as ``crm serve`` does, from a database and with files in a temporary directory, and then with files on a
SeaweedFS. It prints how much the workers grew at their peak; nothing is asserted. Linux only.
"""

import os
import pathlib
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil

from crm_adapters.embedded.server import embedded_server
from tests import seaweedfs
from tests.http.conftest import Server, serving
from tests.pictures import png

UPLOADS = 10
PICTURE = png(padding=10_000_000)
SECONDS_BETWEEN_LOOKS = 0.002


def workers(server: Server) -> list[psutil.Process]:
    children = psutil.Process(server.process.pid).children(recursive=True)
    return [each for each in children if "spawn_main" in " ".join(each.cmdline())]


@contextmanager
def watching(processes: list[psutil.Process]) -> Iterator[list[int]]:
    """Bytes that the processes have in memory, as often as they can be looked at."""
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(SECONDS_BETWEEN_LOOKS):
            seen.append(sum(each.memory_info().rss for each in processes))

    watcher = threading.Thread(target=look)
    watcher.start()
    yield seen
    over.set()
    watcher.join()


def measure(server: Server, label: str) -> None:
    api = server.api()
    path = f"/api/clients/{api.make('/api/clients/', name='a')['id']}/"
    api.upload(path, png())  # what is loaded once counts for nobody
    processes = workers(server)
    before = sum(each.memory_info().rss for each in processes)
    start = time.monotonic()
    with watching(processes) as seen, ThreadPoolExecutor(UPLOADS) as pool:
        answers = list(pool.map(lambda _: api.upload(path, PICTURE), range(UPLOADS)))
    seconds = time.monotonic() - start
    assert [answer.status_code for answer in answers] == [201] * UPLOADS, answers[0].text
    grown = (max(seen) - before) / 1e6
    print(  # this is what it is for
        f"{label}: {UPLOADS} uploads of 10 MB at once in {seconds:.1f} s; from {before / 1e6:.0f} MB, +{grown:.1f} MB"
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        with embedded_server(place / "database") as url:
            with serving(url, place / "served") as server:
                measure(server, "on the disk")
            with seaweedfs.running(place / "s3") as s3:
                os.environ |= seaweedfs.CREDENTIALS
                bucket = s3.bucket("images")
                with serving(url, place / "served", CRM_S3_BUCKET=bucket, CRM_S3_ENDPOINT_URL=s3.url) as server:
                    measure(server, "on SeaweedFS")


if __name__ == "__main__":
    main()
