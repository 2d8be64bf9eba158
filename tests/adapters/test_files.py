"""The file stores: the contract, and what is each one's own."""

import asyncio
import pathlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from crm_adapters.disk import write_all
from crm_adapters.local_files import LocalFileStore
from crm_adapters.memory import MemoryFileStore
from crm_adapters.s3 import S3FileStore, content_disposition
from crm_adapters.threads import Threads
from crm_core.errors import UnavailableError
from crm_core.ports import FileStore
from crm_core.testing.files import FileStoreContract, any_key, kept, pieces, read
from crm_core.testing.scene import fact
from tests.seaweedfs import S3
from tests.stubs import Stub, stub

FULL = pathlib.Path("/dev/full")


class TestMemoryFileStore(FileStoreContract):
    @asynccontextmanager
    async def open(self) -> AsyncIterator[FileStore]:
        yield MemoryFileStore()


class TestLocalFileStore(FileStoreContract):
    @pytest.fixture(autouse=True)
    def _at(self, tmp_path: pathlib.Path) -> None:
        self.root = tmp_path / "not" / "there" / "yet"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FileStore]:
        store = LocalFileStore(self.root)
        yield store
        store.close()

    @fact
    async def test_a_write_that_was_killed_is_found_and_can_be_deleted(self, store: FileStore) -> None:
        await store.put(key := any_key(), pieces(b"x"), name="n")
        left = self.root / f"{any_key()}.partial"
        left.parent.mkdir(parents=True)
        left.write_bytes(b"half of it")
        keys = await kept(store)

        assert keys == {key, left.relative_to(self.root).as_posix()}
        for each in keys:
            await store.delete(each)
        assert await kept(store) == set()
        assert [path.name for path in self.root.iterdir()] == ["clients"]

    @fact
    async def test_a_half_written_file_cannot_be_read(self, store: FileStore) -> None:
        seen = []

        async def watched() -> AsyncIterator[bytes]:
            yield b"x" * 300_000
            seen.append(await read(store, key))

        await store.put(key := any_key(), watched(), name="n")

        assert seen == [None]

    @fact
    async def test_a_directory_that_cannot_be_written_is_an_unavailable_store(self, store: FileStore) -> None:
        self.root.parent.mkdir(parents=True)
        self.root.write_text("a file is in the way")

        with pytest.raises(UnavailableError):
            await store.put(any_key(), pieces(b"x"), name="n")


@pytest.mark.skipif(not FULL.exists(), reason="there is no full disk here")
def test_a_full_disk_is_an_unavailable_store() -> None:
    full = FULL.open("wb", buffering=0)
    with full, closing(Threads("t", count=1, waiting=0)) as threads:
        writing = write_all(threads, full, pieces(b"x"))
        with pytest.raises(UnavailableError):
            asyncio.run(writing)


class TestS3FileStore(FileStoreContract):
    @pytest.fixture(autouse=True)
    def _on(self, s3: S3) -> None:
        self.s3 = s3

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FileStore]:
        store = S3FileStore(self.s3.bucket("private"), endpoint_url=self.s3.url, is_private=True)
        yield store
        store.close()

    @fact
    async def test_an_object_says_what_it_is(self, store: FileStore) -> None:
        await store.put(key := any_key(), pieces(b"x"), name="ä b.png")
        kept_object = self.s3.client.get_object(Bucket="private", Key=key)

        assert kept_object["ContentType"] == "image/png"
        assert kept_object["ContentDisposition"] == "inline; filename*=UTF-8''%C3%A4%20b.png"
        assert kept_object["CacheControl"] == "max-age=31536000, immutable"

    @fact
    async def test_more_files_than_fit_on_a_page_are_listed(self, store: FileStore) -> None:
        keys = {any_key() for _ in range(5)}
        for key in keys:
            self.s3.client.put_object(Bucket="private", Key=key, Body=b"x")
        assert isinstance(store, S3FileStore)
        store._client.list_objects_v2 = partial(store._client.list_objects_v2, MaxKeys=2)  # type: ignore[method-assign]

        assert await kept(store) == keys

    @fact
    async def test_a_public_file_is_read_by_anybody_at_its_address(self) -> None:
        store = S3FileStore(self.s3.bucket("public"), endpoint_url=self.s3.url)
        await store.put(key := any_key(), pieces(b"x"), name="n")

        assert store.url(key) == await store.open(key) == f"{self.s3.url}/public/{key}"
        assert await read(store, key) == b"x"
        store.close()

    @fact
    async def test_a_private_file_is_read_by_nobody_at_its_address(self, store: FileStore) -> None:
        await store.put(key := any_key(), pieces(b"x"), name="n")
        public = S3FileStore("private", endpoint_url=self.s3.url)

        assert await read(public, key) is None
        public.close()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "https://bucket.s3.amazonaws.com/"),
        ({"public_url": "https://cdn.example.org/i"}, "https://cdn.example.org/i/"),
        ({"endpoint_url": "https://s3.example.org"}, "https://s3.example.org/bucket/"),
        ({"endpoint_url": "https://s3.example.org", "public_url": "https://i.example.org"}, "https://i.example.org/"),
        ({"is_private": True}, "/files/"),
    ],
)
def test_addresses_are_as_documented(options: dict[str, Any], expected: str) -> None:
    store = S3FileStore("bucket", **options)

    assert store.url(key := any_key()) == expected + key
    store.close()


@pytest.fixture(params=["down", "hanging", "refusing", "failing"])
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    with stub(request.param) as server:
        yield server


def test_however_many_ask_a_store_that_does_not_work_is_unavailable_within_ten_seconds(broken: Stub) -> None:
    async def put() -> list[BaseException | None]:
        store = S3FileStore("bucket", endpoint_url=broken.url)
        try:
            contents = (pieces(b"x" * 100_000) for _ in range(20))
            putting = (store.put(any_key(), content, name="n") for content in contents)
            return await asyncio.gather(*putting, return_exceptions=True)
        finally:
            broken.release()
            store.close()

    start = time.monotonic()
    errors = asyncio.run(put())

    assert time.monotonic() - start < 10
    assert {(type(error), getattr(error, "retry_after", 0)) for error in errors} == {(UnavailableError, 5)}


def test_times_are_utc(tmp_path: pathlib.Path) -> None:
    async def modified() -> datetime:
        store = LocalFileStore(tmp_path)
        await store.put(any_key(), pieces(b"x"), name="n")
        [file] = [each async for each in store.stored()]
        store.close()
        return file.modified

    assert abs((asyncio.run(modified()) - datetime.now(UTC)).total_seconds()) < 60


def test_a_name_of_any_script_fits_a_content_disposition() -> None:
    assert content_disposition("né 😀.png") == "inline; filename*=UTF-8''n%C3%A9%20%F0%9F%98%80.png"
