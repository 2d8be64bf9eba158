"""Whether the last scan of a baseline JPEG is whole, where no end mark says so (ITU-T T.81, annex F).

Cameras and scanners write files without end mark, and broken copies have none either. Only the codes of the scan tell
them apart: after the last block of a whole scan there is less than a byte, filled with ones. The last 16 KiB are
decoded, as far as to know where blocks end. Where the scan began earlier, decoding begins in the middle of a code,
which Huffman codes forgive: after some blocks it runs in step with the encoder.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import attrs

#: How much of the end of a scan is looked at, which bounds the time: some 30 ms.
TAIL_BYTES: Final = 2**14

_CODE_BITS: Final = 16
_COEFFICIENTS: Final = 64
_ZERO_RUN: Final = 15

#: A code by the next 16 bits: its own bits, and the byte that it stands for; None where there is no such code.
Table: TypeAlias = Sequence[tuple[int, int] | None]


@attrs.frozen
class Scan:
    """The last scan of a file.

    Attributes:
        tables: the tables of direct and of alternating coefficients of each block of a unit, in order.
        units: how many units there are since the last restart mark, or the scan's beginning, if it is whole.
        tail: the last bytes of it.
        is_all: whether ``tail`` reaches back to there.
    """

    tables: Sequence[tuple[Table, Table]]
    units: int
    tail: bytes
    is_all: bool


def split_tables(segment: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the Huffman tables of a DHT segment as they are written, by class and number in one byte."""
    while segment:
        end = 1 + _CODE_BITS + sum(segment[1 : 1 + _CODE_BITS])
        yield segment[0], segment[1:end]
        segment = segment[end:]


def table_of(written: bytes) -> Table:
    """Return a Huffman table: counts of codes by length, then what the codes stand for. Raises ValueError."""
    table: list[tuple[int, int] | None] = []
    places = iter(written[_CODE_BITS:])
    for length, count in enumerate(written[:_CODE_BITS], 1):
        for _ in range(count):
            table += [(length, next(places, 0))] * 2 ** (_CODE_BITS - length)
            if len(table) > 2**_CODE_BITS:
                raise ValueError
    return table + [None] * (2**_CODE_BITS - len(table))


def is_whole(scan: Scan) -> bool:
    """Return whether a scan ends where a unit ends, and with the right number of them where all of them can be seen."""
    data = scan.tail.replace(b"\xff\0", b"\xff")
    bits = len(data) * 8
    ends = list(_unit_ends(data, scan.tables, is_strict=scan.is_all))
    if scan.is_all:
        return len(ends) >= scan.units
    return bool(ends) and bits - ends[-1] < 8 and _are_ones(data, ends[-1])  # noqa: PLR2004  # the bits of a byte


def _unit_ends(data: bytes, tables: Sequence[tuple[Table, Table]], *, is_strict: bool) -> Iterator[int]:
    """The positions, in bits, at which units end. After what is no code it is tried again one bit later."""
    place, padded, bits = 0, data + b"\xff\xff\xff\xff", len(data) * 8
    while place < bits:
        end: int | None = place
        for direct, alternating in tables:
            end = end if end is None else _block_end(padded, end, direct, alternating)
        if end is None and is_strict:
            return
        if end is not None and end <= bits:
            yield end
        place = place + 1 if end is None else end


def _block_end(data: bytes, place: int, direct: Table, alternating: Table) -> int | None:
    """The position behind a block; None where there is none."""
    if (code := direct[_peek(data, place)]) is None:
        return None
    place += code[0] + (code[1] & 15)
    index = 1
    while index < _COEFFICIENTS:
        if (code := alternating[_peek(data, place)]) is None:
            return None
        run, size = code[1] >> 4, code[1] & 15
        place += code[0] + size
        if not size and run < _ZERO_RUN:
            return place
        index += run + 1
    return place if index == _COEFFICIENTS else None


def _peek(data: bytes, place: int) -> int:
    """The next 16 bits; ones behind the end."""
    first = place >> 3
    return int.from_bytes(data[first : first + 3].ljust(3, b"\xff"), "big") >> (8 - (place & 7)) & 0xFFFF


def _are_ones(data: bytes, place: int) -> bool:
    return _peek(data, place) == 2**_CODE_BITS - 1
