"""Headers of responses as ASGI has them: pairs of bytes, the names in lower case."""

from collections.abc import Iterable
from typing import TypeAlias

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]


def varying(headers: Headers, name: bytes) -> list[tuple[bytes, bytes]]:
    """Return headers whose one ``Vary`` (RFC 9110, 12.5.5) also names a header of requests.

    >>> varying([(b"vary", b"Authorization")], b"Origin")
    [(b'vary', b'Authorization, Origin')]
    """
    found = list(headers)
    named = b", ".join(value for key, value in found if key == b"vary")
    if name.lower() in named.lower().split(b", "):
        return found
    others = [header for header in found if header[0] != b"vary"]
    return [*others, (b"vary", b", ".join([named, name]) if named else name)]
