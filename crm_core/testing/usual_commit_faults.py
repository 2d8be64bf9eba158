"""The faults that databases usually have in how changes are committed: lost, twice, or in part."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final
from uuid import UUID

from crm_core.engine.changes import Changes
from crm_core.engine.receipts import ReceiptKey
from crm_core.errors import DuplicateRequestError
from crm_core.model.accounts import Caller, Idempotency
from crm_core.model.entities import ENTITIES, Client
from crm_core.model.plain_values import parse_json
from crm_core.model.records import Key
from crm_core.ports import Database
from crm_core.resources import ATTRIBUTES, CLIENTS, LEADS, PIPELINES, WEBHOOKS, Resource
from crm_core.rules.needs import Needs, Search
from crm_core.testing.pairs import Operation, Pair
from crm_core.testing.readings import answer_of, assert_done, changed_fields, look_at, whole_list
from crm_core.testing.scene import deciding, delivery, put
from crm_core.use_cases import records

_HOOK: Final = {"name": "moving", "model": "Lead", "url": "https://example.com/"}


def compare_commits(pair: Pair, clients: Sequence[UUID]) -> None:
    """Run the steps that faulty commits show in; ``clients`` are some that are there."""
    _compare_updates(pair, clients[-1])
    _compare_repetitions(pair, clients[0])
    _compare_failures(pair)
    _compare_hidden_values(pair)
    _compare_catalogs(pair)
    pair.compare_deliveries()


def _compare_updates(pair: Pair, client: UUID) -> None:
    """Transactions lose updates that come in between, values become equal at once, and histories lose fields."""
    look = partial(look_at, keys=[Key("client", client)])
    pair.at_once(f"rename client {client} to 'e', and to 'é'", [_rename(client, "e"), _rename(client, "é")], look)
    for since in range(4):
        words = f"read the fields of client {client} that changed since version {since}"
        pair.compare(words, partial(changed_fields, key=Key("client", client), since=since))
    held = {"name": "at once", "attributes": {"key": "held once"}}
    create = partial(_create, resource=CLIENTS, sent=held)
    found = partial(whole_list, resource=CLIENTS, params={"name": "at once"})
    pair.at_once("create two clients with one value of a unique attribute", [create, create], found)


def _compare_repetitions(pair: Pair, client: UUID) -> None:
    """Receipts are lost, so that a repeated request is carried out twice, or are found by another user."""
    idempotency = Idempotency(f"key {(number := pair.number())}", b"asked")
    rename = _rename(client, "b")
    words = f"rename client {client} to 'b' with an idempotency key"
    first = answer_of(pair.both(words, rename, number, idempotency=idempotency))
    pair.both(f"rename client {client} to 'B'", _rename(client, "B"))
    again = answer_of(pair.both(f"{words}, again", rename, number, idempotency=idempotency))
    assert first
    assert again == first._replace(is_replayed=True)
    pair.both(f"{words}, that another user sent before", rename, number + 1, idempotency=idempotency)
    pair.both(
        "write what has the receipt of that request, which is refused", partial(_write_again, key=idempotency), number
    )


def _compare_failures(pair: Pair) -> None:
    """A commit that fails in its second half leaves the first."""
    assert_done(pair.both("write two clients, of whom the second cannot be kept", _fail_half_way))


def _compare_hidden_values(pair: Pair) -> None:
    """What is kept beside a document is lost when the document is written again."""
    assert_done(pair.both("write a lead with a stage twice", _write_twice))


def _compare_catalogs(pair: Pair) -> None:
    """A catalog does not move with a change of what it holds, so that others go on with the old one."""
    samples: Sequence[tuple[Resource, str | None, Mapping[str, object], Mapping[str, object]]] = [
        (WEBHOOKS, None, _HOOK, {"model": "FollowUp"}),
        (ATTRIBUTES, "service", {"name": "moving", "label": "l", "type": "text"}, {"label": "m"}),
    ]
    for resource, parent, sent, change in samples:
        create = partial(_create, resource=resource, sent=sent, parent=parent)
        id_ = UUID(str(_compare_moves(pair, f"create {resource.name}: {sent}", create)))
        _compare_moves(
            pair, f"change {resource.name} {id_}: {change}", partial(_patch, resource=resource, id_=id_, sent=change)
        )
        _compare_moves(pair, f"delete {resource.name} {id_}", partial(_delete, resource=resource, id_=id_))


def _compare_moves(pair: Pair, words: str, change: Operation) -> object:
    moved = pair.both(f"{words}, and see which catalogs have a new version", partial(_moves, change=change))
    return moved["id"] if isinstance(moved, Mapping) else None


async def _moves(db: Database, who: Caller, *, change: Operation) -> object:
    before = await _versions(db)
    outcome = await change(db, who)
    after = await _versions(db)
    return {"id": outcome, "moved": {entity: after[entity] > before[entity] for entity in ENTITIES}}


async def _versions(db: Database) -> Mapping[str, int]:
    known = await db.known(Needs(catalogs=dict.fromkeys(ENTITIES)))
    return {entity: catalog.version for entity, catalog in known.catalogs.items()}


async def _create(db: Database, who: Caller, *, resource: Resource, sent: object, parent: object = None) -> UUID:
    return (await records.create(db, who, resource, sent, parent=parent))[0]


async def _patch(db: Database, who: Caller, *, resource: Resource, id_: UUID, sent: object) -> None:
    await records.patch(db, who, resource, id_, sent)


async def _delete(db: Database, who: Caller, *, resource: Resource, id_: UUID) -> None:
    await records.delete(db, who, resource, id_)


def _rename(client: UUID, name: str) -> Operation:
    return lambda db, who: records.patch(db, who, CLIENTS, client, {"name": name})


async def _write_again(db: Database, who: Caller, *, key: Idempotency) -> object:
    client = _client(who, "refused", {})
    changes = Changes(
        writes=(put(who, None, client),),
        deliveries=(delivery(await _first_hook(db), Key("client", client.id)),),
        answer=Key("client", client.id),
        receipt=ReceiptKey(who.actor.user.id, key),
    )
    with suppress(DuplicateRequestError):
        await db.change(deciding(changes))
    return await look_at(db, who, keys=[Key("client", client.id)])


async def _fail_half_way(db: Database, who: Caller) -> object:
    first, second = _client(who, "first", {}), _client(who, "second", {"text": object()})
    changes = Changes(
        writes=(put(who, None, first), put(who, None, second)),
        deliveries=(delivery(await _first_hook(db), Key("client", first.id)),),
    )
    with suppress(Exception):  # whatever the encoder raises
        await db.change(deciding(changes))
    keys = [Key("client", client.id) for client in (first, second)]
    return [await look_at(db, who, keys=keys), [len(await db.history(key)) for key in keys]]


def _client(who: Caller, name: str, attributes: Mapping[str, object]) -> Client:
    return Client(id=who.new_id(), name=name, attributes=attributes, created_at=who.now, created_by=None)


async def _first_hook(db: Database) -> UUID:
    return (await db.known(Needs(catalogs={"lead": None}))).catalogs["lead"].webhooks[0].id


async def _write_twice(db: Database, who: Caller) -> object:
    pipeline, document = await records.create(db, who, PIPELINES, {"name": "p", "stages": [{"name": "X"}]})
    lead = await _create(db, who, resource=LEADS, sent={"name": "l", "pipeline": str(pipeline)})
    await records.patch(db, who, LEADS, lead, {"name": "written again"})
    [stage] = parse_json(document.body)["stages"]
    search = Search("lead", (("stage_id", UUID(stage["id"])),))
    known = await db.known(Needs(children=frozenset({search})))
    return {"leads by the id of the stage": [child.key.id for child in known.children[search]]}
