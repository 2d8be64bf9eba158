"""Images: how they come in, how they are served, and what becomes of them (``api.md`` 11, decision 18)."""

import base64
import contextlib
import os
import pathlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import httpx
import psutil
import pytest

from crm_adapters.memory import MemoryFileStore
from crm_adapters.s3 import S3FileStore
from crm_core.model.files import KEY
from tests.http.conftest import Api, Server, on_memory, serving
from tests.pictures import PHOTOS, PICTURES, TELLING, jpeg, png
from tests.seaweedfs import S3
from tests.stubs import stub

NOT_AN_IMAGE = {
    "file": [
        "Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
        "JPEG, PNG, GIF and WEBP are taken.",
    ]
}
NO_FILE = {"file": ["No file was submitted."]}
NOT_A_FILE = {"file": ["The submitted data was not a file. Check the encoding type on the form."]}
EMPTY = {"file": ["The submitted file is empty."]}
ONE_FILE = {"file": ["Only one file can be submitted."]}
UNENDING = {"detail": "Multipart form parse error - The form ends before its last boundary."}

FILE = b'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
TEXT = b'Content-Disposition: form-data; name="file"\r\n\r\n'
OTHER = b'Content-Disposition: form-data; name="other"\r\n\r\n'


def form(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end


def post(api: Api, path: str, body: Any, content_type: str = "multipart/form-data; boundary=b", **headers: str) -> Any:
    return api.post(f"{path}files/", content=body, headers={"Content-Type": content_type, **headers})


def path_of(api: Api) -> str:
    return f"/api/clients/{api.make('/api/clients/', name='a')['id']}/"


@pytest.fixture
def path(api: Api) -> str:
    return path_of(api)


@pytest.mark.parametrize("kind", PICTURES)
def test_an_uploaded_image_is_served_as_what_it_is(api: Api, path: str, kind: str) -> None:
    answer = api.upload(path, PICTURES[kind], "lies.exe")
    url = answer.json()["url"]

    assert answer.status_code == 201
    assert answer.json() == {"url": url, "list_of_images": [url]}
    assert KEY.fullmatch(url.removeprefix("/files/"))
    assert url.startswith(path.replace("/api/", "/files/"))
    assert url.endswith(f".{kind}")
    served = api.anonymous().get(url)
    assert (served.status_code, served.content) == (200, PICTURES[kind])
    assert served.headers["Content-Type"] == f"image/{kind.replace('jpg', 'jpeg')}"
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert served.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert served.headers["Content-Disposition"] == "inline"


def test_images_are_appended_in_order_and_are_part_of_the_record(api: Api) -> None:
    client = api.make("/api/clients/", name="a")["id"]
    path = f"/api/services/{api.make('/api/services/', name='s', client=client)['id']}/"
    urls = [api.upload(path, picture).json()["url"] for picture in PICTURES.values()]
    last = api.upload(path, png())

    assert last.json()["list_of_images"] == [*urls, last.json()["url"]] == api.get(path).json()["list_of_images"]


def test_an_image_may_be_dropped_or_moved_and_stays_readable(api: Api, path: str) -> None:
    first, second = (api.upload(path, png()).json()["url"] for _ in range(2))

    assert api.patch(path, {"list_of_images": [second]}).json()["list_of_images"] == [second]
    assert api.get(first).status_code == 200
    assert api.patch(path, {"list_of_images": [second, first]}).json()["list_of_images"] == [second, first]


BAD_FORMS: dict[str, tuple[bytes, int, Any]] = {
    "no body": (b"", 400, NO_FILE),
    "no parts": (form(), 400, NO_FILE),
    "another field": (form(FILE.replace(b'"file"', b'"picture"') + png()), 400, NO_FILE),
    "no field name": (form(FILE.replace(b'name="file"; ', b"") + png()), 400, NO_FILE),
    "no file chosen": (form(FILE.replace(b'"a.png"', b'""')), 400, NO_FILE),
    "text": (form(TEXT + b"/etc/passwd"), 400, NOT_A_FILE),
    "empty": (form(FILE), 400, EMPTY),
    "twice": (form(FILE + png(), FILE + png()), 400, ONE_FILE),
    "a file and a text": (form(FILE + png(), TEXT + b"x"), 400, NOT_A_FILE),
    "cut off in the file": (form(FILE + png(), end=b"")[:-40], 400, UNENDING),
    "cut off after the file": (form(FILE + png(), end=b""), 400, UNENDING),
    "cut off in the head": (form(FILE)[:20], 400, UNENDING),
    "another boundary": (form(FILE + png()).replace(b"--b", b"--c"), 400, UNENDING),
    "garbage": (b"\0\xff" * 5_000, 400, UNENDING),
    "a thousand parts": (form(*[OTHER] * 1_000, FILE + png()), 400, None),
    "a thousand parts behind": (form(FILE + png(), *[OTHER] * 1_000), 400, None),
    "a long head": (form(b"X: " + b"y" * 50_000 + b"\r\n" + FILE), 400, None),
    "no disposition": (form(b"\r\n\r\n" + png()), 400, None),
    "svg": (form(FILE + b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 400, NOT_AN_IMAGE),
    "html": (form(FILE + b"<!DOCTYPE html><script>alert(1)</script>"), 400, NOT_AN_IMAGE),
    "nothing but zeros": (form(FILE + b"\0" * 200_000), 400, NOT_AN_IMAGE),
    "tiff": (form(FILE + b"II*\0" + b"\0" * 100), 400, NOT_AN_IMAGE),
    "no size": (form(FILE + jpeg()[:20] + b"\0" * 2_000_000), 400, NOT_AN_IMAGE),
    "no pixels": (form(FILE + png(0, 5)), 400, NOT_AN_IMAGE),
    **{
        f"half a {kind}": (form(FILE + whole[: len(whole) // 2]), 400, NOT_AN_IMAGE) for kind, whole in PICTURES.items()
    },
    **{f"most of a {kind}": (form(FILE + whole[:-4]), 400, NOT_AN_IMAGE) for kind, whole in PICTURES.items()},
    "a bomb": (
        form(FILE + png(30_000, 30_000)),
        400,
        {"file": ["Ensure this image has no more than 110,000,000 pixels."]},
    ),
    "too large": (
        form(FILE + png(padding=10 * 2**20)),
        413,
        {"detail": "The file is too large: at most 10,485,760 bytes are taken."},
    ),
    "much too large": (form(FILE + png(padding=11 * 2**20)), 413, {"detail": "The request body is too large."}),
}


@pytest.mark.parametrize(("body", "status", "told"), BAD_FORMS.values(), ids=BAD_FORMS)
def test_a_bad_form_is_refused_and_leaves_nothing(body: bytes, status: int, told: Any) -> None:
    with on_memory(files=(files := MemoryFileStore())) as api:
        answer = post(api, path := path_of(api), body)

        assert answer.status_code == status, answer.text
        assert told is None or answer.json() == told
        assert api.get(path).json()["list_of_images"] == []
        assert files._files == {}


def headed(disposition: bytes, *others: bytes, content: bytes = png()) -> bytes:
    """A form of one part with such headers."""
    return form(b"\r\n".join([b"Content-Disposition: " + disposition, *others, b"", content]))


NAMED = b'form-data; name="file"; filename="a.png"'
#: What clients send around an image, and what may not refuse it.
WRAPPINGS: dict[str, bytes] = {
    "a name in Latin-1": headed(b'form-data; name="file"; filename="caf\xe9.png"'),
    "a name in Windows-1251": headed(b'form-data; name="file"; filename="\xf4\xee\xf2\xee.png"'),
    "a name in UTF-8": headed('form-data; name="file"; filename="é.png"'.encode()),
    "filename*= alone": headed(b"form-data; name=\"file\"; filename*=utf-8''%C3%A9.png"),
    "filename*= in an unknown charset": headed(b"form-data; name=\"file\"; filename*=klingon''%E9.png"),
    "filename*= without a charset": headed(b'form-data; name="file"; filename*="a.png"'),
    "filename*= first": headed(b'form-data; filename*=utf-8\'\'a.png; filename="a.png"; name="file"'),
    "filename*0=": headed(b'form-data; name="file"; filename*0="a"; filename*1=".png"'),
    "an encoded word": headed(b'form-data; name="file"; filename="=?UTF-8?B?w6kucG5n?="'),
    "percent signs": headed(b'form-data; name="file"; filename="100%25%zz%.png"'),
    "quotes in a name": headed(b'form-data; name="file"; filename="a \\"b\\"; name=\\"x\\".png"'),
    "a browser's quotes": headed(b'form-data; name="file"; filename="a%22b.png"'),
    "a path that ends with a backslash": headed(b'form-data; filename="C:\\me\\"; name="file"'),
    "a quote that does not end": headed(b'form-data; name="file"; filename="a.png'),
    "nothing in quotes": headed(b"form-data; name=file; filename=my photo.png"),
    "a semicolon in a name": headed(b'form-data; filename="a; name=b.png"; name="file"'),
    "blanks and capitals": headed(b'FORM-DATA;NAME = "file" ;FileName="a.png";'),
    "attachment": headed(b'attachment; name="file"; filename="a.png"'),
    "an empty name": headed(b'form-data; name="file"; filename=""'),
    "no name": headed(b'form-data; name="file"'),
    "no name, but a type": headed(b'form-data; name="file"', b"Content-Type: image/png"),
    "charset=binary": headed(NAMED, b"Content-Type: image/jpeg; charset=binary"),
    "an unknown charset": headed(NAMED, b"Content-Type: image/png; charset=klingon"),
    "an odd type": headed(NAMED, b"Content-Type: ;;;=,"),
    "a type of something else": headed(NAMED, b"Content-Type: application/pdf"),
    "binary": headed(NAMED, b"Content-Transfer-Encoding: binary"),
    "base64": headed(NAMED, b"Content-Transfer-Encoding: Base64", content=base64.encodebytes(png())),
    "nine headers": headed(NAMED, *[b"X-%d: y" % number for number in range(9)]),
    "ninety headers": headed(NAMED, *[b"X-%d: y" % number for number in range(90)]),
    "a length that is none": headed(NAMED, b"Content-Length: -1"),
    "a wrong length": headed(NAMED, b"Content-Length: 3", b"Content-Length: 5"),
    "a folded header": headed(b"form-data;\r\n name=file;\r\n\tfilename=a.png"),
    "a header that is none": headed(NAMED, b"nonsense", b"\xff: \xfe", b"a b: c", b": d"),
    "headers in another order": form(
        b"content-TYPE: image/png\r\ncontent-disposition : " + NAMED + b"\r\n\r\n" + png()
    ),
    "another charset of a text": form(
        OTHER.replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain; charset=klingon\r\n\r\n") + b"x", FILE + png()
    ),
    "twenty parts before it": form(*[OTHER + b"x"] * 20, FILE + png()),
    "twenty parts behind it": form(FILE + png(), *[OTHER + b"x"] * 20),
    "parts without names": form(b"\r\nx", b"X: y\r\n\r\nx", FILE + png()),
    "another input that was not used": form(FILE.replace(b"a.png", b""), FILE + png(), FILE.replace(b"a.png", b"")),
    "text in front": b"This is a multi-part message.\r\n--bc\r\n\r\n" + form(FILE + png()),
    "a line in front": b"\r\n" + form(FILE + png()),
    "text behind": form(FILE + png()) + b"--b\r\nmore" * 10,
    "nothing behind the last boundary": form(FILE + png(), end=b"--b--"),
    "blanks behind a boundary": form(OTHER, FILE + png()).replace(b"--b\r\n", b"--b \t\r\n"),
    "line feeds alone": form(OTHER, FILE.replace(b"\r\n", b"\n") + b"\0").replace(b"\r\n", b"\n").replace(b"\0", png()),
    "what is no boundary within": form(FILE + png(), OTHER + b"\r\n--bc\r\n--b-\r\n--b x\r\n"),
}


@pytest.mark.parametrize("body", WRAPPINGS.values(), ids=WRAPPINGS)
def test_no_wrapping_refuses_an_image(memory_api: Api, body: bytes) -> None:
    answer = post(memory_api, path_of(memory_api), body)

    assert answer.status_code == 201, answer.text
    assert memory_api.get(answer.json()["url"]).content == png()


@pytest.mark.parametrize("boundary", ["----=_Part_1_234.567", "a=b", "=_?/(),:'+", "x" * 200, "(a b)", "Ã©"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_boundary_may_be_anything_with_quotes_or_without(memory_api: Api, boundary: str, quote: str) -> None:
    body = form(OTHER, FILE + png()).replace(b"--b", b"--" + boundary.encode("latin-1"))
    headers = {"Content-Type": f"multipart/form-data; boundary={quote}{boundary}{quote}".encode("latin-1")}
    answer = memory_api.post(f"{path_of(memory_api)}files/", content=body, headers=headers)

    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("body", [b"\xff", b'{"name": "\xff"}', b"\xff\xfe{\0}\0", b'"\xed\xa0\x80"'])
def test_bytes_that_are_no_text_are_refused_without_python_s_own_words(memory_api: Api, body: bytes) -> None:
    answer = memory_api.post("/api/clients/", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()) == (400, {"detail": "JSON parse error - The body is not UTF-8"})


def test_a_photo_of_fifty_megapixels_is_taken(memory_api: Api) -> None:
    assert memory_api.upload(path_of(memory_api), jpeg(8_160, 6_144)).status_code == 201


def test_a_jpeg_with_megabytes_in_front_of_its_size_is_taken_and_its_size_is_checked(memory_api: Api) -> None:
    path, many = path_of(memory_api), 4_000_000

    assert memory_api.upload(path, jpeg(description=many)).status_code == 201
    assert memory_api.upload(path, jpeg(65_000, 65_000, description=many)).status_code == 400
    assert memory_api.upload(path, jpeg(0, 5, description=many)).json() == NOT_AN_IMAGE


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_without_end_mark_is_taken_and_half_of_one_is_not(memory_api: Api, name: str) -> None:
    path, photo = path_of(memory_api), PHOTOS[name]

    assert memory_api.upload(path, photo[:-2]).status_code == 201
    assert memory_api.upload(path, photo[: len(photo) // 2]).json() == NOT_AN_IMAGE


SECRET = b"SECRET"


@pytest.mark.parametrize("kind", TELLING)
def test_an_image_does_not_tell_where_it_was_taken(api: Api, path: str, kind: str) -> None:
    url = api.upload(path, TELLING[kind]).json()["url"]

    assert SECRET in TELLING[kind]
    assert SECRET not in api.get(url).content


@pytest.mark.parametrize("kind", TELLING)
def test_an_image_is_kept_as_it_came_where_that_is_wished(kind: str) -> None:
    with on_memory(keeps_metadata=True) as api:
        url = api.upload(path_of(api), TELLING[kind]).json()["url"]

        assert api.get(url).content == TELLING[kind]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ('multipart/form-data; boundary="é"', 400),
        ("multipart/form-data; boundary=b; charset=klingon", 201),
        ('multipart/form-data;boundary = "b" ; charset="binary"', 201),
        ("multipart/form-data; charset=utf-8;boundary=b;", 201),
        ("multipart/mixed; boundary=b", 415),
        ("application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("image/png", 415),
        ("", 415),
        ("MULTIPART/Form-Data; Boundary=b", 201),
        ('multipart/form-data; boundary="b"; charset=utf-8', 201),
    ],
)
def test_the_content_type_is_a_form_s(memory_api: Api, content_type: str, status: int) -> None:
    headers = {"Content-Type": content_type.encode("latin-1")}
    answer = memory_api.post(f"{path_of(memory_api)}files/", content=form(FILE + png()), headers=headers)

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "name", ["../../x", "..\\..\\x.png", "\0", "a\r\nX: y", "x" * 3_000, "con", ".png", "é\u202egnp.exe"]
)
def test_no_name_of_a_client_gets_into_a_key(memory_api: Api, name: str) -> None:
    answer = memory_api.upload(path_of(memory_api), png(), name)

    assert answer.status_code == 201
    assert KEY.fullmatch(answer.json()["url"].removeprefix("/files/"))


def test_other_fields_are_passed_over_unless_the_client_wants_it_strictly(memory_api: Api) -> None:
    path, body = path_of(memory_api), form(OTHER + b"\xff", FILE + png(), OTHER)

    assert post(memory_api, path, body).status_code == 201
    refused = post(memory_api, path, body, Prefer="handling=strict")
    assert (refused.status_code, list(refused.json())) == (400, ["other"])


def test_a_long_description_in_front_of_the_size_is_read(memory_api: Api) -> None:
    assert memory_api.upload(path_of(memory_api), jpeg(description=600_000)).status_code == 201


def test_ten_megabytes_are_taken_and_come_back(api: Api, path: str) -> None:
    picture = png(padding=10_000_000)
    answer = api.upload(path, picture)

    assert answer.status_code == 201
    assert api.get(answer.json()["url"]).content == picture


def test_what_is_taken_can_be_set() -> None:
    with on_memory(max_bytes=2_000) as api:
        path = path_of(api)

        assert api.upload(path, png(padding=1_800)).status_code == 201
        assert api.upload(path, png(padding=2_000)).status_code == 413


def test_checks_come_in_the_order_of_the_decision(api: Api, path: str) -> None:
    """Who, whether they may, the method, the record, and then the body (decision 2)."""
    nobody = "/api/clients/01890000-0000-7000-8000-000000000000/"
    api.people.add("teacher", "Instructors")

    assert post(api.anonymous(), path, b"").status_code == 401
    assert post(api.as_user("teacher"), path, b"").status_code == 403
    assert api.get(f"{path}files/").status_code == 405
    assert post(api, nobody, b"", "text/plain").status_code == 404
    assert api.upload("/api/clients/x/", png()).status_code == 404
    assert post(api, path, b"x", "text/plain").status_code == 415
    assert api.post("/api/leads/x/files/").status_code == 404


def test_a_full_list_takes_no_more_and_keeps_no_file() -> None:
    with on_memory(files=(files := MemoryFileStore())) as api:
        path = path_of(api)
        api.patch(path, {"list_of_images": ["https://example.org/a.png"] * 1_000})
        answer = api.upload(path, png())

        assert answer.status_code == 400
        assert answer.json() == {"list_of_images": ["Ensure this field has no more than 1000 elements."]}
        assert files._files == {}


def test_a_part_of_an_image_can_be_fetched(api: Api, path: str) -> None:
    picture = png(padding=700_000)
    url, size = api.upload(path, picture).json()["url"], len(picture)

    def part(**headers: str) -> tuple[int, bytes, str | None]:
        answer = api.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
        return answer.status_code, answer.content, answer.headers.get("Content-Range")

    assert part(range="bytes=0-9") == (206, picture[:10], f"bytes 0-9/{size}")
    assert part(range="bytes=5-") == (206, picture[5:], f"bytes 5-{size - 1}/{size}")
    assert part(range="bytes=-7") == (206, picture[-7:], f"bytes {size - 7}-{size - 1}/{size}")
    assert part(range=f"bytes={size - 1}-{size * 9}") == (206, picture[-1:], f"bytes {size - 1}-{size - 1}/{size}")
    assert part(range=f"bytes={size}-") == (416, b"", f"bytes */{size}")
    assert part(range="bytes=-0") == (416, b"", f"bytes */{size}")
    for whole in (
        "bytes=9-5",
        "bytes=-",
        "bytes=0-1,5-6",
        "lines=0-9",
        "bytes=a-b",
        f"bytes=0-{size}",
        "bytes=-99999999",
    ):
        assert part(range=whole) == (200, picture, None)
    assert part(range="bytes=0-9", if_range='"another"') == (200, picture, None)
    tag = api.get(url).headers["ETag"]
    assert part(range="bytes=0-9", if_range=tag)[0] == 206
    for tags in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        assert part(if_none_match=tags) == (304, b"", None)


def test_the_head_of_an_image_says_all_but_the_image(api: Api, path: str) -> None:
    url = api.upload(path, png()).json()["url"]
    head, whole = (api.request(method, url, headers={"Accept": "image/*"}) for method in ("HEAD", "GET"))

    assert (head.status_code, head.content) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize("name", ["x.png", "..%2f..%2fcluster", "01890000-0000-4000-8000-000000000000.svg", "%00", "."])
def test_nothing_else_is_served(api: Api, path: str, name: str) -> None:
    answer = api.get(path.replace("/api/", "/files/") + name)

    assert answer.status_code == 404, answer.text


def test_the_images_of_a_deleted_record_are_kept_so_that_it_can_be_restored(api: Api, path: str) -> None:
    url = api.upload(path, png()).json()["url"]

    assert api.delete(path).status_code == 204
    assert api.post(f"{path}history/2/restore/").json()["list_of_images"] == [url]
    assert api.get(url).content == png()


def test_the_images_of_a_deleted_record_are_gone_where_none_are_kept() -> None:
    with on_memory(keeps_deleted=False) as api:
        path, kept_path = path_of(api), path_of(api)
        gone, stays = api.upload(path, png()).json()["url"], api.upload(kept_path, png()).json()["url"]
        api.patch(path, {"list_of_images": []})

        assert api.delete(path).status_code == 204
        eventually(lambda: api.get(gone).status_code == 404)  # the answer does not wait for it
        assert api.get(stays).status_code == 200


def test_private_images_are_for_those_who_may_view_the_record() -> None:
    with on_memory(is_private=True) as api:
        api.people.add("teacher", "Instructors")  # who views services, but no clients
        path = path_of(api)
        url = api.upload(path, png()).json()["url"]

        assert api.get(url).content == png()
        assert api.get(url).headers["Cache-Control"].startswith("private")
        assert api.anonymous().get(url).status_code == 401
        assert api.as_user("teacher").get(url).status_code == 403
        api.delete(path)
        assert api.get(url).status_code == 404


@pytest.fixture(params=["local", "s3"])
def stored(request: pytest.FixtureRequest, server: Server) -> Iterator[Server]:
    """A server that keeps files on its disk, and one that keeps them on S3."""
    if request.param == "local":
        yield server
        return
    s3: S3 = request.getfixturevalue("s3")
    url, place = request.getfixturevalue("database_url"), request.getfixturevalue("place")
    bucket = s3.bucket("public")
    with serving(url, place / "on-s3", CRM_S3_BUCKET=bucket, CRM_S3_ENDPOINT_URL=s3.url) as running:
        yield running


@pytest.mark.usefixtures("postgres_api")  # for the empty database
def test_of_uploads_and_changes_at_once_none_is_lost(stored: Server) -> None:
    api = stored.api()
    path = path_of(api)
    task = api.patch(path, {"list_of_tasks": [{"task": "t"}]}).json()["list_of_tasks"][0]["id"]
    pictures = [png(padding=1_000 * number) for number in range(20)]

    def change(number: int) -> list[httpx.Response]:
        return [
            api.upload(path, pictures[number]),
            api.patch(path, {"name": f"n{number}"}),
            api.post(f"{path}update-task/", {"task_id": task, "completed": bool(number % 2)}),
            api.post(f"{path}add-note/", {"note": str(number)}),
        ]

    with ThreadPoolExecutor(20) as pool:
        answers = [answer for each in pool.map(change, range(20)) for answer in each]
    record = api.get(path).json()

    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len(record["list_of_notes"]) == 20
    urls = [answer.json()["url"] for answer in answers if "url" in answer.json()]
    assert sorted(record["list_of_images"]) == sorted(urls)
    assert [stored.client.get(url).content for url in urls] == pictures


def test_private_images_on_s3_are_reached_by_way_of_the_app(s3: S3) -> None:
    store = S3FileStore(s3.bucket("private"), endpoint_url=s3.url, is_private=True)
    with on_memory(files=store, is_private=True) as api:
        url = api.upload(path_of(api), png()).json()["url"]
        answer = api.get(url)

        assert url.startswith("/files/clients/")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (307, "no-store")
        assert httpx.get(answer.headers["Location"]).content == png()
        assert api.anonymous().get(url).status_code == 401
    store.close()


def test_a_store_that_does_not_work_is_503_and_no_url_in_any_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    with (
        stub("refusing") as broken,
        closing(S3FileStore("bucket", endpoint_url=broken.url)) as store,
        on_memory(files=store) as api,
    ):
        answer = api.upload(path := path_of(api), png())

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert api.get(path).json()["list_of_images"] == []
        assert api.delete(path).status_code == 204


def memory_of(server: Server) -> int:
    """The bytes that the server and its workers have in memory."""
    main = psutil.Process(server.process.pid)
    return sum(each.memory_info().rss for each in (main, *main.children(recursive=True)) if each.is_running())


def files_of(place: pathlib.Path) -> set[str]:
    """All that a server keeps, whole or not; directories may go while this looks."""
    return {name for _, _, names in os.walk(place / "served" / "files") for name in names}


def connection_to(api: Api, server: Server, path: str, *headers: str) -> socket.socket:
    """A connection on which the head of an upload, and the head of its file, were sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    # What the kernel keeps for a slow reader is neither sent nor refused; it grows to megabytes by itself.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
    lines = [
        f"POST {path}files/ HTTP/1.1",
        "Host: localhost",
        f"Authorization: Token {api.token}",
        "Content-Type: multipart/form-data; boundary=b",
        *headers,
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def status_of(connection: socket.socket) -> bytes:
    """The status of the answer."""
    return connection.recv(65_536).split(b" ")[1]


@pytest.mark.parametrize("header", [f"Content-Length: {2 * 2**30}", "Transfer-Encoding: chunked"])
def test_two_gigabytes_are_refused_early_and_take_no_memory(postgres_api: Api, server: Server, header: str) -> None:
    path, before = path_of(postgres_api), memory_of(server)
    sent = 0
    with connection_to(postgres_api, server, path, header) as connection:
        piece = png(padding=2**20)
        chunked = b"%x\r\n%b\r\n"
        body = form(FILE + piece, end=b"")
        with contextlib.suppress(OSError):  # the server closes the connection when it has had enough
            while sent < 2 * 2**30 and not select.select([connection], [], [], 0)[0]:
                connection.sendall(chunked % (len(body), body) if "chunked" in header else body)
                sent += len(body)
                body = b"\xa5" * 2**16

        assert status_of(connection) == b"413"
    assert sent < 30 * 2**20
    assert memory_of(server) - before < 30 * 2**20
    assert postgres_api.get(path).json()["list_of_images"] == []


@pytest.mark.parametrize("header", ["Content-Length: 5000000", "Transfer-Encoding: chunked"])
def test_an_upload_that_is_broken_off_leaves_nothing(
    postgres_api: Api, server: Server, place: pathlib.Path, header: str
) -> None:
    path, before = path_of(postgres_api), files_of(place)
    body = form(FILE + png(padding=2**20), end=b"")
    with connection_to(postgres_api, server, path, header) as connection:
        connection.sendall(b"%x\r\n%b\r\n" % (len(body), body) if "chunked" in header else body)
        eventually(lambda: files_of(place) - before)

    eventually(lambda: files_of(place) == before)
    assert postgres_api.get(path).json()["list_of_images"] == []


@pytest.mark.parametrize(("record", "status"), [("", 400), ("01890000-0000-7000-8000-000000000000", 404)])
def test_a_client_that_sends_all_before_it_reads_hears_why_it_is_refused(
    postgres_api: Api, server: Server, record: str, status: int
) -> None:
    path = f"/api/clients/{record}/" if record else path_of(postgres_api)
    body = form(FILE + b"\0" * 9_000_000)
    headers = {"Authorization": f"Token {postgres_api.token}", "Content-Type": "multipart/form-data; boundary=b"}
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        for _ in range(2):
            connection.request("POST", f"{path}files/", body, headers)
            with connection.getresponse() as answer:
                assert (answer.status, answer.read()[:1]) == (status, b"{")


def eventually(holds: Callable[[], object]) -> None:
    """Wait for what another process does."""
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)  # it has no event to wait for
    raise AssertionError("it did not come to pass")
