"""Decodes the base64 content of a part (RFC 2045, 6.8) piece by piece; old clients send it."""

import binascii
from collections.abc import AsyncIterator


async def decode_base64(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield decoded content. Invalid base64 yields no bytes; the image check then refuses the file."""
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
