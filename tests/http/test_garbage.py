"""An answered request is freed at once, with its body: it leaves nothing for the garbage collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.http.conftest import Api
from tests.pictures import PICTURES

CLIENT = {"name": "Ada", "list_of_tasks": [{"task": "Call", "date": "2026-01-20"}]}


@contextmanager
def garbage() -> Iterator[list[object]]:
    """Yields a list that holds, after the block, the objects of ours and of the framework that are in circles."""
    found: list[object] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        found += [each for each in gc.garbage if type(each).__module__.startswith(("crm_", "litestar"))]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", "/api/clients/{id}/", {}),
        ("GET", "/api/clients/?limit=1", {}),
        ("GET", "/api/clients/", {}),
        ("GET", "/api/clients/{id}/history/", {}),
        ("GET", "/api/clients/export/?format=csv", {}),
        ("GET", "/api/changes/", {}),
        ("GET", "/api/me/", {}),
        ("POST", "/api/clients/", {"json": CLIENT}),
        ("POST", "/api/clients/bulk/", {"json": {"operations": [{"op": "create", "data": CLIENT}]}}),
        ("PATCH", "/api/clients/{id}/", {"json": {"name": "Bea"}}),
        ("PATCH", "/api/clients/{id}/", {"json": {"name": "Bea"}, "headers": {"Idempotency-Key": "one"}}),
        ("PATCH", "/api/clients/{id}/", {"json": {"name": "Bea"}, "headers": {"If-Match": '"7"'}}),
        ("DELETE", "/api/clients/{id}/", {}),
        ("POST", "/api/clients/", {"json": {"name": 3}}),
        ("POST", "/api/clients/", {"content": b'{"name": '}),
        ("POST", "/api/clients/{id}/files/", {"files": {"file": ("a.png", PICTURES["png"])}}),
        ("GET", "/api/clients/{id}0/", {}),
        ("GET", "/api/clients/?limit=none", {}),
        ("GET", "/api/nothing/", {}),
        ("PUT", "/api/clients/", {}),
        ("GET", "/api/me/", {"headers": {"Authorization": "Token unknown"}}),
    ],
)
def test_a_request_leaves_nothing_for_the_garbage_collector(
    memory_api: Api, method: str, path: str, options: dict[str, Any]
) -> None:
    client = memory_api.post("/api/clients/", json=CLIENT).json()["id"]
    memory_api.request(method, path.format(id=client), **options)  # what is kept for later is there from now on
    with garbage() as found:
        memory_api.request(method, path.format(id=client), **options)
    assert found == []
