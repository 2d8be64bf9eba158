"""What the libraries say of files, by their first bytes."""

import random

import pytest

from crm_adapters.image_headers import read_header
from crm_core.rules.images import ImageHeader
from tests.pictures import PICTURES, gif, jpeg, png, webp


@pytest.mark.parametrize(
    ("picture", "header"),
    [
        (png(300, 7), ImageHeader("png", 300, 7)),
        (png(65_000, 65_000), ImageHeader("png", 65_000, 65_000)),
        (jpeg(65_535, 7), ImageHeader("jpg", 65_535, 7)),
        (jpeg(9, 7, description=600_000), ImageHeader("jpg", 9, 7)),
        (gif(300, 7), ImageHeader("gif", 300, 7)),
        (webp(16_384, 7), ImageHeader("webp", 16_384, 7)),
        (png().replace(b"paDd", b"acTL"), ImageHeader("png", 3, 4)),  # an animated one
    ],
)
def test_an_image_says_its_kind_and_size(picture: bytes, header: ImageHeader) -> None:
    assert read_header(picture) == header


@pytest.mark.parametrize("kind", ["png", "jpg", "gif"])
def test_too_little_of_an_image_says_its_kind_alone(kind: str) -> None:
    assert read_header(PICTURES[kind][:5]) == ImageHeader(kind, 0, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"\0" * 100,
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"<!DOCTYPE html>",
        b"BM" + b"\0" * 60,
        b"II*\0" + b"\0" * 60,
        b"%PDF-1.7",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\0\0\0\x1cftypavif\0\0\0\0",
    ],
)
def test_nothing_else_is_an_image(content: bytes) -> None:
    assert read_header(content) is None


def test_no_damage_is_more_than_the_libraries_can_bear() -> None:
    chance = random.Random(1)  # noqa: S311  # always the same damage
    for picture in PICTURES.values():
        for _ in range(2_000):
            damaged = bytearray(picture[: chance.randrange(1, len(picture) + 1)])
            for _ in range(chance.randrange(1, 8)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            read_header(bytes(damaged))
