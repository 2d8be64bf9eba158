"""Facts about archives in directories, with the files of records."""

import asyncio
import errno
import pathlib
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from uuid import uuid4

import pytest

from crm_adapters.archive_directory import LocalArchive, new_archive
from crm_adapters.local_files import LocalFileStore
from crm_adapters.memory import MemoryArchives, MemoryDatabase, MemoryFileStore
from crm_core.errors import ArchiveError
from crm_core.model.files import new_key
from crm_core.ports import FileStore
from crm_core.resources import CLIENTS
from crm_core.testing.files import kept, pieces, read
from crm_core.testing.scene import Scene
from crm_core.use_cases.archives import ArchivedStores, export_all, import_all

PICTURE = b"not really a picture" * 10_000


async def left(root: pathlib.Path) -> str:
    """Export a client with a picture, and one whose picture is missing; return the key of the picture."""
    database, files = MemoryDatabase(), MemoryFileStore()
    await database.accounts.add_user("user 1", "!")
    key = new_key("clients", uuid4(), uuid4(), "png")
    await files.put(key, pieces(PICTURE), name="n")
    scene = Scene(database)
    await scene.create(CLIENTS, name="Ann", list_of_images=[files.url(key)])
    await scene.create(CLIENTS, name="Bob", list_of_images=[files.url(new_key("clients", uuid4(), uuid4(), "png"))])
    async with new_archive(root) as archive:
        await export_all(ArchivedStores(MemoryArchives(database), files), archive)
    return key


async def arrive(root: pathlib.Path, files: FileStore) -> None:
    await import_all(ArchivedStores(MemoryArchives(MemoryDatabase()), files), LocalArchive(root))


def test_the_files_of_records_go_with_them(tmp_path: pathlib.Path) -> None:
    key = asyncio.run(left(tmp_path / "a"))

    with closing(LocalFileStore(tmp_path / "files")) as files:
        asyncio.run(arrive(tmp_path / "a", files))
        asyncio.run(arrive(tmp_path / "a", files))  # as after a kill, when the files are there and the records are not

        assert asyncio.run(read(files, key)) == PICTURE
        assert asyncio.run(kept(files)) == {key}


def damaged(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def cut(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("spoil", "name", "says"),
    [
        (pathlib.Path.unlink, "manifest.json", "manifest.json cannot be read: No such file or directory"),
        (pathlib.Path.unlink, "leads.jsonl", "leads.jsonl cannot be read: No such file or directory"),
        (damaged, "clients.jsonl", "clients.jsonl is not as it was exported"),
        (cut, "groups.jsonl", "groups.jsonl is not as it was exported"),
        (damaged, "files/{key}", ".png is not as it was exported"),
        (pathlib.Path.unlink, "files/{key}", ".png cannot be read"),
    ],
)
def test_a_damaged_copy_is_one_clear_error_and_nothing_is_written(
    tmp_path: pathlib.Path, spoil: Callable[[pathlib.Path], None], name: str, says: str
) -> None:
    key = asyncio.run(left(tmp_path / "a"))
    spoil(tmp_path / "a" / name.format(key=key))
    files = MemoryFileStore()

    with pytest.raises(ArchiveError, match=says):
        asyncio.run(arrive(tmp_path / "a", files))
    assert asyncio.run(kept(files)) == set()


def test_a_file_is_no_directory(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_text("x")

    with pytest.raises(ArchiveError, match=r"manifest.json cannot be read: Not a directory"):
        asyncio.run(arrive(tmp_path / "a", MemoryFileStore()))
    with pytest.raises(ArchiveError, match="is there already: name a new directory"):
        asyncio.run(left(tmp_path / "a"))


def test_what_is_there_already_is_not_written_over(tmp_path: pathlib.Path) -> None:
    asyncio.run(left(tmp_path / "a"))

    with pytest.raises(ArchiveError, match="is there already: name a new directory"):
        asyncio.run(left(tmp_path / "a"))


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path: pathlib.Path) -> None:
    (tmp_path / ".a.part").mkdir()
    (tmp_path / ".a.part" / "groups.jsonl").write_text("half")

    asyncio.run(left(tmp_path / "a"))

    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_after_a_full_disk_nothing_is_there(tmp_path: pathlib.Path) -> None:
    async def full() -> AsyncIterator[bytes]:
        yield b"x"
        raise OSError(errno.ENOSPC, "No space left on device")

    async def export() -> None:
        async with new_archive(tmp_path / "a") as archive:
            await archive.write("groups.jsonl", full())

    with pytest.raises(ArchiveError, match=r"groups.jsonl cannot be written: No space left on device"):
        asyncio.run(export())
    assert list(tmp_path.iterdir()) == []
