"""The typed client, waiting and asynchronous, against ``crm serve``; and what it does when answers are lost."""

import asyncio
import io
import json
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from crm_core import (
    AttributeInUseError,
    CrmError,
    DeliveryFinishedError,
    InUseError,
    InvalidError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    RestoreRefusedError,
    Task,
    ThrottledError,
    UnavailableError,
    VersionConflictError,
    flatten,
)
from crm_core.model import entities
from crm_http.client import (
    AsyncClient,
    Client,
    ErasedError,
    MergedError,
    NoResponseError,
    Retry,
    UnexpectedResponseError,
    version_of,
)
from tests.http.conftest import PASSWORD, Api, Server
from tests.pictures import png

AT_ONCE = Retry(first=0.0)


@pytest.fixture
def url(server: Server, postgres_api: Api) -> str:
    assert postgres_api.token
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture
def crm(url: str, postgres_api: Api) -> Iterator[Client]:
    with Client(url, token=postgres_api.token) as client:
        yield client


def test_a_record_is_made_read_changed_and_deleted(crm: Client) -> None:
    with crm:
        made: entities.Client = crm.clients.create(name="Acme", list_of_tasks=[{"task": "Call", "date": "2026-01-01"}])
        assert (made.name, made.list_of_tasks[0].date, made.created_by) == ("Acme", date(2026, 1, 1), 1)
        assert isinstance(made.id, UUID)
        assert crm.clients.retrieve(made.id) == made

        more: tuple[Task, ...] = (*made.list_of_tasks, Task(id=uuid4(), task="Write", date=date(2026, 2, 1)))
        changed = crm.clients.change(made.id, list_of_tasks=more)
        assert [task.task for task in changed.list_of_tasks] == ["Call", "Write"]
        assert (version_of(made), version_of(changed)) == (1, 2)

        crm.clients.delete(made.id)
        with pytest.raises(NotFoundError):
            crm.clients.retrieve(made.id)


def test_a_history_is_read_and_a_version_restored(crm: Client) -> None:
    with crm:
        lead = crm.leads.create(name="Ann", stage="New")
        crm.leads.change(lead.id, name="Bea", stage="Lost")
        newest, oldest = crm.leads.history(lead.id, page_size=1)
        assert (newest.version, newest.kind, oldest.kind) == (2, "updated", "created")
        assert newest.changes["stage"] == {"from": "New", "to": "Lost"}
        assert crm.leads.history(lead.id).first() == newest
        assert crm.leads.version(lead.id, 1) == lead

        [would] = crm.leads.restore_dry_run(lead.id, 1, fields=["stage"])
        assert (would.record, would.changes) == (lead.id, {"stage": {"from": "Lost", "to": "New"}})
        restored = crm.leads.restore(lead.id, 1, fields=["stage"], if_match=2)
        assert (restored.name, restored.stage, version_of(restored)) == ("Bea", "New", 3)
        crm.leads.delete(lead.id)
        assert crm.leads.restore(lead.id, 1, with_children=True).name == "Ann"
        assert crm.leads.history(lead.id).page().items[0].cause == {"restored_from": 1}


def test_a_record_is_erased_and_its_versions_are_gone(crm: Client) -> None:
    with crm:
        client = crm.clients.create(name="Erasable")
        friend = crm.clients.create(name="b", list_of_notes=[{"note": "Erasable called"}])
        would = crm.clients.erase_dry_run(client.id)
        assert [(each.resource, each.record) for each in would.records] == [("client", client.id)]
        assert [each.record for each in would.mentions] == [friend.id]
        assert crm.clients.retrieve(client.id) == client
        assert crm.clients.erase(client.id, if_match=1).records == would.records
        with pytest.raises(ErasedError):
            crm.clients.version(client.id, 1)
        assert crm.clients.erase(client.id).records == ()


