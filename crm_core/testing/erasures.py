"""Tests of erasures: nothing that the store keeps has a value of an erased record; ids, kinds and times stay."""

# ruff: noqa: D102  # a test's name is the fact that it states

from uuid import UUID

import attrs
import pytest

from crm_core.errors import ErasedError, InUseError, NotFoundError, VersionConflictError
from crm_core.model.accounts import Idempotency
from crm_core.model.erasures import ErasureReport
from crm_core.model.events import Event
from crm_core.model.plain_values import json_text, parse_json, plain
from crm_core.model.records import Key
from crm_core.resources import CLIENTS, FOLLOW_UPS, LEADS, RESOURCES, SERVICES, TRANSFER_REQUESTS
from crm_core.testing.scene import Facts, Scene, at_once, fact
from crm_core.use_cases import erasures, history, records, restorations
from crm_core.use_cases.erasures import ErasureTarget
from crm_core.use_cases.restorations import Target

_NAME = 'Ada "Lovelace" 91'
_TELLING = "Lovelace"


class ErasureFacts(Facts):
    """Erasures of records."""

    @fact
    async def test_every_record_can_be_erased_and_its_history_keeps_ids_and_times(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        for name in reversed(list(RESOURCES)):
            key = Key(name, made[name])
            before = await scene.db.history(key)
            if before[0].kind == "created":
                await _erase(scene, name, made[name])
            latest, *after = await scene.db.history(key)

            assert (latest.kind, latest.changes, latest.version) == ("erased", {}, 2)
            assert [_shell(event) for event in after] == [_shell(event) for event in before][-1:]
            assert await scene.db.get(key) is None
            for change in after[0].changes.items():
                assert change[1] == {} or change[0] in {"id", "entity", *RESOURCES[name].references}

    @fact
    async def test_no_event_has_a_value_of_an_erased_record_or_of_what_belonged_to_it(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="c")
        service = await scene.create(SERVICES, name=_NAME, client=client)
        kept = await scene.create(FOLLOW_UPS, service, comment=_NAME)
        deleted = await scene.create(FOLLOW_UPS, service, comment=_NAME)
        transfer = await scene.create(TRANSFER_REQUESTS, student=service, cohort_request="b")
        await scene.patch(SERVICES, service, name=f"{_NAME}-2", list_of_notes=[{"note": _NAME}])
        await scene.delete(FOLLOW_UPS, deleted)
        report = await _erase(scene, "service", service)

        assert {each.record for each in report.records} == {service, kept, deleted, transfer}
        for key in (
            Key("service", service),
            Key("follow_up", kept),
            Key("follow_up", deleted),
            Key("transfer_request", transfer),
        ):
            assert _TELLING not in await _text(scene, key)
            assert (await scene.db.history(key))[0].kind == "erased"

    @fact
    async def test_a_deleted_record_is_erased_with_what_was_deleted_with_it(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="c")
        service = await scene.create(SERVICES, name=_NAME, client=client)
        visit = await scene.create(FOLLOW_UPS, service, comment=_NAME)
        await scene.delete(SERVICES, service)
        await _erase(scene, "service", service)

        assert _TELLING not in await _text(scene, Key("service", service)) + await _text(scene, Key("follow_up", visit))
        assert [event.kind for event in await scene.db.history(Key("follow_up", visit))] == [
            "erased",
            "deleted",
            "created",
        ]

    @fact
    async def test_a_record_that_belongs_to_another_by_now_loses_only_copies_of_the_name(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name="c")
        one, other = [await scene.create(SERVICES, name=name, client=client) for name in (_NAME, "other")]
        transfer = await scene.create(TRANSFER_REQUESTS, student=one, cohort_request="b")
        await scene.patch(TRANSFER_REQUESTS, transfer, student=str(other))
        document = await scene.db.get(Key("transfer_request", transfer))
        report = await _erase(scene, "service", one)

        assert [copy.record for copy in report.copies] == [transfer]
        assert _TELLING not in await _text(scene, Key("transfer_request", transfer))
        assert await scene.db.get(Key("transfer_request", transfer)) == document
        version = await history.version(scene.db, scene.who, TRANSFER_REQUESTS, transfer, 2)
        assert document is not None
        assert version.body == document.body

    @fact
    async def test_an_erased_record_is_neither_restored_nor_shown_and_is_erased_once(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name=_NAME)
        await _erase(scene, "client", client)
        again = await _erase(scene, "client", client)

        assert again.records == ()
        with pytest.raises(ErasedError):
            await restorations.restore(scene.db, scene.who, Target(CLIENTS, client, 1), {})
        with pytest.raises(ErasedError):
            await history.version(scene.db, scene.who, CLIENTS, client, 1)
        assert [each["kind"] for each in (await history.find(scene.db, scene.who, CLIENTS, client, {})).entries] == [
            "erased",
            "created",
        ]

    @fact
    async def test_the_rules_of_a_delete_hold_for_an_erasure(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        with pytest.raises(InUseError):
            await _erase(scene, "client", made["client"])
        with pytest.raises(NotFoundError):
            await _erase(scene, "client", made["lead"])
        target = ErasureTarget(RESOURCES["lead"], made["lead"], expected=frozenset({7}))
        with pytest.raises(VersionConflictError):
            await erasures.erase(scene.db, None, scene.who, target)
        assert await scene.version(RESOURCES["lead"], made["lead"]) == 1

    @fact
    async def test_a_dry_run_changes_nothing_and_names_who_mentions_the_name(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name=_NAME)
        await scene.patch(CLIENTS, client, name="New")
        friend = await scene.create(CLIENTS, name="x", list_of_notes=[{"note": f"knows {_NAME}"}])
        report = await erasures.erase_dry_run(scene.db, None, scene.who, ErasureTarget(CLIENTS, client))

        assert [(each.record, each.version) for each in report.records] == [(client, 3)]
        assert [each.record for each in report.mentions] == [friend]
        assert [event.kind for event in await scene.db.history(Key("client", client))] == ["updated", "created"]
        assert await scene.version(CLIENTS, client) == 2

    @fact
    async def test_what_registered_resources_refer_to_has_no_foreign_referrer(self, scene: Scene) -> None:
        made = await scene.one_of_each()
        assert await scene.db.foreign_referrer([Key(name, id_) for name, id_ in made.items()]) is None

    @fact
    async def test_of_erasures_and_changes_at_once_the_erasure_stays(self, scene: Scene) -> None:
        client = await scene.create(CLIENTS, name=_NAME)
        await at_once(
            *(scene.patch(CLIENTS, client, name=f"{_NAME}{number}") for number in range(3)),
            *(_erase(scene, "client", client) for _ in range(2)),
        )
        assert [event.kind for event in await scene.db.history(Key("client", client))].count("erased") == 1
        assert _TELLING not in await _text(scene, Key("client", client))


class AuthorFacts(Facts):
    """Users whose names are erased."""

    @fact
    async def test_a_renamed_author_is_renamed_wherever_the_name_is_kept(self, scene: Scene) -> None:
        noted = [{"note": '"user_id":1,"user_name":"tester"'}]
        lead = await scene.create(LEADS, name="a", list_of_notes=noted, list_of_tasks=[{"task": "t"}])
        await scene.patch(LEADS, lead, list_of_notes=[], list_of_tasks=[{"task": "u"}])
        other = await scene.create(LEADS, name="tester")
        assert await scene.db.rename_author(7, "erased-7") == 0
        assert await scene.db.rename_author(1, "erased-1") == 1

        value = await scene.value(LEADS, lead)
        assert (value.list_of_tasks[0].user_name, await scene.version(LEADS, lead)) == ("erased-1", 3)
        assert (await scene.value(LEADS, other)).name == "tester"
        assert await scene.version(LEADS, other) == 1
        events = await scene.db.history(Key("lead", lead))
        assert {event.actor_name for event in events} == {"erased-1"}
        first = await history.version(scene.db, scene.who, LEADS, lead, 1)
        assert b'"user_name":"tester"' not in first.body
        assert b'"user_name":"erased-1"' in first.body
        assert noted[0]["note"] in parse_json(first.body)["list_of_notes"][0]["note"]
        assert (await scene.patch(LEADS, lead, name="b")).version == 4
        assert await scene.db.rename_author(1, "erased-1") == 0

    @fact
    async def test_the_answer_to_a_repeated_request_has_the_new_name_of_an_author(self, scene: Scene) -> None:
        who = attrs.evolve(scene.who, idempotency=Idempotency("key", b"asked"))
        sent = {"name": "a", "list_of_tasks": [{"task": "t"}]}
        _, first = await records.create(scene.db, who, LEADS, sent)
        await scene.db.rename_author(1, "erased-1")
        _, again = await records.create(scene.db, who, LEADS, sent)

        assert parse_json(first.body)["list_of_tasks"][0]["user_name"] == "tester"
        assert parse_json(again.body)["list_of_tasks"][0]["user_name"] == "erased-1"


async def _erase(scene: Scene, name: str, id_: UUID) -> ErasureReport:
    parent = "client" if name == "attribute" else None
    return await erasures.erase(scene.db, None, scene.who, ErasureTarget(RESOURCES[name], id_, parent))


def _shell(event: Event) -> tuple[object, ...]:
    """Return what an erasure leaves of an event."""
    return event.version, event.kind, event.at, event.actor, event.actor_name, event.request_id, set(event.changes)


async def _text(scene: Scene, key: Key) -> str:
    """Return all that the store has of a record as one text."""
    document = await scene.db.get(key)
    body = document.body.decode() if document else ""
    return body + "".join(json_text(plain(event.changes)) for event in await scene.db.history(key))
