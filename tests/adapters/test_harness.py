"""The harness itself: the machine finds databases that are almost right, and records that are drawn can be kept."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_adapters import json_documents
from crm_adapters.memory import MemoryDatabase
from crm_core import RESOURCES, Database, Decide, Decision, Document, Key, Page, Query, Receipt, Resource, matches
from crm_core.model.plain_values import parse_json, plain
from crm_core.testing import USERS, assert_agreement, entities
from crm_core.testing.scene import deciding


class LosesUpdates(MemoryDatabase):
    """Lets others in between reading and committing."""

    async def change(self, decide: Decide) -> Document | None:
        decision = Decision(decide)
        while decision.needs:
            decision.send(await self.known(decision.needs))
        await asyncio.sleep(0)
        return await super().change(deciding(decision.changes))


class ForgetsHistories(MemoryDatabase):
    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        return sorted(await super().changed_fields(key, since))[:1]


class ForgetsReceipts(MemoryDatabase):
    async def receipt(self, user: int, key: str) -> Receipt | None:  # noqa: ARG002  # as the port has it
        return None


class SkipsBetweenPages(MemoryDatabase):
    """Begins each page one record too late."""

    async def page(self, query: Query, *, reader: int | None = None) -> Page:
        page = await super().page(query, reader=reader)
        return (
            page
            if query.after is None or page.next is None
            else await super().page(attrs.evolve(query, after=page.next))
        )


class ConfusesTexts(MemoryDatabase):
    """Compares texts in another way than the core, as the collations of many databases do."""

    @staticmethod
    def blur(text: str) -> str:
        raise NotImplementedError

    def _select(self, query: Query) -> Sequence[Any]:
        blurred = attrs.evolve(query, filters=tuple(self._blurred(each, "value") for each in query.filters))
        names = {each.field for each in query.filters if not each.is_attribute} | {"attributes"}
        return [
            row
            for row in super()._select(attrs.evolve(query, filters=()))
            if matches(blurred, self._blurred(row.value, *names & row.value.__dict__.keys()))
        ]

    def _blurred(self, value: Any, *names: str) -> Any:
        return attrs.evolve(value, **{name: self._blur_all(getattr(value, name)) for name in names})

    def _blur_all(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.blur(value)
        if isinstance(value, dict):
            return {name: self._blur_all(member) for name, member in value.items()}
        return type(value)(map(self._blur_all, value)) if isinstance(value, list | tuple) else value


class IgnoresCase(ConfusesTexts):
    """Has a collation such as MySQL's default: ``a`` is ``A``."""

    @staticmethod
    def blur(text: str) -> str:
        return text.casefold()


class IgnoresAccents(ConfusesTexts):
    """Has a collation for which ``e`` is ``é``."""

    @staticmethod
    def blur(text: str) -> str:
        return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


class IgnoresOuterBlanks(ConfusesTexts):
    """Pads texts, as the SQL type ``character`` does."""

    @staticmethod
    def blur(text: str) -> str:
        return text.rstrip(" ")


class LooksByLowerCase(MemoryDatabase):
    """Searches as release 0.1.0 did: case is ignored, accents and other forms are not."""

    def _select(self, query: Query) -> Sequence[Any]:
        rows = super()._select(query)
        contains = [each for each in query.filters if each.operator == "contains" and not each.is_attribute]
        return [
            row
            for row in rows
            if all(each.value.lower() in getattr(row.value, each.field).lower() for each in contains)
        ]


class SortsByCodePoint(MemoryDatabase):
    """Sorts as release 0.1.0 did: capitals first, accents last."""

    def _select(self, query: Query) -> Sequence[Any]:
        rows = list(super()._select(query))
        if query.order_by and query.resource.fields[query.order_by].kind == "text":
            rows.sort(
                key=lambda row: (getattr(row.value, query.order_by or ""), row.value.id), reverse=query.descending
            )
        return rows


class KeepsDecomposed(MemoryDatabase):
    """Gives texts back in another form than it was given, as some file systems do with names."""

    def _document(self, key: Key) -> Document | None:
        document = super()._document(key)
        return document and Document(document.version, unicodedata.normalize("NFD", document.body.decode()).encode())


FAULTY = [
    *(LosesUpdates, ForgetsHistories, ForgetsReceipts, SkipsBetweenPages),
    *(IgnoresCase, IgnoresAccents, IgnoresOuterBlanks, LooksByLowerCase, SortsByCodePoint, KeepsDecomposed),
]


MAX_LINES: Final = 25


@pytest.mark.parametrize("faulty", FAULTY)
def test_what_is_almost_right_does_not_agree(faulty: type[MemoryDatabase]) -> None:
    @asynccontextmanager
    async def pair() -> AsyncIterator[tuple[Database, Database]]:
        both = MemoryDatabase(), faulty()
        for database in both:
            for number in USERS:
                await database.accounts.add_user(f"user {number}", "!")
        yield both

    with pytest.raises(AssertionError) as failure:
        assert_agreement(pair)
    assert len(str(failure.value).splitlines()) < MAX_LINES


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
@given(data=st.data())
@settings(max_examples=15)  # of each resource
def test_every_record_that_is_drawn_is_its_document(resource: Resource, data: st.DataObject) -> None:
    record = data.draw(entities(resource))
    document = json_documents.encode(record)

    assert json_documents.decode(resource.name, document) == record
    assert parse_json(document) == plain(record)