def test_duplicates_are_found_and_merged_and_a_merge_is_undone(crm: Client) -> None:
    with crm:
        acme, twin = (crm.clients.create(name=name) for name in ("Acme", "ACME Ltd"))
        [group] = crm.clients.duplicates()
        assert [each.id for each in group.records] == [acme.id, twin.id]
        assert [(each.field, each.match) for each in group.reasons] == [("name", "similar")]
        would = crm.clients.merge_records_dry_run(acme.id, [twin.id], take={"name": twin.id})
        assert [(each.record, each.kind) for each in would] == [(acme.id, "updated"), (twin.id, "deleted")]
        merged = crm.clients.merge_records(acme.id, [twin.id], take={"name": twin.id}, if_match=acme)
        assert (merged.name, version_of(merged)) == ("ACME Ltd", 2)
        with pytest.raises(MergedError) as gone:
            crm.clients.retrieve(twin.id)
        assert (gone.value.path, gone.value.winner) == ("clients", acme.id)
        crm.clients.change(acme.id, name="New")
        with pytest.raises(RestoreRefusedError):
            crm.clients.restore(twin.id, 1)
        assert crm.clients.restore(twin.id, 1, partly=True).name == "ACME Ltd"


def test_a_version_that_cannot_be_restored_is_told_by_field(crm: Client) -> None:
    with crm:
        client = crm.clients.create(name="Acme")
        service = crm.services.create(name="s", client=client.id)
        crm.services.delete(service.id)
        crm.clients.delete(client.id)
        with pytest.raises(RestoreRefusedError) as refused:
            crm.services.restore(service.id, 1)

        assert refused.value.reasons.keys() == {"client"}


def test_the_asynchronous_client_does_the_same(url: str) -> None:
    async def use() -> list[str]:
        async with await AsyncClient.log_in(url, "admin", PASSWORD) as crm:
            made: entities.Lead = await crm.leads.create(name="Ann", stage="New")
            await crm.leads.add_note(made.id, note="n")
            for name in ("b", "c"):
                await crm.leads.create(name=name, stage="New")
            names = [lead.name async for lead in crm.leads.list(stage="New", page_size=1)]
            with pytest.raises(VersionConflictError):
                await crm.leads.change(made.id, if_match=made, name="x")
            await crm.leads.delete(made.id)
            await crm.log_out()
            with pytest.raises(NotAuthenticatedError):
                await crm.me()
        return names

    assert asyncio.run(use()) == ["c", "b", "Ann"]


def test_lists_follow_their_pages_and_take_filters_of_every_kind(crm: Client) -> None:
    with crm:
        crm.attributes("lead").create(name="colour", label="Colour", type="text")
        crm.attributes("lead").create(name="size", label="Size", type="number")
        for number in range(7):
            crm.leads.create(name=f"l{number}", stage="New", attributes={"colour": "red", "size": number})

        named = [lead.name for lead in crm.leads.list(stage="New", ordering="name", page_size=2)]
        assert named == [f"l{number}" for number in range(7)]
        found = crm.leads.list(attributes={"colour__in": ["red", "blue"], "size__gte": 5}, ordering="name")
        assert [lead.name for lead in found] == ["l5", "l6"]
        assert [each.name for each in crm.attributes("lead").list(is_required=False, ordering="name")] == [
            "colour",
            "size",
        ]


def test_many_operations_are_one_call(crm: Client) -> None:
    with crm:
        made = crm.clients.bulk(
            [
                {"op": "create", "ref": "acme", "data": {"name": "Acme"}},
                {"op": "create", "resource": "services", "data": {"name": "Ann", "client": {"ref": "acme"}}},
            ],
            idempotency_key="import-7",
        )
        acme, ann = made.results
        assert acme.id
        assert ann.id
        assert crm.services.retrieve(ann.id).client == acme.id
        with pytest.raises(InvalidError) as refused:
            crm.clients.bulk([{"op": "create", "data": {"name": ""}}])
        assert list(flatten(refused.value.problems)) == ["0.name: This field may not be blank."]
        done = crm.services.bulk(
            [{"op": "update", "id": ann.id, "data": {"name": "b"}, "if_match": 9}, {"op": "delete", "id": ann.id}],
            lenient=True,
        )
        assert [each.errors for each in done.results] == [{"id": ["Another operation is about the same record."]}] * 2
        assert crm.services.bulk([{"op": "delete", "id": ann.id}]).succeeded == 1


