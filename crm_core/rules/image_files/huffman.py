"""Decides whether the last scan of a baseline JPEG without an end mark is complete (ITU-T T.81, annex F).

Some cameras and scanners write files without an end mark, and truncated copies have none either. The Huffman codes of
the scan show the difference: after the last block of a complete scan less than a byte is left, filled with ones. The
last 16 KiB are decoded far enough to find where blocks end. If the scan begins earlier, decoding begins in the middle
of a code. Huffman codes synchronize themselves: after some blocks the decoder is in step with the encoder.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import attrs

#: How many bytes at the end of a scan are decoded. It bounds the time: some 30 ms.
TAIL_BYTES: Final = 2**14

_CODE_BITS: Final = 16
_COEFFICIENTS: Final = 64
_ZERO_RUN: Final = 15

#: By the next 16 bits: the length of the code in bits, and the byte that it stands for; None for an invalid code.
Table: TypeAlias = Sequence[tuple[int, int] | None]


@attrs.frozen
class Scan:
    """The last scan of a file.

    Attributes:
        tables: the DC and AC tables of each block of a unit (MCU), in order.
        units: how many units a complete scan has after the last restart mark, or after its beginning.
        tail: the last bytes of it.
        is_all: whether ``tail`` contains all of these units.
    """

    tables: Sequence[tuple[Table, Table]]
    units: int
    tail: bytes
    is_all: bool


def split_tables(segment: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the Huffman tables of a DHT segment, undecoded, with their class and number in one byte."""
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
    """Yield the positions, in bits, at which units end. After an invalid code, retry one bit later."""
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
    """Return the position behind a block; None if there is no block."""
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
    """Return the next 16 bits, filled with ones behind the end of the data."""
    first = place >> 3
    return int.from_bytes(data[first : first + 3].ljust(3, b"\xff"), "big") >> (8 - (place & 7)) & 0xFFFF


def _are_ones(data: bytes, place: int) -> bool:
    return _peek(data, place) == 2**_CODE_BITS - 1
