"""PostgreSQL compares unique values as the core does, and takes no index for built that is not (decisions 84, 85)."""

# ruff: noqa: RUF001  # letters that are easily taken for others are what it is about

import asyncio
import random
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from crm_adapters.postgres.diagnostics import unbuilt_attributes
from crm_adapters.postgres.records.database import PostgresDatabase
from crm_adapters.postgres.sql.indexes import follow_definitions
from crm_adapters.postgres.sql.migrations import migrate
from crm_core.input.texts import BLANKS, fold, unique_form
from crm_core.resources import ATTRIBUTES, CLIENTS
from crm_core.rules.uniqueness import MAX_FORM_BYTES, MAX_UNIQUE_LENGTH, unique_key
from crm_core.testing.scene import Scene, fact
from tests.adapters.postgres.on_postgres import OnPostgres
from tests.adapters.postgres.test_folding import LOCALES, is_newer_than_unicode_14

_BUILDERS = "select pid from pg_stat_activity where datname = current_database() and application_name = 'crm indexes'"
_AS_BUILDING = (
    "update attribute set document = "
    'regexp_replace(document::text, \'"is_unique":\\w+\', \'"is_unique":"building"\')::json'
)


@pytest.fixture(scope="module")
def connection(migrated_database: Callable[[], str]) -> Iterator[Any]:
    url = migrated_database()
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_every_character_has_the_same_form(connection: Any) -> None:
    statement = "select code, crm_unique('x' || chr(code)) from generate_series(1, 1114111) as code where code not between 55296 and 57343"  # noqa: E501
    rows = connection.execute(statement).fetchall()
    differing = [code for code, form in rows if form != unique_form(f"x{chr(code)}")]

    assert len(rows) == 0x10FFFF - 0x800
    assert [hex(code) for code in differing if not is_newer_than_unicode_14(chr(code))] == []
    assert len(differing) < 250


def test_random_texts_have_the_same_form(connection: Any) -> None:
    rng = random.Random(1)  # noqa: S311  # a repeatable source of texts
    known = [chr(code) for code in range(1, 0x20000) if unicodedata.category(chr(code)) not in {"Cs", "Cn"}]
    known = [character for character in known if not is_newer_than_unicode_14(character)]
    near = [*"aAeEéÉe\u0301\u0323\u0345ßẞﬁĲ´ΣΑςıIİi\u0307\u0331Hh\u200b\u00a0\t\n \u2028\u00a8"]
    texts = ["".join(rng.choice(rng.choice((near, known))) for _ in range(rng.randint(0, 12))) for _ in range(20_000)]
    statement = "select crm_unique(text) from unnest(%s::text[]) with ordinality as each (text, place) order by place"
    forms = [row[0] for row in connection.execute(statement, (texts,))]

    assert [text for text, form in zip(texts, forms, strict=True) if form != unique_key("text", text)] == []


def test_what_is_equal_to_nothing_is_the_same(connection: Any) -> None:
    texts = ["", " \u00a0", "x" * 200, "x" * 201, "ß" * 200, "\ufdfa" * 200, "\ufdfa" * 61, "\ufdfa" * 60]
    forms = [row[0] for row in connection.execute("select crm_unique(unnest(%s::text[]))", (texts,))]

    assert forms == [unique_key("text", text) for text in texts]


def test_the_limits_and_blanks_of_the_migration_are_those_of_the_core(connection: Any) -> None:
    [[source]] = connection.execute("select prosrc from pg_proc where proname = 'crm_unique'").fetchall()
    blanks = "".join(c if c in " -" else f"\\u{ord(c):04x}" for c in BLANKS)

    assert f"[{blanks}]+" in source
    assert f"length(original) > {MAX_UNIQUE_LENGTH}" in source
    assert f"octet_length(form) <= {MAX_FORM_BYTES}" in source


