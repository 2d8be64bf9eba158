"""Image files as they pass by: what is left out, what stays as it is, and what is no whole image."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.errors import InvalidError
from crm_core.rules.image_files import reader_of
from crm_core.rules.image_files.exif_orientation import orientation_only
from crm_core.rules.image_files.steps import MAX_SEGMENTS
from tests.pictures import (
    PHOTOS,
    PICTURES,
    TELLING,
    gif,
    jpeg,
    png,
    riff,
    segment,
    telling_webp,
    tiff,
    with_chunks,
    with_segments,
)

ALL = [*PICTURES.items(), *TELLING.items(), *(("jpg", photo) for photo in PHOTOS.values())]
#: More than is ever held back: the longest segment, and the piece that ends it.
MAX_HELD = 2**16 + 2**14


def read(kind: str, content: bytes, step: int = 2**14, *, keeps_metadata: bool = False) -> bytes:
    reader = reader_of(kind, keeps_metadata=keeps_metadata)
    kept = b"".join(reader.feed(content[start : start + step]) for start in range(0, len(content), step))
    reader.finish()
    return kept


def is_whole(kind: str, content: bytes) -> bool:
    try:
        read(kind, content)
    except InvalidError:
        return False
    return True


@pytest.mark.parametrize("kind", PICTURES)
def test_what_tells_nothing_stays_as_it_is(kind: str) -> None:
    assert read(kind, PICTURES[kind]) == PICTURES[kind]


@pytest.mark.parametrize("kind", TELLING)
def test_what_tells_something_is_left_out_and_the_rest_is_not(kind: str) -> None:
    kept = read(kind, TELLING[kind])

    assert b"SECRET" not in kept
    assert read(kind, kept) == kept
    assert read(kind, TELLING[kind], keeps_metadata=True) == TELLING[kind]


@given(picture=st.sampled_from(ALL), step=st.integers(1, 300))
def test_in_whatever_pieces_a_file_comes_the_same_is_kept(picture: tuple[str, bytes], step: int) -> None:
    kind, content = picture
    assert read(kind, content, step) == read(kind, content, len(content))


@pytest.mark.parametrize("kind", PICTURES)
def test_a_file_with_its_end_cut_off_is_not_whole(kind: str) -> None:
    assert not is_whole(kind, PICTURES[kind][:-1])
    assert not is_whole(kind, b"")


@pytest.mark.parametrize("kind", PICTURES)
def test_what_follows_the_end_is_left_out(kind: str) -> None:
    assert read(kind, PICTURES[kind] + b"the film that some telephones append") == PICTURES[kind]


@settings(max_examples=300)
@given(st.sampled_from(ALL), st.data())
def test_no_damage_is_more_than_a_refusal(picture: tuple[str, bytes], data: st.DataObject) -> None:
    kind, content = picture
    damaged = bytearray(content[: data.draw(st.integers(0, len(content)))])
    for _ in range(data.draw(st.integers(0, 6)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(
            st.sampled_from([0, 1, 0x7F, 0xD9, 0xDA, 0xFF])
        )
    for cut in (b"", b"\xff\xff"):
        is_whole(kind, bytes(damaged) + cut)


@given(st.sampled_from(sorted(PICTURES)), st.binary(max_size=2_000))
def test_no_content_is_more_than_a_refusal(kind: str, content: bytes) -> None:
    starts = {"png": 8, "jpg": 2, "gif": 13, "webp": 12}
    is_whole(kind, PICTURES[kind][: starts[kind]] + content)


@pytest.mark.parametrize(
    ("kind", "begun"),
    [
        ("png", PICTURES["png"][:33] + struct.pack(">I4s", 2**31 - 1, b"tEXt")),
        ("png", PICTURES["png"][:33] + struct.pack(">I4s", 2**31 - 1, b"eXIf") + tiff(6)),
        ("png", PICTURES["png"][:33] + struct.pack(">I4s", 2**31 - 1, b"IDAT")),
        ("jpg", PICTURES["jpg"][:-4]),
        ("jpg", PICTURES["jpg"][:20]),
        ("jpg", PICTURES["jpg"][:20] + b"\xff\xe1\xff\xff"),
        ("gif", gif()[:19] + b"!\xfe"),
        ("webp", b"RIFF\xff\xff\xff\xffWEBPEXIF\xf0\xff\xff\xff"),
        ("webp", b"RIFF\xff\xff\xff\xffWEBPVP8 \xf0\xff\xff\xff"),
    ],
)
@pytest.mark.parametrize("filling", [b"\0", b"\xff", b"\x01", b"a"])
def test_no_file_makes_the_reader_hold_more_than_a_segment(kind: str, begun: bytes, filling: bytes) -> None:
    reader, sent, kept = reader_of(kind), 0, 0
    try:
        for piece in (begun, *[filling * 2**14] * 64):
            sent, kept = sent + len(piece), kept + len(reader.feed(piece))
            assert len(reader._waiting) <= MAX_HELD
            assert kept <= sent
    except InvalidError:
        pass


def test_a_file_of_nothing_but_segments_is_refused() -> None:
    empty = with_chunks(*[(b"teXt", b"")] * (MAX_SEGMENTS + 1))

    assert not is_whole("png", empty)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_orientation_stays_and_nothing_else(orientation: int, order: str) -> None:
    exif = tiff(orientation, b"SECRET", order)
    alone = b"MM\0*\0\0\0\x08\0\1" + b"\x01\x12\0\3\0\0\0\1" + bytes([0, orientation, 0, 0]) + b"\0" * 4

    assert orientation_only(exif) == orientation_only(b"Exif\0\0" + exif) == alone == orientation_only(alone)
    assert segment(0xE1, b"Exif\0\0" + alone) in read("jpg", with_segments(segment(0xE1, b"Exif\0\0" + exif)))
    assert read("png", with_chunks((b"eXIf", exif))) == with_chunks((b"eXIf", alone))
    assert alone in read("webp", telling_webp(exif))


@pytest.mark.parametrize(
    "exif", [b"", b"MM", tiff(), tiff(1), tiff(0), tiff(9), tiff(6)[:19], b"XX" + tiff(6)[2:], b"MM\0*\xff\xff\xff\xff"]
)
def test_an_upright_picture_needs_no_exif(exif: bytes) -> None:
    assert orientation_only(exif) == b""
    assert read("jpg", with_segments(segment(0xE1, b"Exif\0\0" + exif))) == jpeg()
    assert read("png", with_chunks((b"eXIf", exif))) == png()


@given(st.binary(max_size=200))
def test_no_exif_is_more_than_the_reader_can_bear(exif: bytes) -> None:
    assert orientation_only(exif[:0] + b"II*\0" + exif) == b"" or len(orientation_only(b"II*\0" + exif)) == 26


def test_what_decides_about_colours_stays_in_a_jpeg() -> None:
    kept = (segment(0xE2, b"ICC_PROFILE\0\1\1colours"), segment(0xEE, b"Adobe\0d\0\0\0\0\1"))

    assert read("jpg", with_segments(*kept)) == with_segments(*kept)


def test_what_decides_about_colours_and_movement_stays_in_a_png() -> None:
    chunks = [
        (kind, b"x") for kind in (b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"tRNS", b"pHYs", b"acTL", b"fcTL", b"fdAT")
    ]

    assert read("png", with_chunks(*chunks)) == with_chunks(*chunks)


def test_how_often_a_gif_is_repeated_stays() -> None:
    assert b"NETSCAPE2.0" in read("gif", TELLING["gif"])
    assert len(read("gif", TELLING["gif"])) == len(gif()) + 19


def test_a_gif_has_palettes_and_many_images() -> None:
    image = b",\0\0\0\0\1\0\1\0\x80" + b"\0" * 6 + b"\2" + b"\2D\1" * 200 + b"\0"
    many = gif()[:-1] + (b"!\xf9\4\0\0\0\0\0" + image) * 50 + b";"

    assert read("gif", many) == many


def test_a_webp_keeps_its_length_and_says_no_more_that_it_has_xmp() -> None:
    kept = read("webp", telling_webp(tiff(3, b"SECRET")))

    assert len(kept) == len(telling_webp(tiff(3, b"SECRET"))) == int.from_bytes(kept[4:8], "little") + 8
    assert kept[20] == 0x28  # it still has a profile and EXIF
    assert b"XMP " not in kept
    assert b"PRIV" not in kept
    assert kept.count(b"JUNK") == 2


def test_the_exif_of_an_upright_webp_says_nothing() -> None:
    kept = read("webp", telling_webp(tiff(None, b"SECRET")))

    assert b"EXIF" + struct.pack("<I", 70) + b"MM\0*\0\0\0\x08" + b"\0" * 62 in kept


@pytest.mark.parametrize(
    "content",
    [
        riff(),
        riff((b"VP8X", b"\0" * 10)),
        riff((b"VP8L", b"\x2f\0\0\0\0"))[:-4],
        b"RIFF\x10\0\0\0WEBPVP8L\xff\0\0\0\x2f\0\0\0",
    ],
)
def test_a_webp_without_a_whole_picture_is_none(content: bytes) -> None:
    assert not is_whole("webp", content)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_without_end_mark_is_whole(name: str) -> None:
    assert is_whole("jpg", PHOTOS[name])
    assert is_whole("jpg", PHOTOS[name][:-2])


@pytest.mark.parametrize("name", ["baseline", "restarts", "grey"])
def test_a_photo_cut_off_in_the_middle_is_not_whole_wherever_that_is(name: str) -> None:
    photo = PHOTOS[name]

    assert [end for end in range(0, len(photo) * 49 // 50, 7) if is_whole("jpg", photo[:end])] == []


def test_of_a_long_photo_hardly_a_piece_is_taken_for_the_whole() -> None:
    """Its beginning is forgotten by then, so that a cut between two units cannot be told from the end."""
    photo = PHOTOS["long"]
    ends = range(len(photo) // 2, len(photo) - 200, 97)

    assert len([end for end in ends if is_whole("jpg", photo[:end])]) <= len(ends) // 20


def test_a_progressive_photo_is_whole_when_its_last_scan_has_begun() -> None:
    photo = PHOTOS["progressive"]
    last = photo.rindex(b"\xff\xda")

    assert [end for end in range(0, last, 7) if is_whole("jpg", photo[:end])] == []
    assert is_whole("jpg", photo[: last + 30])


def test_an_end_mark_within_a_segment_is_none() -> None:
    """A thumbnail has one of its own."""
    cut = with_segments(segment(0xE1, b"Exif\0\0" + tiff(6) + jpeg()))[:-12]

    assert b"\xff\xd9" in cut
    assert not is_whole("jpg", cut)


def test_a_checksum_is_right_for_what_was_written_anew() -> None:
    kept = read("png", with_chunks((b"eXIf", tiff(8, b"SECRET"))))
    start = kept.index(b"eXIf")

    assert kept[start + 30 : start + 34] == struct.pack(">I", zlib.crc32(kept[start : start + 30]))
