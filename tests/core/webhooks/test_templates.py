"""``{field}`` placeholders in URLs and headers, decision 29."""

import contextlib
import unicodedata
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.input.readers import RefusedError
from crm_core.webhooks.headers import read_headers
from crm_core.webhooks.templates import (
    UnfillableError,
    fill_header,
    fill_url,
    placeholder_problems,
    placeholders,
    without_empty_segments,
)
from crm_core.webhooks.urls import url_problems
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
        "http://10.0.0.1/",
        "https://münchen.example./{id}",
        "https://a_b.xn--bcher-kva.example/",
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
        ("https://a.example/#{id}", NOT_THERE),
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
        ("https://a..example/", NOT_A_URL),
        ("https://../", NOT_A_URL),
        ("https://%00/", NOT_A_URL),
        ("https://-a.example/", NOT_A_URL),
        (f"https://{'a' * 64}.example/", NOT_A_URL),
        (f"https://{'a.' * 127}example/", NOT_A_URL),
        ("https://2130706433/", NOT_A_URL),
        ("https://127.1/", NOT_A_URL),
        ("https://0x7f.0.0.0x1/", NOT_A_URL),
        ("https://127.0.0.0x1./", NOT_A_URL),
        ("https://\uff11\uff12\uff17.0.0.1/", NOT_A_URL),
        ("https://[fe80::1%25eth0]/", NOT_A_URL),
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


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example:1/",
        "https://a.example:65535/",
        f"https://{'a.' * 126}a/",
        f"https://{'a' * 63}.example/",
        "https://a.example./",
    ],
)
def test_a_url_may_go_to_the_limits(url: str) -> None:
    assert not url_problems(url, FIELDS)


def test_a_template_names_its_placeholders_in_order() -> None:
    assert list(placeholders("{id} and {attributes.größe}, {id}")) == ["id", "attributes.größe", "id"]


def test_header_values_take_placeholders_anywhere() -> None:
    assert not placeholder_problems("{name} <{id}>", FIELDS)
    assert texts(placeholder_problems("{ghost} {", FIELDS)) == ['Unknown placeholder "{ghost}".', *UNBALANCED]


def test_a_header_is_set_once_however_it_is_spelled() -> None:
    with pytest.raises(RefusedError) as caught:
        read_headers({"X-A": "1", "x-a": "2", "X-B": "3"})

    assert texts(caught.value.problems) == {
        "X-A": ["This header is set twice."],
        "x-a": ["This header is set twice."],
    }


def test_sound_headers_are_kept_as_they_are() -> None:
    headers = {"Authorization": "Bearer token", "X-Custom-ID": "{id}", "x_y!#$%&'*+.^`|~": ""}

    assert read_headers(headers) == headers


def test_a_webhook_may_set_its_own_agent_and_media_types() -> None:
    headers = {"User-Agent": "ours/1", "Accept": "text/plain", "Content-Type": "application/cloudevents+json"}

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
        ("Accept-Encoding", "gzip", FORBIDDEN),
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


def test_a_problem_stands_under_the_first_256_characters_of_a_long_name() -> None:
    with pytest.raises(RefusedError) as caught:
        read_headers({"x" * 300: ""})

    assert texts(caught.value.problems) == {"x" * 256: NOT_A_NAME}


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


