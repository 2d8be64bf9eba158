"""Where the parts of a form begin and end, whatever the pieces in which it comes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_http.multipart.parser import (
    MAX_HEAD_BYTES,
    MAX_PARTS,
    MalformedFormError,
    MultipartParser,
    PartEnd,
    PartHead,
)
from crm_http.multipart.part_headers import file_name, parameters


def parts(body: bytes, step: int | None = None, boundary: bytes = b"b") -> list[tuple[dict[str, str], bytes]]:
    """The parts of a form; what they have in common with the pieces is forgotten."""
    parser, found = MultipartParser(boundary), []
    size = step or len(body) or 1
    for start in range(0, len(body), size):
        for event in parser.feed(body[start : start + size]):
            if isinstance(event, PartHead):
                found.append((event.headers, b""))
            elif isinstance(event, bytes):
                assert event
                found[-1] = (found[-1][0], found[-1][1] + event)
            else:
                assert isinstance(event, PartEnd)
    parser.close()
    return found


#: Contents that nearly are boundaries.
NEARLY = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"--b", b"b", b"\r\n--", b"\r\n--bb", b"\r\n--b-", b"x"]),
    max_size=12,
).map(b"".join)


@given(st.lists(NEARLY, max_size=4), st.sampled_from([b"\r\n", b"\n"]), st.integers(1, 40), st.booleans())
def test_contents_come_out_as_they_went_in(contents: list[bytes], newline: bytes, step: int, has_blanks: bool) -> None:  # noqa: FBT001
    boundary = b"=_b_!"  # which is in none of them
    line = b"--" + boundary + (b" \t" if has_blanks else b"") + newline
    head = newline.join([b"A: 1", b"B: 2", b"", b""])
    body = b"".join(line + head + content + newline for content in contents) + b"--" + boundary + b"--"

    assert parts(body, step, boundary) == [({"a": "1", "b": "2"}, content) for content in contents]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_in_whatever_pieces_bytes_come_they_mean_the_same(noise: bytes, step: int) -> None:
    body = b"--b\r\nA: 1\r\n\r\n" + noise.replace(b"a", b"\r\n--b") + b"\r\n--b--"
    results = []
    for size in (step, len(body)):
        try:
            results.append(parts(body, size))
        except MalformedFormError as error:
            results.append([({"error": str(error)}, b"")])

    assert results[0] == results[1]


@given(st.binary(max_size=500), st.integers(1, 50))
def test_no_bytes_are_more_than_a_refusal(body: bytes, step: int) -> None:
    for made in (body, body.replace(b"a", b"--b\r\n")):
        with contextlib.suppress(MalformedFormError):
            parts(made, step)


def test_no_more_is_held_than_the_head_of_a_part() -> None:
    for begun in (b"", b"--b\r\nA: 1\r\n\r\n"):
        for filling in (b"\r", b"\n", b"\r\n--", b"x", b"-"):
            parser = MultipartParser(b"b")
            for piece in (begun, *[filling * 10_000] * 20):
                list(parser.feed(piece))
                assert len(parser._waiting) < 10


def test_heads_and_parts_are_bounded() -> None:
    long = b"--b\r\nA: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n\r\n--b--"
    many = b"--b\r\n\r\n\r\n" * (MAX_PARTS + 1) + b"--b--"

    heavy = (b"--b\r\nA: " + b"x" * 30_000 + b"\r\n\r\n\r\n") * 40 + b"--b--"

    for body in (long, long.replace(b"x", b"x\r\n"), many, heavy):
        with pytest.raises(MalformedFormError):
            parts(body)
    assert len(parts(many[len(b"--b\r\n\r\n\r\n") :])) == MAX_PARTS


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; filename="a.png"', "a.png"),
        ("form-data; filename=a b.png", "a b.png"),
        ("form-data; filename*=UTF-8''%e2%82%ac.png; filename=\"EUR.png\"", "€.png"),
        ("form-data; filename*=iso-8859-1'en'%A3.png", "£.png"),
        ("form-data; filename*=klingon''a.png", "a.png"),
        ('form-data; filename*="a.png"', "a.png"),
        ('form-data; filename="%E2%82%AC.png"', "€.png"),
        (r'form-data; filename="a \"b\".png"', 'a "b".png'),
        (r'form-data; filename="C:\me\"; name="file"', "C:\\me\\"),
        ('form-data; filename=""', ""),
        ("form-data; filename=", ""),
        ('form-data; filename="', ""),
        ("form-data", None),
        ("", None),
    ],
)
def test_a_file_s_name_is_read_in_every_spelling(disposition: str, name: str | None) -> None:
    assert file_name(parameters(disposition)) == name


@given(st.text(alphabet="\";=\\ a*'%", max_size=60))
def test_no_header_is_more_than_the_reader_can_bear(text: str) -> None:
    file_name(parameters(f"form-data; {text}"))