def test_who_has_not_seen_what_others_changed_is_told_what_that_was(crm: Client) -> None:
    with crm:
        seen = crm.clients.create(name="a")
        crm.clients.change(seen.id, name="b")
        with pytest.raises(VersionConflictError) as refused:
            crm.clients.change(seen.id, if_match=seen, name="c")
        assert (refused.value.version, refused.value.fields) == (2, ["name"])
        with pytest.raises(VersionConflictError):
            crm.clients.delete(seen.id, if_match=seen)
        assert crm.clients.change(seen.id, if_match=crm.clients.retrieve(seen.id), name="c").name == "c"
        [listed] = crm.clients.list()
        with pytest.raises(ValueError, match="records from lists have no version"):
            crm.clients.change(seen.id, if_match=listed, name="d")


def test_attributes_are_merged(crm: Client) -> None:
    with crm:
        for name in ("a", "b"):
            crm.attributes("client").create(name=name, label=name, type="text")
        made = crm.clients.create(name="c", attributes={"a": "1", "b": "1"})
        assert crm.clients.merge(made.id, attributes={"a": None}).attributes == {"b": "1"}


def test_attributes_are_renamed_and_converted_with_their_values(crm: Client) -> None:
    with crm:
        attributes = crm.attributes("client")
        tag = attributes.create(name="tag", label="Tag", type="text")
        made = crm.clients.create(name="c", attributes={"tag": "red; blue"})
        assert attributes.rename_dry_run(tag.id, "color").records == 1
        assert attributes.rename(tag.id, "color", if_match=tag).former_names == ("tag",)
        with pytest.raises(AttributeInUseError, match="1 record holds a value that cannot be converted"):
            attributes.convert(tag.id, "number")
        assert [each.value for each in attributes.convert_dry_run(tag.id, "number").failing_values] == ["red; blue"]
        assert attributes.convert(tag.id, "list").list_values == ("blue", "red")
        assert attributes.rename_value_dry_run(tag.id, "red", "blue").merged == 1
        assert attributes.rename_value(tag.id, "red", "pink").list_values == ("blue", "pink")
        assert attributes.remove_value_dry_run(tag.id, "pink").refusals
        assert attributes.remove_value(tag.id, "pink", replace_with="blue").list_values == ("blue",)
        assert attributes.delete_dry_run(tag.id).records == 1
        assert crm.clients.retrieve(made.id).attributes == {"color": ["blue"]}


def test_records_are_created_or_changed_by_a_unique_value(crm: Client) -> None:
    with crm:
        attribute = crm.attributes("client").create(name="email", label="E-mail", type="text", is_unique=True)
        first = crm.clients.upsert(by="email", value="ann@example.com", name="Ann")
        again = crm.clients.upsert(by="email", value="ANN@example.com", name="Anna", if_match=first)

        assert (again.id, again.name, again.attributes) == (first.id, "Anna", {"email": "ann@example.com"})
        assert crm.clients.retrieve_by("email", "Ann@Example.com").id == first.id
        with pytest.raises(VersionConflictError, match="A record has this value"):
            crm.clients.upsert(by="email", value="ann@example.com", name="x", only="create")
        with pytest.raises(VersionConflictError, match="No record has this value"):
            crm.clients.upsert(by="email", value="bob@example.com", name="x", only="change")
        data = {"name": "Ann", "attributes": {"email": "ann@example.com"}}
        many = crm.clients.bulk([{"op": "upsert", "by": "email", "data": data}])
        assert [(each.status, each.id) for each in many.results] == [(200, first.id)]
        crm.attributes("client").delete(attribute.id)


