"""The facts that Archives must show: what leaves one database comes into another as it was.

An adapter's test subclasses :class:`ArchivesContract`, and says how to open a database and an empty one.
"""

# ruff: noqa: D102  # a test's name is the fact that it states

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple
from uuid import UUID

import attrs
import pytest

from crm_core.archives.lines import WITHOUT_SECRETS, ArchivedRecord, Group
from crm_core.archives.parts import HISTORY, MANIFEST, RECORDS, STAYS, USERS
from crm_core.errors import ArchiveError
from crm_core.model.files import OpenFile, StoredFile
from crm_core.model.plain_values import parse_json
from crm_core.model.records import Key
from crm_core.model.summaries import StageQuery
from crm_core.ports import Archives, Database, Users
from crm_core.resources import CLIENTS, LEADS, PIPELINES, WEBHOOKS
from crm_core.testing.scene import OnOneLoop, Scene, fact
from crm_core.use_cases import history, restorations
from crm_core.use_cases.archives import ArchivedStores, export_all, import_all


class OpenedArchives(NamedTuple):
    """A database with exactly the users of ``crm_core.testing.USERS``, and an empty one without users."""

    database: Database
    archives: Archives
    empty: Database
    empty_archives: Archives
    empty_users: Users


@attrs.define
class MemoryDirectory:
    """An archive in memory (``crm_core.ports.ArchiveDirectory``)."""

    files: dict[str, bytes] = attrs.field(factory=dict)

    async def write(self, name: str, content: AsyncIterator[bytes]) -> None:
        """Write a new file."""
        assert name not in self.files
        self.files[name] = b"".join([piece async for piece in content])

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a file."""
        if name not in self.files:
            raise ArchiveError(f"{name} is missing.")
        yield self.files[name]


class NoFiles:
    """A store without files (``crm_core.ports.FileStore``)."""

    def url(self, key: str) -> str:
        """Return the URL of a file."""
        return f"/files/{key}"

    def key(self, url: str) -> str | None:
        """Return the key of the file with this URL."""
        return url.removeprefix("/files/")

    async def put(self, key: str, content: AsyncIterator[bytes], *, name: str) -> None:
        """Fail, as no file is there."""
        raise NotImplementedError

    async def open(self, key: str) -> OpenFile | str | None:
        """Return None."""

    async def fetch(self, key: str) -> OpenFile | None:
        """Return None."""

    async def delete(self, key: str) -> None:
        """Do nothing."""

    async def stored(self, prefix: str = "") -> AsyncIterator[StoredFile]:
        """Yield nothing."""
        nothing: Sequence[StoredFile] = ()
        for file in nothing:
            if file.key.startswith(prefix):
                yield file


class Mover(Scene):
    """A scene with an empty database beside it."""

    def __init__(self, opened: OpenedArchives) -> None:
        super().__init__(opened.database)
        self.archives: Archives = opened.archives
        self.there: Scene = Scene(opened.empty)
        self.archives_there: Archives = opened.empty_archives
        self.users_there: Users = opened.empty_users

    async def leave(self, *, history: bool = False, secrets: bool = False) -> MemoryDirectory:
        """Return everything of the database."""
        return await _exported(self.archives, history=history, secrets=secrets)

    async def arrive(self, directory: MemoryDirectory) -> None:
        """Fill the empty database."""
        await import_all(ArchivedStores(self.archives_there, NoFiles()), directory)

    async def arrive_partly(self) -> None:
        """Begin to fill the empty database, and fail."""
        async with self.archives_there.filling() as filling:
            await filling.add_groups([Group("Sales", frozenset())])
            await filling.add_records("client", [_ANN])
            raise ArchiveError("A file is missing.")

    async def fill(self, resource: str, records: Sequence[ArchivedRecord]) -> None:
        """Fill the empty database with records alone."""
        async with self.archives_there.filling() as filling:
            await filling.add_records(resource, records)

    async def leave_again(self, *, history: bool = False, secrets: bool = False) -> MemoryDirectory:
        """Return everything of the database that was empty."""
        return await _exported(self.archives_there, history=history, secrets=secrets)

    async def live(self) -> dict[str, UUID]:
        """Create a record of each resource, change some, and delete one; return their ids by resource name."""
        ids = dict(await self.one_of_each())
        await self.patch(CLIENTS, ids["client"], name="Zoë\n\t\\\u2028", attributes={"größe": ["a", "b"]})
        await self.patch(LEADS, ids["lead"], stage="B")
        await self.delete(CLIENTS, await self.create(CLIENTS, name="gone"))
        return ids


async def _exported(archives: Archives, *, history: bool, secrets: bool) -> MemoryDirectory:
    directory = MemoryDirectory()
    await export_all(ArchivedStores(archives, NoFiles()), directory, history=history, secrets=secrets)
    return directory


_ANN: Final = ArchivedRecord(
    Key("client", UUID(int=2)),
    1,
    b'{"id":"00000000-0000-0000-0000-000000000002","name":"Ann","list_of_tasks":[],"list_of_images":[],'
    b'"list_of_notes":[],"attributes":{},"created_at":"2026-01-31T10:00:00Z","created_by":null,"updated_at":null,'
    b'"updated_by":null}',
)
#: A client without a name.
_NOBODY: Final = ArchivedRecord(Key("client", UUID(int=1)), 1, b'{"id":"00000000-0000-0000-0000-000000000001"}')


class ArchivesContract(OnOneLoop):
    """All tests of Archives."""

    def open(self) -> AbstractAsyncContextManager[OpenedArchives]:
        """Return a context manager of two databases. It is entered and exited in different tasks of one event loop."""
        raise NotImplementedError

    @pytest.fixture
    def mover(self) -> Iterator[Mover]:
        """Yield the databases."""
        yield from map(Mover, self.opened(self.open()))

    @fact
    async def test_a_copy_of_everything_is_the_same_byte_for_byte(self, mover: Mover) -> None:
        await mover.live()
        left = await mover.leave(history=True, secrets=True)

        await mover.arrive(left)

        assert (await mover.leave_again(history=True, secrets=True)).files == left.files

    @fact
    async def test_without_history_and_secrets_a_copy_is_the_same_too(self, mover: Mover) -> None:
        await mover.live()
        left = await mover.leave()

        await mover.arrive(left)

        assert (await mover.leave_again()).files == left.files
        assert HISTORY not in left.files

    @fact
    async def test_every_record_is_there_with_its_document_and_version(self, mover: Mover) -> None:
        ids = await mover.live()

        await mover.arrive(await mover.leave(secrets=True))

        for name, id_ in ids.items():
            assert await mover.there.db.get(Key(name, id_)) == await mover.db.get(Key(name, id_))

    @fact
    async def test_the_history_comes_with_what_was_deleted(self, mover: Mover) -> None:
        ids = await mover.live()

        await mover.arrive(await mover.leave(history=True))

        key = Key("client", ids["client"])
        assert await mover.there.db.history(key) == await mover.db.history(key)
        exported = (await mover.leave_again(history=True)).files[HISTORY]
        assert [parse_json(line)["kind"] for line in exported.splitlines()].count("deleted") == 1

    @fact
    async def test_without_history_each_record_can_be_changed_and_restored(self, mover: Mover) -> None:
        client = (await mover.live())["client"]
        await mover.arrive(await mover.leave())
        there, before = mover.there, await mover.there.db.get(Key("client", client))
        assert before is not None

        await there.patch(CLIENTS, client, name="n")
        target = restorations.Target(CLIENTS, client, before.version)
        await restorations.restore(there.db, there.who, target, {})

        kinds = [event.kind for event in await there.db.history(Key("client", client))]
        after = await there.db.get(Key("client", client))
        assert kinds == ["updated", "updated", "baseline"]
        assert after is not None
        assert parse_json(after.body)["name"] == parse_json(before.body)["name"]
        shown = await history.version(there.db, there.who, CLIENTS, client, before.version)
        assert parse_json(shown.body) == parse_json(before.body)

    @fact
    async def test_the_times_that_leads_spent_in_stages_come_with_them(self, mover: Mover) -> None:
        pipeline = await mover.create(
            PIPELINES, name="p", stages=[{"name": "A", "order": 1}, {"name": "B", "order": 2}]
        )
        lead = await mover.create(LEADS, name="l", pipeline=str(pipeline), stage="A")
        await mover.patch(LEADS, lead, stage="B")
        before = await mover.patch(LEADS, lead, name="l2")
        await mover.delete(LEADS, lead)
        await restorations.restore(mover.db, mover.who, restorations.Target(LEADS, lead, before.version), {})

        left = await mover.leave(history=True)
        await mover.arrive(left)

        assert (await mover.leave_again(history=True)).files[STAYS] == left.files[STAYS]
        assert left.files[STAYS].count(b"\n") == 3  # A, B, and B again after the delete
        stages = (await mover.value(PIPELINES, pipeline)).stages
        query = StageQuery(pipeline=pipeline, stages=tuple(stage.id for stage in stages))
        assert await mover.there.db.stage_figures(query) == await mover.db.stage_figures(query)

    @fact
    async def test_webhooks_without_their_secrets_are_disabled(self, mover: Mover) -> None:
        hook = (await mover.live())["webhook"]

        await mover.arrive(await mover.leave())

        webhook = await mover.there.value(WEBHOOKS, hook)
        assert (webhook.is_active, webhook.disabled_reason) == (False, WITHOUT_SECRETS)
        assert webhook.url == "https://example.com/********"

    @fact
    async def test_no_password_leaves(self, mover: Mover) -> None:
        left = await mover.leave(history=True, secrets=True)

        assert b"argon" not in left.files[USERS]
        assert b"password" not in left.files[USERS]

    @fact
    async def test_an_export_is_of_one_moment(self, mover: Mover) -> None:
        await mover.create(CLIENTS, name="before")

        async with mover.archives.snapshot() as snapshot:
            await snapshot.groups()
            await mover.create(CLIENTS, name="after")
            found = [record async for page in snapshot.records("client") for record in page]

        assert [parse_json(record.document)["name"] for record in found] == ["before"]

    @fact
    async def test_a_database_that_is_not_empty_is_not_filled(self, mover: Mover) -> None:
        left = await mover.leave()
        await mover.arrive(left)

        with pytest.raises(ArchiveError, match="not empty"):
            await mover.arrive(left)

    @fact
    async def test_after_an_error_nothing_is_there_and_it_can_be_begun_again(self, mover: Mover) -> None:
        await mover.live()
        left = await mover.leave(history=True)

        with pytest.raises(ArchiveError, match="is missing"):
            await mover.arrive_partly()

        await mover.arrive(left)
        assert (await mover.leave_again(history=True)).files == left.files

    @fact
    async def test_a_record_that_the_database_cannot_keep_is_one_clear_error(self, mover: Mover) -> None:
        with pytest.raises(ArchiveError, match="cannot keep"):
            await mover.fill("client", [_NOBODY])

    @fact
    async def test_what_was_changed_on_its_way_is_refused_before_anything_is_written(self, mover: Mover) -> None:
        await mover.live()
        left = await mover.leave()
        part = next(name for name, resource in RECORDS.items() if resource is CLIENTS)
        wrong = {
            "is missing": {name: text for name, text in left.files.items() if name != part},
            "copy it again": {**left.files, part: left.files[part].replace(b"Zo", b"Zu")},
            "other release": {**left.files, MANIFEST: left.files[MANIFEST].replace(b'"format": 1', b'"format": 2')},
        }
        for words, files in wrong.items():
            with pytest.raises(ArchiveError, match=words):
                await mover.arrive(MemoryDirectory(files))

        await mover.arrive(left)

    @fact
    async def test_users_that_are_added_later_get_new_ids(self, mover: Mover) -> None:
        await mover.arrive(await mover.leave())
        known = {account.user.id for account in await mover.users_there.list_users()}

        added = await mover.users_there.add_user("new", "!")

        assert added not in known
