"""The harness for adapters: what clients may send, what every Database must do, and a machine that compares two."""

import pytest

# So that a fact that fails shows the values, as it would in a test of one's own.
pytest.register_assert_rewrite(
    *(f"{__name__}.{name}" for name in ("catalogs", "contention", "decisions", "files", "lists", "machine", "records"))
)
