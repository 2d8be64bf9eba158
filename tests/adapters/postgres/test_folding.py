"""PostgreSQL folds texts as the core does (decision 9)."""

# ruff: noqa: RUF001  # letters that are easily taken for others are what it is about

import asyncio
import random
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import pytest

from crm_adapters.postgres.sql.migrations import migrate
from crm_core.input.texts import BLANKS, DOUBLE_LETTERS, SINGLE_LETTERS, fold

#: Collations of databases that lower letters in their own ways; those that a server lacks are left out.
LOCALES: Final = ("C.UTF-8", "tr_TR.UTF-8", "en_US.UTF-8")
_SURROGATES: Final = range(0xD800, 0xE000)


@pytest.fixture(scope="module")
def connection(migrated_database: Callable[[], str]) -> Iterator[Any]:
    url = migrated_database()
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def is_newer_than_unicode_14(character: str) -> bool:
    """Tell what Python 3.11 does not know yet, by the ranges in which later versions added case or decompositions."""
    return unicodedata.category(character) == "Cn" or any(ord(character) in added for added in _ADDED)


#: What Unicode 15.0 to 17.0 added that folds to something else: Cyrillic, Latin, Garay, Tulu, Gurung Khema, Kirat Rai,
#: Beria Erfe and Todhri letters, outlined letters and digits. Servers and Pythons of different versions may differ.
_ADDED: Final = (
    range(0x1C89, 0x1C8B), range(0xA7CB, 0xA7F2), range(0x105C0, 0x10600), range(0x10D50, 0x10D90),
    range(0x11380, 0x11400), range(0x16100, 0x16140), range(0x16D40, 0x16D80), range(0x16EA0, 0x16EE0),
    range(0x1CCD6, 0x1CCFA), range(0x1E030, 0x1E070),
)  # fmt: skip


def test_every_character_is_folded_alike(connection: Any) -> None:
    statement = (
        "select code, crm_fold(chr(code)) from generate_series(1, 1114111) as code where not code <@ %s::int4range"
    )
    rows = connection.execute(statement, (f"[{_SURROGATES.start},{_SURROGATES.stop})",)).fetchall()
    differing = [code for code, folded in rows if folded != fold(chr(code))]

    assert len(rows) == 0x10FFFF - len(_SURROGATES)
    assert [hex(code) for code in differing if not is_newer_than_unicode_14(chr(code))] == []
    # No more than Unicode 17.0 has: a mistake that hides among characters nobody knows would be larger.
    assert len(differing) < 250


def test_random_texts_are_folded_alike(connection: Any) -> None:
    rng = random.Random(1)  # noqa: S311  # a repeatable source of texts
    known = [chr(code) for code in range(1, 0x20000) if unicodedata.category(chr(code)) not in {"Cs", "Cn"}]
    known = [character for character in known if not is_newer_than_unicode_14(character)]
    near = [*"aAeEéÉe\u0301\u0323\u0345ßẞﬁĲ´ΣΑıIİi\u200b\u00a0\t\n \u2028", *"".join(SINGLE_LETTERS), *DOUBLE_LETTERS]
    texts = ["".join(rng.choice(rng.choice((near, known))) for _ in range(rng.randint(0, 12))) for _ in range(20_000)]
    statement = "select crm_fold(text) from unnest(%s::text[]) with ordinality as each (text, place) order by place"
    folded = [row[0] for row in connection.execute(statement, (texts,))]

    assert [text for text, found in zip(texts, folded, strict=True) if found != fold(text)] == []


def test_the_letters_and_blanks_of_the_migration_are_those_of_the_core(connection: Any) -> None:
    [[source]] = connection.execute("select prosrc from pg_proc where proname = 'crm_fold'").fetchall()
    blanks = "".join(c if c in " -" else f"\\u{ord(c):04x}" for c in BLANKS)

    assert f"[{blanks}]+" in source
    for letter, folded in (*zip(*SINGLE_LETTERS, strict=True), *DOUBLE_LETTERS.items()):
        assert letter in source, (letter, folded)


def test_the_function_may_stand_in_an_index(connection: Any) -> None:
    statement = "select provolatile, proisstrict, proparallel from pg_proc where proname = 'crm_fold'"

    assert connection.execute(statement).fetchall() == [("i", True, "s")]


def test_a_collation_of_the_argument_changes_nothing(connection: Any) -> None:
    statement = """select crm_fold('ÄÉΣ' collate "C"), crm_fold('ÄÉΣ')"""

    assert connection.execute(statement).fetchall() == [(fold("ÄÉΣ"),) * 2]


@pytest.mark.parametrize("locale", LOCALES)
def test_a_database_of_another_locale_folds_alike(postgres_url: str, locale: str) -> None:
    name = f"crm_locale_{locale.lower().replace('.', '_').replace('-', '_')}"
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
        assert connection.execute("select crm_fold(%s)", (text,)).fetchall() == [(fold(text),)]
