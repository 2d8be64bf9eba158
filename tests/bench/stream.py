"""What the whole list of 1,000,000 clients costs the server, and others who ask meanwhile.

``python -m tests.bench.stream [DIRECTORY]``; the directory is that of ``tests.bench.growth``.
"""

import http.client
import socket
import statistics
import sys
import threading
import time
from collections.abc import Sequence

from tests.bench.growth import PAGE, SIZES, Side, directory, grown
from tests.bench.uploads import watching, workers
from tests.http.conftest import Server

OTHERS = 3_000
PIECE = 2**16


def main() -> None:
    """Ask for the whole list while others ask for single clients."""
    with directory(sys.argv) as place, grown(SIZES[-1], place / str(SIZES[-1])) as (url, server):
        side = Side(url, server)
        side.seconds(f"/api/clients/?{PAGE}")  # what is loaded once counts for nobody
        before = others(side, OTHERS)
        processes = workers(server)
        began = sum(each.memory_info().rss for each in processes)
        lists = [TruncationCheck(server, side.headers) for _ in range(2)]
        with watching(processes) as seen:
            lists[0].start()
            meanwhile = others(side, OTHERS)
            lists[0].join()
            slow = lists[1]
            slow.pause = 0.02
            slow.start()
            slow.join(20)
            slow.stop()
    print(f"the list has {lists[0].size / 1e6:.0f} MB and takes {lists[0].seconds:.1f} s")
    print(f"its first byte comes after {lists[0].first * 1_000:.0f} ms")
    print(f"the server has {began / 1e6:.0f} MB and grows by {(max(seen) - began) / 1e6:.0f} MB, slow readers included")
    for name, taken in (("alone", before), ("meanwhile", meanwhile)):
        print(f"GET one client, {name}: p50 {statistics.median(taken) * 1e3:.1f} ms, p99 {p99(taken) * 1e3:.1f} ms")


class TruncationCheck(threading.Thread):
    """Somebody who reads the whole list.

    Attributes:
        pause: seconds that the reader waits after each piece.
    """

    def __init__(self, server: Server, headers: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.size, self.first, self.seconds, self.pause = 0, 0.0, 0.0, 0.0
        self._headers = headers
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port)
        self._stopped = threading.Event()

    def run(self) -> None:
        began = time.perf_counter()
        self._connection.request("GET", "/api/clients/", headers=self._headers)
        answer = self._connection.getresponse()
        while piece := answer.read1(PIECE):
            self.first = self.first or time.perf_counter() - began
            self.size += len(piece)
            if self._stopped.wait(self.pause):
                break
        self.seconds = time.perf_counter() - began

    def stop(self) -> None:
        """Have it read no further."""
        self._stopped.set()
        self.join()
        if self._connection.sock:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()


def others(side: Side, count: int) -> Sequence[float]:
    """Seconds that single clients take."""
    paths = side.paths["GET by id"]
    return [side.seconds(paths[number % len(paths)]) for number in range(count)]


def p99(taken: Sequence[float]) -> float:
    """What one in a hundred takes longer than."""
    return statistics.quantiles(taken, n=100)[98]


if __name__ == "__main__":
    main()
