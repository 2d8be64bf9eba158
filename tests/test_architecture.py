"""What the packages may know of the world, read from their source; and that the table of resources is sound."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import crm_core
from crm_core.resources import RESOURCES, Resource

CORE = Path(crm_core.__file__).parent
MODULES = sorted(path.relative_to(CORE).as_posix() for path in CORE.rglob("*.py"))
PURE = [name for name in MODULES if not name.startswith(("embedding/", "use_cases/", "testing/"))]
STANDARD = sys.stdlib_module_names | {"attrs", "crm_core"}
#: Modules that reach a clock, chance or the outside, and names by which others do.
IMPURE_MODULES = {
    "asyncio", "concurrent", "contextvars", "ctypes", "fcntl", "fileinput", "getpass", "glob", "http", "importlib",
    "io", "locale", "logging", "mmap", "multiprocessing", "os", "pathlib", "platform", "random", "sched", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading",
    "time", "warnings", "webbrowser", "zoneinfo",
}  # fmt: skip
IMPURE_NAMES = {"uuid1", "uuid4", "urlopen", "urlretrieve", "getenv", "environ"}
IMPURE_METHODS = {"now", "utcnow", "today", "uuid1", "uuid4"}
IMPURE_BUILTINS = {"open", "print", "input", "breakpoint", "eval", "exec", "compile", "__import__"}


def nodes(module: str) -> Iterator[ast.AST]:
    """What runs: what only type checkers read is left out."""
    waiting: list[ast.AST] = [ast.parse((CORE / module).read_text(encoding="utf-8"))]
    while waiting:
        yield (node := waiting.pop())
        is_typing = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        waiting += node.orelse if isinstance(node, ast.If) and is_typing else ast.iter_child_nodes(node)


def imports(module: str) -> Iterator[tuple[str, str]]:
    """Each import as the module it names and the name it takes from there, if it takes one."""
    for node in nodes(module):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((node.module or "", alias.name) for alias in node.names)


def calls(module: str) -> Iterator[str]:
    """What is called, by its last name; ``self.now`` that is only read is no call."""
    for node in nodes(module):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield f".{node.func.attr}"
            elif isinstance(node.func, ast.Name):
                yield node.func.id


@pytest.mark.parametrize("module", MODULES)
def test_the_core_depends_on_the_standard_library_and_attrs_alone(module: str) -> None:
    allowed = STANDARD | ({"hypothesis", "pytest"} if module.startswith("testing/") else set())

    assert {name.partition(".")[0] for name, _ in imports(module)} <= allowed


@pytest.mark.parametrize("module", PURE)
def test_there_is_no_clock_chance_or_outside_world_in_the_pure_core(module: str) -> None:
    assert not [name for name, _ in imports(module) if name.partition(".")[0] in IMPURE_MODULES]
    assert not [taken for _, taken in imports(module) if taken in IMPURE_NAMES]
    assert not [name for name in calls(module) if name.startswith(".") and name[1:] in IMPURE_METHODS]
    assert not [name for name in calls(module) if name in IMPURE_BUILTINS]
    assert not [node for node in nodes(module) if isinstance(node, ast.Await | ast.Global)]


@pytest.mark.parametrize("module", PURE)
def test_the_pure_core_knows_nothing_of_the_rings_around_it(module: str) -> None:
    assert not [
        name
        for name, _ in imports(module)
        if name.startswith(("crm_core.embedding", "crm_core.use_cases", "crm_core.testing"))
    ]


def test_a_resource_is_kept_under_its_own_name_and_no_two_share_a_path() -> None:
    assert all(name == resource.name for name, resource in RESOURCES.items())
    assert len({resource.path for resource in RESOURCES.values()}) == len(RESOURCES)
    assert len({resource.entity for resource in RESOURCES.values()}) == len(RESOURCES)


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
def test_every_name_in_a_resource_s_row_is_one_of_its_fields(resource: Resource) -> None:
    parent = {resource.parent} - {None}
    named = {*resource.filters, *resource.ordering, *resource.search, *resource.defaults_to_now, *parent}

    assert named <= resource.fields.keys()
    assert set(resource.filters.values()) <= {"exact", "contains"}


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
def test_every_reference_names_a_resource_or_a_user(resource: Resource) -> None:
    assert set(resource.references.values()) <= RESOURCES.keys() | {"user"}


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
def test_what_others_refer_to_comes_before_them(resource: Resource) -> None:
    order = [*RESOURCES, "user"]
    earlier = {*order[: order.index(resource.name)], "user"}

    assert set(resource.references.values()) <= earlier