HOOK = "https://a.example:8443/hooks/{a}/x?q={b}&r=1"
ANY_TEXT = st.text() | st.text(st.sampled_from("./\\@:?#%{}ab\r\n\t\x00\x85\u2028\u202eé "), max_size=12)
HOSTILE_VALUES = [
    pytest.param("../../admin", "..%2F..%2Fadmin", id="steps up"),
    pytest.param("..", "%2E%2E", id="two dots"),
    pytest.param(".", "%2E", id="one dot"),
    pytest.param("...", "%2E%2E%2E", id="three dots"),
    pytest.param("%2e%2e", "%252e%252e", id="encoded dots"),
    pytest.param("@evil.example/", "%40evil.example%2F", id="userinfo"),
    pytest.param("//evil.example", "%2F%2Fevil.example", id="authority"),
    pytest.param("\\\\evil.example", "%5C%5Cevil.example", id="backslashes"),
    pytest.param("?a=b&c#d;e", "%3Fa%3Db%26c%23d%3Be", id="delimiters"),
    pytest.param("a\r\nHost: evil", "a%0D%0AHost%3A%20evil", id="CR LF"),
    pytest.param("é", "%C3%A9", id="é"),
    pytest.param("{b}", "%7Bb%7D", id="a placeholder"),
    pytest.param("{a.__class__}", "%7Ba.__class__%7D", id="str.format"),
    pytest.param("\u202e", "%E2%80%AE", id="U+202E"),
    pytest.param("X.X", "X.X", id="letters around a dot"),
    pytest.param("\x00", "%00", id="NUL"),
    pytest.param("a b+c~", "a%20b%2Bc~", id="blank and plus"),
    pytest.param("x" * 10_000, "x" * 1_024, id="10 kB"),
    pytest.param(True, "true", id="true"),
    pytest.param(False, "false", id="false"),
    pytest.param(0, "0", id="0"),
    pytest.param(-1.5, "-1.5", id="-1.5"),
    pytest.param([], "%5B%5D", id="no items"),
    pytest.param(["a/b", None, "é"], "%5B%22a%2Fb%22%2Cnull%2C%22%C3%A9%22%5D", id="list"),
    pytest.param({"a": 1}, "%7B%22a%22%3A1%7D", id="object"),
]


EMPTY_VALUES = [pytest.param("", id="empty"), pytest.param(None, id="null")]


def filled(template: str, **values: object) -> str:
    return fill_url(template, values.get)


def header(template: str, **values: object) -> str:
    return fill_header(template, values.get)


def steps(path: str) -> list[str]:
    """The segments of a path that clients take out before they send it (RFC 3986, 5.2.4)."""
    return [segment for segment in path.split("/") if segment in {".", ".."}]


def assert_keeps_the_shape(url: str, template: str) -> SplitResult:
    """Wherever values go, the request goes to the same place: scheme, host, port and the number of segments."""
    found, meant = urlsplit(url), urlsplit(template)
    assert (found.scheme, found.netloc) == (meant.scheme, meant.netloc)
    assert (found.hostname, found.port, found.username) == (meant.hostname, meant.port, None)
    assert found.path.count("/") == meant.path.count("/")
    assert len(steps(found.path)) == len(steps(meant.path))
    assert found.query.count("&") == meant.query.count("&")
    assert found.fragment == meant.fragment
    assert url.isascii()
    assert url.isprintable()
    assert not set(' \\"<>^`{|}') & set(url)
    return found


@pytest.mark.parametrize(("value", "encoded"), HOSTILE_VALUES)
def test_values_are_percent_encoded_and_stay_where_they_are_put(value: object, encoded: str) -> None:
    url = filled(HOOK, a=value, b=value)

    assert url == f"https://a.example:8443/hooks/{encoded}/x?q={encoded}&r=1"
    assert_keeps_the_shape(url, HOOK)


@pytest.mark.parametrize("value", EMPTY_VALUES)
@pytest.mark.parametrize(
    ("template", "segment"),
    [
        ("https://a.example/{a}", "{a}"),
        ("https://a.example/clients/{a}/leads", "{a}"),
        ("https://a.example/clients/{a}{a}/", "{a}{a}"),
        ("https://a.example//{b}/{a}?q={b}", "{a}"),
        ("https://a.example/{b}/{a}#f", "{a}"),
    ],
)
def test_a_path_segment_that_a_value_would_leave_empty_cannot_be_filled(
    template: str, segment: str, value: object
) -> None:
    with pytest.raises(UnfillableError) as caught:
        filled(template, a=value, b="b")

    assert str(caught.value) == f"A segment of the URL's path would be empty: {segment}."


def test_segments_of_the_path_alone_are_replaced_where_they_would_be_empty() -> None:
    template = "https://a.example/{a}/{b}?q=/{a}/#/{a}?{a}"

    assert without_empty_segments(template, {"b": 7}.get, "erased") == template.replace("{a}", "erased", 1)


