"""Decides whether the last scan of a JPEG without an end mark is complete.

In a baseline JPEG the Huffman codes show it (``huffman.py``). A progressive JPEG counts as complete when the scans with
the last bits of the coefficients have begun, because the rest can hardly be seen. Other kinds are rare, and are
complete only with an end mark.
"""

import math
from collections.abc import Sequence
from typing import Final

import attrs

from crm_core.rules.image_files.huffman import TAIL_BYTES, Scan, is_whole, split_tables, table_of

#: Markers of frames, which say the size: C0 to CF but for tables and what is reserved.
FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BASELINE: Final = frozenset({0xC0, 0xC1})
_PROGRESSIVE: Final = 0xC2
_TABLES: Final = 0xC4
_START_OF_SCAN: Final = 0xDA
_RESTART_INTERVAL: Final = 0xDD
_RESTARTS: Final = tuple(bytes([0xFF, 0xD0 + number]) for number in range(8))
#: Numbers of tables of alternating coefficients have this bit.
_ALTERNATING: Final = 0x10
_BLOCK: Final = 8
_COEFFICIENTS: Final = 64


@attrs.define
class Scans:
    """Collects what the segments of a file say about its scans, and the end of the last scan.

    Attributes:
        is_open: whether a scan has begun and no marker has ended it.
    """

    is_open: bool = False
    _kind: int = 0
    _frame: bytes = b""
    _tables: dict[int, bytes] = attrs.Factory(dict)
    _interval: int = 0
    _scan: bytes = b""
    _final: dict[int, set[int]] = attrs.Factory(dict)
    _tail: bytes = b""
    _is_tail_all: bool = True
    _restarts: int = 0

    @property
    def has_frame(self) -> bool:
        """Return whether there was a frame, which has the size."""
        return bool(self._frame)

    def notice(self, marker: int, body: bytes) -> None:
        """Record a segment."""
        if marker in FRAMES:
            self._kind, self._frame = marker, body
        elif marker == _TABLES:
            self._tables |= dict(split_tables(body))
        elif marker == _RESTART_INTERVAL:
            self._interval = int.from_bytes(body[:2], "big")
        elif marker == _START_OF_SCAN:
            self.is_open, self._scan = True, body
            self._tail, self._is_tail_all, self._restarts = b"", True, 0
            self._notice_final(body)

    def see(self, data: bytes) -> None:
        """Record the end of the scan data. Each piece ends between markers."""
        if self._interval:
            self._restarts += sum(data.count(each) for each in _RESTARTS)
        tail = self._tail + data
        self._tail = tail[-TAIL_BYTES:]
        self._is_tail_all = self._is_tail_all and len(tail) <= TAIL_BYTES

    def are_whole(self) -> bool:
        """Return whether the last scan is complete, so that the file can end here."""
        if not self.is_open or not self._frame:
            return False
        try:
            if self._kind == _PROGRESSIVE:
                return all(len(self._final.get(each, ())) == _COEFFICIENTS for each in self._sampling())
            return self._kind in _BASELINE and self._final.keys() >= self._sampling().keys() and self._ends_well()
        except (IndexError, KeyError, ValueError, ZeroDivisionError):  # the segments contradict each other
            return False

    def _notice_final(self, scan: bytes) -> None:
        """Record which coefficients this scan completes to their last bit, by component."""
        first, last, bits = scan[-3:] if len(scan) >= 3 else (0, 0, 1)  # noqa: PLR2004  # they are three
        if self._kind == _PROGRESSIVE and bits & 15:
            return
        for component in scan[1:-3:2]:
            self._final.setdefault(component, set()).update(range(first, min(last + 1, _COEFFICIENTS)))

    def _ends_well(self) -> bool:
        parts = [(each, number) for each, number in zip(self._scan[1:-3:2], self._scan[2:-3:2], strict=True)]
        numbers = [(number >> 4, _ALTERNATING | number & 15) for _, number in parts]
        if not {number for pair in numbers for number in pair} <= self._tables.keys():
            return True  # a frame of Motion JPEG without tables: players use the standard ones
        mark = max((self._tail.rfind(each) for each in _RESTARTS), default=-1)
        units = self._units([each for each, _ in parts])
        last = units - self._restarts * self._interval
        tail = self._tail[mark + 2 :] if mark >= 0 else self._tail
        order = [
            (table_of(self._tables[direct]), table_of(self._tables[alternating]))
            for (each, _), (direct, alternating) in zip(parts, numbers, strict=True)
            for _ in range(math.prod(self._sampling()[each]) if len(parts) > 1 else 1)
        ]
        return is_whole(Scan(order, last, tail, is_all=mark >= 0 or self._is_tail_all))

    def _units(self, components: Sequence[int]) -> int:
        """Return how many units (MCUs) a scan of these components has."""
        sampling = self._sampling()
        height, width = int.from_bytes(self._frame[1:3], "big"), int.from_bytes(self._frame[3:5], "big")
        most = [max(each[axis] for each in sampling.values()) for axis in (0, 1)]
        if len(components) == 1:
            own = sampling[components[0]]
            width, height = math.ceil(width * own[0] / most[0]), math.ceil(height * own[1] / most[1])
            most = [1, 1]
        return math.ceil(width / (_BLOCK * most[0])) * math.ceil(height / (_BLOCK * most[1]))

    def _sampling(self) -> dict[int, tuple[int, int]]:
        """Return how many blocks of each component a unit has, horizontally and vertically."""
        return {self._frame[at]: divmod(self._frame[at + 1], 16) for at in range(6, 6 + 3 * self._frame[5], 3)}