def test_tasks_notes_and_images_are_changed_one_by_one(crm: Client) -> None:
    with crm:
        made = crm.clients.create(name="a")
        task = crm.clients.add_task(made.id, task="Call").list_of_tasks[0]
        assert crm.clients.update_task(made.id, task.id, completed=True).list_of_tasks[0].completed
        note = crm.clients.add_note(made.id, note="n").list_of_notes[0]
        assert crm.clients.delete_note(made.id, note.id).list_of_notes == ()
        assert crm.clients.delete_task(made.id, task.id).list_of_tasks == ()
        uploaded = crm.clients.upload(made.id, png())
        assert uploaded.list_of_images == (uploaded.url,)


def test_follow_ups_are_below_their_service(crm: Client) -> None:
    with crm:
        service = crm.services.create(name="s", client=crm.clients.create(name="c").id)
        follow_up = crm.follow_ups(service.id).create(comment="x")
        assert list(crm.follow_ups(service.id).list()) == [follow_up]
        assert follow_up.service == service.id
        with pytest.raises(InUseError, match="1 service"):
            crm.clients.delete(service.client)


def test_lists_are_exported_to_a_file_piece_by_piece(crm: Client, url: str, postgres_api: Api) -> None:
    crm.attributes("client").create(name="plz", label="PLZ", type="text")
    crm.clients.create(name="Exported Ann", attributes={"plz": "007"})
    crm.clients.create(name="Exported Ben")
    csv_file, jsonl_file = io.BytesIO(), io.BytesIO()
    crm.clients.export(csv_file, name="Exported", attributes={"plz": "007"}, bom=True)

    async def export() -> None:
        async with AsyncClient(url, token=postgres_api.token) as asynchronous:
            await asynchronous.clients.export(jsonl_file, format="jsonl", name="Exported", ordering="name")

    asyncio.run(export())
    header, line = csv_file.getvalue().decode("utf-8-sig").splitlines()
    assert (header[:24], "Exported Ann,007" in line) == ("id,name,attributes.plz,l", True)
    assert [json.loads(line)["name"] for line in jsonl_file.getvalue().splitlines()] == ["Exported Ann", "Exported Ben"]


def test_follow_ups_and_attributes_are_exported_from_where_they_are(crm: Client) -> None:
    client = crm.clients.create(name="c")
    services = [crm.services.create(name=name, client=client.id) for name in "ab"]
    for service in services:
        crm.follow_ups(service.id).create(comment=service.name)
    crm.attributes("lead").create(name="only", label="Only", type="text")
    follow_ups, attributes = io.BytesIO(), io.BytesIO()
    crm.follow_ups(services[0].id).export(follow_ups, format="jsonl")
    crm.attributes("lead").export(attributes, format="jsonl")

    assert [json.loads(line)["comment"] for line in follow_ups.getvalue().splitlines()] == ["a"]
    assert [json.loads(line)["name"] for line in attributes.getvalue().splitlines()] == ["only"]


def test_an_export_that_is_refused_writes_nothing(crm: Client) -> None:
    file = io.BytesIO()

    with pytest.raises(InvalidError, match=r"attributes\.none"):
        crm.clients.export(file, attributes={"none": "x"})
    assert file.getvalue() == b""


def test_webhooks_have_their_secret_and_their_log(crm: Client) -> None:
    with crm:
        hook = crm.webhooks.create(name="w", model="Lead", url="http://127.0.0.1:9/", events=["created"])
        assert hook.secret is not None
        assert crm.webhooks.retrieve(hook.id).secret is None
        assert crm.webhooks.rotate_secret(hook.id) not in (hook.secret, "")
        lead = crm.leads.create(name="l")
        assert crm.webhooks.dry_run(hook.id, record=lead.id, event="created").would_fire
        [listed] = crm.webhooks.deliveries(hook.id)
        shown = crm.webhooks.delivery(hook.id, listed.id)
        assert (shown.record, shown.type) == (lead.id, "lead.created")
        assert shown.request is not None
        assert shown.request["url"] == "http://127.0.0.1:9/"
        assert crm.webhooks.redeliver(hook.id, listed.id).id == listed.id
        assert crm.webhooks.recover(hook.id, since=date(2026, 1, 1)) in (0, 1)
        with suppress(DeliveryFinishedError):  # it may be dead by now
            crm.webhooks.cancel_delivery(hook.id, listed.id)
            assert crm.webhooks.delivery(hook.id, listed.id).state == "cancelled"
        with pytest.raises(NotFoundError):
            crm.webhooks.cancel_delivery(hook.id, hook.id)


