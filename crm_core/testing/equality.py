"""Tests of equality: where a store itself compares values, None equals None, and texts are equal by code points."""

# ruff: noqa: D102  # a test's name is the fact that it states

from typing import Final

import attrs

from crm_core.input.texts import normal
from crm_core.model.accounts import Idempotency
from crm_core.model.entities import Client
from crm_core.model.records import Key
from crm_core.resources import ATTRIBUTES, CLIENTS, LEADS, WEBHOOKS
from crm_core.rules.needs import Needs, Search
from crm_core.testing.machine import USERS
from crm_core.testing.scene import Facts, Scene, fact, put, writing
from crm_core.testing.strategies import near_equal
from crm_core.use_cases import records
from crm_core.use_cases.callers import new_id

#: Texts that collations take for one another: by case, accents, blanks at the end, Unicode form, or above U+FFFF.
_TEXTS: Final = (*near_equal("Zo\u00e9 \u00df"), "ss", "\u00df", "\U0001f600", "\U0001f601")


class EqualityFacts(Facts):
    """Values that a store may take for one another, or not for the same."""

    @fact
    async def test_a_search_finds_records_by_none_truth_and_numbers(self, scene: Scene) -> None:
        without = await scene.create(LEADS, name="a")
        first, second = [await scene.create(LEADS, name="a", responsible=user) for user in USERS[:2]]
        await scene.patch(LEADS, without, name="b")  # records come by id, whatever their versions
        hooks = {
            is_on: await scene.create(WEBHOOKS, name="w", model="Lead", url="https://example.com/", is_active=is_on)
            for is_on in (True, False)
        }
        expected = {
            Search("lead", (("responsible", None),)): [without],
            Search("lead", (("responsible", USERS[0]),)): [first],
            Search("lead", (("responsible", (None, USERS[1])),)): [without, second],
            Search("lead", (("pipeline", None), ("responsible", USERS[0]))): [first],
            Search("webhook", (("is_active", True),)): [hooks[True]],
            Search("webhook", (("is_active", False),)): [hooks[False]],
        }

        known = await scene.db.known(Needs(children=frozenset(expected), counts=frozenset(expected)))
        assert {search: [each.key.id for each in known.children[search]] for search in expected} == expected
        assert known.counts == {search: len(ids) for search, ids in expected.items()}

    @fact
    async def test_a_search_and_a_look_for_names_tell_almost_equal_texts_apart(self, scene: Scene) -> None:
        ids = {text: new_id() for text in _TEXTS}
        clients = [Client(id=id_, name=text, created_at=scene.who.now, created_by=None) for text, id_ in ids.items()]
        await scene.db.change(writing(*(put(scene.who, None, client) for client in clients)))
        searches = {text: Search("client", (("name", text),)) for text in ids}
        either = Search("client", (("name", _TEXTS[:2]), ("name", _TEXTS[2])), any_field=True)

        known = await scene.db.known(
            Needs(children=frozenset({*searches.values(), either}), counts=frozenset(searches.values()))
        )
        for text, search in searches.items():
            assert [record.key.id for record in known.children[search]] == [ids[text]], text
            assert known.counts[search] == 1, text
        assert [record.key.id for record in known.children[either]] == sorted(ids[text] for text in _TEXTS[:3])
        named = await scene.db.named(CLIENTS, "name", _TEXTS)
        assert {text: list(found) for text, found in named.items()} == {text: [id_] for text, id_ in ids.items()}

    @fact
    async def test_requests_with_almost_equal_keys_are_different_requests(self, scene: Scene) -> None:
        made = [
            await records.create(
                scene.db, attrs.evolve(scene.who, idempotency=Idempotency(key, b"asked")), CLIENTS, {"name": "a"}
            )
            for key in _TEXTS
        ]

        assert len({id_ for id_, _ in made}) == len(_TEXTS)

    @fact
    async def test_a_text_is_mentioned_only_where_it_stands_letter_by_letter(self, scene: Scene) -> None:
        ids = {name: await scene.create(CLIENTS, name=name) for name in ("of Zo\u00e9", "of zo\u00e9", "of Zoe")}

        assert list(await scene.db.mentions(["Zo\u00e9"], 9)) == [Key("client", ids["of Zo\u00e9"])]
        assert not await scene.db.mentions(["of Z\u00f6"], 9)
        assert len(set(await scene.db.mentions(["of z", "of Z"], 2))) == 2

    @fact
    async def test_a_filter_tells_almost_equal_values_of_attributes_apart(self, scene: Scene) -> None:
        """But one that is sent with blanks at its ends finds the value with and without them (decision 9)."""
        await scene.create(ATTRIBUTES, "client", name="text", label="l", type="text")
        texts = dict.fromkeys(map(normal, _TEXTS))
        ids = {text: await scene.create(CLIENTS, name="a", attributes={"text": text}) for text in texts}

        for text, id_ in ids.items():
            found = await scene.found(CLIENTS, **{"attributes.text": text})
            assert {*found} == {id_, ids.get(text.strip(), id_)}, text
