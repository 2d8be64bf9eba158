"""The parts of an archive, and the manifest that lists them with their hashes (decisions 143 and 144)."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from crm_core.errors import ArchiveError
from crm_core.model.registered import DerivedTable, registered
from crm_core.resources import RESOURCES, Resource

#: The version of the format; a reader takes this one and no other.
FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
GROUPS: Final = "groups.jsonl"
USERS: Final = "users.jsonl"
#: The events, in the order of the change feed.
HISTORY: Final = "history.jsonl"
#: The stays of leads in stages, after the events, which tell of some of them.
STAYS: Final = "stays.jsonl"
#: A line for each stored file; the files themselves are in the folder ``files``.
FILES: Final = "files.jsonl"
FILES_FOLDER: Final = "files/"
#: The parts with records, with their resources; what is referred to comes first.
RECORDS: Final[Mapping[str, Resource]] = DerivedTable(
    lambda: {f"{resource.path}.jsonl": resource for resource in RESOURCES.values()}
)

_SHA256: Final = re.compile("[0-9a-f]{64}")
#: The names of parts with records.
_PART: Final = re.compile(r"[a-z-]{1,40}\.jsonl")


@attrs.frozen
class Part:
    """A file of an archive.

    Attributes:
        name: its name in the directory.
        rows: how many lines it has.
        size: how many bytes.
        sha256: its SHA-256 in hexadecimal digits.
    """

    name: str
    rows: int
    size: int
    sha256: str


@attrs.frozen
class Manifest:
    """What an archive has.

    Attributes:
        has_history: whether it has the events, and not only what the records are now.
        has_secrets: whether it has the secrets of webhooks.
        parts: its parts, in their order.
    """

    has_history: bool
    has_secrets: bool
    parts: tuple[Part, ...]


def names_of(*, has_history: bool) -> Sequence[str]:
    """Return the names of an archive's parts, in their order."""
    return (GROUPS, USERS, *RECORDS, *((HISTORY,) if has_history else ()), STAYS, FILES)


def manifest_text(manifest: Manifest) -> bytes:
    """Return a manifest as JSON. It has no time: two exports of the same data are the same bytes."""
    return json.dumps({"format": FORMAT, **attrs.asdict(manifest)}, indent=2).encode() + b"\n"


def read_manifest(text: bytes) -> Manifest:
    """Return the manifest that ``manifest_text`` wrote. Raises ArchiveError."""
    try:
        members = json.loads(text)
        format_ = members.pop("format")
    except (ValueError, AttributeError, KeyError, TypeError):
        raise ArchiveError(f"{MANIFEST} cannot be read: it is not one of `crm export all`.") from None
    if format_ != FORMAT:
        raise ArchiveError(
            f"The directory has the format {format_}; this release reads {FORMAT}: use the other release."
        )
    try:
        manifest = _manifest(**members)
    except (TypeError, ValueError):
        raise ArchiveError(f"{MANIFEST} is damaged: export again.") from None
    _check_names([part.name for part in manifest.parts], names_of(has_history=manifest.has_history))
    return manifest


def _check_names(found: Sequence[str], expected: Sequence[str]) -> None:
    """Raise ArchiveError unless the parts are those of an export, which may be older than a registered resource."""
    known = (*expected, HISTORY)
    if unknown := [name for name in found if name not in known and _PART.fullmatch(name)]:
        raise ArchiveError(
            f"No package registers the resource of {', '.join(unknown)} here: install the package first."
        )
    newer = {f"{RESOURCES[each.name].path}.jsonl" for each in registered()}
    if list(found) != [name for name in expected if name in found or name not in newer]:
        raise ArchiveError(f"{MANIFEST} does not list the parts of an export: export again.")


def _manifest(*, has_history: bool, has_secrets: bool, parts: Sequence[Mapping[str, Any]]) -> Manifest:
    found = tuple(Part(**part) for part in parts)
    if not all(_SHA256.fullmatch(part.sha256) for part in found):
        raise ValueError("a hash is not one")
    return Manifest(has_history, has_secrets, found)
