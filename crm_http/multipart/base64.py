"""Content of a part in base64 (RFC 2045, 6.8), as old clients send it, decoded piece by piece."""

import binascii
from collections.abc import AsyncIterator


async def decode_base64(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield decoded content. What is no base64 becomes nothing, and so no image."""
    waiting = b""
    async for piece in content:
        text = waiting + b"".join(piece.split())
        whole = len(text) - len(text) % 4
        waiting = text[whole:]
        yield _decoded(text[:whole])
    yield _decoded(waiting)


def _decoded(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        return b""
