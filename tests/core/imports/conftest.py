from datetime import UTC, datetime
from uuid import UUID

import pytest

from crm_core.imports.options import read_options
from crm_core.imports.runs import ImportRun


@pytest.fixture
def run() -> ImportRun:
    return ImportRun(
        id=UUID(int=1),
        resource="client",
        file="a.csv",
        options=read_options({"format": "csv"}),
        digest=b"",
        fingerprint=b"",
        created_at=datetime(2026, 1, 31, tzinfo=UTC),
        header=("a", "b"),
    )
