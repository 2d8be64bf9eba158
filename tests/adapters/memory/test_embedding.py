"""Facts about typed calls in process, on the memory: awaited, in the thread that makes them, and through a portal."""

import asyncio
import csv
import io
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_adapters.image_headers import read_header
from crm_adapters.memory import MemoryDatabase, MemoryFileStore
from crm_core import (
    LEADS,
    Actor,
    BulkRefusedError,
    CrmError,
    IdempotencyKeyReusedError,
    InvalidError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    Task,
    UnavailableError,
    UnknownUserError,
    User,
    VersionConflictError,
    flatten,
)
from crm_core.embedding import Awaiting, Crm, Portal, Runner, Session, SyncCrm, version_of
from crm_core.use_cases import Images, records, users

ME = Actor(user=User(id=1, username="me"), is_superuser=True)
PHOTO = "tests/photos/baseline.jpg"


def awaited(facts: Callable[[Session[Awaiting]], Coroutine[Any, Any, object]]) -> None:
    """Run facts on a new database."""
    db = MemoryDatabase()
    images = Images(files=MemoryFileStore(), read_header=read_header)
    crm = Crm(db, users=db.accounts, feed=db.feed, deliveries=db.outbox, images=images)
    asyncio.run(facts(crm.as_(ME)))


def blocking() -> Session[Runner]:
    return SyncCrm(MemoryDatabase()).as_(ME)


# Records


def test_calls_take_and_return_entities() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        await crm.attributes("lead").create(name="size", label="Size", type="number")
        lead = await crm.leads.create(
            name="Ann", attributes={"size": Decimal("1.50")}, list_of_tasks=[{"task": "Call"}]
        )
        done = await crm.leads.update_task(lead.id, lead.list_of_tasks[0].id, completed=True)
        more = await crm.leads.change(lead.id, list_of_tasks=[*done.list_of_tasks, Task(task="Write")])

        assert str(lead.attributes["size"]) == "1.50"
        assert [(task.task, task.completed) for task in more.list_of_tasks] == [("Call", True), ("Write", False)]
        assert await crm.leads.retrieve(str(lead.id)) == more
        assert [version_of(each) for each in (lead, done, more)] == [1, 2, 3]
        assert (await crm.leads.merge(lead.id, attributes={"size": None}, if_match=more)).attributes == {}
        with pytest.raises(VersionConflictError):
            await crm.leads.delete(lead.id, if_match=more)
        assert (await crm.leads.document(lead.id)).body.startswith(b'{"id":')

    awaited(facts)


def test_lists_are_read_page_by_page_as_they_are_iterated() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        for number in range(5):
            await crm.clients.create(name=f"Client {number}")
        names = [each.name async for each in crm.clients.list(ordering="name", page_size=2)]
        page = await crm.clients.list(ordering="name", page_size=2).page()
        following = await crm.clients.list(ordering="name", page_size=2).page(page.next_cursor)
        first = await crm.clients.list(name="client", ordering="-name").first()

        assert names == [f"Client {number}" for number in range(5)]
        assert [each.name for each in following.items] == names[2:4]
        assert first is not None
        assert first.name == "Client 4"
        assert [each async for each in crm.clients.list(limit=0)] == []
        assert len([each async for each in crm.clients.list(limit=3, page_size=2)]) == 3

    awaited(facts)


def test_what_is_inside_another_record_is_called_with_its_id() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        client = await crm.clients.create(name="Acme")
        service = await crm.services.create(name="Jane", client=client.id)
        other = await crm.services.create(name="Joe", client=client)  # type: ignore[arg-type]  # checked below
        raise AssertionError(other, service)

    with pytest.raises(InvalidError, match="client"):
        awaited(facts)

    async def inside(crm: Session[Awaiting]) -> None:
        client = await crm.clients.create(name="Acme")
        service = await crm.services.create(name="Jane", client=client.id)
        other = await crm.services.create(name="Joe", client=client.id)
        made = await crm.follow_ups(service.id).create(comment="Called")

        assert [each.id async for each in crm.follow_ups(str(service.id)).list()] == [made.id]
        with pytest.raises(NotFoundError):
            await crm.follow_ups(other.id).retrieve(made.id)

    awaited(inside)


