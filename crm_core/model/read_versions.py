"""The versions of entities: kept beside their fields, in the dictionary of the instance."""

from typing import Any, Final, cast

_VERSION: Final = "version of the record"


def version_of(record: object) -> int | None:
    """Return the version that a record had when it was read; None for a record from a list, which has no versions."""
    version: int | None = getattr(record, "__dict__", {}).get(_VERSION)
    return version


def keep_version(record: Any, version: int) -> None:
    """Keep the version that a record had when it was read, for ``version_of``."""
    vars(record)[_VERSION] = version


def expected_version(if_match: object | None) -> int | None:
    """Return the version that a record is to have, of itself or of the record that was read; None for any.

    Raises ValueError for a record without a version.
    """
    is_number = isinstance(if_match, int) and not isinstance(if_match, bool)
    version = cast("int", if_match) if is_number else version_of(if_match)
    if if_match is not None and version is None:
        raise ValueError("if_match takes a version, or a record that was retrieved; records from lists have no version")
    return version
