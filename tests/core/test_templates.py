"""``{field}`` placeholders in URLs and headers, ruling 29."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.readers import RefusedError
from crm_core.templates import placeholder_problems, placeholders, read_headers, url_problems
from tests.core.knowledge import JSON_LIKE, texts

FIELDS = frozenset({"id", "name", "attributes", "attributes.größe"})
NOT_A_URL = ["Enter a valid URL."]
NOT_THERE = ["Placeholders may stand in the path and query only, not in scheme, host or port."]
UNBALANCED = ["Unbalanced braces."]
FORBIDDEN = ["This header cannot be set."]
NOT_A_NAME = ["This is not a header's name."]


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "HTTP://A.EXAMPLE/",
        "https://api.external.com/hooks/{id}",
        "https://a.example:8443/{id}/{name}?n={name}&g={attributes.größe}",
        "https://a.example?{id}",
        "http://127.0.0.1:9000/",
        "http://[::1]:9000/{id}",
        "https://a.example/%7Bid%7D",
    ],
)
def test_placeholders_may_stand_in_path_and_query(url: str) -> None:
    assert not url_problems(url, FIELDS)


@pytest.mark.parametrize(
    ("url", "problems"),
    [
        ("{id}", NOT_THERE),
        ("{id}://a.example/", NOT_THERE),
        ("https://{name}/", NOT_THERE),
        ("https://{name}.a.example/", NOT_THERE),
        ("https://a.example{id}", NOT_THERE),
        ("https://a.example:{id}/", NOT_THERE),
        ("https://{id}@a.example/", NOT_THERE),
        ("a.example/{id}", NOT_A_URL),
        ("/hooks/{id}", NOT_A_URL),
        ("//a.example/{id}", NOT_A_URL),
        ("https:/a.example/", NOT_A_URL),
        ("https:///{id}", NOT_A_URL),
        ("ftp://a.example/", NOT_A_URL),
        ("file:///etc/passwd", NOT_A_URL),
        ("https://user:pass@a.example/", NOT_A_URL),
        ("https://a.example\\@b.example/", NOT_A_URL),
        ("https://a.example /", NOT_A_URL),
        ("https://a.example/\n", NOT_A_URL),
        ("https://a.example:0/", NOT_A_URL),
        ("https://a.example:65536/", NOT_A_URL),
        ("https://a.example:x/", NOT_A_URL),
        ("https://[::1/", NOT_A_URL),
        ("https://:80/", NOT_A_URL),
        ("https://a{.example/", NOT_A_URL),
        ("https://a.example/{ghost}", ['Unknown placeholder "{ghost}".']),
        ("https://a.example/{}", ['Unknown placeholder "{}".']),
        ("https://a.example/{ id }", ["Enter a valid URL."]),
        ("https://a.example/{Id}/{attributes.ghost}",
         ['Unknown placeholder "{Id}".', 'Unknown placeholder "{attributes.ghost}".']),
        ("https://a.example/{id", UNBALANCED),
        ("https://a.example/id}", UNBALANCED),
        ("https://a.example/{{id}}", UNBALANCED),
    ],
)  # fmt: skip
def test_a_url_is_refused_when_the_webhook_is_saved(url: str, problems: object) -> None:
    assert texts(url_problems(url, FIELDS)) == problems


def test_a_template_names_its_placeholders_in_order() -> None:
    assert list(placeholders("{id} and {attributes.größe}, {id}")) == ["id", "attributes.größe", "id"]


def test_header_values_take_placeholders_anywhere() -> None:
    assert not placeholder_problems("{name} <{id}>", FIELDS)
    assert texts(placeholder_problems("{ghost} {", FIELDS)) == ['Unknown placeholder "{ghost}".', *UNBALANCED]


def test_sound_headers_are_kept_as_they_are() -> None:
    headers = {"Authorization": "Bearer token", "X-Custom-ID": "{id}", "x_y!#$%&'*+.^`|~": ""}

    assert read_headers(headers) == headers


@pytest.mark.parametrize(
    ("name", "value", "problems"),
    [
        ("", "x", NOT_A_NAME),
        ("X Y", "x", NOT_A_NAME),
        ("X:", "x", NOT_A_NAME),
        ("X\n", "x", NOT_A_NAME),
        ("X-{id}", "x", NOT_A_NAME),
        ("Größe", "x", NOT_A_NAME),
        ("Host", "x", FORBIDDEN),
        ("content-length", "1", FORBIDDEN),
        ("Transfer-Encoding", "chunked", FORBIDDEN),
        ("CONNECTION", "close", FORBIDDEN),
        ("Webhook-Signature", "x", FORBIDDEN),
        ("Proxy-Authorization", "x", FORBIDDEN),
        ("X", None, ["Not a valid string."]),
        ("X", 5, ["Not a valid string."]),
        ("X", "a\r\nHost: b", ["Line breaks are not allowed."]),
        ("X", "a\x00", ["Null characters are not allowed."]),
        ("X", "x" * 4_097, ["Ensure this field has no more than 4096 characters."]),
    ],
)
def test_a_header_is_refused_under_its_name(name: str, value: object, problems: object) -> None:
    with pytest.raises(RefusedError) as caught:
        read_headers({"X-Good": "1", name: value})

    assert texts(caught.value.problems) == {name: problems}


def test_there_are_at_most_50_headers() -> None:
    assert len(read_headers({f"X-{n}": "" for n in range(50)})) == 50
    with pytest.raises(RefusedError) as caught:
        read_headers({f"X-{n}": "" for n in range(51)})
    assert texts(caught.value.problems) == ["Ensure this field has no more than 50 elements."]


@given(
    st.text(st.sampled_from("htps:/@[]{}id.?#\\ \x00\ud800é0%")) | st.text().map("https://a.example".__add__),
    st.dictionaries(st.text(), JSON_LIKE),
)
def test_checking_anything_raises_nothing_but_refusals(url: str, headers: dict[str, Any]) -> None:
    assert texts(url_problems(url, FIELDS)) is not None
    with contextlib.suppress(RefusedError):
        assert read_headers(headers) == headers