def test_users_are_listed_and_one_knows_who_one_is(url: str, postgres_api: Api) -> None:
    postgres_api.people.add("sam", "Sales")
    with Client.log_in(url, "sam", PASSWORD) as crm:
        assert (crm.me().username, crm.me().groups) == ("sam", ("Sales",))
        assert [user.username for user in crm.users("sales")] == ["sam"]
        with pytest.raises(PermissionDeniedError):
            crm.webhooks.create(name="w", model="Lead", url="https://a.example/")


def test_a_narrow_token_is_logged_in_listed_and_revoked(url: str) -> None:
    with (
        Client.log_in(url, "admin", PASSWORD) as crm,
        Client.log_in(url, "admin", PASSWORD, permissions={"app.view_lead"}) as reader,
    ):
        assert reader.me().permissions == ("app.view_lead",)
        with pytest.raises(PermissionDeniedError):
            reader.leads.create(name="a")
        own = reader.tokens.list().first()
        assert own
        assert (own.permissions, own.is_current) == (("app.view_lead",), True)
        assert [token.is_current for token in crm.tokens.list(page_size=1)][:2] == [False, True]
        crm.tokens.revoke(own.id)
        with pytest.raises(NotAuthenticatedError):
            reader.me()
        with pytest.raises(TypeError, match="list of texts"):
            Client.log_in(url, "admin", PASSWORD, permissions="app.view_lead")
        with pytest.raises(InvalidError) as refused:
            Client.log_in(url, "admin", PASSWORD, permissions=["app.view_leads"])
        assert refused.value.problems.keys() == {"permissions"}


def test_the_asynchronous_client_narrows_and_revokes_tokens_too(url: str) -> None:
    async def use() -> tuple[str, ...]:
        async with await AsyncClient.log_in(url, "admin", PASSWORD, permissions=["app.view_lead"]) as crm:
            me = await crm.me()
            [own] = [token async for token in crm.tokens.list()]
            await crm.tokens.revoke(own.id)
            with pytest.raises(NotAuthenticatedError):
                await crm.me()
            return me.permissions

    assert asyncio.run(use()) == ("app.view_lead",)


def test_what_is_wrong_is_said_by_field_and_nothing_that_is_sent_is_ignored(crm: Client) -> None:
    with crm:
        with pytest.raises(InvalidError) as refused:
            crm.clients.create(name="", colour="red", attributes={"x": 1})  # type: ignore[call-arg]
        assert refused.value.problems.keys() == {"name", "colour", "attributes"}
        assert "attributes.x: This attribute is not defined." in str(refused.value)
        with pytest.raises(InvalidError):
            list(crm.leads.list(stag="New"))  # type: ignore[call-arg]


def test_a_program_that_starts_again_with_the_same_keys_creates_nothing_twice(url: str, postgres_api: Api) -> None:
    for _ in range(2):
        with Client(url, token=postgres_api.token) as crm:
            crm.clients.create(name="a", idempotency_key="row-1")
            crm.clients.create(name="b", idempotency_key="row-2")
            assert sorted(client.name for client in crm.clients.list()) == ["a", "b"]


