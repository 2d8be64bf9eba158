"""Facts about the manifest of an archive."""

import pytest

from crm_core.archives.parts import FILES, HISTORY, MANIFEST, Manifest, Part, manifest_text, names_of, read_manifest
from crm_core.errors import ArchiveError


def manifest_of(*, has_history: bool) -> Manifest:
    return Manifest(
        has_history, not has_history, tuple(Part(name, 1, 2, "0" * 64) for name in names_of(has_history=has_history))
    )


@pytest.mark.parametrize("has_history", [True, False])
def test_a_manifest_is_read_as_it_was_written(*, has_history: bool) -> None:
    manifest = manifest_of(has_history=has_history)

    assert read_manifest(manifest_text(manifest)) == manifest


def test_what_is_referred_to_comes_first_and_files_last() -> None:
    names = names_of(has_history=True)

    assert names.index("clients.jsonl") < names.index("services.jsonl") < names.index(HISTORY)
    assert names[0] == "groups.jsonl"
    assert names[-1] == FILES


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"{", b"", "is not one of `crm export all`"),
        (b'"format": 1', b'"format": 2', "has the format 2; this release reads 1"),
        (b'"format": 1,', b"", "is not one of `crm export all`"),
        (b'"has_secrets"', b'"has_no_secrets"', "is damaged"),
        (b"0" * 64, b"0" * 63 + b"/", "is damaged"),
        (b'"has_history": true', b'"has_history": false', "does not list the parts"),
        (b"groups.jsonl", b"../groups.jsonl", "does not list the parts"),
    ],
)
def test_a_manifest_that_is_not_one_is_one_clear_error(old: bytes, new: bytes, says: str) -> None:
    text = manifest_text(manifest_of(has_history=True)).replace(old, new, 1)

    with pytest.raises(ArchiveError, match=says):
        read_manifest(text)


def test_a_list_is_no_manifest() -> None:
    with pytest.raises(ArchiveError, match=MANIFEST):
        read_manifest(b"[]")