def test_history_versions_and_restorations_are_typed() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        lead = await crm.leads.create(name="Ann")
        await crm.leads.change(lead.id, name="Bea")
        entries = [entry async for entry in crm.leads.history(lead.id, page_size=1)]
        [dry] = await crm.leads.restore_dry_run(lead.id, 1)

        assert [(entry.version, entry.kind) for entry in entries] == [(2, "updated"), (1, "created")]
        assert entries[0].at.tzinfo is not None
        assert (await crm.leads.version(lead.id, 1)).name == "Ann"
        assert (dry.record, dry.changes) == (lead.id, {"name": {"from": "Bea", "to": "Ann"}})
        assert (await crm.leads.restore(lead.id, 1)).name == "Ann"
        assert (await crm.leads.erase_dry_run(lead.id)).records[0].record == lead.id
        assert (await crm.leads.erase(lead.id)).files == 0

    awaited(facts)


def test_records_are_found_and_changed_by_unique_values() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        await crm.attributes("client").create(name="email", label="E-mail", type="text", is_unique=True)
        made = await crm.clients.upsert(by="email", value="a@b.example", name="Acme")
        changed = await crm.clients.upsert(by="email", value="A@B.example", name="Acme Ltd", if_match=made)

        assert (changed.id, changed.name) == (made.id, "Acme Ltd")
        assert await crm.clients.retrieve_by("email", "a@b.example") == changed
        with pytest.raises(VersionConflictError):
            await crm.clients.upsert(by="email", value="a@b.example", only="create", name="Other")

    awaited(facts)


def test_bulk_operations_have_outcomes() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        client = {"op": "create", "ref": "acme", "data": {"name": "Acme"}}
        made, refused = await crm.clients.bulk([client, {"op": "create", "data": {}}], lenient=True)  # type: ignore[list-item]

        assert (made.kind, made.version, refused.kind) == ("created", 1, "refused")
        assert isinstance(refused.error, InvalidError)
        with pytest.raises(BulkRefusedError):
            await crm.clients.bulk([{"op": "create", "data": {}}])

    awaited(facts)


def test_files_come_in_by_upload_and_go_out_by_export() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        client = await crm.clients.create(name="Acme")
        with open(PHOTO, "rb") as photo:  # noqa: ASYNC230, PTH123  # a small file of the tests
            uploaded = await crm.clients.upload(client.id, photo)
        await crm.clients.export(table := io.BytesIO(), name="acme")

        assert uploaded.list_of_images == (uploaded.url,)
        [row] = csv.DictReader(io.StringIO(table.getvalue().decode()))
        assert row["name"] == "Acme"
        await crm.clients.export(lines := io.BytesIO(), format="jsonl", name="nobody")
        assert lines.getvalue() == b""
        with pytest.raises(ValueError, match=r"Crm\(db, workbooks=...\)"):
            await crm.clients.export(io.BytesIO(), format="xlsx")

    awaited(facts)


def test_changes_are_read_and_followed() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        lead = await crm.leads.create(name="Ann")
        page = await crm.changes.read(resources=["lead"])
        assert [(event.record, event.kind, event.changes["name"]) for event in page.events] == [
            (lead.id, "created", {"to": "Ann"})
        ]
        await crm.clients.create(name="Acme")
        async for event in crm.changes.follow(page.next):
            assert (event.resource, event.actor) == ("client", 1)
            break
        assert (await crm.changes.read("now")).events == ()

    awaited(facts)


def test_webhooks_have_secrets_dry_runs_and_deliveries() -> None:
    async def facts(crm: Session[Awaiting]) -> None:
        webhook = await crm.webhooks.create(name="w", model="Lead", url="https://example.com/leads")
        lead = await crm.leads.create(name="Ann")
        [waiting] = [each async for each in crm.webhooks.deliveries(webhook.id, state="pending")]
        whole = await crm.webhooks.delivery(webhook.id, waiting.id)
        await crm.webhooks.cancel_delivery(webhook.id, waiting.id)

        assert (webhook.secret or "").startswith("whsec_")
        assert (await crm.webhooks.retrieve(webhook.id)).secret is None
        assert (await crm.webhooks.dry_run(webhook.id, record=lead.id, event="created")).would_fire
        assert (waiting.record, waiting.request, waiting.finished_at) == (lead.id, None, None)
        assert whole.request is not None
        assert (await crm.webhooks.redeliver(webhook.id, waiting.id)).state == "pending"
        assert await crm.webhooks.recover(webhook.id, since="2026-01-01") == 0
        assert await crm.webhooks.rotate_secret(webhook.id) != webhook.secret

    awaited(facts)


