"""Databases that take texts for others, as the collations and types of real ones do."""

import unicodedata
from collections.abc import Sequence
from typing import Any

import attrs

from crm_adapters.memory import MemoryDatabase
from crm_core import Query, Record, Search, matches


class _ConfusesTexts(MemoryDatabase):
    """Compares texts in another way than the core."""

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


class IgnoresCase(_ConfusesTexts):
    """``a`` is ``A`` in lists, as by MySQL's default collation."""

    @staticmethod
    def blur(text: str) -> str:
        return text.casefold()


class IgnoresAccents(_ConfusesTexts):
    """``e`` is ``é`` in lists."""

    @staticmethod
    def blur(text: str) -> str:
        return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


class IgnoresOuterBlanks(_ConfusesTexts):
    """``a`` is ``a`` with a blank after it, as for the SQL type ``character``."""

    @staticmethod
    def blur(text: str) -> str:
        return text.rstrip(" ")


class IgnoresCaseInSearches(MemoryDatabase):
    """``a`` is ``A`` where a decision asks who has a value, so that a rename takes along the wrong leads."""

    def _search(self, search: Search) -> tuple[Record, ...]:
        combine = any if search.any_field else all
        wanted = [(name, value if isinstance(value, tuple) else (value,)) for name, value in search.where]
        return tuple(
            record
            for record in super()._search(Search(search.resource, ()))
            if combine(
                _caseless(self._rows.of(search.resource)[record.key.id].get(name)) in map(_caseless, values)
                for name, values in wanted
            )
        )


def _caseless(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


class FindsNoNull(MemoryDatabase):
    """Null is equal to nothing, as in SQL, also where a decision asks who has no value."""

    def _search(self, search: Search) -> tuple[Record, ...]:
        def without_null(value: object) -> object:
            return tuple(each for each in (value if isinstance(value, tuple) else (value,)) if each is not None)

        where = tuple((name, without_null(value)) for name, value in search.where)
        return super()._search(Search(search.resource, where, search.any_field))


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
