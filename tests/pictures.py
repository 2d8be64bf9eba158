"""Small images of every kind, made by hand: real to whoever looks at their first bytes and at their end."""

import struct
import zlib


def png(width: int = 3, height: int = 4, padding: int = 0) -> bytes:
    """A PNG that says so many pixels, with so many bytes of a chunk that nobody shows."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * (width + 1) * height) if width * height < 10_000 else b""
    chunks = (b"IHDR", header), (b"paDd", b"\xa5" * padding), (b"IDAT", data), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg(width: int = 3, height: int = 4, description: int = 0) -> bytes:
    """A JPEG with so many bytes of descriptions in front of its size."""
    before = b"".join(b"\xff\xe2" + struct.pack(">H", 60_002) + b"\0" * 60_000 for _ in range(description // 60_000))
    size = b"\xff\xc0\0\x0b\x08" + struct.pack(">HH", height, width) + b"\1\1\x11\0"
    return (
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + before + size + b"\xff\xda\0\x08\1\1\0\0\x3f\0\x7f\xff\xd9"
    )


def gif(width: int = 3, height: int = 4) -> bytes:
    palette = b"\x80\0\0\0\0\0\xff\xff\xff"
    return b"GIF89a" + struct.pack("<HH", width, height) + palette + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;"


def webp(width: int = 3, height: int = 4) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = (
        b"WEBPVP8X"
        + struct.pack("<I", 10)
        + b"\0\0\0\0"
        + canvas
        + b"VP8L"
        + struct.pack("<I", 6)
        + b"\x2f"
        + b"\0" * 5
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


PICTURES = {"png": png(), "jpg": jpeg(), "gif": gif(), "webp": webp()}
