"""Databases that keep something else than they were given: cut, rounded, sorted, or in another form."""

import json
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs

from crm_adapters import json_documents
from crm_adapters.memory import MemoryDatabase
from crm_core import Key


class _KeepsOther(MemoryDatabase):
    """Keeps another document than it was given."""

    @staticmethod
    def changed(document: str) -> str:
        raise NotImplementedError

    def _keep(self, key: Key, row: Any) -> None:
        if row is not None:
            body = self.changed(row.body.decode()).encode()
            row = attrs.evolve(row, body=body, value=json_documents.decode(key.resource, body))
        super()._keep(key, row)


class CutsTimes(_KeepsOther):
    """Times have milliseconds."""

    @staticmethod
    def changed(document: str) -> str:
        return re.sub(r"(:\d\d\.\d{3})\d{3}Z", r"\g<1>000Z", document)


class CutsTexts(_KeepsOther):
    """Texts have at most 4,000 characters, as in a ``varchar`` of MySQL that is not strict."""

    @staticmethod
    def changed(document: str) -> str:
        return re.sub(r'"((?:[^"\\]|\\.){4000})(?:[^"\\]|\\.)*"', r'"\1"', document)


class HasThreeBytesACharacter(_KeepsOther):
    """Characters have at most three bytes, as in MySQL's ``utf8mb3``."""

    @staticmethod
    def changed(document: str) -> str:
        return re.sub("[\U00010000-\U0010ffff]", "?", document)


class TakesEmptyForNull(_KeepsOther):
    """Empty texts are null, as in Oracle."""

    @staticmethod
    def changed(document: str) -> str:
        return re.sub(r'("stage":)""', r"\1null", document)


class KeepsDecomposed(_KeepsOther):
    """Texts come back in another Unicode form, as some file systems do with names."""

    @staticmethod
    def changed(document: str) -> str:
        return unicodedata.normalize("NFD", document)


class KeepsFloats(_KeepsOther):
    """Numbers have sixteen digits, and none that mean nothing."""

    @staticmethod
    def changed(document: str) -> str:
        return re.sub(r"(?<=:)-?\d+\.\d+(?=[,}])", lambda found: repr(float(found[0])), document)


class SortsItems(_KeepsOther):
    """Tasks come back by their ids, as from a table without a position."""

    @staticmethod
    def changed(document: str) -> str:
        plain = json.loads(document, parse_float=Decimal)
        if len(tasks := plain.get("list_of_tasks", [])) < 2:
            return document
        plain["list_of_tasks"] = sorted(tasks, key=lambda task: str(task["id"]))
        return json_documents.encode(plain).decode()


class ForgetsHiddenValues(MemoryDatabase):
    """What is kept beside a document is lost when the document is written again."""

    def _keep(self, key: Key, row: Any) -> None:
        is_known = row is not None and key.id in self._rows.of(key.resource)
        super()._keep(key, attrs.evolve(row, hidden={}) if is_known else row)


class ForgetsHistories(MemoryDatabase):
    """Only one of the fields that changed is known later."""

    async def changed_fields(self, key: Key, since: int) -> Sequence[str]:
        return sorted(await super().changed_fields(key, since))[:1]