@pytest.mark.parametrize("value", EMPTY_VALUES)
def test_an_empty_value_may_stand_elsewhere(value: object) -> None:
    for template in (
        "https://a.example?{a}",
        "https://a.example/?q={a}&r=/{a}/",
        "https://a.example/x-{a}/{b}{a}//",
    ):
        url = filled(template, a=value, b="b")
        assert url == template.replace("{a}", "").replace("{b}", "b")
        assert_keeps_the_shape(url, template)


@pytest.mark.parametrize(
    "template",
    [
        "https://a.example",
        "HTTP://A.EXAMPLE/",
        "https://a.example?{a}",
        "https://a.example/{a}",
        "https://a.example/{a}{a}/z",
        "https://a.example/{a}-{b}/{a}.json?{a}={b}",
        "https://a.example/%2e{a}/%7Ba%7D",
        "http://[::1]:9000/{a}/{b}#f",
    ],
)
@pytest.mark.parametrize(("value", "encoded"), HOSTILE_VALUES)
def test_no_value_leaves_its_place_in_any_template(template: str, value: object, encoded: str) -> None:
    url = filled(template, a=value, b="x")

    assert_keeps_the_shape(url, template)
    assert url == template.replace("{a}", encoded).replace("{b}", "x")


@pytest.mark.parametrize(
    "template",
    [
        "https://a.example/a/{a}.{a}/z",
        "https://a.example/a/{a}.",
        "https://a.example/a/.{a}/z",
        "https://a.example/a/..{a}/z",
        "https://a.example/a/.{a}./z?q=1",
        "https://a.example/../{a}..",
    ],
)
@pytest.mark.parametrize("value", [None, "", ".", ".."])
def test_literal_dots_that_values_leave_alone_are_no_step_up_either(template: str, value: object) -> None:
    with contextlib.suppress(UnfillableError):
        assert_keeps_the_shape(filled(template, a=value), template)


def test_what_cannot_be_encoded_becomes_a_question_mark() -> None:
    assert filled("https://a.example/{a}", a="x\ud800") == "https://a.example/x%3F"


@pytest.mark.parametrize("end", ["?{a}/..", "#/../..", "?/..#/.."])
def test_dots_after_the_path_are_no_steps(end: str) -> None:
    assert filled(f"https://a.example/x{end}", a="") == f"https://a.example/x{end}".replace("{a}", "")


def test_a_segment_that_would_be_dots_alone_is_refused() -> None:
    with pytest.raises(UnfillableError, match=r"^A segment of the URL's path would be dots alone\.$"):
        filled("https://a.example/{a}..", a="")
    # A step that the template has itself stays.
    assert filled("https://a.example/../{a}", a="x") == "https://a.example/../x"


@given(ANY_TEXT.filter(bool), ANY_TEXT)
def test_any_text_keeps_the_shape_and_comes_out_as_it_went_in(one: str, other: str) -> None:
    found = assert_keeps_the_shape(filled(HOOK, a=one, b=other), HOOK)

    assert unquote(found.path.split("/")[2]) == one[:1_024]
    assert unquote(found.query.removeprefix("q=").removesuffix("&r=1")) == other[:1_024]


@given(
    st.lists(st.lists(st.sampled_from(["{a}", "{b}", ".", "-", "a", "%2F"]), max_size=4).map("".join), max_size=5),
    st.sampled_from(["", "?", "?{a}={b}&{b}"]),
    ANY_TEXT | st.sampled_from(["", ".", "..", "/"]),
    ANY_TEXT | JSON_LIKE.filter(lambda value: "\\ud" not in ascii(value)),
)
def test_any_template_and_any_values_keep_the_shape(segments: list[str], query: str, one: str, other: object) -> None:
    template = "https://a.example:8443" + "".join(f"/{segment}" for segment in segments) + query

    with contextlib.suppress(UnfillableError):
        assert_keeps_the_shape(filled(template, a=one, b=other), template)