# What is refused


def test_names_that_are_not_known_are_refused() -> None:
    crm = blocking()

    with pytest.raises(InvalidError, match="stgae"):
        crm.leads.create(name="a", stgae="New")  # type: ignore[call-arg]
    with pytest.raises(InvalidError, match="naem"):
        crm.leads.list(naem="a").first()  # type: ignore[call-arg]


@pytest.mark.parametrize("id_", ["not-a-uuid", "", None, -1, 1.5, [], b"x", object()])
def test_what_is_no_id_is_the_id_of_no_record(id_: Any) -> None:
    crm, db = blocking(), MemoryDatabase()
    called: Sequence[Callable[[], object]] = [
        lambda: crm.leads.retrieve(id_),
        lambda: crm.leads.change(id_, name="a"),
        lambda: crm.leads.delete(id_),
        lambda: crm.leads.history(id_).first(),
        lambda: crm.leads.restore(id_, 1),
        lambda: crm.leads.erase(id_),
        lambda: crm.leads.add_task(id_, task="a"),
        lambda: crm.follow_ups(id_),
        lambda: asyncio.run(records.get(db, crm.caller(), LEADS, id_)),
        lambda: asyncio.run(records.delete(db, crm.caller(), LEADS, id_)),
    ]

    for call in called:
        with pytest.raises(NotFoundError):
            call()


@pytest.mark.parametrize("value", [None, "", " ", b"x", object(), [], {1}])
def test_a_filter_compares_with_a_value(value: Any) -> None:
    with pytest.raises(InvalidError) as caught:
        blocking().leads.list(stage=value).first()

    assert list(flatten(caught.value.problems)) == [
        "stage: This parameter takes a value to compare with; leave it out for no such filter."
    ]


def test_use_cases_take_the_values_of_python_in_parameters() -> None:
    async def facts() -> None:
        crm = Crm(db := MemoryDatabase()).as_(ME)
        wanted = {"responsible": 1, "pipeline": UUID(int=1), "limit": 5}
        with pytest.raises(InvalidError) as caught:
            await records.find(db, crm.caller(), LEADS, wanted)
        assert caught.value.problems.keys() == {"responsible", "pipeline"}

    asyncio.run(facts())


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3)
    | st.uuids() | st.dates() | st.datetimes() | st.just(object()) | st.sets(st.integers(), max_size=2)
    | st.just(Task(task="a")) | st.decimals(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
FIELDS = st.sampled_from([*LEADS.fields, "other"])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.dictionaries(FIELDS, ANYTHING, max_size=4), st.dictionaries(FIELDS, ANYTHING, max_size=2), ANYTHING)
def test_values_of_wrong_types_are_problems_and_nothing_else(
    sent: dict[str, Any], filters: dict[str, Any], thing: Any
) -> None:
    crm = blocking()
    called: Sequence[Callable[[], object]] = [
        lambda: crm.leads.create(**{"name": "a", **sent}),
        lambda: crm.leads.list(**filters).first(),
        lambda: crm.leads.list(page_size=thing, limit=thing).first(),
        lambda: crm.leads.retrieve(thing),
        lambda: crm.leads.add_task(UUID(int=1), task=thing),
        lambda: crm.leads.bulk(thing),
        lambda: crm.leads.create(name="a", idempotency_key=thing),
        lambda: crm.leads.merge_records(UUID(int=1), thing, take=thing),
        lambda: crm.attributes("lead").convert(UUID(int=1), thing, format=thing),
        lambda: crm.attributes(thing).rename_dry_run(UUID(int=1), thing),
        lambda: crm.transfer_requests.accept(thing, cohort=thing),
        lambda: crm.pipelines.summary(UUID(int=1), since=thing),
        lambda: crm.tasks.list(responsible=thing, due_before=thing).first(),
    ]

    for call in called:
        try:
            call()
        except UnavailableError:
            raise
        except CrmError:
            pass


# Users and moments


