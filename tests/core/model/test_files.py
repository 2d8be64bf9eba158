"""Keys and URLs of stored files."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.input.readers import RefusedError
from crm_core.model.files import KEY, MEDIA_TYPES, SITE_FILES, clean_name, key_in, media_type, new_key, read_image_url
from crm_core.resources import RESOURCES
from tests.core.knowledge import uid

STARTS = ("https://cdn.example/", "https://old.example/images/")
NAMED = f"clients/{uid(1)}/{uid(2)}.png"


@given(
    path=st.sampled_from([resource.path for resource in RESOURCES.values()]),
    id_=st.uuids(),
    name=st.uuids(),
    extension=st.sampled_from(sorted(MEDIA_TYPES)),
    start=st.sampled_from([SITE_FILES, f"/crm{SITE_FILES}", *STARTS]),
)
def test_a_key_is_found_in_every_url_of_its_file(path: str, id_: UUID, name: UUID, extension: str, start: str) -> None:
    key = new_key(path, id_, name, extension)
    found = KEY.fullmatch(key)

    assert found is not None
    assert found.groups() == (path, str(id_), extension)
    assert key_in(start + key, *STARTS) == key
    assert media_type(key) == MEDIA_TYPES[extension]


@pytest.mark.parametrize("url", ["", "/", SITE_FILES, "/other/x.png", "https://else.example/x.png", f"x{STARTS[0]}a"])
def test_other_urls_have_no_key(url: str) -> None:
    assert key_in(url, *STARTS) is None
    assert key_in(f"{STARTS[0]}x.png") is None


@pytest.mark.parametrize("url", ["https://a.example/x.png", "/files/x.png", "/crm/v1/files/x%C3%A9.png"])
def test_web_urls_and_files_of_the_site_are_urls_of_images(url: str) -> None:
    assert read_image_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "x.png",
        "javascript:alert(1)",
        "//evil.example/files/x",
        "/files/../x",
        "/files/%2e%2e/x",
        "/files/a b",
        "/files/a%20b",
    ],
)
def test_anything_else_is_no_url_of_an_image(url: str) -> None:
    with pytest.raises(RefusedError):
        read_image_url(url)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a/b/cat.gif", "cat.png"),
        ("cat", "cat.png"),
        (".gif", "gif.png"),
        ('c";%a\x00t.gif', "cat.png"),
        ("", "image.png"),
        (" . .gif", "image.png"),
        ("e\u0301.gif", "\u00e9.png"),
        ("x" * 200, "x" * 100 + ".png"),
    ],
)
def test_file_names_are_cleaned(name: str, clean: str) -> None:
    assert clean_name(name, "png") == clean
