"""Large records as this process wrote them last, so that their next change need not decode them.

To decode a thousand tasks takes longer than to change one of them.
"""

from collections.abc import Iterable
from typing import Any, Final

from crm_adapters import json_documents
from crm_core.model.records import Key

#: Bytes of a document that is worth keeping.
MIN_KEPT: Final = 16_384
#: Bytes of all documents that are kept. Their values take about four times as many.
MAX_KEPT: Final = 1_048_576


class LastWritten:
    """The values of large documents, by their records' keys. They are only told for the same bytes."""

    def __init__(self) -> None:
        self._kept: dict[Key, tuple[bytes, Any]] = {}  # the oldest first

    def keep(self, key: Key, document: bytes, value: object) -> None:
        """Keep the value of a document that was written, after `forget` was called for the record."""
        if len(document) >= MIN_KEPT:
            self._kept[key] = document, value
            while sum(len(kept) for kept, _ in self._kept.values()) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]

    def forget(self, keys: Iterable[Key]) -> None:
        """Keep the values of records no longer that were written or removed, maybe because they were erased."""
        if self._kept:
            for key in keys:
                self._kept.pop(key, None)

    def value_of(self, key: Key, document: bytes) -> Any:
        """Return the value of a stored document, decoded unless it is the one that is kept."""
        kept = self._kept.get(key) if len(document) >= MIN_KEPT else None
        return kept[1] if kept and kept[0] == document else json_documents.decode(key.resource, document)
