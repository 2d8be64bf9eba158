"""Uploads without HTTP, and what the sweep finds where a file store and the records disagree."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from crm_adapters.image_headers import read_header
from crm_adapters.memory import MemoryDatabase, MemoryFileStore
from crm_core.engine.decision_runs import Decide
from crm_core.engine.receipts import Document
from crm_core.errors import NotFoundError, PermissionDeniedError, UnavailableError
from crm_core.model.accounts import Actor, User
from crm_core.model.files import new_key
from crm_core.resources import ATTRIBUTES, CLIENTS
from crm_core.testing.files import any_key, kept, pieces
from crm_core.testing.machine import USERS
from crm_core.testing.scene import Scene
from crm_core.use_cases import restorations
from crm_core.use_cases.callers import caller
from crm_core.use_cases.restorations import Target
from crm_core.use_cases.sweeping import Finding, Missing, Orphan, sweep
from crm_core.use_cases.uploads import Images, Upload, add_image
from tests.adapters.memory.test_database import memory
from tests.pictures import png


async def received() -> Upload:
    return Upload("a.png", pieces(png()))


async def uploaded(scene: Scene, files: MemoryFileStore) -> tuple[UUID, str]:
    """A client with one image: its id, and the image's key."""
    client = await scene.create(CLIENTS, name="a")
    images = Images(files=files, read_header=read_header)
    url, _ = await add_image(scene.db, images, scene.who, CLIENTS, client, received)
    return client, str(files.key(url))


async def found(scene: Scene, files: MemoryFileStore, later: timedelta = timedelta(hours=2)) -> list[Finding]:
    return [each async for each in sweep(scene.db, files, datetime.now(UTC) + later)]


def test_what_agrees_is_left_alone() -> None:
    async def find() -> list[Finding]:
        scene, files = Scene(await memory()), MemoryFileStore()
        await uploaded(scene, files)
        return await found(scene, files)

    assert asyncio.run(find()) == []


def test_a_file_that_no_record_names_is_an_orphan_after_an_hour() -> None:
    async def find() -> tuple[str, list[Finding], list[Finding]]:
        scene, files = Scene(await memory()), MemoryFileStore()
        client, key = await uploaded(scene, files)
        await scene.patch(CLIENTS, client, list_of_images=[])
        return key, await found(scene, files), await found(scene, files, timedelta(minutes=50))

    key, late, early = asyncio.run(find())

    assert (late, early) == ([Orphan(key)], [])


def test_the_files_of_a_deleted_record_are_kept_as_long_as_it_may_be_restored() -> None:
    async def find() -> tuple[str, list[Finding], list[Finding]]:
        scene, files = Scene(await memory()), MemoryFileStore()
        client, key = await uploaded(scene, files)
        await scene.delete(CLIENTS, client)
        return key, await found(scene, files, timedelta(days=29)), await found(scene, files, timedelta(days=31))

    key, within, after = asyncio.run(find())

    assert (within, after) == ([], [Orphan(key)])


def test_a_record_that_is_restored_after_its_image_was_swept_misses_it() -> None:
    async def find() -> tuple[str, UUID, list[Finding]]:
        scene, files = Scene(await memory()), MemoryFileStore()
        client, key = await uploaded(scene, files)
        await scene.delete(CLIENTS, client)
        await files.delete(key)
        await restorations.restore(scene.db, scene.who, Target(CLIENTS, client, 2), {})
        return files.url(key), client, await found(scene, files)

    url, client, findings = asyncio.run(find())

    assert findings == [Missing(CLIENTS, client, url)]


def test_a_file_is_named_by_whatever_mentions_it() -> None:
    """Under another address, in a note, in an attribute: all of that may be looked at by somebody."""

    async def find() -> list[Finding]:
        scene, files = Scene(await memory()), MemoryFileStore()
        await scene.create(ATTRIBUTES, "client", name="logo", label="l", type="file")
        keys = [(await uploaded(scene, files)) for _ in range(3)]
        mentions: list[dict[str, object]] = [
            {"list_of_images": [f"https://another.example.org/{keys[0][1]}"]},
            {"list_of_images": [], "list_of_notes": [{"note": f"see /files/{keys[1][1]}."}]},
            {"list_of_images": [], "attributes": {"logo": f"https://another.example.org/{keys[2][1]}"}},
        ]
        for (client, _), mention in zip(keys, mentions, strict=True):
            await scene.patch(CLIENTS, client, **mention)
        return await found(scene, files)

    assert asyncio.run(find()) == []


def test_what_an_interrupted_write_left_is_an_orphan_and_what_is_none_of_ours_is_not() -> None:
    async def find() -> tuple[str, list[Finding]]:
        scene, files = Scene(await memory()), MemoryFileStore()
        left = f"{any_key()}.partial"
        of_missing_package = any_key().replace("clients/", "invoices/")
        for key in (left, "backup/of-somebody.tar", "clients/x.png", of_missing_package):
            await files.put(key, pieces(b"x"), name="n")
        return left, await found(scene, files)

    left, findings = asyncio.run(find())

    assert findings == [Orphan(left)]


def test_a_record_that_names_a_missing_file_is_told_of() -> None:
    async def find() -> tuple[UUID, str, list[Finding]]:
        scene, files = Scene(await memory()), MemoryFileStore()
        client, key = await uploaded(scene, files)
        missing = f"/files/{new_key('services', uuid4(), uuid4(), 'png')}"
        elsewhere = "https://elsewhere.example.org/a.png"
        await scene.patch(CLIENTS, client, list_of_images=[missing, elsewhere, files.url(key)])
        return client, missing, await found(scene, files)

    client, missing, findings = asyncio.run(find())

    assert findings == [Missing(CLIENTS, client, missing)]


class FailingDatabase(MemoryDatabase):
    """A database that at some time cannot keep a change, or says so although it did."""

    fault = ""

    async def change(self, decide: Decide) -> Document | None:
        document = None if self.fault == "refuses" else await super().change(decide)
        if self.fault:
            raise UnavailableError
        return document


def after_a_failure(fault: str) -> tuple[int, int]:
    """How many files are kept after an upload whose append failed, and how many the record then names."""

    async def add() -> tuple[int, int]:
        db = FailingDatabase((await memory()).accounts)
        scene, files = Scene(db), MemoryFileStore()
        client = await scene.create(CLIENTS, name="a")
        db.fault = fault
        images = Images(files=files, read_header=read_header)
        with pytest.raises(UnavailableError):
            await add_image(db, images, scene.who, CLIENTS, client, received)
        return len(await kept(files)), len((await scene.value(CLIENTS, client)).list_of_images)

    return asyncio.run(add())


def test_an_image_that_cannot_be_appended_is_deleted() -> None:
    assert after_a_failure("refuses") == (0, 0)


def test_an_image_that_was_appended_although_the_answer_was_lost_stays() -> None:
    assert after_a_failure("forgets") == (1, 1)


def test_a_file_is_received_only_for_a_record_that_is_there_and_a_caller_who_may_change_it() -> None:
    async def add() -> None:
        scene = Scene(await memory())
        images = Images(files=MemoryFileStore(), read_header=read_header)
        client = await scene.create(CLIENTS, name="a")
        nobody = caller(Actor(user=User(id=USERS[0], username="nobody")))

        async def never() -> Upload:
            raise AssertionError

        with pytest.raises(NotFoundError):
            await add_image(scene.db, images, scene.who, CLIENTS, uuid4(), never)
        with pytest.raises(PermissionDeniedError):
            await add_image(scene.db, images, nobody, CLIENTS, client, never)

    asyncio.run(add())
