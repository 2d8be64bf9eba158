"""Small images of every kind, made by hand: real to whoever looks at their first bytes and at their end."""

import pathlib
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


def tiff(orientation: int | None = None, text: bytes = b"", order: str = ">") -> bytes:
    """EXIF with an orientation and a description."""
    entries = [(0x010E, 2, len(text), struct.pack(f"{order}I", 64))] if text else []
    if orientation is not None:
        entries.append((0x0112, 3, 1, struct.pack(f"{order}HH", orientation, 0)))
    written = b"".join(struct.pack(f"{order}HHI", *each[:3]) + each[3] for each in entries)
    mark = b"MM" if order == ">" else b"II"
    start = mark + struct.pack(f"{order}HIH", 42, 8, len(entries)) + written + b"\0" * 4
    return start.ljust(64, b"\0") + text


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def with_segments(*segments: bytes) -> bytes:
    """A JPEG with these behind its first."""
    picture = jpeg()
    return picture[:20] + b"".join(segments) + picture[20:]


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with these in front of its picture."""
    picture = png()
    return picture[:33] + b"".join(_chunk(*each) for each in chunks) + picture[33:]


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP of these chunks."""
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


_CANVAS = b"\2\0\0\3\0\0"


def telling_webp(exif: bytes) -> bytes:
    """A WebP with EXIF, XMP and a chunk of nobody."""
    return riff(
        (b"VP8X", b"\x2c\0\0\0" + _CANVAS),
        (b"ICCP", b"colours"),
        (b"VP8L", b"\x2f\0\0\0\0"),
        (b"EXIF", exif),
        (b"XMP ", b"<x:xmpmeta SECRET/>"),
        (b"PRIV", b"SECRET"),
    )


#: Images that tell a secret in every place that there is for it.
TELLING = {
    "jpg": with_segments(
        segment(0xE1, b"Exif\0\0" + tiff(6, b"SECRET") + b"\xff\xd8\xff\xd9SECRET"),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta SECRET/>"),
        segment(0xE2, b"MPF\0SECRET"),
        segment(0xED, b"Photoshop 3.0\x008BIM SECRET"),
        segment(0xE5, b"SECRET"),
        segment(0xFE, b"SECRET"),
    )
    + b"SECRET, as in the film that some telephones append",
    "png": with_chunks(
        (b"tEXt", b"Comment\0SECRET"),
        (b"zTXt", b"Comment\0\0SECRET"),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta SECRET/>"),
        (b"eXIf", tiff(8, b"SECRET", "<")),
    )
    + b"SECRET",
    "gif": gif()[:19]
    + b"!\xfe\6SECRET\0"
    + b"!\xff\x0bXMP DataXMP\6SECRET\0"
    + b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"
    + gif()[19:]
    + b"SECRET",
    "webp": telling_webp(tiff(3, b"SECRET")) + b"SECRET",
}

#: Small photos as an encoder writes them, with a thumbnail that has an end mark of its own: made by Pillow, of noise.
PHOTOS = {path.stem: path.read_bytes() for path in sorted((pathlib.Path(__file__).parent / "photos").glob("*.jpg"))}