def test_a_page_is_followed_by_the_page_at_its_cursor(crm: Client) -> None:
    with crm:
        for number in range(5):
            crm.leads.create(name=f"l{number}", stage="New")
        listing = crm.leads.list(stage="New", ordering="name", page_size=2)
        page = listing.page()
        assert [lead.name for lead in page.items] == ["l0", "l1"]
        assert [lead.name for lead in listing.page(page.next_cursor).items] == ["l2", "l3"]
        assert [lead.name for lead in crm.leads.list(ordering="-name", limit=3, page_size=2)] == ["l4", "l3", "l2"]
        assert crm.leads.list(stage="Won").first() is None


def test_an_id_is_never_taken_for_a_path(crm: Client) -> None:
    with crm, pytest.raises(NotFoundError):
        crm.clients.retrieve("../me")


class Faulty(httpx.BaseTransport):
    """Sends everything, and then has for each answer in turn what is to become of it; in the end nothing."""

    def __init__(self, *faults: Callable[[httpx.Response], httpx.Response], sends: bool = True) -> None:
        self.faults = list(faults)
        self.asked: list[httpx.Request] = []
        self._inner = httpx.HTTPTransport() if sends else httpx.MockTransport(lambda _: httpx.Response(200, json={}))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._inner.handle_request(request)
        return self.faults.pop(0)(answer) if self.faults else answer

    def close(self) -> None:
        self._inner.close()


def test_a_record_in_place_of_its_id_is_not_sent() -> None:
    record: Any = entities.Client(id=uuid4(), name="Ann", attributes={}, created_at=datetime.now(UTC), created_by=1)
    transport = Faulty(sends=False)
    with Client("http://crm.example", token="a-token", transport=transport) as crm:
        for call in (
            crm.clients.retrieve,
            crm.clients.delete,
            crm.clients.erase,
            partial(crm.clients.change, name="a"),
        ):
            with pytest.raises(NotFoundError):
                call(record)

    assert transport.asked == []


class AsyncFaulty(httpx.AsyncBaseTransport):
    """The same, for who awaits."""

    def __init__(self, *faults: Callable[[httpx.Response], httpx.Response]) -> None:
        self.faults = list(faults)
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        if not self.faults:
            return answer
        await answer.aread()
        return self.faults.pop(0)(answer)

    async def aclose(self) -> None:
        await self._inner.aclose()


def lost(answer: httpx.Response) -> httpx.Response:
    """The server has done it; the connection is gone before anybody knows."""
    answer.read()
    raise httpx.RemoteProtocolError("the connection was lost")


def refused(status: int, detail: str = "", **headers: str) -> Callable[[httpx.Response], httpx.Response]:
    def answer(instead: httpx.Response) -> httpx.Response:
        instead.read()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, json={"detail": detail}, headers=named)

    return answer


def faulty(url: str, api: Api, *faults: Callable[[httpx.Response], httpx.Response]) -> tuple[Client, Faulty]:
    transport = Faulty(*faults)
    return Client(url, token=api.token, retry=AT_ONCE, transport=transport), transport


def test_a_creation_whose_answers_are_lost_is_made_once(url: str, postgres_api: Api) -> None:
    crm, transport = faulty(url, postgres_api, lost, lost, refused(503), refused(409, "under way"))
    with crm:
        made = crm.clients.create(name="a")
        crm.clients.add_note(made.id, note="n")
        assert list(crm.clients.list()) == [crm.clients.retrieve(made.id)]

    assert len({request.headers["Idempotency-Key"] for request in transport.asked[:5]}) == 1
    assert transport.asked[5].headers["Idempotency-Key"] != transport.asked[0].headers["Idempotency-Key"]


def test_a_change_whose_answer_is_lost_is_not_taken_for_that_of_somebody_else(url: str, postgres_api: Api) -> None:
    crm, transport = faulty(url, postgres_api)
    with crm:
        made = crm.clients.create(name="a")
        transport.faults = [lost]
        assert version_of(crm.clients.change(made.id, if_match=made, name="b")) == 2