def test_a_search_by_the_folded_text_finds_every_equal_value() -> None:
    """While an index is built, the index of searches finds the records that may have a value."""
    for code in range(1, 0x20000):
        if not 0xD800 <= code < 0xE000:
            text = f"x{chr(code)}y"
            assert fold(unique_form(text)).strip() == fold(text).strip(), hex(code)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_database_of_another_locale_has_the_same_forms(postgres_url: str, locale: str) -> None:
    name = f"crm_unique_{locale.lower().replace('.', '_').replace('-', '_')}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"drop database if exists {name}".encode())
        try:
            options = f"template template0 encoding 'UTF8' locale_provider libc locale '{locale}'"
            server.execute(f"create database {name} {options}".encode())
        except psycopg.Error:
            pytest.skip(f"this server has no locale {locale}")
    url = postgres_url.replace("/crm?", f"/{name}?")
    asyncio.run(migrate(url))
    with psycopg.connect(url) as connection:
        text = "IİıiΣΑΣς ÄÖÜß ĲŁØ"
        assert connection.execute("select crm_unique(%s)", (text,)).fetchall() == [(unique_form(text),)]


class TestUniqueIndexes(OnPostgres):
    """Indexes of unique attributes."""

    @fact
    async def test_the_index_finds_the_record_that_has_a_value(self, scene: Scene) -> None:
        id_ = await self.unique(scene, "größe")
        plan = await self.fetch(
            "set enable_seqscan = off",
            "explain select id from client where crm_unique(crm_text(attributes, 'größe')) collate \"C\" = 'x'",
        )

        assert f"unique_{id_.hex}" in str(plan)

    @fact
    async def test_an_incomplete_index_is_dropped_and_built_again(self, scene: Scene) -> None:
        id_ = await self.unique(scene, "key")
        index = f"unique_{id_.hex}"
        await self.fetch(
            f"update pg_index set indisvalid = false where indexrelid = '{index}'::regclass",
            _AS_BUILDING,
        )
        before = await self.fetch(f"select '{index}'::regclass::oid")
        assert await unbuilt_attributes(self.url) == {"client.key": False}

        assert await follow_definitions(self.url) == {id_: True}
        assert await self.fetch(f"select '{index}'::regclass::oid") != before
        assert not {"client.key": False}.items() & (await unbuilt_attributes(self.url)).items()
        assert await self.fetch(
            f"select indisvalid, indisunique from pg_index where indexrelid = '{index}'::regclass"
        ) == [(True, True)]

    @fact
    async def test_values_that_were_written_while_nobody_knew_make_it_not_unique(self, scene: Scene) -> None:
        """As by a statement that was under way when the definition was committed; nobody is told that it is unique."""
        id_ = await scene.create(ATTRIBUTES, "client", name="key", label="k", type="text")
        for value in ("x", "y"):
            await scene.create(CLIENTS, name="a", attributes={"key": value})
        await follow_definitions(self.url)  # drops what the test before has left
        await self.fetch("update client set document = replace(document::text, '\"y\"', '\" X\"')::json")
        await self.fetch(_AS_BUILDING)

        assert await follow_definitions(self.url) == {id_: False}
        assert await self.fetch("select count(*) from pg_class where relname like 'unique~_%' escape '~'") == [(0,)]

    async def unique(self, scene: Scene, name: str) -> UUID:
        id_ = await scene.create(ATTRIBUTES, "client", name=name, label="k", type="text", is_unique=True)
        async with asyncio.timeout(30):
            while (await scene.value(ATTRIBUTES, id_)).is_unique is not True:  # noqa: ASYNC110  # it builds by itself
                await asyncio.sleep(0.02)
            # That it is unique is a change, too, after which the database looks for indexes to build once more.
            assert isinstance(scene.db, PostgresDatabase)
            await scene.db.close()
            while await self.fetch(_BUILDERS):  # noqa: ASYNC110  # PostgreSQL tells nobody of that
                await asyncio.sleep(0.02)
        return id_

    async def fetch(self, *statements: str) -> Any:
        """The rows of the last statement."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            *first, last = statements
            for statement in first:
                await connection.execute(statement.encode())
            cursor = await connection.execute(last.encode())
            return await cursor.fetchall() if cursor.description else None
