"""What is taken for an image, what it is called, and how it gets into a record."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from crm_core.errors import InvalidError, Problem, flatten
from crm_core.model.entities import Client
from crm_core.model.files import KEY, clean_name, media_type, new_key
from crm_core.rules.images import MAX_PIXELS, ImageHeader, adding, check_header, not_a_file, not_an_image

ID = UUID("0189aaaa-0000-7000-8000-000000000001")
NAME = UUID("8c0b4c5e-9a3e-4a52-8f0e-0123456789ab")


def test_a_key_is_made_of_the_resource_the_record_and_a_name_of_ours() -> None:
    key = new_key("services", ID, NAME, "webp")

    assert key == f"services/{ID}/{NAME}.webp"
    assert KEY.fullmatch(key)
    assert media_type(key) == "image/webp"


@pytest.mark.parametrize(
    "key", [f"clients/{ID}/../x.png", f"clients/{ID}/{NAME}.svg", f"clients/{NAME}.png", f"c/{ID}/{NAME}.PNG"]
)
def test_nothing_else_is_a_key(key: str) -> None:
    assert not KEY.fullmatch(key)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("photo.jpeg", "photo.png"),
        ("photo", "photo.png"),
        ("../../etc/passwd", "passwd.png"),
        ("C:\\Users\\me\\a.b.gif", "a.b.png"),
        ("evil.php\0.jpg", "evil.php.png"),
        ("a\r\nSet-Cookie: b.png", "aSet-Cookie: b.png"),
        ("\u202egnp.exe", "gnp.png"),
        ("e\u0301.png", "é.png"),
        ('a";b%.png', "ab.png"),
        ("", "image.png"),
        (".png", "png.png"),
        ("..", "image.png"),
        ("x" * 300 + ".png", "x" * 100 + ".png"),
    ],
)
def test_a_client_s_name_is_cleaned(given: str, kept: str) -> None:
    assert clean_name(given, "png") == kept


def test_a_header_with_a_size_of_bounds_is_good() -> None:
    header = ImageHeader("png", 10_000, MAX_PIXELS // 10_000)

    assert check_header(header) is header


def test_a_jpeg_may_say_its_size_later() -> None:
    header = ImageHeader("jpg", 0, 0)

    assert check_header(header) is header


def test_the_largest_photos_of_telephones_have_no_more_pixels_than_are_taken() -> None:
    for width, height in ((8_160, 6_144), (9_248, 6_936), (12_032, 9_024)):
        check_header(ImageHeader("jpg", width, height))


def test_a_refusal_says_what_is_taken_beside_the_text_of_django_rest_framework() -> None:
    assert list(flatten(not_an_image().problems)) == [
        "file: Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
        "file: JPEG, PNG, GIF and WEBP are taken.",
    ]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "invalid_image"),
        (ImageHeader("png", 0, 0), "invalid_image"),
        (ImageHeader("gif", 5, 0), "invalid_image"),
        (ImageHeader("png", MAX_PIXELS + 1, 1), "max_pixels"),
        (ImageHeader("webp", 16_383, 16_383), "max_pixels"),
    ],
)
def test_other_headers_are_refused(header: ImageHeader | None, code: str) -> None:
    with pytest.raises(InvalidError) as raised:
        check_header(header)

    problem, *_ = raised.value.problems["file"]
    assert isinstance(problem, Problem)
    assert problem.code == code


def client(*images: str) -> Client:
    return Client(id=ID, name="a", list_of_images=images, created_at=datetime(2026, 1, 1, tzinfo=UTC), created_by=None)


def test_an_image_is_appended() -> None:
    assert adding("/files/b")(client("/files/a")).values == {"list_of_images": ("/files/a", "/files/b")}


def test_a_full_list_takes_no_more() -> None:
    draft = adding("/files/b")(client(*["/files/a"] * 1_000))

    assert draft.values == {}
    assert list(draft.problems) == ["list_of_images"]


def test_a_text_in_place_of_a_file_is_refused() -> None:
    assert not_a_file().problems == {
        "file": (Problem("invalid", "The submitted data was not a file. Check the encoding type on the form."),)
    }
