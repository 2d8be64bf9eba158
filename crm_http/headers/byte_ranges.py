"""Reads the ``Range`` header (RFC 9110, 14.2)."""

import re

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


def requested_range(header: str, size: int) -> tuple[int, int]:
    """Return the start (inclusive) and end (exclusive) of the range that a ``Range`` header requests.

    Without a valid range, or with several ranges, it is the whole. It is empty or reversed if it cannot be satisfied.

    >>> requested_range("bytes=-3", 10), requested_range("bytes=2-4", 10), requested_range("", 10)
    ((7, 10), (2, 5), (0, 10))

    Args:
        header: the value of the header; empty for none.
        size: the number of bytes in the whole.
    """
    match = _RANGE.fullmatch(header.strip())
    if not match or not any(match.groups()):
        return 0, size
    first, last = match.groups()
    if not first:  # the last bytes of the whole
        return max(size - int(last), 0), size
    if last and int(last) < int(first):  # an invalid range
        return 0, size
    return int(first), min(int(last) + 1, size) if last else size