@pytest.mark.parametrize("fill", [filled, header])
def test_values_are_not_expanded_again(fill: Any) -> None:
    asked: list[str] = []
    values = {"a": "{b}", "b": "secret", "c": "{", "d": "b}"}

    def value_of(name: str) -> object:
        asked.append(name)
        return values.get(name)

    template = "https://a.example/{a}/{c}{d}"
    found = fill_url(template, value_of) if fill is filled else fill_header(template, value_of)
    assert unquote(found) == "https://a.example/{b}/{b}"
    assert asked == ["a", "c", "d"]


@pytest.mark.parametrize("name", ["a.__class__", "a!r", "a:>999999999", "a[0]", "", "0"])
def test_a_placeholder_is_a_name_and_nothing_else(name: str) -> None:
    assert filled(f"https://a.example/?{{{name}}}/", a="x") == "https://a.example/?/"
    assert filled(f"https://a.example/{{{name}}}/", **{name: "x"}) == "https://a.example/x/"
    assert header(f"{{{name}}}", **{name: "x"}) == "x"


def test_of_a_value_a_url_takes_1024_characters_however_they_are_encoded() -> None:
    assert filled("https://a.example/{a}", a="é" * 10_000) == "https://a.example/" + "%C3%A9" * 1_024


def test_a_url_has_at_most_8192_characters() -> None:
    rest = 8_192 - len("https://a.example/") - 7 * 1_024
    template = "https://a.example/" + "{a}" * 7 + "{b}"

    assert len(filled(template, a="x" * 2_000, b="x" * rest)) == 8_192
    with pytest.raises(UnfillableError, match=r"^The URL is too long\.$"):
        filled(template, a="x" * 2_000, b="x" * (rest + 1))
    with pytest.raises(UnfillableError):
        filled("https://a.example/{a}{a}", a="é" * 1_024)


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ("Bearer {a}", "token", "Bearer token"),
        ("{a}", "../../admin", "../../admin"),
        ("{a}, {a}", "é", "é, é"),
        ("{a}", "\u202e", "\u202e"),
        ("v={a}", "x\r\nHost: evil.example", "v=x  Host: evil.example"),
        ("v={a};", "\r\n\r\n{}", "v=    {};"),
        ("v={a}.", "\x00\x1f\x7f\x85\x9f\u2028\u2029\t", "v=        ."),
        ("{a}", "\r\n x \t\x00", "x"),
        (" {a} ", "", ""),
        ("{a}", "{b}", "{b}"),
        ("{a}", "\ud800", "?"),
        ("{a}", None, ""),
        ("{a}", True, "true"),
        ("{a}", 1.5, "1.5"),
        ("{a}", ["a", None, "\n"], '["a",null,"\\n"]'),
        ("{a}", {"é": 1}, '{"é":1}'),
        ("{a}", "x" * 10_000, "x" * 4_096),
        ("{a}", "é" * 10_000, "é" * 2_048),
        ("x{a}", "é" * 10_000, "x" + "é" * 2_047),
    ],
)
def test_header_values_are_stripped_of_control_characters_and_cut(template: str, value: object, expected: str) -> None:
    assert header(template, a=value) == expected


@pytest.mark.parametrize("end", ["  y", "\r\ny", "\u00a0y", " é"])
def test_a_header_that_is_cut_does_not_end_in_a_blank(end: str) -> None:
    """An HTTP/1.1 client refuses to send such a value (h11: Illegal header value)."""
    found = header("{a}", a="x" * 4_094 + end)

    assert found == found.strip()


@given(st.text(max_size=8), st.text(st.characters(exclude_categories=())) | ANY_TEXT | JSON_LIKE, st.integers(1, 5_000))
def test_any_value_makes_one_sound_header_line(before: str, value: object, times: int) -> None:
    value = value * times if isinstance(value, str) else value
    found = header(before.replace("{", "") + "{a}", a=value)

    assert len(f"X: {found}.".splitlines()) == 1
    assert not [c for c in found if unicodedata.category(c) == "Cc"]
    assert len(found.encode()) <= 4_096
    assert found == found.strip()