def test_calls_are_made_as_a_user_by_id_or_name() -> None:
    async def facts() -> None:
        db = MemoryDatabase()
        crm = Crm(db, users=db.accounts)
        id_ = await users.add_external_user(db.accounts, "ann", groups=["Sales"])
        by_id, by_name = await crm.as_user(id_, request_id="job"), await crm.as_user("ann", permissions=[])

        assert (await by_id.leads.create(name="a")).updated_by == id_
        assert db.events[-1].request_id == "job"
        with pytest.raises(PermissionDeniedError):
            await by_name.leads.create(name="a")
        for unknown in (99, "nobody", "\x00", 2**70):
            with pytest.raises(UnknownUserError):
                await crm.as_user(unknown)
        await users.disable_user(db.accounts, "ann")
        with pytest.raises(NotAuthenticatedError):
            await crm.as_user("ann")
        with pytest.raises(ValueError, match=r"Crm\(db, users=...\)"):
            await Crm(db).as_user("ann")

    asyncio.run(facts())


def test_each_call_has_its_own_moment() -> None:
    leads = blocking().leads
    first, second = leads.create(name="a"), leads.create(name="b")

    assert first.created_at is not None
    assert second.created_at is not None
    assert first.created_at < second.created_at


def test_a_call_with_a_key_takes_effect_once() -> None:
    crm = blocking()
    first = crm.leads.create(name="a", idempotency_key="import-1")

    assert crm.leads.create(name="a", idempotency_key="import-1") == first
    assert len(list(crm.leads.list())) == 1
    with pytest.raises(IdempotencyKeyReusedError):
        crm.leads.create(name="b", idempotency_key="import-1")
    with pytest.raises(InvalidError, match="idempotency_key"):
        crm.leads.create(name="b", idempotency_key="")


# Together


def test_a_block_of_calls_is_committed_together_or_not_at_all() -> None:
    crm = blocking()
    with crm.together() as work:
        client = work.clients.create(name="Acme")
        work.services.create(name="Jane", client=client.id)
        assert work.clients.retrieve(client.id) == client
        with pytest.raises(NotFoundError):
            crm.clients.retrieve(client.id)
    assert [each.client for each in crm.services.list()] == [client.id]

    def refused() -> None:
        with crm.together() as other:
            other.clients.create(name="Other")
            other.services.create(name="", client=client.id)

    with pytest.raises(InvalidError):
        refused()
    assert [each.name for each in crm.clients.list()] == ["Acme"]


# Without an event loop


def test_a_thread_with_an_event_loop_awaits_its_calls() -> None:
    async def mistaken() -> object:
        return blocking().leads.create(name="a")

    with pytest.raises(RuntimeError, match="use Crm"):
        asyncio.run(mistaken())


def test_calls_together_are_awaited_if_and_only_if_each_one_is() -> None:
    async def mistaken(session: Any) -> None:
        async with session.together():
            pass

    awaited_session: Any = Crm(MemoryDatabase()).as_(ME)
    with pytest.raises(TypeError, match="use `async with`"), awaited_session.together():
        pass
    with pytest.raises(TypeError, match="use `with`"):
        asyncio.run(mistaken(blocking()))


def test_threads_share_a_portal() -> None:
    with Portal() as portal, ThreadPoolExecutor(4) as threads:
        crm = SyncCrm(MemoryDatabase(), runner=portal).as_(ME)
        list(threads.map(lambda number: crm.leads.create(name=str(number)), range(20)))
        names = {lead.name for lead in crm.leads.list()}

    assert names == {str(number) for number in range(20)}
    with pytest.raises(RuntimeError, match="this portal is closed"):
        crm.leads.create(name="late")
    portal.close()


def test_a_portal_leaves_what_it_opened() -> None:
    left: list[str] = []

    class Opened:
        async def __aenter__(self) -> str:
            return threading.current_thread().name

        async def __aexit__(self, *_: object) -> None:
            left.append("left")

    with Portal() as portal:
        assert portal.open(Opened) == "crm-portal"
        assert not left
    assert left == ["left"]


def test_an_error_of_a_call_is_raised_where_it_is_made() -> None:
    async def fail() -> Awaitable[None]:
        raise NotFoundError

    with Portal() as portal, pytest.raises(NotFoundError):
        portal.run(fail())
