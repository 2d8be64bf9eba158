"""The versions of records that were read, and those that a change expects."""

import pytest

from crm_core.model.entities import Task
from crm_core.model.read_versions import expected_version, keep_version, version_of


def test_a_record_that_was_read_has_its_version_beside_its_fields() -> None:
    record, other = Task(task="a"), Task(task="a")
    keep_version(record, 3)

    assert (version_of(record), version_of(other), record == other) == (3, None, True)


def test_a_change_expects_a_version_that_of_a_record_or_any() -> None:
    record = Task(task="a")
    keep_version(record, 3)

    assert (expected_version(record), expected_version(7), expected_version(None)) == (3, 7, None)
    with pytest.raises(ValueError, match="records from lists have no version"):
        expected_version(Task(task="a"))