def test_a_creation_whose_answers_are_lost_is_made_once_asynchronously_too(url: str, postgres_api: Api) -> None:
    async def use() -> int:
        transport = AsyncFaulty(lost, refused(503))
        async with AsyncClient(url, token=postgres_api.token, retry=AT_ONCE, transport=transport) as crm:
            await crm.clients.create(name="a")
            return len([each async for each in crm.clients.list()])

    assert asyncio.run(use()) == 1


def test_a_deletion_whose_answer_is_lost_is_done(url: str, postgres_api: Api) -> None:
    crm, transport = faulty(url, postgres_api)
    with crm:
        made = crm.clients.create(name="a")
        transport.faults = [lost]
        crm.clients.delete(made.id)
        with pytest.raises(NotFoundError):
            crm.clients.delete(made.id)


def test_a_change_that_a_conflict_refuses_is_not_sent_again(url: str, postgres_api: Api) -> None:
    crm, transport = faulty(url, postgres_api)
    with crm:
        client = crm.clients.create(name="Acme")
        service = crm.services.create(name="s", client=client.id)
        crm.services.delete(service.id)
        crm.clients.delete(client.id)
        transport.asked.clear()
        with pytest.raises(RestoreRefusedError):
            crm.services.restore(service.id, 1)

    assert len(transport.asked) == 1


def test_what_could_be_done_twice_is_not_sent_again(url: str, postgres_api: Api) -> None:
    crm, transport = faulty(url, postgres_api)
    with crm:
        made = crm.clients.create(name="a")
        transport.faults = [lost]
        with pytest.raises(NoResponseError, match="the connection was lost"):
            crm.clients.upload(made.id, png())
        assert len(crm.clients.retrieve(made.id).list_of_images) == 1


@pytest.mark.parametrize(
    ("fault", "error", "asked"),
    [
        (refused(503), UnavailableError, 5),
        (refused(503, Retry_After="21"), UnavailableError, 1),
        (refused(429, Retry_After="21"), ThrottledError, 1),
        (refused(502), UnexpectedResponseError, 5),
        (refused(500), UnexpectedResponseError, 1),
        (lost, NoResponseError, 5),
    ],
)
def test_patience_ends(fault: Callable[[httpx.Response], httpx.Response], error: type[CrmError], asked: int) -> None:
    transport = Faulty(*[fault] * 9, sends=False)
    with Client("http://crm.example", retry=AT_ONCE, transport=transport) as crm, pytest.raises(error):
        crm.me()
    assert len(transport.asked) == asked


def test_a_server_that_is_not_there_is_an_error_of_the_same_tree() -> None:
    with Client("http://127.0.0.1:9", retry=Retry(attempts=2, first=0.0)) as crm, pytest.raises(NoResponseError):
        crm.clients.create(name="a")


def test_an_answer_of_something_else_is_an_error_that_says_so() -> None:
    transport = Faulty(sends=False)
    with (
        Client("http://crm.example", transport=transport) as crm,
        pytest.raises(UnexpectedResponseError, match="cannot be read"),
    ):
        crm.me()


def test_a_page_elsewhere_is_not_asked_for_with_the_token() -> None:
    seen: list[str] = []

    def page(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        link = {"Link": '<https://evil.example/api/leads/?cursor=x>; rel="next"'}
        return httpx.Response(200, json=[], headers={} if "cursor" in request.url.params else link)

    transport = httpx.MockTransport(page)
    with Client("https://crm.example/sub", token="t", transport=transport) as crm:
        assert list(crm.leads.list()) == []
    assert seen[1] == "https://crm.example/sub/api/leads/?limit=100&cursor=x"


def test_the_client_needs_nothing_of_the_server() -> None:
    code = (
        "import sys, crm_http.client\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'litestar', 'granian', 'psycopg', 'crm_adapters'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_the_type_checker_knows_what_is_called_with_what_and_what_comes_of_it(tmp_path: pathlib.Path) -> None:
    """In strict mode, where an ``ignore`` that nothing needs is an error too."""
    file = pathlib.Path(__file__).with_name("typed_client.py")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}", file],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "Success: no issues found in 1 source file\n", done.stderr
