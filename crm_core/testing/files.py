"""The contract of file stores: tests that every FileStore must pass.

An adapter's test subclasses :class:`FileStoreContract` and opens an empty store::

    class TestMemoryFileStore(FileStoreContract):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[FileStore]:
            yield MemoryFileStore()
"""

# ruff: noqa: D102  # a test's name is the fact that it states

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError
from urllib.request import urlopen
from uuid import uuid4

import pytest

from crm_core.model.files import KEY, new_key, read_image_url
from crm_core.ports import FileStore
from crm_core.testing.scene import OnOneLoop, fact


def any_key() -> str:
    """Return a key that was never used."""
    return new_key("clients", uuid4(), uuid4(), "png")


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    """Yield content in pieces."""
    for piece in content:
        yield piece


async def read(store: FileStore, key: str) -> bytes | None:
    """Return the file with a key, read from the store or the URL that it returns; None if there is none."""
    file = await store.open(key)
    if isinstance(file, str):
        return await asyncio.to_thread(_fetched, file)
    return b"".join([piece async for piece in file.read(0, file.size)]) if file else None


async def kept(store: FileStore, prefix: str = "") -> set[str]:
    """Return the keys of all files below a prefix."""
    return {file.key async for file in store.stored(prefix)}


class FileStoreContract(OnOneLoop):
    """All tests of a FileStore."""

    def open(self) -> AbstractAsyncContextManager[FileStore]:
        """Return a context manager of an empty store. It is entered and exited in different tasks of one event loop."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterator[FileStore]:
        """Yield an empty store."""
        yield from self.opened(self.open())

    @fact
    async def test_what_is_put_is_there(self, store: FileStore) -> None:
        for content in ([b"x"], [b"a" * 100_000, b"b", b"c" * 1_000_000], [bytes(range(256)) * 4_096]):
            await store.put(key := any_key(), pieces(*content), name="é \u202e.png")

            assert await read(store, key) == b"".join(content)

    @fact
    async def test_a_file_can_be_fetched_wherever_it_is_kept(self, store: FileStore) -> None:
        content = bytes(range(256)) * 4_000
        await store.put(key := any_key(), pieces(content), name="n")

        file = await store.fetch(key)

        assert file is not None
        assert b"".join([piece async for piece in file.read(0, file.size)]) == content
        assert await store.fetch(any_key()) is None

    @fact
    async def test_nothing_is_there_until_it_is_put(self, store: FileStore) -> None:
        assert await read(store, any_key()) is None
        assert await kept(store) == set()

    @fact
    async def test_a_part_of_an_open_file_is_what_is_at_its_place(self, store: FileStore) -> None:
        content = bytes(range(256)) * 4_000
        await store.put(key := any_key(), pieces(content), name="n")
        file = await store.open(key)

        if file is not None and not isinstance(file, str):
            assert file.size == len(content)
            for start, end in ((0, 1), (255, 700_000), (len(content) - 1, len(content))):
                assert b"".join([piece async for piece in file.read(start, end)]) == content[start:end]

    @fact
    async def test_content_that_fails_leaves_nothing(self, store: FileStore) -> None:
        async def failing() -> AsyncIterator[bytes]:
            yield b"x" * 300_000
            raise LookupError("the client is gone")

        key = any_key()
        with pytest.raises(LookupError, match="the client is gone"):
            await store.put(key, failing(), name="n")

        assert await read(store, key) is None
        assert await kept(store) == set()

    @fact
    async def test_a_caller_who_is_cancelled_leaves_nothing(self, store: FileStore) -> None:
        arrived = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield b"x" * 300_000
            arrived.set()
            await asyncio.Event().wait()

        putting = asyncio.create_task(store.put(any_key(), endless(), name="n"))
        await arrived.wait()
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting

        assert await kept(store) == set()

    @fact
    async def test_what_is_deleted_is_gone_and_may_be_deleted_again(self, store: FileStore) -> None:
        await store.put(key := any_key(), pieces(b"x"), name="n")
        for _ in range(2):
            await store.delete(key)

        assert await read(store, key) is None
        assert await kept(store) == set()

    @fact
    async def test_what_is_stored_is_listed_with_its_time(self, store: FileStore) -> None:
        keys = {any_key() for _ in range(5)}
        for key in keys:
            await store.put(key, pieces(b"x"), name="n")
        ages = {file.key: datetime.now(UTC) - file.modified async for file in store.stored()}

        assert ages.keys() == keys
        assert all(abs(age) < timedelta(minutes=1) for age in ages.values())

    @fact
    async def test_a_prefix_finds_the_files_of_one_record(self, store: FileStore) -> None:
        id_ = uuid4()
        keys = {new_key("clients", id_, uuid4(), "gif") for _ in range(3)}
        for key in (*keys, any_key(), new_key("services", id_, uuid4(), "gif")):
            await store.put(key, pieces(b"x"), name="n")

        assert await kept(store, f"clients/{id_}/") == keys
        assert await kept(store, f"clients/{uuid4()}/") == set()

    @fact
    async def test_of_many_at_once_each_is_kept(self, store: FileStore) -> None:
        id_ = uuid4()
        contents = {new_key("clients", id_, uuid4(), "jpg"): bytes([number]) * 300_000 for number in range(20)}
        await asyncio.gather(*(store.put(key, pieces(content), name="n") for key, content in contents.items()))

        assert {key: await read(store, key) for key in contents} == contents

    @fact
    async def test_one_deleted_beside_another_takes_nothing_with_it(self, store: FileStore) -> None:
        id_ = uuid4()
        first, second = (new_key("clients", id_, uuid4(), "jpg") for _ in range(2))
        for _ in range(10):
            await store.put(first, pieces(b"1"), name="n")
            await asyncio.gather(store.delete(first), store.put(second, pieces(b"2"), name="n"))

            assert await kept(store) == {second}
            await store.delete(second)

    @fact
    async def test_an_address_leads_back_to_its_key_and_can_be_an_image_of_a_record(self, store: FileStore) -> None:
        url = store.url(key := any_key())

        assert store.key(url) == key
        assert KEY.search(url)
        assert read_image_url(url) == url
        assert store.key(f"https://elsewhere.example.org/{key}") is None


def _fetched(url: str) -> bytes | None:
    try:
        with urlopen(url) as answer:  # noqa: S310  # the store under test gave it
            body: bytes = answer.read()
            return body
    except HTTPError as error:
        error.close()
        return None
